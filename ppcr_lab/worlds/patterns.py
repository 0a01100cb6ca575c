"""Patterns of table tops, walls and floors, as square pictures that repeat."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable

import cv2
import numpy as np

from ppcr_lab.sim.objects import Float3
from ppcr_ros.core.types import Array

SIDE_PX = 256


def draw_pattern(rng: np.random.Generator, *, vivid: bool = True) -> Array:
    """A (256, 256, 3) uint8 RGB picture of two related or unrelated colours; all hues are alike.

    Without ``vivid`` the colours are pale, as of most walls.
    """
    most = 1.0 if vivid else 0.3
    one = any_colour(rng, most_saturation=most)
    other = any_colour(rng, most_saturation=most)
    if rng.random() < 0.6:  # shades of one colour
        share = rng.uniform(0.35, 0.9)
        other = (one[0] * share, one[1] * share, one[2] * share)
    amounts = _AMOUNTS[int(rng.integers(len(_AMOUNTS)))](rng)[..., None]
    picture = amounts * np.array(one) + (1.0 - amounts) * np.array(other)
    grain = rng.normal(0.0, rng.uniform(0.0, 0.02), (SIDE_PX, SIDE_PX, 1))
    pixels: Array = np.rint(255.0 * np.clip(picture + grain, 0.0, 1.0)).astype(np.uint8)
    return pixels


def any_colour(rng: np.random.Generator, *, most_saturation: float = 1.0) -> Float3:
    """Any sRGB colour 0..1 but the very dark, pale and full ones alike."""
    saturation = most_saturation * rng.random() ** 0.7
    return colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.12, 0.97))


def _grid() -> tuple[Array, Array]:
    steps = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    x, y = np.meshgrid(steps, steps)
    return x, y


def _plain(rng: np.random.Generator) -> Array:
    return np.ones((SIDE_PX, SIDE_PX))


def _checks(rng: np.random.Generator) -> Array:
    x, y = _grid()
    count = 2 * int(rng.integers(1, 6))
    return np.asarray((np.floor(x * count) + np.floor(y * count)) % 2)


def _stripes(rng: np.random.Generator) -> Array:
    x, y = _grid()
    across = x if rng.random() < 0.5 else y
    waves = np.sin(2.0 * math.pi * int(rng.integers(2, 12)) * across)
    return np.clip(0.5 + rng.uniform(0.5, 6.0) * waves, 0.0, 1.0)


def _tartan(rng: np.random.Generator) -> Array:
    x, y = _grid()
    count = int(rng.integers(2, 7))
    lines = [np.sin(2.0 * math.pi * count * along) > rng.uniform(-0.3, 0.7) for along in (x, y)]
    return (lines[0].astype(np.float64) + lines[1]) / 2.0


def _dots(rng: np.random.Generator) -> Array:
    x, y = _grid()
    count = int(rng.integers(3, 12))
    away = np.hypot(x * count % 1.0 - 0.5, y * count % 1.0 - 0.5)
    return (away < rng.uniform(0.15, 0.4)).astype(np.float64)


def _clouds(rng: np.random.Generator) -> Array:
    total = np.zeros((SIDE_PX, SIDE_PX))
    for octave in range(1, 6):
        coarse = rng.random((2**octave, 2**octave))
        coarse = np.pad(coarse, 1, mode="wrap")
        fine = cv2.resize(coarse, None, fx=SIDE_PX / 2**octave, fy=SIDE_PX / 2**octave)
        edge = SIDE_PX // 2**octave
        total += fine[edge : edge + SIDE_PX, edge : edge + SIDE_PX] / octave
    total -= total.min()
    return np.asarray(total / total.max())


def _wood(rng: np.random.Generator) -> Array:
    x, _ = _grid()
    rings = int(rng.integers(3, 9))
    return np.asarray(
        0.5 + 0.5 * np.sin(2.0 * math.pi * (rings * x + rng.uniform(0.3, 1.5) * _clouds(rng)))
    )


def _planks(rng: np.random.Generator) -> Array:
    x, _ = _grid()
    count = int(rng.integers(3, 8))
    shades = rng.uniform(0.2, 1.0, count)[np.floor(x * count).astype(np.int64)]
    seams = np.abs(x * count % 1.0 - 0.5) < 0.47
    return np.asarray((0.75 * shades + 0.25 * _wood(rng)) * seams)


_AMOUNTS: tuple[Callable[[np.random.Generator], Array], ...] = (
    _plain,
    _checks,
    _stripes,
    _tartan,
    _dots,
    _clouds,
    _wood,
    _planks,
)
