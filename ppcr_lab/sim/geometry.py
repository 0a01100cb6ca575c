"""Boxes of masks and of instance images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_of_mask(mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Return the tight box of a mask (H, W), or None where the mask is empty.

    The box is (4,) float32 x1, y1, x2, y2 in pixels, half-open: x2 is the last column + 1.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    if not columns.size:
        return None
    rows = np.flatnonzero(mask.any(axis=1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float32)


def visible_boxes_px(
    instance: NDArray[np.int8], num_objects: int
) -> list[NDArray[np.float32] | None]:
    """Return the box (as of `box_of_mask`) of each object in an instance image (H, W).

    Entry i belongs to value i of the image; it is None where no pixel of object i is seen.
    """
    return [box_of_mask(instance == index) for index in range(num_objects)]


def foreign_share(
    instance: NDArray[np.int8], index: int, box: NDArray[np.float32] | None = None
) -> float:
    """How much of the tight box of object ``index`` shows other objects, 0..1; 0 where unseen.

    Args:
        instance: (H, W), the object that each pixel shows, -1 for none.
        index: which object.
        box: (4,) its box as of `box_of_mask`, where it is known.
    """
    tight = box_of_mask(instance == index) if box is None else box
    if tight is None:
        return 0.0
    left, top, right, bottom = tight.astype(int)
    inside = instance[top:bottom, left:right]
    return float(np.mean((inside >= 0) & (inside != index)))


def moved_box(
    box: NDArray[np.float32],
    shift: NDArray[np.float64],
    grow: NDArray[np.float64],
    size_px: tuple[float, float],
    least_side_px: float,
) -> NDArray[np.float32]:
    """``box`` (4,) xyxy moved and resized, inside an image of ``size_px`` (width, height).

    Args:
        box: what is moved.
        shift: (2,) of its centre, in shares of its sides.
        grow: (2,) how many times its sides are to be.
        size_px: of the image.
        least_side_px: no side gets shorter.
    """
    sides, limits = box[2:] - box[:2], np.array(size_px, np.float64)
    centre = (box[:2] + box[2:]) / 2 + sides * shift
    half = np.maximum(sides * grow, least_side_px) / 2
    low = np.clip(centre - half, 0.0, limits - least_side_px)
    high = np.clip(centre + half, low + least_side_px, limits)
    moved: NDArray[np.float32] = np.concatenate([low, high]).astype(np.float32)
    return moved
