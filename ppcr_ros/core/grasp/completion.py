"""The side of an object that the camera does not see, guessed from the side that it sees.

Most things that stand on a table look the same when they are turned by half about a vertical axis:
cups, bottles, boxes, balls, fruit. So the visible points, turned, stand for the hidden ones. The
axis is where the turned points agree best with the picture: none of them may hang in space that
the camera looks through, and the whole is to be no larger than it must.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ppcr_ros.core.grasp.support_plane import Plane, thinned
from ppcr_ros.core.types import Array

_ALONG = np.linspace(-0.4, 0.5, 25)
"""Where the axis is looked for along the line of sight, in visible widths from the middle. Where
the inside of a bowl is seen, the picture agrees with few places: steps are small."""
_NEARBY = np.stack(
    np.meshgrid(np.linspace(-0.05, 0.05, 3), np.linspace(-0.16, 0.16, 5), indexing="ij"), axis=-1
).reshape(-1, 2)
"""Then around the best of them, along and across."""
_MOST_POINTS = 400
"""How many points are asked about an axis."""
_LOW = 3.0
"""What is lower than so many tolerances is seen from above, as far as depth can tell."""
_GROWTH_COST = 0.05
"""What it costs to make the object larger by all of its visible extent, in shares of points that
contradict the picture."""


@dataclass(frozen=True)
class CameraView:
    """The picture around the object, cropped.

    Attributes:
        depth_m: (H, W) float, metres; 0 or NaN where unknown.
        camera_matrix: (3, 3) intrinsics of the crop.
        walls: planes that nothing of the object lies behind.
    """

    depth_m: Array
    camera_matrix: Array
    walls: tuple[Plane, ...] = ()

    def heights_m(self, plane: Plane) -> Array:
        """(H, W) how high above ``plane`` lies what is seen, metres; without depth anything."""
        height, width = self.depth_m.shape
        (fx, _, x), (_, fy, y) = self.camera_matrix[:2]
        across = plane.normal[0] * (np.arange(width) - x) / fx
        along = plane.normal[1] * (np.arange(height)[:, None] - y) / fy
        heights: Array = self.depth_m * (across + along + plane.normal[2]) - plane.offset_m
        return heights

    def in_front_m(self, points_m: Array) -> Array:
        """(...,) how far points (..., 3) hang before what the camera sees there, metres.

        Or how far behind a wall, where that is more. Negative where they are hidden, -inf where the
        depth is unknown, inf outside of the crop.
        """
        matrix, (height, width) = self.camera_matrix, self.depth_m.shape
        z = np.maximum(points_m[..., 2], 1e-6)
        x_px = points_m[..., 0] * (matrix[0, 0] / z) + matrix[0, 2]
        y_px = points_m[..., 1] * (matrix[1, 1] / z) + matrix[1, 2]
        column = np.rint(np.clip(x_px, -1, width)).astype(np.int32)
        row = np.rint(np.clip(y_px, -1, height)).astype(np.int32)
        seen_m = self.depth_m[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
        outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
        front: Array = seen_m - points_m[..., 2]
        front[~np.isfinite(front) | (seen_m <= 0)] = -np.inf
        front[outside] = np.inf
        for wall in self.walls:
            front = np.maximum(front, -wall.height_m(points_m))
        return front


def complete(
    points_m: Array,
    base_m: Array,
    camera_r_base: Array,
    view: CameraView,
    tolerance_m: float,
    axis: Array | None = None,
    walls: Sequence[Plane] = (),
) -> tuple[Array, float]:
    """The visible points (n, 3) with those that stand for the hidden side.

    Args:
        points_m: (n, 3) in the base frame: x away from the camera along the support, y across, z
            up from it; metres.
        base_m: (3,) origin of the base frame in the camera's optical frame.
        camera_r_base: (3, 3) rotation of the base frame into the camera's optical frame.
        view: what the camera sees.
        tolerance_m: how far a point may hang before the picture and still agree with it.
        axis: (2,) where the axis is known to be, metres.
        walls: planes, in the camera's optical frame, that the object does not reach through.

    Returns:
        The points (m, 3), m >= n, in the base frame, and how many of the turned ones contradict the
        picture, 0..1; 0 where the axis was known.
    """
    share = 0.0
    if axis is None:
        view = replace(view, walls=tuple(walls))
        axis, share = _axis(points_m, base_m, camera_r_base, view, tolerance_m)
    turned = _turned(points_m, axis)
    agrees = view.in_front_m(base_m + turned @ camera_r_base.T) < tolerance_m
    return np.concatenate([points_m, turned[agrees]]), share


def _axis(
    points_m: Array, base_m: Array, camera_r_base: Array, view: CameraView, tolerance_m: float
) -> tuple[Array, float]:
    """(2,) about which the points agree best with the picture when they are turned.

    And how many of them contradict it all the same, 0..1.
    """
    low, high = np.quantile(points_m[:, :2], [0.01, 0.99], axis=0)
    if np.quantile(points_m[:, 2], 0.98) < _LOW * tolerance_m:
        return (low + high) / 2.0, 0.0
    scale_m = float((high - low).max())
    some = thinned(points_m, _MOST_POINTS)
    axis, share = (low + high) / 2.0, 0.0
    for shifts in (np.outer(_ALONG, [1.0, 0.0]), _NEARBY):
        axes = axis + shifts * scale_m
        contradicts = _contradicts(some, axes, base_m, camera_r_base, view, tolerance_m)
        half = np.maximum(axes - low, high - axes)
        growth = (2.0 * half - (high - low)).sum(axis=1) / (high - low).sum()
        best = (contradicts + _GROWTH_COST * growth).argmin()
        axis, share = axes[best], float(contradicts[best])
    return np.asarray(axis), share


def _turned(points_m: Array, axis: Array) -> Array:
    turned: Array = points_m * np.array([-1.0, -1.0, 1.0])
    turned[:, :2] += 2.0 * axis
    return turned


def _contradicts(
    points_m: Array,
    axes: Array,
    base_m: Array,
    camera_r_base: Array,
    view: CameraView,
    tolerance_m: float,
) -> Array:
    """(k,) the share of points that, turned about each of the axes (k, 2), hang in seen space."""
    # Turned about the origin first; an axis then only shifts them.
    flipped = base_m + (points_m * np.array([-1.0, -1.0, 1.0])) @ camera_r_base.T
    moves = 2.0 * axes @ camera_r_base[:, :2].T
    front_m = view.in_front_m(flipped[None] + moves[:, None])
    share: Array = np.clip((front_m - tolerance_m) / (2.0 * tolerance_m), 0.0, 1.0).mean(axis=1)
    return share
