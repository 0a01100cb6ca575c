"""Geometry from pixels and depth to metres in the optical frame (REP 103: z forward)."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.types import Array, Frame


def backproject(pixels_xy: Array, depth_m: Array, camera_matrix: Array) -> Array:
    """Points (n, 3) float32, metres, of pixels (n, 2) at distances (n,) along the optical axis."""
    focal = np.array([camera_matrix[0, 0], camera_matrix[1, 1]])
    centre = camera_matrix[:2, 2]
    xy_m = (pixels_xy - centre) / focal * depth_m[:, None]
    return np.column_stack([xy_m, depth_m]).astype(np.float32)


def depth_known(depth_m: Array) -> Array:
    """(H, W) bool: where ``depth_m`` holds a distance, which 0, NaN and infinity are not."""
    known: Array = np.isfinite(depth_m) & (depth_m > 0)
    return known


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
    depth_m, rgb, matrix = frame.depth_m, frame.rgb, frame.camera_matrix
    if (rectification := frame.rectification) is not None:
        mask, depth_m, rgb = (rectification.applied(item) for item in (mask, depth_m, rgb))
        matrix = rectification.camera_matrix
    known = mask & depth_known(depth_m)
    rows, columns = np.nonzero(known)
    pixels = np.column_stack([columns, rows]).astype(np.float64)
    return backproject(pixels, depth_m[known], matrix), rgb[known]
