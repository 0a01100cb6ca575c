"""The patterns of the table: seamless grey tiles that the table's colour is multiplied with."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TEXTURES = ("plain", "wood", "planks", "checks", "stripes", "speckle", "cloth")
"""The names of the patterns; ``plain`` has none."""
VARIANTS = 3
"""How many tiles there are of each pattern."""
TILE_PX = 256

Floats = NDArray[np.float64]


def tile(texture: str, variant: int) -> NDArray[np.uint8]:
    """Return one tile of a pattern, (256, 256, 3) uint8 RGB, seamless, bright and of low contrast.

    ``variant`` is 0 to 2; the second one is turned by a quarter.
    """
    rng = np.random.default_rng([TEXTURES.index(texture), variant])
    shade = _PATTERNS[texture](rng)
    shade = shade + rng.normal(0.0, 0.008, shade.shape)
    if variant == 1:
        shade = shade.T
    # Dark parts are a little warmer.
    rgb = np.stack([shade, shade - 0.06 * (1.0 - shade), shade - 0.12 * (1.0 - shade)], axis=-1)
    return np.asarray(np.rint(255.0 * np.clip(rgb, 0.0, 1.0)), np.uint8)


def _wood(rng: np.random.Generator) -> Floats:
    """Return long grain along x."""
    _, y = _axes()
    bend = _noise(rng, (2, 2)) * 0.9
    rings = np.sin(2.0 * math.pi * (6.0 * y + bend))
    grain = _noise(rng, (3, 90))
    shade: Floats = 0.86 + 0.07 * rings + 0.05 * grain
    return shade


def _planks(rng: np.random.Generator) -> Floats:
    """Return boards along x with dark gaps."""
    _, y = _axes()
    boards = 4
    number = np.floor(y * boards).astype(int)
    tone = rng.uniform(-0.06, 0.04, boards)[number]
    within = y * boards - number
    gap = np.where(np.minimum(within, 1.0 - within) < 0.03, -0.28, 0.0)
    shade: Floats = 0.88 + tone + gap + 0.045 * _noise(rng, (4, 70))
    return shade


def _checks(rng: np.random.Generator) -> Floats:
    x, y = _axes()
    count = 4 + 2 * int(rng.integers(2))
    odd = (np.floor(x * count) + np.floor(y * count)) % 2
    shade: Floats = 0.80 + 0.15 * odd
    return shade


def _stripes(rng: np.random.Generator) -> Floats:
    _, y = _axes()
    count = int(rng.integers(5, 10))
    wave = np.sin(2.0 * math.pi * count * y)
    shade: Floats = 0.86 + 0.09 * np.tanh(4.0 * wave)
    return shade


def _speckle(rng: np.random.Generator) -> Floats:
    """Return stone: dark and bright grains."""
    fine = _noise(rng, (90, 90))
    coarse = _noise(rng, (7, 7))
    dark = np.where(fine < -1.3, -0.22, 0.0)
    bright = np.where(fine > 1.5, 0.10, 0.0)
    shade: Floats = 0.88 + dark + bright + 0.03 * coarse
    return shade


def _cloth(rng: np.random.Generator) -> Floats:
    """Return a weave, softly creased."""
    x, y = _axes()
    weave = np.sin(2.0 * math.pi * 32 * x) * np.sin(2.0 * math.pi * 32 * y)
    shade: Floats = 0.88 + 0.05 * weave + 0.05 * _noise(rng, (3, 3))
    return shade


def _axes() -> tuple[Floats, Floats]:
    """Return x and y of each pixel, 0..1, each (256, 256)."""
    steps = (np.arange(TILE_PX) + 0.5) / TILE_PX
    x, y = np.meshgrid(steps, steps)
    return x, y


def _noise(rng: np.random.Generator, waves: tuple[int, int]) -> Floats:
    """Return seamless noise of mean 0 and deviation 1, of about so many waves along x and y."""
    frequency = np.fft.fftfreq(TILE_PX) * TILE_PX
    falloff = np.exp(-((frequency[None, :] / waves[0]) ** 2) - (frequency[:, None] / waves[1]) ** 2)
    falloff[0, 0] = 0.0
    white = np.fft.fft2(rng.normal(size=(TILE_PX, TILE_PX)))
    waves_of_noise = np.fft.ifft2(white * falloff).real
    noise: Floats = waves_of_noise / waves_of_noise.std()
    return noise


_PATTERNS = {
    "wood": _wood,
    "planks": _planks,
    "checks": _checks,
    "stripes": _stripes,
    "speckle": _speckle,
    "cloth": _cloth,
}
