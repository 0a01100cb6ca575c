"""Footing of an object: which plane its foot touches, and what hides its other sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ppcr_ros.core.grasp.mask_cleaning import shrunk
from ppcr_ros.core.grasp.optical_points import backproject, depth_known
from ppcr_ros.core.grasp.support_plane import Plane, can_carry, depth_tolerance_m
from ppcr_ros.core.types import Array

_INSIDE_PX, _BELOW_PX, _BESIDE_PX = (0, -1, -2), (3, 5, 7), (2, 4, 6)
"""Where along a line across the outline depth is looked at, from its end on."""
_LEAST_LINES = 6
_NEARER_M = 0.025
"""What lies nearer by more than this, and three times the depth's tolerance, hides the object."""
_FOOT, _FOOT_OF_BALLS = 0.35, 0.2
"""Of an object's height above the support, how much may lie hidden below its foot. Of a ball it is
the more the steeper the camera looks: up to half of it is added to the second."""
_UPRIGHT_FOOT = 0.1
"""The same of what has upright sides down to its foot."""
_REACHES_DOWN_M = 0.02
"""The rim of a plate or a bowl hangs over its foot; but its inside is seen so low."""
_ALONG_SIGHT = 0.3
"""Where the sine of the angle between a plane's normal and the line of sight is less, no foot is
seen."""
OBLIQUE = 0.64
"""Where it is more, what is hidden below the foot is little."""
_LOWEST = 0.1
_CLEARLY, _MOSTLY_HIDDEN = 0.3, 0.7
_BEYOND_PX = 4
"""Where depth goes on so far beyond its outline, a mask is cut short."""
ACROSS = 0.7
"""The cosine below which two planes are a floor and a wall."""
_CLOSE, _BETTER = 0.065, 0.1
"""So little lies between an object and the plane it stands on, whatever other planes there are."""

NO_SUPPORT = (
    "no plane was found that the object stands on, so that nobody knows how far it reaches behind "
    "what is seen. Let the camera see more of the table, and more from above."
)
NOT_CARRIED = (
    "the plane around the object is not what it stands on: at its foot something else is seen. It "
    "stands on something narrow, is held up, or something touches it in front. Move the camera, or "
    "ask for both."
)


@dataclass(frozen=True)
class Footing:
    """What the lower side of an object borders on, as shares of its lines; they add up to 1.

    Attributes:
        carried: on the support, close above it.
        free: on something farther away: the support or what stands on it.
        other: on a thing that is as far away as the object's foot.
        hidden: on something nearer, or unknown.
        gap: how high the foot lies above the support, as a share of the object's height.
        touches: whether that is no more than depth can tell.
    """

    carried: float = 0.0
    free: float = 0.0
    other: float = 0.0
    hidden: float = 1.0
    gap: float = np.inf
    touches: bool = False

    def beats(self, other: Footing) -> bool:
        """Whether this is clearly the footing of an object, and ``other`` is not or less."""
        if self.carried < _CLEARLY:
            return False
        if other.hidden > _MOSTLY_HIDDEN:
            return self.gap < _CLOSE
        if self.touches != other.touches:
            return self.touches
        return self.carried - self.gap > other.carried - min(other.gap, 1.0) + _BETTER


@dataclass(frozen=True)
class Carrier:
    """What an object is measured from.

    Attributes:
        plane: through its foot; None where none was found.
        carries: whether the object may reach down to it.
        doubt: what speaks against it, for a person; empty where nothing does.
        foot_m: how high above it the object ends where its sides are upright, metres; 0 where it
            touches the plane or the foot is not seen.
        rivals: other planes, across to it, that the object touches as well: a wall, or the floor
            where this is the wall.
    """

    plane: Plane | None = None
    carries: bool = False
    doubt: str = NO_SUPPORT
    foot_m: float = 0.0
    rivals: tuple[Plane, ...] = ()

    def raised(self) -> Plane | None:
        """The parallel plane through the object's foot, where that is seen above ``plane``."""
        if self.plane is None or self.foot_m <= 0.0:
            return None
        return replace(self.plane, offset_m=self.plane.offset_m + self.foot_m)


def carrier(planes: Sequence[Plane], outline: Outline, object_m: Array) -> Carrier:
    """What an object (m, 3) is measured from: the first plane, or one that it clearly stands on."""
    footings = [outline.footing(plane, _high_m(plane, object_m)) for plane in planes]
    if not footings:
        return Carrier()
    best = 0
    for number, footing in enumerate(footings):
        if footing.beats(footings[best]):
            best = number
    plane, footing = planes[best], footings[best]
    unknown = footing.hidden > _MOSTLY_HIDDEN
    stands = footing.carried >= _CLEARLY * (1.0 - footing.hidden)
    low_m = float(np.quantile(plane.height_m(object_m), 0.02))
    stands |= footing.other < _CLEARLY and abs(low_m) < _REACHES_DOWN_M
    free = footing.other + footing.hidden < _CLEARLY and outline.obliqueness(plane) > OBLIQUE
    foot_m = 0.0
    if free and not footing.touches and footing.gap > _UPRIGHT_FOOT:
        foot_m = max(low_m, 0.0)
    if (unknown or stands) and can_carry(plane, object_m):
        rivals = [
            other
            for other, its in zip(planes, footings, strict=True)
            if its.carried >= _CLEARLY
            and its.touches
            and abs(other.normal @ plane.normal) < ACROSS
            and can_carry(other, object_m)
        ]
        return Carrier(plane, True, "", foot_m, tuple(rivals))
    if not unknown and (foot_m > 0.0 or can_carry(plane, object_m)):
        return Carrier(plane, False, NOT_CARRIED, foot_m)
    return Carrier()


def _high_m(plane: Plane, object_m: Array) -> float:
    return float(np.quantile(plane.height_m(object_m), 0.98))


@dataclass(frozen=True)
class Outline:
    """The object's pixels and the depth around them.

    Attributes:
        mask: (H, W) bool, the object's, without pixels along its border that show other things.
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.
        camera_matrix: (3, 3) intrinsics of the crop, pixels.
        middle_m: (3,) the object's middle, metres.
    """

    mask: Array
    depth_m: Array
    camera_matrix: Array
    middle_m: Array

    def footing(self, plane: Plane, height_m: float) -> Footing:
        """What the object's lower side borders on, ``height_m`` being its top's above ``plane``."""
        down = self._down(plane)
        if down is None:
            return Footing()
        inside_m, outside_m, _ = self._lines(down, _BELOW_PX)
        if len(inside_m) < _LEAST_LINES:
            return Footing()
        tolerance_m = depth_tolerance_m(float(self.middle_m[2]))
        low, beyond = plane.height_m(inside_m), plane.height_m(outside_m)
        on_plane = np.abs(beyond) < 1.5 * tolerance_m
        share = max(_FOOT, _FOOT_OF_BALLS + (1.0 - self.obliqueness(plane)) / 2.0)
        height_m = max(height_m, tolerance_m)
        foot_m = float(np.quantile(low[on_plane], _LOWEST)) if on_plane.any() else np.inf
        carried = on_plane & (foot_m < max(2.0 * tolerance_m, share * height_m))
        farther_m = outside_m[:, 2] - inside_m[:, 2]
        near_m = max(_NEARER_M, 3.0 * tolerance_m)
        hidden = ~on_plane & (farther_m < -near_m)
        free = ~carried & ~hidden & (on_plane | (farther_m > near_m))
        return Footing(
            float(carried.mean()),
            float(free.mean()),
            float((~carried & ~hidden & ~free).mean()),
            float(hidden.mean()),
            gap=max(foot_m, tolerance_m) / height_m,
            touches=foot_m < 2.0 * tolerance_m,
        )

    def hidden_share(self, plane: Plane) -> float:
        """0..1: of the upper, left and right side, how much of the one that is hidden most.

        The lower side does not count, for the object is known to reach down to the support.
        """
        tolerance_m = depth_tolerance_m(float(self.middle_m[2]))
        down = self._down(plane)
        x, y = (0.0, 1.0) if down is None else down
        directions = [(-x, -y), (y, -x), (-y, x)] + ([(x, y)] if down is None else [])
        most = 0.0
        for direction in directions:
            inside_m, outside_m, line = self._lines(direction, _BESIDE_PX, every=True)
            nearer = outside_m[:, 2] < inside_m[:, 2] - max(_NEARER_M, 3.0 * tolerance_m)
            nearer &= plane.height_m(outside_m) > 2.0 * tolerance_m
            if (count := len(np.unique(line))) >= _LEAST_LINES:
                most = max(most, len(np.unique(line[nearer])) / count)
        return most

    def goes_on_share(self, planes: Sequence[Plane], base: Plane) -> float:
        """0..1: of the upper, left and right side, how much of the one that goes on the most.

        It goes on where depth a few pixels beyond the outline continues the object's and is on none
        of the ``planes``: the mask is cut short, or another thing touches the object.
        """
        tolerance_m = depth_tolerance_m(float(self.middle_m[2]))
        down = self._down(base)
        x, y = (0.0, 1.0) if down is None else down
        directions = [(-x, -y), (y, -x), (-y, x)] + ([(x, y)] if down is None else [])
        most = 0.0
        for direction in directions:
            inside_m, outside_m, _ = self._lines(direction, (_BEYOND_PX,))
            if len(inside_m) < _LEAST_LINES:
                continue
            on = np.abs(outside_m[:, 2] - inside_m[:, 2]) < 2.0 * tolerance_m
            for plane in planes:
                on &= plane.height_m(outside_m) > tolerance_m
            most = max(most, float(on.mean()))
        return most

    def obliqueness(self, plane: Plane) -> float:
        """The sine of the angle between the line of sight and the plane's normal."""
        sight = self.middle_m / np.linalg.norm(self.middle_m)
        return float(np.linalg.norm(np.cross(plane.normal, sight)))

    def _down(self, plane: Plane) -> tuple[float, float] | None:
        """(x, y) in the image towards the support; None where the camera looks straight at it."""
        if self.obliqueness(plane) < _ALONG_SIGHT:
            return None
        (fx, _, _), (_, fy, _) = self.camera_matrix[:2]
        normal, middle = plane.normal, self.middle_m
        x = -fx * (normal[0] - normal[2] * middle[0] / middle[2])
        y = -fy * (normal[1] - normal[2] * middle[1] / middle[2])
        length = float(np.hypot(x, y))
        return float(x) / length, float(y) / length

    def _lines(
        self, direction: tuple[float, float], steps: Sequence[int], every: bool = False
    ) -> tuple[Array, Array, Array]:
        """Points (n, 3) within and beyond the outline in a direction, where both are known.

        The lines lie a pixel apart. Each has its farthest point, or with ``every`` all where it
        leaves the mask. The third array (n,) holds their numbers.
        """
        x, y = direction
        rows, columns = np.nonzero(self.mask & ~shrunk(self.mask, 1))
        if not len(rows):
            return np.empty((0, 3)), np.empty((0, 3)), np.empty(0, int)
        number = np.rint(x * rows - y * columns).astype(int)
        number -= number.min()
        if every:
            height, width = self.mask.shape
            row = np.clip(np.rint(rows + 2.0 * y), 0, height - 1).astype(int)
            column = np.clip(np.rint(columns + 2.0 * x), 0, width - 1).astype(int)
            ends = np.flatnonzero(~self.mask[row, column])
        else:
            order = np.argsort(x * columns + y * rows, kind="stable")
            last = np.full(number.max() + 1, -1)
            last[number[order]] = order
            ends = last[last >= 0]
        rows, columns = rows[ends], columns[ends]
        inside = self._points(rows, columns, x, y, _INSIDE_PX)
        outside = self._points(rows, columns, x, y, steps, farthest=every)
        known = (inside[:, 2] > 0) & (outside[:, 2] > 0)
        return inside[known], outside[known], number[ends][known]

    def _points(
        self,
        rows: Array,
        columns: Array,
        x: float,
        y: float,
        steps: Sequence[int],
        farthest: bool = False,
    ) -> Array:
        """(n, 3) of the points ``steps`` away the first whose depth is known, or the farthest.

        Its z is 0 where none is known.
        """
        at_x = np.rint(columns + np.outer(steps, np.full(len(rows), x)))
        at_y = np.rint(rows + np.outer(steps, np.full(len(rows), y)))
        height, width = self.depth_m.shape
        within = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
        row, column = (np.where(within, at, 0).astype(int) for at in (at_y, at_x))
        depth_m = self.depth_m[row, column]
        depth_m = np.where(within & depth_known(depth_m), depth_m, 0.0)
        chosen = (depth_m if farthest else depth_m > 0).argmax(axis=0), np.arange(len(rows))
        pixels = np.column_stack([at_x[chosen], at_y[chosen]])
        return backproject(pixels, depth_m[chosen], self.camera_matrix).astype(np.float64)
