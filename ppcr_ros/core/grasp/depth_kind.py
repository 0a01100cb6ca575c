"""Tells depth along the optical axis from what some drivers send in its place.

Where a flat thing is seen, the inverse of true depth is linear over the image. Of distances along
the lines of sight that holds after another scaling, and of inverse depth without inverting.
"""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.grasp.optical_points import depth_known
from ppcr_ros.core.types import Array

_MOST_PIXELS, _TRIALS = 1200, 120
_TOLERANCE = 0.004
"""How far a pixel may lie from a plane, as a share of its value."""
_LEAST_SHARE, _MUCH_FLATTER = 0.3, 1.5
"""So many of the pixels must lie in one plane to tell, and so many times those of true depth."""
_KINDS = {
    "sight": (
        "depth looks like the distance along each line of sight: what is flat is flat only so. Let "
        "the driver publish the distance along the optical axis (REP 118; of Isaac Sim's two "
        "distance_to_image_plane)."
    ),
    "inverse": (
        "depth looks like inverse depth or disparity: what is flat is flat only so. Let the driver "
        "publish distances (REP 118)."
    ),
}


def unlike_depth(depth_m: Array, camera_matrix: Array) -> str:
    """What ``depth_m`` looks like where it is not depth along the optical axis; else empty.

    Args:
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.
        camera_matrix: (3, 3) intrinsics of an image without distortion, pixels.

    Returns:
        Two sentences, with what to do; empty as well where the picture shows nothing flat.
    """
    step = max(int(np.sqrt(depth_m.size / _MOST_PIXELS)), 1)
    some = depth_m[step // 2 :: step, step // 2 :: step]
    rows, columns = np.nonzero(depth_known(some))
    if len(rows) < 3:
        return ""
    depth = some[rows, columns].astype(np.float64)
    pixels = np.column_stack([columns, rows]) * step + step // 2
    focal = np.array([camera_matrix[0, 0], camera_matrix[1, 1]])
    places = np.column_stack([(pixels - camera_matrix[:2, 2]) / focal, np.ones(len(pixels))])
    trials = np.random.default_rng(0).integers(0, len(places), (_TRIALS, 3))
    length = np.linalg.norm(places, axis=1)
    true, *others = (
        _share_in_a_plane(values, places, trials) for values in (1.0 / depth, length / depth, depth)
    )
    best = max(others)
    if best < _LEAST_SHARE or best < _MUCH_FLATTER * true:
        return ""
    return _KINDS["sight" if others[0] == best else "inverse"]


def _share_in_a_plane(values: Array, places: Array, trials: Array) -> float:
    """0..1: how many values (n,) are linear in their places (n, 3), as the best of trials has it.

    ``trials`` (t, 3) are the numbers of three each.
    """
    corners = places[trials]
    lie_apart = np.abs(np.linalg.det(corners)) > 1e-9
    if not lie_apart.any():
        return 0.0
    sides = np.linalg.solve(corners[lie_apart], values[trials[lie_apart]][..., None])[..., 0]
    near = np.abs(sides @ places.T - values) < _TOLERANCE * values
    return float(near.sum(axis=1).max()) / len(values)
