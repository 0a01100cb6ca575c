"""From pixels and depth to metres in the camera's optical frame (REP 103: z forward)."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.types import Array, Frame


def backproject(pixels_xy: Array, depth_m: Array, camera_matrix: Array) -> Array:
    """Points (n, 3) float32, metres, of pixels (n, 2) at distances (n,) along the optical axis."""
    focal = np.array([camera_matrix[0, 0], camera_matrix[1, 1]])
    centre = camera_matrix[:2, 2]
    xy_m = (pixels_xy - centre) / focal * depth_m[:, None]
    return np.column_stack([xy_m, depth_m]).astype(np.float32)


def object_points(frame: Frame, mask: Array) -> tuple[Array, Array] | None:
    """The object's surface as the camera sees it.

    Args:
        frame: with depth and camera matrix, else there is no answer.
        mask: (H, W) bool.

    Returns:
        points (n, 3) float32, metres, in the optical frame, and colours (n, 3) uint8 RGB, for the
        mask's pixels whose depth is known; None where the frame lacks depth or intrinsics.
    """
    if frame.depth_m is None or frame.camera_matrix is None:
        return None
    known = mask & np.isfinite(frame.depth_m) & (frame.depth_m > 0)
    rows, columns = np.nonzero(known)
    pixels = np.column_stack([columns, rows]).astype(np.float64)
    return backproject(pixels, frame.depth_m[known], frame.camera_matrix), frame.rgb[known]


def extent_m(points_m: Array, share: float = 0.02) -> tuple[Array, Array]:
    """The corners, (3,) each, of the box along the axes that holds the points (n, 3).

    The outermost ``share`` on each side of each axis is left out: depth at an object's rim mixes
    with the background behind it.
    """
    low, high = np.quantile(points_m, [share, 1.0 - share], axis=0)
    return low, high
