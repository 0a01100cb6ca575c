"""The plane on which an object stands, from the depth around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.types import Array

_HYPOTHESES = 120
_MOST_POINTS = 900
_LEAST_POINTS = 40
_LEAST_SHARE, _LEAST_BENEATH = 0.25, 0.08
"""Of the points around the object, how many must lie on the plane; fewer do where it touches it."""
_MOST_PLANES = 4
_BESIDE = 0.1
"""Of a small plane's points, how many must lie farther away than the object's foot: else it is the
top of something that stands in front."""
_LEAST_ABOVE = 0.9
"""Of the object's points, how many must lie on the camera's side of the plane."""
_STEEPEST_COSINE = 0.1
"""A plane that the camera sees more edge-on than this is not measured well."""
_DEEPEST_HIDDEN = 0.75
"""How much of the object's height may be hidden below its lowest visible point. From straight above
all of it is hidden: then an object may be higher than it is wide, so many times."""
_FROM_ABOVE, _SLENDER = 0.95, 2.0


@dataclass(frozen=True)
class Plane:
    """Points p with ``normal @ p == offset_m``, in the camera's optical frame.

    Attributes:
        normal: (3,) float64 unit vector, towards the camera's side.
        offset_m: metres.
    """

    normal: Array
    offset_m: float

    def height_m(self, points_m: Array) -> Array:
        """(n,) signed distances of points (n, 3), positive on the camera's side, metres."""
        heights: Array = points_m @ self.normal - self.offset_m
        return heights


def depth_tolerance_m(distance_m: float) -> float:
    """How far a good depth camera may be off at a distance, metres.

    Stereo cameras err with the square of the distance; the constant is for quantisation.
    """
    return 0.003 + 0.004 * distance_m**2


def find_support_planes(around_m: Array, object_m: Array) -> list[Plane]:
    """The planes around an object that lie below it, the one that most points are on first.

    RANSAC with a seed of its own, so that the same picture gives the same planes; then least
    squares over the inliers. The first holds a quarter of the points around the object. Others,
    such as the top of a block under the object, may be smaller, but must reach to the sides of it.

    Args:
        around_m: (n, 3) points around the object, camera's optical frame, metres.
        object_m: (m, 3) points of the object.

    Returns:
        None of them reaches through the object. Whether one carries it, `can_carry` tells.
    """
    if len(around_m) < _LEAST_POINTS or not len(object_m):
        return []
    around = thinned(around_m, _MOST_POINTS).astype(np.float64)
    body = thinned(object_m, _MOST_POINTS // 4).astype(np.float64)
    tolerance_m = depth_tolerance_m(float(np.median(body[:, 2])))
    planes: list[Plane] = []
    left, least = around, max(_LEAST_POINTS, _LEAST_BENEATH * len(around))
    for _ in range(_MOST_PLANES):
        found = _best_hypothesis(left, body, tolerance_m) if len(left) >= least else None
        if found is None:
            break
        for _ in range(2):
            inliers = left[np.abs(found.height_m(left)) < tolerance_m]
            if len(inliers) < least:
                return planes
            found = _least_squares(inliers)
        large = len(inliers) >= _LEAST_SHARE * len(around)
        above = (found.height_m(body) > -tolerance_m).mean() >= _LEAST_ABOVE
        if above and (large or _lies_beside(found, inliers, body, tolerance_m)):
            planes.append(found)
        left = left[np.abs(found.height_m(left)) >= 2.0 * tolerance_m]
    return planes


def _lies_beside(plane: Plane, inliers: Array, body: Array, tolerance_m: float) -> bool:
    """Whether a plane that the object stands out from reaches farther away than the object's foot.

    Otherwise it is the top of something that stands in front.
    """
    middle = np.median(body, axis=0)
    ahead = middle - (middle @ plane.normal) * plane.normal
    heights = plane.height_m(body)
    foot = body[heights <= np.quantile(heights, 0.1)]
    beside = (inliers @ ahead > np.median(foot @ ahead)).mean()
    return bool(beside >= _BESIDE and np.quantile(heights, 0.98) > 3.0 * tolerance_m)


def thinned(points: Array, most: int) -> Array:
    """At most ``most`` of the rows, evenly taken."""
    step = -(-len(points) // most)
    return points[::step] if step > 1 else points


def _best_hypothesis(around: Array, body: Array, tolerance_m: float) -> Plane | None:
    rng = np.random.default_rng(0)
    corners = around[rng.integers(len(around), size=(_HYPOTHESES, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    real = lengths > 1e-9
    normals, corners = normals[real] / lengths[real, None], corners[real]
    offsets = np.einsum("ij,ij->i", normals, corners[:, 0])
    # The camera is the origin: on its side of a plane the height of the origin is positive.
    sign = np.where(offsets > 0, -1.0, 1.0)
    normals, offsets = normals * sign[:, None], offsets * sign
    inliers = (np.abs(around @ normals.T - offsets) < tolerance_m).sum(axis=0)
    above = (body @ normals.T - offsets > -tolerance_m).mean(axis=0)
    inliers[above < _LEAST_ABOVE] = 0
    if not len(inliers) or not inliers.max():
        return None
    best = int(inliers.argmax())
    return Plane(normals[best], float(offsets[best]))


def _least_squares(points: Array) -> Plane:
    middle = points.mean(axis=0)
    spread = points - middle
    normal: Array = np.linalg.eigh(spread.T @ spread)[1][:, 0]
    if normal @ middle > 0:
        normal = -normal
    return Plane(normal, float(normal @ middle))


def can_carry(plane: Plane, object_m: Array) -> bool:
    """Whether an object (m, 3) does not hang far above ``plane``, nor the camera look along it."""
    middle = np.median(object_m, axis=0)
    low, high = np.quantile(plane.height_m(object_m), [0.02, 0.98])
    extents = np.ptp(np.quantile(object_m, [0.02, 0.98], axis=0), axis=0)
    cosine = -(plane.normal @ middle) / np.linalg.norm(middle)
    width_m = float(np.linalg.norm(extents)) * (_SLENDER if cosine > _FROM_ABOVE else 1.0)
    return bool(
        low <= max(_DEEPEST_HIDDEN * high, width_m, 2.0 * depth_tolerance_m(float(middle[2])))
        and cosine >= _STEEPEST_COSINE
    )
