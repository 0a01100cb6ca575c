"""The object and the grasp for MoveIt. Imported where moveit_msgs is installed."""

from __future__ import annotations

from geometry_msgs.msg import Pose, Vector3Stamped
from moveit_msgs.msg import CollisionObject, Grasp, GripperTranslation
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Header

from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.ros.grasp_message import box_pose, vector
from ppcr_ros.ros.target_frames import grasp_pose

OBJECT_ID = "ppcr_target"
"""The one object of ours in the planning scene: a new one takes the place of the last."""
_APPROACH_M, _SHORTEST_M = 0.10, 0.05
"""How far the gripper comes straight down and goes back up, and at the least."""


def collision_object(target: GraspTarget, category: str, header: Header) -> CollisionObject | None:
    """The object's box, for the planning scene; None where it has none."""
    if target.box is None:
        return None
    size_m = [float(value) for value in target.box.size_m]
    message = CollisionObject(header=header, id=OBJECT_ID, operation=CollisionObject.ADD)
    message.pose = box_pose(target.box)
    message.primitives = [SolidPrimitive(type=SolidPrimitive.BOX, dimensions=size_m)]
    origin = Pose()
    origin.orientation.w = 1.0
    message.primitive_poses = [origin]
    message.type.key = category
    return message


def no_collision_object(header: Header) -> CollisionObject:
    """Takes the object out of the planning scene."""
    return CollisionObject(header=header, id=OBJECT_ID, operation=CollisionObject.REMOVE)


def grasp(target: GraspTarget, score: float, header: Header) -> Grasp | None:
    """One grasp from above; None where the object is not graspable.

    The hand's postures are the robot's and stay empty: fill them in, or let the grasp's planner.
    """
    pose = grasp_pose(target, header)
    if pose is None or target.approach is None:
        return None
    return Grasp(
        id=OBJECT_ID,
        grasp_pose=pose,
        grasp_quality=score,
        pre_grasp_approach=_straight(target.approach, header),
        post_grasp_retreat=_straight(-target.approach, header),
        allowed_touch_objects=[OBJECT_ID],
    )


def _straight(direction: object, header: Header) -> GripperTranslation:
    return GripperTranslation(
        direction=Vector3Stamped(header=header, vector=vector(direction)),  # type: ignore[arg-type]
        desired_distance=_APPROACH_M,
        min_distance=_SHORTEST_M,
    )
