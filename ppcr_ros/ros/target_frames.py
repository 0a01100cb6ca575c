"""Grasp targets in the frame that the robot plans in (``node.target_frame``), by tf2."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from geometry_msgs.msg import Pose, PoseStamped, TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from ppcr_ros.core.grasp.grasp_frames import Transform, gripper_rotation
from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.ros.grasp_message import box_pose, point, vector
from ppcr_ros.ros.orientation import rotation_to_quaternion

_WARN_EVERY_SEC = 10.0
_PATIENCE_SEC = 0.1
"""How long a transform of the image's time is waited for, which mostly comes a little later than
the image: long enough for transforms at 10 Hz, and short beside a command."""


class TargetFrame:
    """Takes grasp targets from the camera's frame into another one.

    Args:
        node: hears the transforms while it is spun.
        frame_id: where to; empty leaves them in the camera's frame.
    """

    def __init__(self, node: Node, frame_id: str) -> None:
        self._node, self._frame_id = node, frame_id
        self._buffer: Any = None
        self._listener: Any = None
        self._awaited: Header | None = None
        """Of the image whose transform was waited for last."""
        if frame_id:
            try:
                tf2_ros = importlib.import_module("tf2_ros")
            except ImportError:
                node.get_logger().warning(
                    f"node.target_frame is {frame_id!r}, but the package tf2_ros is not installed: "
                    "poses stay unpublished. Install ros-$ROS_DISTRO-tf2-ros, or leave it empty."
                )
                return
            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer, node)

    def place(self, target: GraspTarget, header: Header) -> tuple[GraspTarget, Header] | None:
        """``target`` and its header in the chosen frame, at the time of the image.

        None where no transform is known: a target is never told in a frame that is not its own.
        Where both frames are connected and the image is newer than what is known, the calling
        thread waits for up to a tenth of a second, once for each image; the transforms are heard on
        the executor's.
        """
        if not self._frame_id or self._frame_id == header.frame_id:
            return target, header
        if self._buffer is None:
            return None
        try:
            moved = transform_of(self._look_up(header)).moves(target)
        except Exception as error:  # noqa: BLE001 - tf2 has a dozen, and none may end a command
            self._node.get_logger().warning(
                f"no pose is published: there is no transform from {header.frame_id!r} to "
                f"node.target_frame {self._frame_id!r} for the time of the image: {error}",
                throttle_duration_sec=_WARN_EVERY_SEC,
            )
            return None
        return moved, Header(stamp=header.stamp, frame_id=self._frame_id)

    def _look_up(self, header: Header) -> TransformStamped:
        """The transform at the header's time, which may be on its way.

        Raises:
            Exception: one of tf2's, where there is none.
        """
        frames, at = (self._frame_id, header.frame_id), Time.from_msg(header.stamp)
        patience = Duration()
        if header != self._awaited and self._buffer.can_transform(*frames, Time()):
            patience, self._awaited = Duration(seconds=_PATIENCE_SEC), header
        found: TransformStamped = self._buffer.lookup_transform(*frames, at, timeout=patience)
        return found

    def forget(self) -> None:
        """Forget the transforms of a time that has gone back: until they are as old as tf2 keeps
        them, it would refuse all that come. Static ones stay."""
        if self._buffer is not None:
            self._buffer.clear()

    def destroy(self) -> None:
        """Hear the transforms no more."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.unregister()


def transform_of(message: TransformStamped) -> Transform:
    """A transform message for arithmetic.

    Raises:
        ValueError: when its rotation is none.
    """
    shift, turn = message.transform.translation, message.transform.rotation
    return Transform.from_quaternion(
        np.array([shift.x, shift.y, shift.z]), np.array([turn.x, turn.y, turn.z, turn.w])
    )


def object_pose(target: GraspTarget, header: Header) -> PoseStamped | None:
    """The middle and the axes of the object's box; None where it has none."""
    return None if target.box is None else PoseStamped(header=header, pose=box_pose(target.box))


def grasp_pose(target: GraspTarget, header: Header) -> PoseStamped | None:
    """Where the middle between a gripper's fingers is to be; None where nothing is to be grasped.

    z is the approach, y the axis along which the fingers close.
    """
    if not target.graspable or target.box is None or target.centroid_m is None:
        return None
    orientation = rotation_to_quaternion(gripper_rotation(target.box))
    pose = Pose(position=point(target.centroid_m), orientation=orientation)
    return PoseStamped(header=header, pose=pose)


def as_transform(pose: PoseStamped, child_frame_id: str) -> TransformStamped:
    """``pose`` as the transform of a frame that lies there."""
    message = TransformStamped(header=pose.header, child_frame_id=child_frame_id)
    at = pose.pose.position
    message.transform.translation = vector(np.array([at.x, at.y, at.z]))
    message.transform.rotation = pose.pose.orientation
    return message
