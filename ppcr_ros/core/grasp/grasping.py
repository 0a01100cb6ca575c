"""Works out a grasp target: where the object is, how large, and whether to grasp it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ppcr_ros.core.grasp.depth_kind import unlike_depth
from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.grasp.locating import (
    LEAST_POINTS,
    Bounds,
    Located,
    bounds_of,
    locate,
    window_of,
)
from ppcr_ros.core.grasp.optical_points import depth_known
from ppcr_ros.core.grasp.registration import misfit
from ppcr_ros.core.grasp_config import GraspConfig
from ppcr_ros.core.types import Array, Frame, Rectification, Result, Status

_FARTHEST_M = 60.0
"""No depth camera measures so far, nor can 16 bits of millimetres say much more."""
_UNITS = {0.001: "millimetres", 0.01: "centimetres", 0.0001: "tenths of a millimetre"}
_LOOKS_LARGE = (
    "Where it is not so, the depth is in a smaller unit than it should be: let the driver publish "
    "16UC1 in millimetres or 32FC1 in metres, or set camera.depth_unit_m (0.0001 for 0.1 mm)."
)
_MOST_HIDDEN, _LEAST_COVERED, _LEAST_SIZE_M = 0.3, 0.92, 0.002
_MOST_GOING_ON, _MOST_LEFT_OUT, _LEAST_REACHED, _MOST_UNLIKE = 0.4, 0.12, 0.88, 0.3
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
    if frame.depth_m is not None:
        doubts += filter(None, [misfit(frame.rgb, frame.depth_m)])
        if frame.camera_matrix is not None and frame.rectification is None:
            doubts += filter(None, [unlike_depth(frame.depth_m, frame.camera_matrix)])
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
    bounds = bounds_of(mask)
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
    window = window_of(bounds, 0)
    valid = int((mask[window] & depth_known(depth_m[window])).sum())
    if bounds is None or valid < max(options.min_valid_depth_pixels, LEAST_POINTS):
        little = (
            f"too little depth: {valid} of the mask's {int(mask.sum())} pixels have one, and "
            f"grasp.min_valid_depth_pixels is {options.min_valid_depth_pixels}. Move the camera; "
            "depth fails on what is near, dark, shiny or clear."
        )
        return _refused([little, *speaks_against], valid)
    if rectification is not None:
        mask, depth_m = rectification.applied(mask), rectification.applied(depth_m)
        bounds, camera_matrix = bounds_of(mask), rectification.camera_matrix
    if unlikely := _unlikely_distance(mask, depth_m, options):
        return _refused([unlikely, *speaks_against], valid)
    found = None if bounds is None else locate(mask, bounds, depth_m, camera_matrix)
    if found is None:
        bulk = "the depth on the mask is torn into pieces, or lies in the plane of the table."
        return _refused(
            [f"no box: {bulk} Move the camera. {_NOT_REGISTERED}", *speaks_against], valid
        )
    if not found.stands_out:
        speaks_against.append(
            f"depth shows no thing where the mask has one. {_NOT_REGISTERED} Where it is so of "
            "this thing alone, it is clear, so that depth is of what lies behind, or its mask is "
            "too large."
        )
    speaks_against += _partly_known(found)
    if found.noise_m > options.max_depth_noise_m:
        speaks_against.append(
            f"noisy depth: it scatters by {found.noise_m:.3f} m (standard deviation) on the "
            f"object, and grasp.max_depth_noise_m is {options.max_depth_noise_m:g}. Move the "
            "camera closer: a stereo camera's errors grow with the square of the distance; or give "
            "it more light."
        )
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


def _partly_known(found: Located) -> list[str]:
    """What of the object depth does not show enough of to measure it."""
    reasons = [found.doubt] if found.doubt else []
    if found.hidden_share > _MOST_HIDDEN:
        reasons.append(
            f"partly hidden: {found.hidden_share:.0%} of one of its sides border on something "
            "nearer, so that it may be wider than what is seen. Take that away, or move the camera."
        )
    if found.covered < _LEAST_COVERED:
        reasons.append(
            f"little of it has depth: the box covers {found.covered:.0%} of the mask, so that the "
            "object is larger. Move the camera; depth fails on what is near, dark, shiny or clear."
        )
    elif found.reached_share < _LEAST_REACHED:
        reasons.append(
            f"a part of it has no depth: the box reaches over {found.reached_share:.0%} of the "
            "mask's length or height. Move the camera; depth fails on what is near, dark, shiny or "
            "clear."
        )
    if found.left_out_share > _MOST_LEFT_OUT:
        reasons.append(
            f"{found.left_out_share:.0%} of the mask's inside lie apart from the object in depth: "
            "the mask holds something else too, or the camera looks through what is clear. Ask for "
            "one thing, or move the camera."
        )
    if found.unlike_share > _MOST_UNLIKE:
        reasons.append(
            f"nobody knows how deep it is: {found.unlike_share:.0%} of it, turned by half, "
            "contradict the picture, so that its hidden side is not like the one that is seen. "
            "Look from another side, or more from above."
        )
    if found.goes_on_share > _MOST_GOING_ON:
        reasons.append(
            f"the mask is cut short: along {found.goes_on_share:.0%} of one of its sides depth "
            "goes on beyond it, or another thing touches the object. Say more about the object, "
            "or move the camera or the thing."
        )
    least_m = max(_LEAST_SIZE_M, found.noise_m)
    if (smallest_m := float(found.box.size_m.min())) < least_m:
        reasons.append(
            f"too flat: {smallest_m:.4f} m along its shortest side, which is no more than depth "
            "can tell: only one of its sides is seen. Move the camera."
        )
    return reasons


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


def _near_border(bounds: Bounds, shape: tuple[int, ...], margin_px: int) -> bool:
    """Whether a mask reaches into the outermost ``margin_px`` of an image."""
    top, left, bottom, right = bounds
    return min(top, left, shape[0] - bottom, shape[1] - right) < margin_px
