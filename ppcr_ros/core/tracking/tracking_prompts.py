"""Prompts of the segmenter while a target is followed."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.tracking.windows import tight_box
from ppcr_ros.core.types import Array, SpatialPrompt


def box_prompt(mask: Array) -> SpatialPrompt:
    """The tight box around ``mask`` (H, W) bool, which has a pixel set.

    A box that is wider lets the segmenter take in what stands beside the target.
    """
    return SpatialPrompt("", _box(mask), confidence=1.0)


def pointed_prompt(mask: Array, too_much: Array) -> SpatialPrompt:
    """`box_prompt`, with a point deep inside ``mask`` and one deep in what is too much.

    Args:
        mask: (H, W) bool, where the target should be.
        too_much: (H, W) bool, a mask of the segmenter's that takes in something else.
    """
    points, labels = [_deepest(mask)], [1]
    excess = too_much & ~mask
    if excess.any():
        points.append(_deepest(excess))
        labels.append(0)
    return SpatialPrompt(
        "", _box(mask), np.array(points, np.float32), np.array(labels, np.int32), confidence=1.0
    )


def _box(mask: Array) -> Array:
    box = tight_box(mask)
    if box is None:
        raise ValueError("the mask has no pixel set; expected where the target should be.")
    return box.astype(np.float32)


def _deepest(mask: Array) -> tuple[float, float]:
    """The pixel x, y of ``mask`` that lies farthest from its edge."""
    import cv2

    x1, y1, x2, y2 = (int(value) for value in _box(mask))
    padded = np.pad(mask[y1:y2, x1:x2].astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x1 + column - 1), float(y1 + row - 1)
