"""The grasp target as a message."""

from __future__ import annotations

from geometry_msgs.msg import Point, Pose, PoseStamped, Vector3
from std_msgs.msg import Header

from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.types import Array, Result
from ppcr_ros.msg import GraspTarget as GraspTargetMsg
from ppcr_ros.ros.orientation import rotation_to_quaternion


def result_grasp_to_msg(result: Result, header: Header) -> GraspTargetMsg:
    """The grasp target of ``result``, in the frame of ``header``; not graspable without a mask."""
    target = result.grasp
    if target is None or result.segmentation is None:
        reason = f"there is no mask: the command ended as {result.status.name}. {result.message}"
        target = GraspTarget(False, reason.rstrip())
    return grasp_to_msg(target, header)


def grasp_to_msg(target: GraspTarget, header: Header) -> GraspTargetMsg:
    """A grasp target, in the frame of ``header``."""
    message = GraspTargetMsg(
        graspable=target.graspable,
        reason=target.reason,
        pose=PoseStamped(header=header),
        width_m=target.width_m,
        valid_depth_pixels=target.valid_depth_pixels,
        on_support=target.on_support,
    )
    if target.box is not None and target.centroid_m is not None and target.approach is not None:
        message.pose.pose = box_pose(target.box)
        message.size = vector(target.box.size_m)
        message.centroid = point(target.centroid_m)
        message.approach = vector(target.approach)
    return message


def box_pose(box: OrientedBox) -> Pose:
    """The middle and the orientation of a box."""
    return Pose(position=point(box.centre_m), orientation=rotation_to_quaternion(box.camera_r_box))


def point(xyz_m: Array) -> Point:
    return Point(x=float(xyz_m[0]), y=float(xyz_m[1]), z=float(xyz_m[2]))


def vector(xyz: Array) -> Vector3:
    return Vector3(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))
