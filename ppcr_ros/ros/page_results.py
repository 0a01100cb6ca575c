"""A result's message as the core's result, for those who show it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.types import Array, Result
from ppcr_ros.msg import GraspTarget as GraspTargetMsg
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.replay.messages import result_of


def shown_result(message: ReferringSegmentation) -> Result:
    """``message`` as the result that it tells, its grasp among it; no embeddings.

    Raises:
        ValueError: when a field holds what no node of ours says.
    """
    return replace(
        result_of(message),
        grasp=grasp_of(message.grasp) if message.mask.width else None,
        tracked=bool(message.tracked),
        age_sec=float(message.age_seconds),
        unfamiliarity=None if message.unfamiliarity < 0 else float(message.unfamiliarity),
    )


def grasp_of(message: GraspTargetMsg) -> GraspTarget:
    """A grasp target's message as the core's."""
    pose, size = message.pose.pose, message.size
    box = None
    if size.x or size.y or size.z:
        box = OrientedBox(
            centre_m=_numbers(pose.position),
            camera_r_box=rotation_of(pose.orientation),
            size_m=_numbers(size),
        )
    graspable = bool(message.graspable) and box is not None
    return GraspTarget(
        graspable=graspable,
        reason="" if graspable else message.reason or "the node gives no reason.",
        box=box,
        centroid_m=None if box is None else _numbers(message.centroid),
        approach=None if box is None else _numbers(message.approach),
        valid_depth_pixels=int(message.valid_depth_pixels),
        on_support=bool(message.on_support),
    )


def rotation_of(quaternion: Any) -> Array:
    """The rotation (3, 3) float64 of a ``geometry_msgs/Quaternion``; the identity for a zero."""
    x, y, z, w = (float(getattr(quaternion, name)) for name in "xyzw")
    length = (x * x + y * y + z * z + w * w) ** 0.5
    if not length:
        return np.eye(3)
    x, y, z, w = x / length, y / length, z / length, w / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _numbers(message: Any) -> Array:
    return np.array([message.x, message.y, message.z], np.float64)
