"""The oriented box of an object's points."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.grasp.grasp_target import OrientedBox
from ppcr_ros.core.grasp.planes import UprightBox
from ppcr_ros.core.types import Array

_TRIM = 0.002
"""The outermost share of points on each side that no box has to hold."""
_ROUND = 0.15
"""A footprint whose widths in all directions differ by no more than this share has no direction."""
_AS_LONG_AS_WIDE = 0.08
"""Sides that differ by less are equal, as far as depth tells."""
_COARSE_RAD = np.radians(np.arange(0.0, 90.0, 10.0))
_FINE_RAD = np.radians(np.arange(-8.0, 9.0, 2.0))
_SLICES = 10
_LEAST_IN_SLICE = 4
_TURNED_MOST_RAD = np.radians(80.0)


def standing_box(points_m: Array, base_m: Array, camera_r_base: Array) -> OrientedBox:
    """The smallest upright box of points that stand on the plane z = 0 of the base frame.

    Args:
        points_m: (n, 3) in the base frame: x away from the camera along the support, y across, z
            up from it; metres.
        base_m: (3,) origin of the base frame in the camera's optical frame.
        camera_r_base: (3, 3) rotation of the base frame into the camera's optical frame.
    """
    yaw_rad, low, high = _footprint(points_m[:, :2])
    height_m = float(np.quantile(points_m[:, 2], 1.0 - _TRIM))
    turn = _about_z(yaw_rad)
    centre = turn @ np.array([*((low + high) / 2.0), height_m / 2.0])
    return OrientedBox(
        centre_m=base_m + camera_r_base @ centre,
        camera_r_box=camera_r_base @ turn,
        size_m=np.array([*(high - low), height_m]),
    )


def box_on_support(found: UprightBox, base_m: Array, camera_r_base: Array) -> OrientedBox:
    """An upright box in the camera's frame, its axes directed as those of `standing_box`.

    Args:
        found: the box, in the base frame.
        base_m: (3,) origin of the base frame in the camera's optical frame.
        camera_r_base: (3, 3) rotation of the base frame into the camera's optical frame.
    """
    x_m, y_m = found.high_m - found.low_m
    middle = _about_z(found.yaw_rad) @ np.array([*(found.low_m + found.high_m) / 2.0, 0.0])
    yaw = found.yaw_rad
    if max(x_m, y_m) <= (1.0 + _AS_LONG_AS_WIDE) * min(x_m, y_m):
        yaw = (yaw + np.pi / 4.0) % (np.pi / 2.0) - np.pi / 4.0
        turned = round((found.yaw_rad - yaw) / (np.pi / 2.0)) % 2 == 1
    else:
        turned = y_m > x_m
        yaw += np.pi / 2.0 if turned else 0.0
    yaw = (yaw + _TURNED_MOST_RAD) % np.pi - _TURNED_MOST_RAD
    x_m, y_m = (y_m, x_m) if turned else (x_m, y_m)
    return OrientedBox(
        centre_m=base_m + camera_r_base @ (middle + np.array([0.0, 0.0, found.height_m / 2.0])),
        camera_r_box=camera_r_base @ _about_z(yaw),
        size_m=np.array([x_m, y_m, found.height_m]),
    )


def solid_centroid(points_m: Array, box: OrientedBox) -> Array:
    """The middle of the volume of an object that fills its outline, (3,), metres.

    The object is cut into slices along the box's z. Each counts by the extents of the points in it;
    a slice without points is taken to lie between its neighbours.

    Args:
        points_m: (n, 3) all around the object, in the frame of ``box.centre_m``.
        box: the object's box.
    """
    local = (points_m - box.centre_m) @ box.camera_r_box
    height_m = float(box.size_m[2])
    slices = np.clip(np.floor((local[:, 2] / height_m + 0.5) * _SLICES), 0, _SLICES - 1)
    found, extents = [], []
    for number in range(_SLICES):
        inside = local[slices == number, :2]
        if len(inside) >= _LEAST_IN_SLICE:
            found.append(number)
            extents.append(np.concatenate([inside.min(axis=0), inside.max(axis=0)]))
    if not found:
        return box.centre_m
    columns = np.array(extents).T
    x1, y1, x2, y2 = (np.interp(np.arange(_SLICES), found, column) for column in columns)
    volume = (x2 - x1) * (y2 - y1)
    if volume.sum() <= 0.0:
        return box.centre_m
    z = ((np.arange(_SLICES) + 0.5) / _SLICES - 0.5) * height_m
    middle = np.stack([(x1 + x2) / 2.0, (y1 + y2) / 2.0, z], axis=1)
    centroid: Array = box.centre_m + box.camera_r_box @ (volume @ middle / volume.sum())
    return centroid


def visible_box(points_m: Array) -> OrientedBox:
    """The box of visible points (n, 3), in the camera's optical frame, along their principal axes.

    The axis along which they extend least is z, towards the camera; the longest is x.
    """
    middle = points_m.mean(axis=0)
    spread = points_m - middle
    _, axes = np.linalg.eigh(spread.T @ spread)
    z, x = axes[:, 0], axes[:, 2]
    z = -z if z @ middle > 0 else z
    x = -x if x[0] < 0 else x
    rotation = np.stack([x, np.cross(z, x), z], axis=1)
    low, high = np.quantile(spread @ rotation, [_TRIM, 1.0 - _TRIM], axis=0)
    return OrientedBox(
        centre_m=middle + rotation @ ((low + high) / 2.0), camera_r_box=rotation, size_m=high - low
    )


def _footprint(xy_m: Array) -> tuple[float, Array, Array]:
    """The turn about z and the corners (2,), in the turned frame, of the rectangle around points.

    y, the closing axis, lies where the points are narrowest. Where they have no direction, or both
    sides are equal, it lies across the line of sight as nearly as it can: that is measured best. A
    round footprint is taken to be as long along the line of sight as it is wide across it.
    """
    sides = _sides(xy_m, _COARSE_RAD)
    if sides.min() >= (1.0 - _ROUND) * sides.max():
        low, high = (corner[0] for corner in _extents(xy_m, np.zeros(1)))
        hidden = np.array([max(float((high - low)[1] - (high - low)[0]), 0.0), 0.0])
        return 0.0, low - hidden / 2.0, high + hidden / 2.0
    near = float(_COARSE_RAD[sides.min(axis=1).argmin()]) + _FINE_RAD
    yaw = float(near[_sides(xy_m, near).min(axis=1).argmin()])
    x_m, y_m = _sides(xy_m, np.array([yaw]))[0]
    if max(x_m, y_m) <= (1.0 + _AS_LONG_AS_WIDE) * min(x_m, y_m):
        yaw = (yaw + np.pi / 4.0) % (np.pi / 2.0) - np.pi / 4.0
    elif y_m > x_m:
        yaw += np.pi / 2.0
    # An axis has two directions: x points away from the camera, or to the left.
    yaw = (yaw + _TURNED_MOST_RAD) % np.pi - _TURNED_MOST_RAD
    low, high = (corner[0] for corner in _extents(xy_m, np.array([yaw])))
    return yaw, low, high


def _sides(xy_m: Array, yaws_rad: Array) -> Array:
    """(k, 2) lengths along x and y of the points' extents in frames that are turned by k angles."""
    low, high = _extents(xy_m, yaws_rad)
    lengths: Array = high - low
    return lengths


def _extents(xy_m: Array, yaws_rad: Array) -> tuple[Array, Array]:
    """The corners, (k, 2) each, of the points' extents in frames that are turned by k angles."""
    cos, sin = np.cos(yaws_rad)[:, None], np.sin(yaws_rad)[:, None]
    x, y = xy_m[:, 0], xy_m[:, 1]
    turned = np.stack([cos * x + sin * y, cos * y - sin * x], axis=1)
    last = len(xy_m) - 1
    first = int(_TRIM * last)
    ordered = np.partition(turned, (first, last - first), axis=2)
    return ordered[:, :, first], ordered[:, :, last - first]


def _about_z(yaw_rad: float) -> Array:
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
