"""``worlds:effects``: pictures of tabletop:test as other cameras and other light would show them.

Every effect is shown the same scenes and commands, so that one is as hard as another but for what
it does; ``unchanged`` is among them. A sample's ``kind`` is the effect's name.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import cv2
import numpy as np
from PIL import Image

from ppcr_lab.sim.tabletop_dataset import TabletopSample, iter_tabletop
from ppcr_ros.core.types import Array

Effect = Callable[[Array, Array], Array]
"""What is done to a picture (H, W, 3) float32 0..1, given which pixels show things, (H, W) bool."""

SCENES = 100
_SEED = 71_004


def _gain(factor: float) -> Effect:
    return lambda picture, things: picture * factor


def _gamma(power: float) -> Effect:
    return lambda picture, things: picture**power


def _tinted_table(red: float, green: float, blue: float) -> Effect:
    """All but the things in another colour, as on another table cloth."""

    def tint(picture: Array, things: Array) -> Array:
        grey = picture.mean(axis=2, keepdims=True)
        cloth = grey * np.array([red, green, blue], np.float32)
        return np.asarray(np.where(things[..., None], picture, cloth))

    return tint


def _white_balance(red: float, blue: float) -> Effect:
    return lambda picture, things: picture * np.array([red, 1.0, blue], np.float32)


def _saturation(factor: float) -> Effect:
    def change(picture: Array, things: Array) -> Array:
        grey = picture.mean(axis=2, keepdims=True)
        return np.asarray(grey + factor * (picture - grey), np.float32)

    return change


def _contrast(factor: float) -> Effect:
    return lambda picture, things: 0.5 + factor * (picture - 0.5)


def _vignette(strength: float) -> Effect:
    def darken(picture: Array, things: Array) -> Array:
        x, y = _from_middle(picture)
        light = 1.0 - strength * np.minimum(x**2 + y**2, 2.0) / 2.0
        return np.asarray(picture * light[..., None])

    return darken


def _gradient(dark: float, bright: float) -> Effect:
    """Lit from the left: ``dark`` is the factor at the right edge."""

    def shade(picture: Array, things: Array) -> Array:
        x, _ = _from_middle(picture)
        light = bright + (dark - bright) * (x + 1.0) / 2.0
        return np.asarray(picture * light[..., None])

    return shade


def _blur(sigma_px: float) -> Effect:
    return lambda picture, things: cv2.GaussianBlur(picture, (0, 0), sigma_px)


def _motion_blur(length_px: int) -> Effect:
    kernel = np.full((1, length_px), 1.0 / length_px, np.float32)
    return lambda picture, things: cv2.filter2D(picture, -1, kernel)


def _noise(deviation: float) -> Effect:
    def add(picture: Array, things: Array) -> Array:
        rng = np.random.default_rng([_SEED, int(picture.sum())])
        return picture + rng.normal(0.0, deviation, picture.shape).astype(np.float32)

    return add


def _jpeg(quality: int) -> Effect:
    def compress(picture: Array, things: Array) -> Array:
        packed = io.BytesIO()
        Image.fromarray(_as_bytes(picture)).save(packed, "JPEG", quality=quality)
        with Image.open(packed) as again:
            return np.asarray(again, np.float32) / 255.0

    return compress


def _small(factor: int) -> Effect:
    """As from a camera of that many times fewer pixels a side."""

    def shrink(picture: Array, things: Array) -> Array:
        height, width = picture.shape[:2]
        small = cv2.resize(picture, (width // factor, height // factor), None, 0, 0, cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (width, height), None, 0, 0, cv2.INTER_LINEAR))

    return shrink


def _from_middle(picture: Array) -> tuple[Array, Array]:
    """x and y of every pixel, -1..1."""
    height, width = picture.shape[:2]
    x, y = np.meshgrid(np.linspace(-1.0, 1.0, width), np.linspace(-1.0, 1.0, height))
    return x.astype(np.float32), y.astype(np.float32)


EFFECTS: dict[str, Effect] = {
    "unchanged": lambda picture, things: picture,
    "brightness x0.4": _gain(0.4),
    "brightness x0.6": _gain(0.6),
    "brightness x1.5": _gain(1.5),
    "gamma 0.6": _gamma(0.6),
    "gamma 1.8": _gamma(1.8),
    "table green": _tinted_table(0.5, 1.25, 0.5),
    "table purple": _tinted_table(0.9, 0.45, 1.25),
    "table red": _tinted_table(1.3, 0.45, 0.4),
    "vignette": _vignette(0.7),
    "vignette, strong": _vignette(1.0),
    "lit from the side": _gradient(0.3, 1.15),
    "warm": _white_balance(1.2, 0.75),
    "cold": _white_balance(0.8, 1.2),
    "saturation x0.6": _saturation(0.6),
    "saturation x1.6": _saturation(1.6),
    "contrast x0.55": _contrast(0.55),
    "blur 2 px": _blur(2.0),
    "motion blur 13 px": _motion_blur(13),
    "noise 20 of 255": _noise(20.0 / 255.0),
    "JPEG quality 15": _jpeg(15),
    "a quarter of the pixels": _small(2),
}
"""By name, in the order in which they are shown."""

SAMPLES = SCENES * len(EFFECTS)


def samples(first: int) -> Iterator[TabletopSample]:
    """All samples from number ``first`` on: each scene with every effect, one after the other.

    Raises:
        RuntimeError: where MuJoCo or OpenGL is missing, with what to install.
    """
    scene, skipped = divmod(first, len(EFFECTS))
    for sample in islice(iter_tabletop("test", SCENES), scene, None):
        things = np.asarray(sample.instance >= 0)
        for name, effect in list(EFFECTS.items())[skipped:]:
            frame = replace(sample.frame, rgb=changed(sample.frame.rgb, things, effect))
            yield replace(
                sample,
                frame=frame,
                kind=name,
                sample_id=f"worlds/effects/{name}/{sample.scene_index:05d}/{sample.kind}",
            )
        skipped = 0


def changed(rgb: Array, things: Array, effect: Effect) -> Array:
    """``rgb`` (H, W, 3) uint8 after ``effect``, likewise; ``things`` is (H, W) bool."""
    return _as_bytes(effect(rgb.astype(np.float32) / np.float32(255.0), things))


def _as_bytes(picture: Array) -> Array:
    return np.rint(255.0 * np.clip(picture, 0.0, 1.0)).astype(np.uint8)
