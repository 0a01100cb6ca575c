"""Box of an object in space, from its mask and the depth around it.

The camera sees one side. What is assumed of the other: where a support plane is found around the
object, the object reaches down to it and looks the same turned by half about a vertical axis (see
`ppcr_ros.core.grasp.completion`); where none is found, the box holds the visible points alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ppcr_ros.core.grasp.box_check import left_out_share, reached_share
from ppcr_ros.core.grasp.completion import CameraView, complete
from ppcr_ros.core.grasp.footing import ACROSS, OBLIQUE, Outline, carrier
from ppcr_ros.core.grasp.grasp_target import OrientedBox
from ppcr_ros.core.grasp.mask_cleaning import grown, own_depth, stands_out, trimmed
from ppcr_ros.core.grasp.optical_points import backproject, depth_known
from ppcr_ros.core.grasp.oriented_box import (
    box_on_support,
    solid_centroid,
    standing_box,
    visible_box,
)
from ppcr_ros.core.grasp.planes import (
    Rays,
    UprightBox,
    ball_axis_of,
    box_of_planes,
    circle_of,
    cover,
    covered_share,
)
from ppcr_ros.core.grasp.smoothing import depth_noise_m, smoothed_depth
from ppcr_ros.core.grasp.support_plane import (
    Plane,
    depth_tolerance_m,
    find_support_planes,
    thinned,
)
from ppcr_ros.core.types import Array

_MOST_POINTS = 1000
_MOST_RAYS = 1200
LEAST_POINTS = 10
"""Fewer points give no box, whatever the options say."""
_RING_START_PX = 3
_RING_SHARE = 0.35
"""How far around the mask's box the support plane is looked for, as a share of its longer side."""
_RING_PX = (12, 60)
_FINEST_PX = 200
"""An object that is longer is looked at in coarser steps, so that the time does not grow."""
_ABOVE_PLANE = 0.6
"""Points lower than this share of the depth's tolerance belong to the plane."""

_SMOOTH_SHARE, _SMOOTH_PX = 1 / 6, (2, 8)
"""How far around a pixel noisy depth is made smooth, as a share of the mask's longer side."""
_ROUND = 0.04
"""How far off a circle the points of a round thing lie at most, as a share of its radius."""
_FROM_FRONT = 0.2
"""A camera that is higher than the object's upper side by less than this share of the distance (11
degrees) does not see that side well."""
FROM_FRONT = (
    "only its front is seen, so that nobody knows how deep it is. Let the camera look more from "
    "above."
)
_FITS_BETTER, _FACES_UP = 0.05, 0.2
"""From which difference on a box fits the mask better than another, and a plane is more a floor."""
_QUIET_M = 0.0015
"""Depth with less noise is taken as it is: edges are then worth more."""

Bounds: TypeAlias = tuple[int, int, int, int]
"""Rows and columns, half-open: top, left, bottom, right."""


def bounds_of(mask: Array) -> Bounds | None:
    """The rows and columns of a mask, half-open: top, left, bottom, right; None of an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def window_of(bounds: Bounds | None, pad_px: int) -> tuple[slice, slice]:
    """The part of an image around a mask."""
    top, left, bottom, right = bounds or (0, 0, 0, 0)
    return (
        slice(max(top - pad_px, 0), bottom + pad_px),
        slice(max(left - pad_px, 0), right + pad_px),
    )


@dataclass(frozen=True)
class Located:
    """Place of an object in the camera's optical frame.

    Attributes:
        box: its oriented box.
        centroid_m: (3,) float64, the middle of its volume, metres.
        on_support: whether the box stands on a plane that was found around the object.
        by_sides: whether planes were laid through its sides.
        is_round: whether its points lie on an upright cylinder.
        stands_out: whether depth shows a thing where the mask has one.
        doubt: why it may stand on something else, for a person; empty where nothing says so.
        hidden_share: 0..1, how much of one of its sides borders on something nearer;
            0 where it is round, for its middle is then known.
        goes_on_share: 0..1, how much of one of its sides goes on in depth beyond the mask.
        covered: 0..1, how much of the mask the box covers, as far as depth shows no background.
        fits: 0..1, the pixels of both, mask and box, as a share of those of either.
        left_out_share: 0..1, how many pixels within the mask show what is not in the box.
        unlike_share: 0..1, how much of it contradicts the picture when it is turned by half; 0
            where it is seen from so high above that little is hidden.
        reached_share: 0..1, how much of the mask's extent in the image the box reaches over.
        noise_m: standard deviation of the depth on the object, metres.
    """

    box: OrientedBox
    centroid_m: Array
    on_support: bool
    by_sides: bool = False
    is_round: bool = False
    stands_out: bool = True
    doubt: str = ""
    hidden_share: float = 0.0
    goes_on_share: float = 0.0
    covered: float = 1.0
    fits: float = 1.0
    left_out_share: float = 0.0
    unlike_share: float = 0.0
    reached_share: float = 1.0
    noise_m: float = 0.0


def locate(mask: Array, bounds: Bounds, depth_m: Array, camera_matrix: Array) -> Located | None:
    """The box of the object; None where too few of its pixels belong together.

    Args:
        mask: (H, W) bool, the object's pixels.
        bounds: those of the mask.
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.
        camera_matrix: (3, 3) intrinsics, pixels.
    """
    top, left, bottom, right = bounds
    longer_px = max(bottom - top, right - left)
    step = max(longer_px // _FINEST_PX, 1)
    window = window_of(bounds, int(np.clip(_RING_SHARE * longer_px, *_RING_PX) * step))
    mask, depth_m = mask[window][::step, ::step], depth_m[window][::step, ::step]
    matrix = np.array(camera_matrix, np.float64)
    matrix[:2, 2] -= (window[1].start, window[0].start)
    matrix[:2] /= step
    own = own_depth(mask, depth_m)
    points_m = _points(own, depth_m, matrix, 2 * _MOST_POINTS)
    if len(points_m) < LEAST_POINTS:
        return None
    ring = ~grown(mask, _RING_START_PX) & depth_known(depth_m)
    planes = find_support_planes(_points(ring, depth_m, matrix, _MOST_POINTS), points_m)
    middle_m = np.median(points_m, axis=0)
    outline = Outline(trimmed(mask, own, depth_m), depth_m, matrix, middle_m)
    base = carrier(planes, outline, points_m)
    quiet_m, noise_m = _quieted(own, depth_m)
    if base.plane is not None:
        view, quiet = CameraView(depth_m, matrix), CameraView(quiet_m, matrix, tuple(planes))
        found, doubt, on_support = None, "", False
        if (raised := base.raised()) is not None:
            found = _standing(points_m, raised, view, quiet, mask, own, above=-1.0)
        if found is None or not (found.by_sides or found.is_round):
            found, doubt = _standing(points_m, base.plane, view, quiet, mask, own), base.doubt
            on_support = base.carries
            for rival in base.rivals:
                other = _standing(points_m, rival, view, quiet, mask, own)
                if other is not None and (found is None or _is_better(other, found)):
                    found, base = other, replace(base, plane=rival)
        if found is None or base.plane is None:
            return None
        slack_m = 2.0 * (depth_tolerance_m(float(middle_m[2])) + noise_m)
        return replace(
            found,
            left_out_share=left_out_share(mask, depth_m, matrix, found.box, slack_m),
            reached_share=reached_share(mask, matrix, found.box),
            unlike_share=found.unlike_share * (outline.obliqueness(base.plane) > OBLIQUE),
            goes_on_share=outline.goes_on_share(planes, base.plane),
            on_support=on_support,
            doubt=doubt or found.doubt,
            hidden_share=0.0 if found.is_round else outline.hidden_share(base.plane),
            noise_m=noise_m,
        )
    if quiet_m is not depth_m:
        points_m = _points(own, quiet_m, matrix, 2 * _MOST_POINTS)
    box = visible_box(points_m)
    return Located(box, box.centre_m, on_support=False, noise_m=noise_m, doubt=base.doubt)


def _is_better(one: Located, other: Located) -> bool:
    """Whether one box of two that stand on planes across to each other is more likely.

    Where they fit the mask alike, the one whose plane faces upwards in the image, or the camera.
    """
    if abs(one.fits - other.fits) > _FITS_BETTER:
        return one.fits > other.fits
    up, other_up = (-float(item.box.camera_r_box[1:, 2].sum()) for item in (one, other))
    return up > other_up + _FACES_UP


def _quieted(own: Array, depth_m: Array) -> tuple[Array, float]:
    """``depth_m`` (H, W) with less noise on the object's ``own`` pixels, where it has much of it.

    Extremes make a box of points and its middle: noise makes it larger, towards the camera above
    all. Planes need it not: they are fitted to many points, and edges are sharper as they came.

    Returns:
        The depth, and the standard deviation of its noise on the object, metres.
    """
    bounds = bounds_of(own)
    if bounds is None:
        return depth_m, 0.0
    top, left, bottom, right = bounds
    window = window_of(bounds, 0)
    noise_m = depth_noise_m(own[window], depth_m[window])
    if noise_m > _QUIET_M:
        reach_px = int(np.clip(_SMOOTH_SHARE * max(bottom - top, right - left), *_SMOOTH_PX))
        depth_m = depth_m.copy()
        depth_m[window] = smoothed_depth(own[window], depth_m[window], reach_px)
    return depth_m, noise_m


def _points(kept: Array, depth_m: Array, camera_matrix: Array, most: int) -> Array:
    """(n, 3) float64 points of at most ``most`` of the pixels ``kept``, metres."""
    chosen = thinned(np.flatnonzero(kept), most)
    rows, columns = np.divmod(chosen, kept.shape[1])
    pixels = np.column_stack([columns, rows]).astype(np.float64)
    return backproject(pixels, depth_m.ravel()[chosen], camera_matrix).astype(np.float64)


def _standing(
    points_m: Array,
    plane: Plane,
    view: CameraView,
    quiet: CameraView,
    mask: Array,
    own: Array,
    above: float = _ABOVE_PLANE,
) -> Located | None:
    """The box of an object that stands on ``plane``: its sides, or its hidden side filled in."""
    tolerance_m = depth_tolerance_m(float(np.median(points_m[:, 2])))
    lowest_m = above * tolerance_m
    points_m = thinned(points_m[plane.height_m(points_m) > lowest_m], _MOST_POINTS)
    if len(points_m) < LEAST_POINTS:
        return None
    base_m, camera_r_base = _base(points_m, plane)
    visible_m = (points_m - base_m) @ camera_r_base
    raised = own | ~mask
    raised &= view.heights_m(plane) > lowest_m
    out = stands_out(mask, raised, view.depth_m)
    mask = trimmed(mask, own & raised, view.depth_m)
    rays = _rays(mask, view.camera_matrix, base_m, camera_r_base)
    found = box_of_planes(visible_m, rays, tolerance_m)
    if found is not None:
        box = box_on_support(found, base_m, camera_r_base)
        covered = covered_share(found, rays)
        return Located(
            box,
            box.centre_m,
            on_support=True,
            by_sides=True,
            stands_out=out,
            covered=covered,
            fits=cover(found, rays),
        )
    if quiet.depth_m is not view.depth_m:
        quiet_m = _points(own, quiet.depth_m, quiet.camera_matrix, 2 * _MOST_POINTS)
        quiet_m = thinned(quiet_m[plane.height_m(quiet_m) > lowest_m], _MOST_POINTS)
        visible_m = (quiet_m - base_m) @ camera_r_base if len(quiet_m) else visible_m
    high_m = float(np.quantile(visible_m[:, 2], 0.98))
    circle = circle_of(visible_m[visible_m[:, 2] < high_m - tolerance_m])
    is_round = circle is not None and circle.off_m < _ROUND * circle.radius_m
    doubt = ""
    if -plane.offset_m - high_m < _FROM_FRONT * float(np.median(points_m[:, 2])) and not is_round:
        doubt = FROM_FRONT
    axis = ball_axis_of(visible_m, _ROUND)
    if circle is not None and is_round:
        axis = circle.centre_m
    walls = [wall for wall in quiet.walls if abs(wall.normal @ plane.normal) < ACROSS]
    whole_m, unlike = complete(visible_m, base_m, camera_r_base, quiet, tolerance_m, axis, walls)
    box = standing_box(whole_m, base_m, camera_r_base)
    camera_points_m = base_m + whole_m @ camera_r_base.T
    centroid_m = solid_centroid(camera_points_m, box)
    upright = _upright(box, base_m, camera_r_base)
    return Located(
        box,
        centroid_m,
        on_support=True,
        is_round=is_round,
        stands_out=out,
        doubt=doubt,
        covered=covered_share(upright, rays),
        fits=cover(upright, rays),
        unlike_share=unlike,
    )


def _upright(box: OrientedBox, base_m: Array, camera_r_base: Array) -> UprightBox:
    """``box`` in the base frame."""
    x, y = camera_r_base[:, :2].T @ box.camera_r_box[:, 0]
    yaw_rad = float(np.arctan2(y, x))
    middle = camera_r_base.T @ (box.centre_m - base_m)
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    own = np.array([cos * middle[0] + sin * middle[1], cos * middle[1] - sin * middle[0]])
    half = box.size_m[:2] / 2.0
    return UprightBox(yaw_rad, own - half, own + half, float(box.size_m[2]))


def _rays(mask: Array, camera_matrix: Array, base_m: Array, camera_r_base: Array) -> Rays:
    """The lines of sight of the mask's pixels and of those around it, in the base frame."""
    inverse = np.linalg.inv(camera_matrix).T @ camera_r_base

    def directions(chosen: Array) -> Array:
        rows, columns = np.divmod(chosen, mask.shape[1])
        along: Array = np.column_stack([columns, rows, np.ones(len(chosen))]) @ inverse
        return along

    own, others = np.flatnonzero(mask), np.flatnonzero(~mask)
    some, some_others = thinned(own, _MOST_RAYS), thinned(others, _MOST_RAYS)
    share, share_of_others = len(own) / len(some), len(others) / max(len(some_others), 1)
    return Rays(
        origin_m=-base_m @ camera_r_base,
        object_directions=directions(some),
        other_directions=directions(some_others),
        other_weight=share_of_others / share,
        pixel_rad=1.0 / float(camera_matrix[0, 0]),
    )


def _base(points_m: Array, plane: Plane) -> tuple[Array, Array]:
    """The base frame: on the plane below the points, x away from the camera, z up."""
    up, middle = plane.normal, np.median(points_m, axis=0)
    base_m = middle - (middle @ up - plane.offset_m) * up
    ahead = middle - (middle @ up) * up
    length = float(np.linalg.norm(ahead))
    if length < 0.05 * float(np.linalg.norm(middle)):  # seen from straight above: up in the image
        ahead = up * up[1] - np.array([0.0, 1.0, 0.0])
        length = float(np.linalg.norm(ahead))
    ahead = ahead / length
    return base_m, np.stack([ahead, np.cross(up, ahead), up], axis=1)
