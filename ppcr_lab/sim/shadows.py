"""Soft shadows, computed from what the lamp sees.

On the table a shadow is the silhouette that the lamp sees, softened the more, the higher above the
table the thing that casts it. On an object, it is what the lamp sees before it, averaged over the
size of the lamp. Objects do not shade themselves: the light on their sides does that.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera

LAMP_PX = 192
"""Width and height of the lamp's view."""

_LAMP_HALF_VIEW_M = 0.62
_FAR_HEIGHT_M = 0.10
_SHARP = 0.35
_TOUCHING_M = 0.003
_TAPS = ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (0.6, 0.6), (-0.6, -0.6))

Floats = NDArray[np.float32]


def lamp_view(position_m: tuple[float, float, float]) -> Camera:
    """Return the view from a lamp over the table that holds all that stands there."""
    distance = math.sqrt(sum(value * value for value in position_m))
    fov_y_deg = math.degrees(2.0 * math.atan(_LAMP_HALF_VIEW_M / distance))
    x, y, z = position_m
    # A lamp straight above would leave its view's upright direction open.
    return Camera((x, y - 1e-3 if abs(x) + abs(y) < 1e-3 else y, z), (0.0, 0.0, 0.0), fov_y_deg)


def shadow_image(
    camera: Camera,
    instance: NDArray[np.int8],
    depth_m: Floats,
    lamp: Camera,
    lamp_instance: NDArray[np.int8],
    lamp_depth_m: Floats,
    softness_m: float,
) -> Floats:
    """Return how much of the lamp each pixel of the camera misses.

    Args:
        camera: the camera, with (H, W) ``instance`` and ``depth_m`` as of a `Rendering`.
        lamp: the lamp's view, with (192, 192) ``lamp_instance`` and ``lamp_depth_m``.
        softness_m: how wide the edge of a shadow is whose caster is 0.1 m above the table.

    Returns:
        (H, W) float32, 0 in full light to 1 in full shadow.
    """
    height_px, width_px = instance.shape
    metres_per_px = 2.0 * _LAMP_HALF_VIEW_M / LAMP_PX
    softness_px = softness_m / metres_per_px
    casting = (lamp_instance >= 0).astype(np.float32)
    table = cv2.warpPerspective(
        _penumbra(casting, lamp, lamp_depth_m, softness_px),
        _table_px(lamp, LAMP_PX, LAMP_PX) @ np.linalg.inv(_table_px(camera, width_px, height_px)),
        (width_px, height_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    shadow: Floats = np.asarray(table, dtype=np.float32)
    rows, columns = np.nonzero(instance >= 0)
    if rows.size:
        optical = _rays(camera, width_px, height_px, rows, columns) * depth_m[rows, columns, None]
        points = optical @ camera.table_r_optical().T.astype(np.float32) + np.asarray(
            camera.position_m, dtype=np.float32
        )
        shadow[rows, columns] = _on_objects(
            points, instance[rows, columns], lamp, lamp_instance, lamp_depth_m, softness_px
        )
    return shadow


def _penumbra(casting: Floats, lamp: Camera, lamp_depth_m: Floats, softness_px: float) -> Floats:
    """Return the lamp's silhouettes with soft edges, softer where the caster is high."""
    to_table = lamp.position_m[2] / np.linalg.norm(lamp.position_m)
    reach = np.float32(np.linalg.norm(lamp.position_m))
    height = np.clip((reach - lamp_depth_m) * np.float32(to_table), 0.0, None) * casting
    near = _blurred(casting, max(_SHARP * softness_px, 0.5))
    far = _blurred(casting, max(softness_px, 0.5))
    mean_height = _blurred(height, max(softness_px, 0.5)) / np.maximum(far, np.float32(1e-3))
    share = np.clip(mean_height / np.float32(_FAR_HEIGHT_M), 0.0, 1.0)
    penumbra: Floats = near + (far - near) * share
    return penumbra


def _on_objects(
    points_m: Floats,
    owner: NDArray[np.int8],
    lamp: Camera,
    lamp_instance: NDArray[np.int8],
    lamp_depth_m: Floats,
    softness_px: float,
) -> Floats:
    """Return the shadow (n,) on points (n, 3), table frame, of objects with index ``owner``."""
    focal = np.float32(lamp.matrix(LAMP_PX, LAMP_PX)[0, 0])
    middle = np.float32((LAMP_PX - 1) / 2.0)
    optical = (points_m - np.asarray(lamp.position_m, dtype=np.float32)) @ (
        lamp.table_r_optical().astype(np.float32)
    )
    depth = optical[:, 2] - np.float32(_TOUCHING_M)
    across = optical[:, 0] / optical[:, 2] * focal + middle
    down = optical[:, 1] / optical[:, 2] * focal + middle
    hidden = np.zeros(len(points_m), dtype=np.float32)
    flat_instance, flat_depth = lamp_instance.ravel(), lamp_depth_m.ravel()
    for step_across, step_down in _TAPS:
        column = (across + np.float32(0.5 + softness_px * step_across)).astype(np.int32)
        row = (down + np.float32(0.5 + softness_px * step_down)).astype(np.int32)
        np.clip(column, 0, LAMP_PX - 1, out=column)
        np.clip(row, 0, LAMP_PX - 1, out=row)
        place = row * LAMP_PX + column
        caster = flat_instance[place]
        hidden += (caster >= 0) & (caster != owner) & (flat_depth[place] < depth)
    return np.asarray(hidden / np.float32(len(_TAPS)), np.float32)


def _table_px(camera: Camera, width_px: int, height_px: int) -> NDArray[np.float64]:
    """Return the (3, 3) map from x, y, 1 on the table to homogeneous pixels of a camera."""
    rotation = camera.table_r_optical().T
    plane = np.column_stack([rotation[:, 0], rotation[:, 1], -rotation @ camera.position_m])
    pixels: NDArray[np.float64] = camera.matrix(width_px, height_px) @ plane
    return pixels


def _rays(
    camera: Camera,
    width_px: int,
    height_px: int,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> Floats:
    """Return (n, 3) directions of pixels in the optical frame, 1 along its axis."""
    matrix = camera.matrix(width_px, height_px)
    rays = np.ones((len(rows), 3), dtype=np.float32)
    rays[:, 0] = (columns - matrix[0, 2]) / matrix[0, 0]
    rays[:, 1] = (rows - matrix[1, 2]) / matrix[1, 1]
    return rays


def _blurred(image: Floats, sigma_px: float) -> Floats:
    blurred: Floats = cv2.GaussianBlur(image, (0, 0), sigma_px)
    return blurred
