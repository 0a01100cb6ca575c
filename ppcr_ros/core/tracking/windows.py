"""Parts of a frame, so that work is done only around the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.types import Array

_LEAST_TOUCHING = 0.25
"""A part belongs to a mask where so much of it lies inside."""
_LEAST_PART = 0.02
"""Parts that are smaller than this share of the largest one are specks."""


@dataclass(frozen=True)
class PixelWindow:
    """Whole pixels of a frame, half-open: x1 to x2 and y1 to y2."""

    x1: int
    y1: int
    x2: int
    y2: int

    @classmethod
    def around(cls, box_xyxy_px: Array, margin_px: float, size_px: tuple[int, ...]) -> PixelWindow:
        """A box (4,) and ``margin_px`` around it, cut to a frame of ``size_px`` (height, width)."""
        low = np.floor(box_xyxy_px[:2] - margin_px)
        high = np.ceil(box_xyxy_px[2:] + margin_px)
        limits = size_px[1], size_px[0]
        x1, y1 = (int(min(max(v, 0), limit)) for v, limit in zip(low, limits, strict=True))
        x2, y2 = (int(min(max(v, 0), limit)) for v, limit in zip(high, limits, strict=True))
        return cls(x1, y1, max(x1, x2), max(y1, y2))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array with."""
        return slice(self.y1, self.y2), slice(self.x1, self.x2)

    @property
    def empty(self) -> bool:
        return self.x1 >= self.x2 or self.y1 >= self.y2


def tight_box(mask: Array) -> Array | None:
    """The half-open box (4,) float64 of ``mask`` (H, W) bool; None where no pixel is set."""
    import cv2

    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width or not height:
        return None
    return np.array([x, y, x + width, y + height], np.float64)


def parts_touching(mask: Array, near: Array) -> Array:
    """``mask`` (H, W) bool without its specks, and without the parts that do not touch ``near``.

    A speck far off would stretch the box that the segmenter is prompted with next.
    """
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    if count <= 2:  # the ground and one part
        return mask
    areas_px = stats[:, cv2.CC_STAT_AREA]
    touching_px = np.bincount(labels[near], minlength=count)
    kept = touching_px >= _LEAST_TOUCHING * areas_px
    kept &= areas_px >= _LEAST_PART * areas_px[1:].max()
    kept[0] = False
    parts: Array = kept[labels]
    return parts
