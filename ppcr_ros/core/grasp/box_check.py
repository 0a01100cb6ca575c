"""Checks of a box against the picture that it comes of: what of the mask it leaves out."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.grasp.grasp_target import OrientedBox
from ppcr_ros.core.grasp.mask_cleaning import shrunk
from ppcr_ros.core.grasp.optical_points import backproject, depth_known
from ppcr_ros.core.grasp.support_plane import thinned
from ppcr_ros.core.types import Array

_WELL_INSIDE_PX = 6
"""A mask may be wrong by so much along its border."""
_LEAST_PIXELS, _MOST_PIXELS = 40, 1500
_NEARBY_PX = 4
"""A box that ends so near to the mask's end reaches it."""


def left_out_share(
    mask: Array, depth_m: Array, matrix: Array, box: OrientedBox, by_m: float
) -> float:
    """0..1: how many pixels well inside of the mask show something that lies outside of the box.

    Where there are many, the mask holds a second thing, or the camera looks past the object or
    through it.

    Args:
        mask: (H, W) bool.
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.
        matrix: (3, 3) intrinsics, pixels.
        box: of the object.
        by_m: what lies outside by less, metres, counts as inside.
    """
    seen = shrunk(mask, _WELL_INSIDE_PX) & depth_known(depth_m)
    rows, columns = np.divmod(thinned(np.flatnonzero(seen), _MOST_PIXELS), mask.shape[1])
    if len(rows) < _LEAST_PIXELS:
        return 0.0
    points_m = backproject(np.column_stack([columns, rows]), depth_m[rows, columns], matrix)
    off_m = np.abs((points_m - box.centre_m) @ box.camera_r_box) - box.size_m / 2.0
    return float((off_m > by_m).any(axis=1).mean())


def reached_share(mask: Array, matrix: Array, box: OrientedBox) -> float:
    """0..1: how much of the mask's extent the box reaches over, along the image's axes.

    Of both axes the one where it is less. A share of pixels alone would not tell of the neck of a
    bottle, or of half a pen.

    Args:
        mask: (H, W) bool, not empty.
        matrix: (3, 3) intrinsics, pixels.
        box: of the object.
    """
    corners = box.corners_m() @ matrix.T
    pixels = corners[:, :2] / np.maximum(corners[:, 2:], 1e-3)
    places = np.nonzero(mask)[::-1]
    low, high = (np.array([end(along) for along in places]) for end in (np.min, np.max))
    from_, to = np.maximum(pixels.min(axis=0), low), np.minimum(pixels.max(axis=0), high)
    shares = (to - from_ + 2.0 * _NEARBY_PX) / np.maximum(high - low, 1.0)
    return float(np.clip(shares, 0.0, 1.0).min())
