"""A grasp target in another frame than the camera's, and the pose of a gripper at it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.types import Array


@dataclass(frozen=True)
class Transform:
    """Transform from one frame to another: ``rotation @ point + translation_m``.

    Attributes:
        rotation: (3, 3) float64.
        translation_m: (3,) float64, metres.
    """

    rotation: Array
    translation_m: Array

    @classmethod
    def from_quaternion(cls, translation_m: Array, xyzw: Array) -> Transform:
        """Of a translation (3,) in metres and a quaternion (4,) in the order of ROS.

        Raises:
            ValueError: for a quaternion without a length.
        """
        length = float(np.linalg.norm(xyzw))
        if not np.isfinite(length) or length < 1e-6:
            raise ValueError(f"the quaternion is {list(xyzw)}; expected one of length 1.")
        x, y, z, w = np.asarray(xyzw, np.float64) / length
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        return cls(rotation, np.asarray(translation_m, np.float64))

    def moves(self, target: GraspTarget) -> GraspTarget:
        """``target`` in the other frame."""
        if target.box is None or target.centroid_m is None or target.approach is None:
            return target
        box = OrientedBox(
            self.rotation @ target.box.centre_m + self.translation_m,
            self.rotation @ target.box.camera_r_box,
            target.box.size_m,
        )
        return replace(
            target,
            box=box,
            centroid_m=self.rotation @ target.centroid_m + self.translation_m,
            approach=self.rotation @ target.approach,
        )


def gripper_rotation(box: OrientedBox) -> Array:
    """(3, 3) axes of a gripper that grasps ``box``, in the frame that the box is in.

    z is the approach, from which the gripper comes down on the box, y the axis along which its
    fingers close, the box's shorter horizontal one.
    """
    x, y, z = box.camera_r_box.T
    return np.stack([-x, y, -z], axis=1)
