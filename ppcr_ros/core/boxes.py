"""Arithmetic on boxes (x1, y1, x2, y2), half-open, in pixels."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.types import Array


def box_iou(a: Array, b: Array) -> float:
    """Intersection over union, 0..1, of two boxes (4,)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    inter = float(width * height)
    union = float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])) - inter
    return inter / union if union > 0 else 0.0


def covered_share(box: Array, other: Array) -> float:
    """How much of ``box`` (4,) lies in ``other`` (4,), 0..1."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    area = float((box[2] - box[0]) * (box[3] - box[1]))
    return float(width * height) / area if min(width, height, area) > 0 else 0.0


def ordered_box(x1: float, y1: float, x2: float, y2: float) -> Array:
    """The box (4,) float32 of two opposite corners, in whichever order they came."""
    return np.array([min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)], np.float32)


def clip_box(box: Array, *, width_px: int, height_px: int) -> Array | None:
    """``box`` (4,) cut to the frame, (4,) float32; None where nothing of it lies inside.

    A box thinner than a pixel is widened to one pixel, for it still says where.
    """
    x1, y1, x2, y2 = (float(value) for value in box)
    if not np.isfinite(box).all() or x1 >= width_px or y1 >= height_px or x2 <= 0 or y2 <= 0:
        return None
    x1, y1 = min(max(x1, 0.0), width_px - 1.0), min(max(y1, 0.0), height_px - 1.0)
    x2, y2 = min(max(x2, x1 + 1.0), float(width_px)), min(max(y2, y1 + 1.0), float(height_px))
    return np.array([x1, y1, x2, y2], np.float32)
