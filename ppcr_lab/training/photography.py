"""Effects of cameras, lamps and rooms, drawn anew each time that a scene is learnt from.

All that changes the look of the things keeps the words for their colours true; table and room,
which the instance image tells from the things, may take any colour.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.everyday.colours import any_colour

Rng = np.random.Generator
Floats = NDArray[np.float32]


def photographed(
    rgb: NDArray[np.uint8],
    things: NDArray[np.bool_],
    rng: Rng,
    *,
    unchanged: float = 0.2,
    other_table: float = 0.35,
) -> NDArray[np.uint8]:
    """Return a picture of the same scene by another camera, in another light, on another table.

    Args:
        rgb: (H, W, 3) uint8.
        things: (H, W) bool, true where the picture shows something that has a name.
        rng: where the changes come from.
        unchanged: the share of pictures that stay as they are but for gain, offset and noise.
        other_table: the share in which all but the things gets other colours.
    """
    picture = rgb.astype(np.float32) / np.float32(255.0)
    if rng.random() < unchanged:
        picture = picture * np.float32(rng.uniform(0.85, 1.15)) + np.float32(
            rng.uniform(-0.04, 0.04)
        )
        return _bytes(_grain(picture, rng, 0.01))
    if rng.random() < other_table:
        picture = _on_another_table(picture, things, rng)
    picture = _lit(picture, rng)
    picture = _coloured(picture, rng)
    picture = _blurred(picture, rng)
    if rng.random() < 0.6:
        picture = _grain(picture, rng, float(rng.uniform(0.0, 0.06)))
    pixels = _bytes(picture)
    return _compressed(pixels, rng) if rng.random() < 0.3 else pixels


def _bytes(picture: Floats) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)
    return pixels


def _on_another_table(picture: Floats, things: NDArray[np.bool_], rng: Rng) -> Floats:
    """Tint, turn or shade all that is no named thing."""
    way = rng.random()
    if way < 0.4:  # the pattern stays, its colour is another
        grey = picture.mean(axis=2, keepdims=True)
        level = float(grey[~things].mean()) if not things.all() else 0.5
        colour = np.array(any_colour(rng), np.float32) * np.float32(rng.uniform(0.6, 1.3))
        other = grey / np.float32(max(level, 0.05)) * colour
        share = np.float32(rng.uniform(0.4, 1.0))
        other = picture + (other - picture) * share
    elif way < 0.7:
        hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + np.float32(rng.uniform(0.0, 360.0))) % 360.0
        hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.3, 2.0) + rng.uniform(-0.1, 0.3), 0, 1)
        hsv[..., 2] *= np.float32(rng.uniform(0.4, 1.4))
        other = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    else:
        matrix = np.eye(3, dtype=np.float32) * np.float32(rng.uniform(0.5, 1.3))
        matrix += rng.normal(0.0, 0.25, (3, 3)).astype(np.float32)
        other = picture @ matrix + rng.uniform(-0.15, 0.15, 3).astype(np.float32)
    keep = cv2.GaussianBlur(things.astype(np.float32), (0, 0), 0.8)[..., None]
    changed: Floats = (other + (picture - other) * keep).astype(np.float32)
    return np.clip(changed, 0.0, 1.0)


def _lit(picture: Floats, rng: Rng) -> Floats:
    """Exposure, gamma, contrast, light from one side, dark corners."""
    if rng.random() < 0.6:
        picture = np.power(np.clip(picture, 0.0, 1.0), np.float32(np.exp(rng.uniform(-0.6, 0.6))))
    if rng.random() < 0.7:
        picture = picture * np.float32(np.exp(rng.uniform(-0.9, 0.3)))
    if rng.random() < 0.4:
        middle = np.float32(picture.mean())
        picture = middle + (picture - middle) * np.float32(rng.uniform(0.6, 1.35))
    if rng.random() < 0.35:
        rows, columns = _places(picture)
        angle = rng.uniform(-np.pi, np.pi)
        slope = rows * np.float32(np.sin(angle)) + columns * np.float32(np.cos(angle))
        picture = picture * (1.0 + np.float32(rng.uniform(0.1, 0.5)) * slope)[..., None]
    if rng.random() < 0.3:
        rows, columns = _places(picture)
        away = rows**2 + columns**2
        picture = picture * (1.0 - np.float32(rng.uniform(0.1, 0.45)) * away)[..., None]
    if rng.random() < 0.15:  # haze, or a lens that the sun shines into
        picture = picture + (np.float32(rng.uniform(0.5, 1.0)) - picture) * np.float32(
            rng.uniform(0.05, 0.25)
        )
    return picture


def _places(picture: Floats) -> tuple[Floats, Floats]:
    """Return rows (H, 1) and columns (1, W), each from -1 to 1."""
    height, width = picture.shape[:2]
    rows = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    return rows, np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]


def _coloured(picture: Floats, rng: Rng) -> Floats:
    """White balance and saturation."""
    if rng.random() < 0.6:
        picture = picture * rng.uniform(0.8, 1.2, 3).astype(np.float32)
    if rng.random() < 0.5:
        grey = picture.mean(axis=2, keepdims=True)
        picture = grey + (picture - grey) * np.float32(rng.uniform(0.55, 1.5))
    return picture


def _blurred(picture: Floats, rng: Rng) -> Floats:
    if rng.random() < 0.3:
        soft: Floats = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.8)))
        return soft
    if rng.random() < 0.15:  # too sharp, as small cameras are
        soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2), np.float32)
        sharp: Floats = picture + (picture - soft) * np.float32(rng.uniform(0.3, 1.2))
        return sharp
    return picture


def _grain(picture: Floats, rng: Rng, deviation: float) -> Floats:
    grain = rng.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(picture + grain * np.float32(deviation), np.float32)


def _compressed(pixels: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 85))]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), quality)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
