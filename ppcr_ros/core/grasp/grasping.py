"""Works out a grasp target: where the object is, how large, and whether to grasp it.

The camera sees one side. What is assumed of the other: where a support plane is found around the
object, the object reaches down to it and looks the same turned by half about a vertical axis (see
`ppcr_ros.core.grasp.completion`); where none is found, the box holds the visible points alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ppcr_ros.core.grasp.completion import CameraView, complete
from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.grasp.mask_cleaning import grown, own_depth, stands_out, trimmed
from ppcr_ros.core.grasp.optical_points import backproject, depth_known
from ppcr_ros.core.grasp.oriented_box import (
    box_on_support,
    solid_centroid,
    standing_box,
    visible_box,
)
from ppcr_ros.core.grasp.planes import Rays, box_of_planes
from ppcr_ros.core.grasp.registration import fits_turned
from ppcr_ros.core.grasp.support_plane import Plane, depth_tolerance_m, find_support_plane, thinned
from ppcr_ros.core.grasp_config import GraspConfig
from ppcr_ros.core.types import Array, Frame, Rectification, Result, Status

_MOST_POINTS = 1000
_MOST_RAYS = 1200
_LEAST_POINTS = 10
"""Fewer points give no box, whatever the options say."""
_RING_START_PX = 3
_RING_SHARE = 0.35
"""How far around the mask's box the support plane is looked for, as a share of its longer side."""
_RING_PX = (12, 60)
_FINEST_PX = 200
"""An object that is longer is looked at in coarser steps, so that the time does not grow."""
_ABOVE_PLANE = 0.6
"""Points lower than this share of the depth's tolerance belong to the plane."""

_Bounds: TypeAlias = tuple[int, int, int, int]

_FARTHEST_M = 60.0
"""No depth camera measures so far, nor can 16 bits of millimetres say much more."""
_UNITS = {0.001: "millimetres", 0.01: "centimetres", 0.0001: "tenths of a millimetre"}
_LOOKS_LARGE = (
    "Where it is not so, the depth is in a smaller unit than it should be: let the driver publish "
    "16UC1 in millimetres or 32FC1 in metres, or set camera.depth_unit_m (0.0001 for 0.1 mm)."
)

_NOT_REGISTERED = (
    "Where that is so of everything, depth is not registered to the colour image, or one of them "
    "is rotated or mirrored: take the registered depth, and turn both or neither."
)
NO_DEPTH = (
    "no depth belongs to the image. Set node.use_depth and remap depth and camera_info, or give "
    "--depth and --camera-matrix."
)
NO_INTRINSICS = (
    "no camera_info belongs to the image, so that depth gives no position. Remap camera_info to "
    "the topic of the colour camera."
)


def with_grasp(result: Result, frame: Frame, options: GraspConfig) -> Result:
    """``result``, which is about ``frame``, with its mask's grasp target; None without a mask.

    Of several instances each has its own, and the result's is that of the first.
    """
    found = result.segmentation
    if found is None:
        return replace(result, grasp=None)
    age_sec, doubts = _age_sec(frame), _doubts(frame, options)
    grasps = [
        grasp_target(
            instance.mask,
            frame.depth_m,
            frame.camera_matrix,
            score=instance.score,
            status=result.status,
            age_sec=age_sec,
            options=options,
            depth_problem=frame.depth_problem,
            doubts=doubts,
            rectification=frame.rectification,
        )
        for instance in found.instances
    ]
    if len(grasps) > 1:
        pairs = zip(found.instances, grasps, strict=True)
        instances = tuple(replace(instance, grasp=grasp) for instance, grasp in pairs)
        result = replace(result, segmentation=replace(found, instances=instances))
    return replace(result, grasp=grasps[0])


def _age_sec(frame: Frame) -> float | None:
    """How old the image is, from its stamp where that is told, else from its arrival."""
    if frame.received_sec is None:
        return None
    return time.monotonic() - frame.received_sec + max(frame.stamp_lag_sec or 0.0, 0.0)


def _doubts(frame: Frame, options: GraspConfig) -> list[str]:
    """Why the frame's depth and intrinsics may be another's, or its age unknown."""
    doubts = list(frame.geometry_doubts)
    if frame.depth_m is not None and (turned := fits_turned(frame.rgb, frame.depth_m)):
        doubts.append(
            f"depth would fit the colour image far better {turned}: one of the two images is "
            "turned or mirrored, and the other is not. Let the driver turn both or neither."
        )
    ahead_sec = -(frame.stamp_lag_sec or 0.0)
    if ahead_sec > options.max_age_sec:
        doubts.append(
            f"the image's stamp lies {ahead_sec:.1f} s ahead of this node's clock, so that nobody "
            "knows how old it is: let both machines keep the same time (chrony)."
        )
    return doubts


def grasp_target(
    mask: Array,
    depth_m: Array | None,
    camera_matrix: Array | None,
    *,
    score: float,
    status: Status,
    age_sec: float | None = None,
    options: GraspConfig | None = None,
    depth_problem: str = "",
    doubts: Sequence[str] = (),
    rectification: Rectification | None = None,
) -> GraspTarget:
    """The grasp target of a mask.

    Args:
        mask: (H, W) bool, the object's pixels.
        depth_m: (H, W) float32, metres along the optical axis, aligned with the mask, 0 or NaN
            where unknown; or None.
        camera_matrix: (3, 3) intrinsics in pixels; or None.
        score: 0..1, of the mask.
        status: how the run ended; only what is OK may be grasped.
        age_sec: seconds since the image was taken; None where there is no saying, as for a file.
        options: the limits; the defaults where None.
        depth_problem: why ``depth_m`` or ``camera_matrix`` is missing, for a person.
        doubts: why they may be another image's: sentences that speak against a grasp.
        rectification: what frees a raw image of its lens's distortion.

    Returns:
        A target with all that can be known, whether graspable or not.

    Raises:
        ValueError: when mask and depth have different shapes.
    """
    options = options or GraspConfig()
    bounds = _bounds(mask)
    speaks_against = [*_before_depth(score, status, age_sec, options), *doubts]
    if bounds is not None and _near_border(bounds, mask.shape, options.border_margin_px):
        speaks_against.append(
            f"the mask touches the image border (grasp.border_margin_px is "
            f"{options.border_margin_px}), so that a part of the object may lie outside. Move the "
            "camera."
        )
    if depth_m is None or camera_matrix is None:
        missing = NO_DEPTH if depth_m is None else NO_INTRINSICS
        return _refused([depth_problem or missing, *speaks_against], 0)
    if mask.shape != depth_m.shape:
        raise ValueError(f"the mask is {mask.shape} and depth_m {depth_m.shape}; expected the same")
    window = _window(bounds, 0)
    valid = int((mask[window] & depth_known(depth_m[window])).sum())
    if bounds is None or valid < max(options.min_valid_depth_pixels, _LEAST_POINTS):
        little = (
            f"too little depth: {valid} of the mask's {int(mask.sum())} pixels have one, and "
            f"grasp.min_valid_depth_pixels is {options.min_valid_depth_pixels}. Move the camera; "
            "depth fails on what is near, dark, shiny or clear."
        )
        return _refused([little, *speaks_against], valid)
    if rectification is not None:
        mask, depth_m = rectification.applied(mask), rectification.applied(depth_m)
        bounds, camera_matrix = _bounds(mask), rectification.camera_matrix
    if unlikely := _unlikely_distance(mask, depth_m, options):
        return _refused([unlikely, *speaks_against], valid)
    found = None if bounds is None else _locate(mask, bounds, depth_m, camera_matrix)
    if found is None:
        bulk = "the depth on the mask is torn into pieces, or lies in the plane of the table."
        return _refused(
            [f"no box: {bulk} Move the camera. {_NOT_REGISTERED}", *speaks_against], valid
        )
    if not found.stands_out:
        speaks_against.append(f"depth shows no thing where the mask has one. {_NOT_REGISTERED}")
    if (longest_m := float(found.box.size_m.max())) > options.max_size_m:
        speaks_against.append(
            f"too large: {longest_m:.2f} m along its longest side, and grasp.max_size_m is "
            f"{options.max_size_m:g}. {_LOOKS_LARGE}"
        )
    limit_m, width_m = options.max_gripper_width_m, float(found.box.size_m[1])
    if 0.0 < limit_m < width_m:
        speaks_against.append(
            f"too wide: {width_m:.3f} m along the closing axis, and grasp.max_gripper_width_m is "
            f"{limit_m:g}. {_LOOKS_LARGE}"
        )
    return GraspTarget(
        graspable=not speaks_against,
        reason=" ".join(speaks_against),
        box=found.box,
        centroid_m=found.centroid_m,
        approach=-found.box.camera_r_box[:, 2],
        valid_depth_pixels=valid,
        on_support=found.on_support,
    )


def _unlikely_distance(mask: Array, depth_m: Array, options: GraspConfig) -> str:
    """What a distance looks like that no grasp is at; empty where it is a likely one."""
    values = depth_m[mask & depth_known(depth_m)]
    distance_m = float(np.median(values)) if len(values) else 0.0
    if not len(values) or options.min_distance_m <= distance_m <= options.max_distance_m:
        return ""
    if distance_m < options.min_distance_m:
        return (
            f"too near: {distance_m:.3f} m, and grasp.min_distance_m is "
            f"{options.min_distance_m:g}. No depth camera measures so near: the depth looks like "
            "one in a larger unit. Let the driver publish 16UC1 in millimetres or 32FC1 in metres, "
            "or set camera.depth_unit_m."
        )
    looks = _LOOKS_LARGE
    units = [
        (unit_m, words)
        for unit_m, words in _UNITS.items()
        if options.min_distance_m <= distance_m * unit_m <= options.max_distance_m
    ]
    if distance_m > _FARTHEST_M and units:
        looks = (
            f"The depth looks like {' or '.join(words for _, words in units)} in a 32FC1 image: "
            "let the driver publish metres, or set camera.depth_unit_m to "
            f"{' or '.join(f'{unit_m:g}' for unit_m, _ in units)}."
        )
    return (
        f"too far: {distance_m:.1f} m, and grasp.max_distance_m is {options.max_distance_m:g}. "
        f"{looks}"
    )


def _refused(reasons: list[str], valid: int) -> GraspTarget:
    return GraspTarget(False, " ".join(reasons), valid_depth_pixels=valid)


def _before_depth(
    score: float, status: Status, age_sec: float | None, options: GraspConfig
) -> list[str]:
    """What speaks against a grasp whatever the depth says."""
    reasons = []
    if status is not Status.OK:
        reasons.append(f"low confidence: the command ended as {status.name}, score {score:.2f}.")
    elif score < options.min_score:
        reasons.append(
            f"low confidence: score {score:.2f} is below grasp.min_score {options.min_score:.2f}. "
            "Say more about the object, or move the camera closer."
        )
    if age_sec is not None and age_sec > options.max_age_sec:
        reasons.append(
            f"stale image: it was taken {age_sec:.1f} s ago, and grasp.max_age_sec is "
            f"{options.max_age_sec:g}: the object may have moved. Ask again; where every image is "
            "so old, the camera or the network lags behind, or its clock differs from this one."
        )
    return reasons


def _bounds(mask: Array) -> _Bounds | None:
    """The rows and columns of a mask, half-open: top, left, bottom, right; None of an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _near_border(bounds: _Bounds, shape: tuple[int, ...], margin_px: int) -> bool:
    """Whether a mask reaches into the outermost ``margin_px`` of an image."""
    top, left, bottom, right = bounds
    return min(top, left, shape[0] - bottom, shape[1] - right) < margin_px


def _window(bounds: _Bounds | None, pad_px: int) -> tuple[slice, slice]:
    """The part of an image around a mask."""
    top, left, bottom, right = bounds or (0, 0, 0, 0)
    return (
        slice(max(top - pad_px, 0), bottom + pad_px),
        slice(max(left - pad_px, 0), right + pad_px),
    )


@dataclass(frozen=True)
class _Located:
    box: OrientedBox
    centroid_m: Array
    on_support: bool
    stands_out: bool = True
    """Whether depth shows a thing where the mask has one."""


def _locate(mask: Array, bounds: _Bounds, depth_m: Array, camera_matrix: Array) -> _Located | None:
    """The box of the object; None where too few of its pixels belong together."""
    top, left, bottom, right = bounds
    longer_px = max(bottom - top, right - left)
    step = max(longer_px // _FINEST_PX, 1)
    window = _window(bounds, int(np.clip(_RING_SHARE * longer_px, *_RING_PX) * step))
    mask, depth_m = mask[window][::step, ::step], depth_m[window][::step, ::step]
    matrix = np.array(camera_matrix, np.float64)
    matrix[:2, 2] -= (window[1].start, window[0].start)
    matrix[:2] /= step
    own = own_depth(mask, depth_m)
    points_m = _points(own, depth_m, matrix, 2 * _MOST_POINTS)
    if len(points_m) < _LEAST_POINTS:
        return None
    ring = ~grown(mask, _RING_START_PX) & depth_known(depth_m)
    plane = find_support_plane(_points(ring, depth_m, matrix, _MOST_POINTS), points_m)
    if plane is not None:
        return _standing(points_m, plane, CameraView(depth_m, matrix), mask, own)
    box = visible_box(points_m)
    return _Located(box, box.centre_m, on_support=False)


def _points(kept: Array, depth_m: Array, camera_matrix: Array, most: int) -> Array:
    """(n, 3) float64 points of at most ``most`` of the pixels ``kept``, metres."""
    chosen = thinned(np.flatnonzero(kept), most)
    rows, columns = np.divmod(chosen, kept.shape[1])
    pixels = np.column_stack([columns, rows]).astype(np.float64)
    return backproject(pixels, depth_m.ravel()[chosen], camera_matrix).astype(np.float64)


def _standing(
    points_m: Array, plane: Plane, view: CameraView, mask: Array, own: Array
) -> _Located | None:
    """The box of an object that stands on ``plane``: its sides, or its hidden side filled in."""
    tolerance_m = depth_tolerance_m(float(np.median(points_m[:, 2])))
    lowest_m = _ABOVE_PLANE * tolerance_m
    points_m = thinned(points_m[plane.height_m(points_m) > lowest_m], _MOST_POINTS)
    if len(points_m) < _LEAST_POINTS:
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
        return _Located(box, box.centre_m, on_support=True, stands_out=out)
    whole_m = complete(visible_m, base_m, camera_r_base, view, tolerance_m)
    box = standing_box(whole_m, base_m, camera_r_base)
    camera_points_m = base_m + whole_m @ camera_r_base.T
    centroid_m = solid_centroid(camera_points_m, box)
    return _Located(box, centroid_m, on_support=True, stands_out=out)


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
