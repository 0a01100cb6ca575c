"""Pictures for surfaces: tablecloths, floors, walls, and the prints of boxes and labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.everyday.colours import any_colour

Rng = np.random.Generator
Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
SIZE_PX = 256


def draw_surface(rng: Rng) -> Image:
    """Return a pattern for a table, a floor or a wall, (256, 256, 3) uint8, seamless."""
    pattern = _PATTERNS[int(rng.integers(len(_PATTERNS)))](rng)
    first, second = (np.array(any_colour(rng, calm=0.5), np.float32) for _ in range(2))
    if rng.random() < 0.65:  # the contrast of most is mild
        second = first + (second - first) * np.float32(rng.uniform(0.05, 0.4))
    picture = first + (second - first) * pattern[..., None]
    if rng.random() < 0.25:
        third = np.array(any_colour(rng), np.float32)
        over = _blotches(rng)[..., None] * np.float32(rng.uniform(0.1, 0.6))
        picture = picture + (third - picture) * over
    grain: Floats = np.asarray(rng.normal(0.0, rng.uniform(0.0, 0.03), picture.shape), np.float32)
    picture += grain
    return _bytes(picture)


def draw_print(rng: Rng) -> Image:
    """Return what stands on a box or label, (256, 256, 3) uint8: fields, lines like text, spots."""
    ground = np.array(any_colour(rng, calm=0.3), np.float32)
    picture = np.ones((SIZE_PX, SIZE_PX, 3), np.float32) * ground
    for _ in range(int(rng.integers(0, 4))):
        left, top = (int(v) for v in rng.integers(-60, 220, 2))
        wide, high = (int(v) for v in rng.integers(30, 240, 2))
        colour = any_colour(rng, calm=0.2)
        if rng.random() < 0.5:
            cv2.rectangle(picture, (left, top), (left + wide, top + high), colour, -1)
        else:
            middle = (left + wide // 2, top + high // 2)
            cv2.ellipse(picture, middle, (wide // 2, high // 2), 0, 0, 360, colour, -1)
    for _ in range(int(rng.integers(1, 5))):
        _write(picture, rng)
    return _bytes(picture)


def _write(picture: Floats, rng: Rng) -> None:
    """Draw some lines of what looks like letters."""
    colour = any_colour(rng, calm=0.6)
    high = int(rng.integers(4, 46))
    x0, y = (int(v) for v in rng.integers(4, 150, 2))
    for _ in range(int(rng.integers(1, 7))):
        x = x0
        while x < SIZE_PX - 6 and rng.random() < 0.94:
            wide = max(2, int(high * rng.uniform(0.3, 0.8)))
            stroke = max(1, high // 6)
            way = rng.random()
            if way < 0.4:
                cv2.line(picture, (x, y), (x + int(rng.integers(-2, 3)), y + high), colour, stroke)
                cv2.line(picture, (x, y + high // 2), (x + wide, y + high // 2), colour, stroke)
            elif way < 0.8:
                cv2.ellipse(
                    picture,
                    (x + wide // 2, y + high // 2),
                    (wide // 2, high // 2),
                    0,
                    0,
                    int(rng.integers(180, 361)),
                    colour,
                    stroke,
                )
            x += wide + max(2, high // 4) + (high // 2 if rng.random() < 0.15 else 0)
        y += int(high * 1.5) + 2


def _axes() -> tuple[Floats, Floats]:
    steps = ((np.arange(SIZE_PX) + 0.5) / SIZE_PX).astype(np.float32)
    x, y = np.meshgrid(steps, steps)
    return x, y


def noise(rng: Rng, waves: tuple[float, float]) -> Floats:
    """Return seamless noise 0..1 of about so many waves along x and y."""
    frequency = np.fft.fftfreq(SIZE_PX) * SIZE_PX
    half = np.fft.rfftfreq(SIZE_PX) * SIZE_PX
    falloff = np.exp(-((half[None, :] / waves[0]) ** 2) - (frequency[:, None] / waves[1]) ** 2)
    falloff[0, 0] = 0.0
    white = np.fft.rfft2(rng.standard_normal((SIZE_PX, SIZE_PX), dtype=np.float32))
    field = np.fft.irfft2(white * falloff)
    share: Floats = np.clip(0.5 + field / (4.0 * field.std() + 1e-9), 0.0, 1.0).astype(np.float32)
    return share


def _plain(rng: Rng) -> Floats:
    return np.zeros((SIZE_PX, SIZE_PX), np.float32)


def _wood(rng: Rng) -> Floats:
    _, y = _axes()
    bend = noise(rng, (2, 3)) * rng.uniform(0.5, 3.0)
    rings = 0.5 + 0.5 * np.sin(2 * math.pi * (int(rng.integers(3, 14)) * y + bend))
    share: Floats = (
        0.55 * rings + 0.45 * noise(rng, (rng.uniform(2, 6), rng.uniform(50, 110)))
    ).astype(np.float32)
    return share


def _planks(rng: Rng) -> Floats:
    _x, y = _axes()
    boards = int(rng.integers(2, 8))
    number = np.floor(y * boards).astype(int)
    within = y * boards - number
    tone = rng.uniform(0.0, 0.6, boards).astype(np.float32)[number]
    gap = (np.minimum(within, 1.0 - within) < 0.025).astype(np.float32)
    share: Floats = np.clip(tone + gap + 0.4 * noise(rng, (4, 70)), 0.0, 1.0).astype(np.float32)
    return share.T if rng.random() < 0.5 else share


def _checks(rng: Rng) -> Floats:
    x, y = _axes()
    count = 2 * int(rng.integers(1, 9))
    share: Floats = ((np.floor(x * count) + np.floor(y * count)) % 2).astype(np.float32)
    return share


def _plaid(rng: Rng) -> Floats:
    x, y = _axes()
    field = np.zeros_like(x)
    for axis in (x, y):
        for _ in range(int(rng.integers(1, 4))):
            wave = np.sin(2 * math.pi * (int(rng.integers(1, 10)) * axis + rng.random()))
            field = field + (wave > rng.uniform(-0.5, 0.9))
    share: Floats = (field / max(float(field.max()), 1.0)).astype(np.float32)
    return share


def _stripes(rng: Rng) -> Floats:
    x, y = _axes()
    axis = x if rng.random() < 0.5 else y
    if rng.random() < 0.3:
        axis = x + y
    wave = np.sin(2 * math.pi * int(rng.integers(2, 24)) * axis)
    share: Floats = (0.5 + 0.5 * np.tanh(rng.uniform(1.0, 8.0) * wave)).astype(np.float32)
    return share


def _dots(rng: Rng) -> Floats:
    x, y = _axes()
    count = int(rng.integers(3, 14))
    near = np.hypot((x * count) % 1.0 - 0.5, (y * count) % 1.0 - 0.5)
    share: Floats = (near < rng.uniform(0.15, 0.42)).astype(np.float32)
    return share


def _tiles(rng: Rng) -> Floats:
    x, y = _axes()
    count = int(rng.integers(2, 9))
    gap = rng.uniform(0.01, 0.06)
    edge = np.minimum(
        np.minimum((x * count) % 1, 1 - (x * count) % 1),
        np.minimum((y * count) % 1, 1 - (y * count) % 1),
    )
    share: Floats = np.clip((edge < gap) + 0.3 * noise(rng, (3, 3)), 0, 1).astype(np.float32)
    return share


def _speckle(rng: Rng) -> Floats:
    fine = noise(rng, (rng.uniform(20, 110), rng.uniform(20, 110)))
    share: Floats = np.clip((fine - 0.5) * rng.uniform(1.0, 5.0) + 0.5, 0.0, 1.0).astype(np.float32)
    return share


def _marble(rng: Rng) -> Floats:
    field = noise(rng, (3, 3)) + 0.5 * noise(rng, (8, 8)) + 0.25 * noise(rng, (24, 24))
    vein = 1.0 - np.abs(np.sin(rng.uniform(3.0, 12.0) * field))
    share: Floats = (vein ** rng.uniform(1.0, 6.0)).astype(np.float32)
    return share


def _blotches(rng: Rng) -> Floats:
    field = noise(rng, (rng.uniform(1, 6), rng.uniform(1, 6)))
    share: Floats = np.clip((field - 0.5) * rng.uniform(2.0, 12.0) + 0.5, 0, 1).astype(np.float32)
    return share


def _cloth(rng: Rng) -> Floats:
    x, y = _axes()
    count = int(rng.integers(16, 48))
    weave = np.sin(2 * math.pi * count * x) * np.sin(2 * math.pi * count * y)
    share: Floats = (0.5 + 0.25 * weave + 0.5 * (noise(rng, (3, 3)) - 0.5)).astype(np.float32)
    return share


def _bytes(picture: Floats) -> Image:
    pixels: Image = np.rint(255.0 * np.clip(picture, 0.0, 1.0)).astype(np.uint8)
    return pixels


_PATTERNS: tuple[Callable[[Rng], Floats], ...] = (
    _plain,
    _plain,
    _plain,
    _plain,
    _wood,
    _wood,
    _wood,
    _planks,
    _checks,
    _plaid,
    _stripes,
    _dots,
    _tiles,
    _speckle,
    _speckle,
    _marble,
    _blotches,
    _cloth,
)
