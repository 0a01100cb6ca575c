"""Appearance of the target: a histogram of its colours, to tell it from what hides it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.tracking.windows import PixelWindow
from ppcr_ros.core.types import Array

_LIGHTNESS_BITS, _HUE_BITS = 3, 4
_BINS = (1 << _LIGHTNESS_BITS, 1 << _HUE_BITS, 1 << _HUE_BITS)
_LEAST_SHARE = 0.08
"""A colour is the target's own where it is at least so frequent as its most frequent one."""


@dataclass(frozen=True)
class ColourImage:
    """The colours in a window of a frame, coarsely: CIE L* in 8 steps, a* and b* in 16 each.

    Attributes:
        codes: (h, w) uint16, the bin of each pixel's colour.
        window: where in the frame they lie.
    """

    codes: Array
    window: PixelWindow

    @classmethod
    def of(cls, rgb: Array, window: PixelWindow) -> ColourImage:
        """The colours of ``rgb`` (H, W, 3) uint8 in ``window``, which has a pixel at least."""
        import cv2

        lab = cv2.cvtColor(np.ascontiguousarray(rgb[window.slices]), cv2.COLOR_RGB2LAB)
        lab = lab.astype(np.uint16)
        codes = lab[..., 0] >> (8 - _LIGHTNESS_BITS)
        for channel in (1, 2):
            codes = (codes << _HUE_BITS) | (lab[..., channel] >> (8 - _HUE_BITS))
        return cls(codes, window)


@dataclass(frozen=True)
class Appearance:
    """The colours of the pixels inside a mask.

    Attributes:
        histogram: (2048,) float64 over the codes of `ColourImage`, summing to 1; all 0 where the
            mask has no pixel in the window.
    """

    histogram: Array

    @classmethod
    def inside(cls, image: ColourImage, mask: Array) -> Appearance:
        """The colours of ``image`` inside ``mask`` (H, W) bool."""
        codes = image.codes[mask[image.window.slices]]
        counts = np.bincount(codes, minlength=int(np.prod(_BINS))).astype(np.float64)
        # Shade and noise carry a colour over the edge of its bin.
        spread = _spread(counts.reshape(_BINS)).ravel()
        return cls(spread / max(float(spread.sum()), 1e-9))

    def likeness(self, other: Appearance) -> float:
        """0..1, the Bhattacharyya coefficient: 1 for the same colours, 0 for none in common."""
        return float(min(1.0, np.sqrt(self.histogram * other.histogram).sum()))

    def where_alike(self, image: ColourImage, mask: Array) -> Array:
        """``mask`` (H, W) bool without the pixels whose colour the target has not."""
        own = self.histogram > _LEAST_SHARE * self.histogram.max()
        kept: Array = np.zeros_like(mask)
        window = image.window.slices
        kept[window] = mask[window] & own[image.codes]
        return kept


def _spread(counts: Array) -> Array:
    """``counts`` with a quarter of each bin given to either neighbour along each axis."""
    for axis in range(counts.ndim):
        counts = np.moveaxis(counts, axis, 0)
        spread = 0.5 * counts
        spread[1:] += 0.25 * counts[:-1]
        spread[:-1] += 0.25 * counts[1:]
        counts = np.moveaxis(spread, 0, axis)
    return counts
