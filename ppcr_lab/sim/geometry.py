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
