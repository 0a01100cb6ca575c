"""The eleven colour words as regions of hue, saturation and value, with room between them."""

from __future__ import annotations

import colorsys

import numpy as np

from ppcr_lab.sim.objects import COLOURS, Float3

Rng = np.random.Generator
Range = tuple[float, float]

REGIONS: dict[str, tuple[tuple[Range, Range, Range], ...]] = {
    "red": (((-12.0, 8.0), (0.72, 1.0), (0.45, 1.0)),),
    "orange": (((17.0, 33.0), (0.75, 1.0), (0.80, 1.0)),),
    "yellow": (((43.0, 60.0), (0.55, 1.0), (0.75, 1.0)),),
    "green": (
        ((85.0, 165.0), (0.30, 1.0), (0.25, 0.85)),
        ((65.0, 85.0), (0.25, 0.75), (0.35, 0.75)),
        ((150.0, 172.0), (0.35, 0.8), (0.5, 0.85)),
    ),
    "blue": (
        ((195.0, 248.0), (0.55, 1.0), (0.40, 1.0)),
        ((205.0, 235.0), (0.35, 0.7), (0.65, 1.0)),
        ((212.0, 245.0), (0.6, 1.0), (0.17, 0.40)),
    ),
    "purple": (
        ((265.0, 292.0), (0.40, 1.0), (0.28, 0.75)),
        ((292.0, 312.0), (0.45, 0.9), (0.35, 0.75)),
    ),
    "pink": (
        ((322.0, 350.0), (0.22, 0.60), (0.85, 1.0)),
        ((318.0, 335.0), (0.5, 0.85), (0.9, 1.0)),
    ),
    "brown": (((14.0, 34.0), (0.45, 0.80), (0.20, 0.48)),),
    "black": (((0.0, 360.0), (0.0, 0.3), (0.01, 0.09)),),
    "white": (((0.0, 360.0), (0.0, 0.06), (0.86, 1.0)),),
    "grey": (((0.0, 360.0), (0.0, 0.08), (0.30, 0.60)),),
}
"""Hue in degrees, saturation and value 0..1; of several regions each is as likely."""
_AS_DRAWN = 0.25


def draw_colour(name: str, rng: Rng) -> Float3:
    """Return a colour that goes by the word ``name``, red, green and blue 0..1."""
    if rng.random() < _AS_DRAWN:
        red, green, blue = np.clip(np.asarray(COLOURS[name]) + rng.uniform(-0.04, 0.04, 3), 0, 1)
        return float(red), float(green), float(blue)
    regions = REGIONS[name]
    hue, saturation, value = regions[int(rng.integers(len(regions)))]
    return hsv(rng.uniform(*hue) / 360.0, rng.uniform(*saturation), rng.uniform(*value))


def any_colour(rng: Rng, *, calm: float = 0.4) -> Float3:
    """Return any colour at all; ``calm`` is the share of greyish ones."""
    saturation = rng.uniform(0.0, 0.3) if rng.random() < calm else rng.uniform(0.2, 1.0)
    return hsv(rng.random(), saturation, rng.uniform(0.03, 1.0))


def hsv(hue: float, saturation: float, value: float) -> Float3:
    """Return red, green, blue of hue, saturation, value, all 0..1; the hue wraps."""
    return colorsys.hsv_to_rgb(float(hue) % 1.0, float(saturation), float(value))
