"""The part of a frame that a segmenter looks at: the surroundings of the spatial prompt's box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.types import Array

MARGIN = 2.0
"""A region is so many times as wide, or as high, as the box that it is made for."""
_LEAST_SIDE_PX = 32
_WHOLE_SHARE = 0.8
"""A region that would take more of the frame's sides shows hardly more detail than the frame."""
_SERVES = (1.4, 3.0)
"""A region that is there already serves a box that it is so many times as large as."""


@dataclass(frozen=True)
class Region:
    """A part of a frame, with the frame's own aspect, so that it is resized as the frame is.

    Attributes:
        x_px: left edge in the frame.
        y_px: upper edge.
        width_px: width.
        height_px: height.
    """

    x_px: int
    y_px: int
    width_px: int
    height_px: int

    @classmethod
    def around(
        cls, box_xyxy_px: Array, *, height_px: int, width_px: int, margin: float = MARGIN
    ) -> Region | None:
        """The region around a box (4,) that lies within the frame; None where that is about all.

        It is moved rather than cut at the frame's edges.
        """
        sides = (box_xyxy_px[2:] - box_xyxy_px[:2]).astype(np.float64)
        frame = np.array([width_px, height_px], np.float64)
        share = max(float((margin * sides / frame).max()), _LEAST_SIDE_PX / float(frame.min()))
        if share >= _WHOLE_SHARE:
            return None
        size = np.ceil(share * frame)
        middle = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2.0
        corner = np.clip(np.rint(middle - size / 2.0), 0.0, frame - size)
        return cls(*(int(value) for value in (*corner, *size)))

    def serves(self, box_xyxy_px: Array) -> bool:
        """Whether a box (4,) lies in it with room around, and is not lost in it."""
        size = np.array([self.width_px, self.height_px], np.float64)
        times = float((size / np.maximum(box_xyxy_px[2:] - box_xyxy_px[:2], 1.0)).min())
        low = box_xyxy_px[:2] - (self.x_px, self.y_px)
        inside = bool((low >= 0).all() and (low + box_xyxy_px[2:] - box_xyxy_px[:2] <= size).all())
        return inside and _SERVES[0] <= times <= _SERVES[1]

    def of(self, rgb: Array) -> Array:
        """What a frame (H, W, 3) shows there, (h, w, 3)."""
        part: Array = rgb[
            self.y_px : self.y_px + self.height_px, self.x_px : self.x_px + self.width_px
        ]
        return np.ascontiguousarray(part)

    def to_region(self, points_xy_px: Array) -> Array:
        """Points (..., 2) of the frame in the region's own pixels, float32."""
        return np.asarray(points_xy_px - np.array([self.x_px, self.y_px]), np.float32)

    def in_frame(self, masks: Array, *, height_px: int, width_px: int) -> Array:
        """Masks (n, h, w) bool of the region in the whole frame, (n, H, W); False outside it."""
        whole = np.zeros((len(masks), height_px, width_px), bool)
        rows = slice(self.y_px, self.y_px + self.height_px)
        whole[:, rows, self.x_px : self.x_px + self.width_px] = masks
        return whole
