"""The box of an object that planes explain: an upper side and one or two upright ones.

A depth camera errs by more than a thin box is deep, but it errs at each pixel anew, while a side of
a box has thousands of them: so the sides are found first, as planes, and the mask's pixels are then
taken to lie on them. Where the box that comes of it covers the mask and little else, it is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.grasp.support_plane import thinned
from ppcr_ros.core.types import Array

_COARSE_RAD = np.radians(np.arange(0.0, 90.0, 5.0))
_FINE_RAD = np.radians(np.arange(-4.0, 4.5, 1.0))
_START = 0.1
"""The quantile of its points, from the camera on, at which each side is looked for first."""
_ROUNDS = 4
"""How often points are given to their nearest side, and each side moved to its points."""
_MOST_POINTS = 300
"""How many points the turn is looked for with."""
_GAINED_BY_TURN = 0.08
"""By how much the finer turn may make a box cover the mask better."""
_LEAST_POINTS = 40
_LEAST_ON_SIDE = 12
"""A side with fewer points than this is not seen well enough to be moved to them."""
_SEEN_SHARE = 0.015
"""Of the mask's pixels, how many must lie on other sides than the one whose depth is asked for."""
_SEEN_SHARE_FROM_FRONT, _UPPER_SHARE = 0.15, 0.08
"""The same where the upper side has less than the second share: on a side that is seen edge-on a
pixel is a long way."""
_TRIM = 0.004
"""The outermost share of pixels on each side that no box has to hold."""
_LEAST_COVER = 0.92
"""How well a box must cover the mask, and nothing else: shared pixels over all pixels of both."""
_MOST_ABOVE = 0.04
"""The share of points that may lie clearly above the upper side."""
_ROUNDER = 0.8
"""A circle must be nearer to the points than sides are, by this factor, for a thing to be round."""
_BALL = 0.68
"""A ball's radius is no more of the second longest extent of what is seen of it."""
_FAR_OFF_M = 0.05
"""A point that is farther off counts no more than this."""
_EDGE_ON = 0.05
"""A side that is seen under a smaller cosine than this shows nothing."""


@dataclass(frozen=True)
class Rays:
    """Lines of sight in the base frame: x away from the camera, y across, z up from the support.

    Attributes:
        origin_m: (3,) the camera, metres.
        object_directions: (n, 3) of pixels of the object.
        other_directions: (m, 3) of pixels around it.
        other_weight: how many pixels each of those stands for, where one of the object's is 1.
        pixel_rad: how wide a pixel is.
    """

    origin_m: Array
    object_directions: Array
    other_directions: Array
    other_weight: float
    pixel_rad: float


@dataclass(frozen=True)
class UprightBox:
    """A box on the plane z = 0 of the base frame.

    Attributes:
        yaw_rad: how its x is turned from that of the base frame, about z.
        low_m: (2,) its lower corner in the turned frame, metres.
        high_m: (2,) its upper corner in the turned frame, metres.
        height_m: metres.
    """

    yaw_rad: float
    low_m: Array
    high_m: Array
    height_m: float


@dataclass(frozen=True)
class _Sides:
    """Three planes: upright ones across the two axes of a turned frame, and the upper side.

    Attributes:
        axes: (3, 3) unit vectors away from the camera: two horizontal ones, and down.
        offsets_m: (3,) along each axis; -inf where an upright side is not seen.
        residual_m: how far points lie from the nearest of them, on average.
    """

    axes: Array
    offsets_m: Array
    residual_m: float


def box_of_planes(points_m: Array, rays: Rays, tolerance_m: float) -> UprightBox | None:
    """The box whose sides explain the points of an object that stands on a plane.

    Args:
        points_m: (n, 3) the object's surface, in the base frame, metres.
        rays: the lines of sight of the object's pixels and of those around.
        tolerance_m: how far the depth of a point may be off.

    Returns:
        None where the points are not those of a box, or too few of its sides are seen.
    """
    if len(points_m) < _LEAST_POINTS:
        return None
    some_m = thinned(points_m, _MOST_POINTS)
    sides = min((_sides(some_m, yaw, rays) for yaw in _COARSE_RAD), key=_residual)
    box = _box_within(sides, rays)
    if box is None or cover(box, rays) < _LEAST_COVER - _GAINED_BY_TURN:
        return None
    yaw = float(np.arctan2(sides.axes[0, 1], sides.axes[0, 0]))
    sides = min((_sides(points_m, yaw + turn, rays) for turn in _FINE_RAD), key=_residual)
    box = _box_within(sides, rays)
    if box is None or cover(box, rays) < _LEAST_COVER:
        return None
    lower_m = points_m[points_m[:, 2] < box.height_m - 2.0 * tolerance_m]
    across = [points_m @ np.stack([axis, sides.axes[2]], axis=1) for axis in sides.axes[:2]]
    for circle in map(circle_of, [lower_m, *across]):  # upright, and lying along either side
        if circle is not None and circle.off_m < _ROUNDER * sides.residual_m:
            return None
    # The floor of a tray is no upper side: its rim stands above it.
    above = (points_m[:, 2] > box.height_m + 2.0 * tolerance_m).mean()
    return box if above <= _MOST_ABOVE else None


@dataclass(frozen=True)
class Circle:
    """The circle of the base frame that upright points lie on.

    Attributes:
        centre_m: (2,) metres.
        radius_m: metres.
        off_m: how far the points lie from it, on average.
    """

    centre_m: Array
    radius_m: float
    off_m: float


def circle_of(points_m: Array) -> Circle | None:
    """The circle that points (n, 2 or 3) lie on by their first two; None where they show none."""
    if len(points_m) < _LEAST_POINTS:
        return None
    middle = points_m[:, :2].mean(axis=0)
    xy = points_m[:, :2] - middle
    terms = np.column_stack([2.0 * xy, np.ones(len(xy))])
    (x, y, rest), *_ = np.linalg.lstsq(terms, (xy**2).sum(axis=1), rcond=None)
    radius_m = float(np.sqrt(max(rest + x * x + y * y, 0.0)))
    width_m = float(np.ptp(np.quantile(xy, [0.02, 0.98], axis=0), axis=0).max())
    if radius_m > width_m:
        return None
    off_m = np.abs(np.hypot(xy[:, 0] - x, xy[:, 1] - y) - radius_m)
    off_m = float(np.minimum(off_m, _FAR_OFF_M).mean())
    return Circle(middle + np.array([x, y]), radius_m, off_m)


def ball_axis_of(points_m: Array, most_off: float) -> Array | None:
    """(2,) where the upright axis is of the ball that points (n, 3) lie on.

    None where they lie farther from a ball, on average, than ``most_off`` of its radius.
    """
    middle = points_m.mean(axis=0)
    own = points_m - middle
    terms = np.column_stack([2.0 * own, np.ones(len(own))])
    found, *_ = np.linalg.lstsq(terms, (own**2).sum(axis=1), rcond=None)
    centre = found[:3]
    radius_m = float(np.sqrt(max(found[3] + centre @ centre, 0.0)))
    width_m = float(np.sort(np.ptp(np.quantile(own, [0.02, 0.98], axis=0), axis=0))[1])
    off_m = float(np.abs(np.linalg.norm(own - centre, axis=1) - radius_m).mean())
    if radius_m > _BALL * width_m or off_m > most_off * radius_m:
        return None
    axis: Array = (middle + centre)[:2]
    return axis


def covered_share(box: UprightBox, rays: Rays) -> float:
    """0..1: how many of the object's pixels show ``box``."""
    return float(_meets(box, rays.origin_m, rays.object_directions).mean())


def _residual(sides: _Sides) -> float:
    return sides.residual_m


def _sides(points_m: Array, yaw_rad: float, rays: Rays) -> _Sides:
    """The sides of a box that is turned so: each lies in the middle of the points that are on it.

    Which side a point is on follows from its line of sight and the sides so far, not from the point
    itself: what lies near an edge would be given to either by its error.
    """
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    axes = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, -1.0]])
    sight = points_m - rays.origin_m
    axes[:2] *= np.where(sight.mean(axis=0) @ axes[:2].T < 0, -1.0, 1.0)[:, None]
    along, lengths = axes @ points_m.T, np.linalg.norm(sight, axis=1)
    speeds, starts = axes @ sight.T, axes @ rays.origin_m
    shown = speeds > _EDGE_ON * lengths
    speeds = np.where(shown, speeds, 1.0)

    def reach(offsets_m: Array) -> Array:
        """(3, n) as `_reach`."""
        return np.where(shown, (offsets_m - starts)[:, None] / speeds, -np.inf)

    ordered = np.sort(along, axis=1)
    place, share = divmod(_START * (len(points_m) - 1), 1.0)
    offsets = ordered[:, int(place)] * (1.0 - share) + ordered[:, int(place) + 1] * share
    before: Array | None = None
    top = int(_TRIM * (len(points_m) - 1))
    for _ in range(_ROUNDS):
        on_side = _highest(reach(offsets))
        if before is not None and np.array_equal(on_side, before):
            break
        before = on_side
        for side in range(3):
            own = along[side, on_side[side]]
            if len(own) >= _LEAST_ON_SIDE:
                offsets[side] = _median(own)
            else:
                offsets[side] = -np.inf if side < 2 else ordered[side, top]
    apart_m = np.abs(reach(offsets).max(axis=0) - 1.0) * lengths
    return _Sides(axes, offsets, float(np.minimum(apart_m, _FAR_OFF_M).mean()))


def _highest(values: Array) -> Array:
    """(3, n) bool: which of three rows is the highest at each place, the first of equal ones."""
    one, two, three = values
    first = (one >= two) & (one >= three)
    second = ~first & (two >= three)
    return np.stack([first, second, ~(first | second)])


def _median(values: Array) -> float:
    """As `numpy.median`, which takes longer for a few hundred numbers than to sort them."""
    n = len(values)
    ordered = np.sort(values)
    return float(0.5 * (ordered[(n - 1) // 2] + ordered[n // 2]))


def _reach(offsets_m: Array, origin_m: Array, directions: Array, axes: Array) -> Array:
    """(n, 3) where lines of sight meet each side, in their own lengths; -inf where it is unseen."""
    speeds = directions @ axes.T
    shown = speeds > _EDGE_ON * np.linalg.norm(directions, axis=1)[:, None]
    met = (offsets_m - origin_m @ axes.T) / np.where(shown, speeds, 1.0)
    reach: Array = np.where(shown, met, -np.inf)
    return reach


def _box_within(sides: _Sides, rays: Rays) -> UprightBox | None:
    """The box that the object's pixels span where each lies on the side that it meets last."""
    directions, axes = rays.object_directions, sides.axes
    reach = _reach(sides.offsets_m, rays.origin_m, directions, axes)
    on_side, distances = reach.argmax(axis=1), reach.max(axis=1)
    if not ((distances > 0) & np.isfinite(distances)).all():
        return None
    shares = np.bincount(on_side, minlength=3) / len(on_side)
    least = _SEEN_SHARE if shares[2] >= _UPPER_SHARE else _SEEN_SHARE_FROM_FRONT
    if min(1.0 - shares[0], 1.0 - shares[1]) < least:
        return None
    seen = (rays.origin_m + distances[:, None] * directions) @ axes[:2].T
    half_pixel_m = 0.5 * rays.pixel_rad * float(np.median(distances))
    low, high = np.quantile(seen, [_TRIM, 1.0 - _TRIM], axis=0)
    low, high = low - half_pixel_m, high + half_pixel_m
    if axes[0, 0] * axes[1, 1] < axes[0, 1] * axes[1, 0]:  # a left-handed pair
        low[1], high[1] = -high[1], -low[1]
    yaw = float(np.arctan2(axes[0, 1], axes[0, 0]))
    return UprightBox(yaw, low, high, -float(sides.offsets_m[2]))


def cover(box: UprightBox, rays: Rays) -> float:
    """0..1: the object's pixels that meet the box, as a share of those that are either."""
    hit = float(_meets(box, rays.origin_m, rays.object_directions).sum())
    beside = float(_meets(box, rays.origin_m, rays.other_directions).sum()) * rays.other_weight
    return hit / (len(rays.object_directions) + beside)


def _meets(box: UprightBox, origin_m: Array, directions: Array) -> Array:
    """(n,) bool: which lines of sight go through the box."""
    cos, sin = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    start, along = origin_m @ turn, directions @ turn
    along = np.where(np.abs(along) < 1e-12, 1e-12, along)
    low, high = np.array([*box.low_m, 0.0]), np.array([*box.high_m, box.height_m])
    one, other = (low - start) / along, (high - start) / along
    entry, leave = np.minimum(one, other).max(axis=1), np.maximum(one, other).min(axis=1)
    through: Array = (entry < leave) & (leave > 0)
    return through
