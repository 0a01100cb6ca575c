"""Plans with MoveIt from what the node found: the arm above the object, gripper open.

Start the node with depth and in the frame that the arm plans in, and let MoveIt see the object:

    ros2 run ppcr_ros ppcr_node --ros-args -p node.use_depth:=true \\
        -p node.target_frame:=base_link -r '~/collision_object:=/collision_object'
    python3 examples/plan_grasp_with_moveit.py manipulator tool0

Then name an object:

    ros2 topic pub --once /ppcr/command std_msgs/msg/String "{data: the red mug}"

It plans and does not move: look at the plan in RViz, and execute it from there.
"""

from __future__ import annotations

import sys

import numpy as np
import rclpy
from geometry_msgs.msg import Pose, PoseStamped
from moveit_msgs.action import MoveGroup
from moveit_msgs.msg import Constraints, MoveItErrorCodes, OrientationConstraint, PositionConstraint
from rclpy.action import ActionClient
from rclpy.node import Node
from shape_msgs.msg import SolidPrimitive

STANDOFF_M = 0.10
"""The gripper's middle stops so far before the grasp, against the approach."""
POSITION_TOLERANCE_M, ANGLE_TOLERANCE_RAD = 0.005, 0.05


def approach_axis(pose: Pose) -> np.ndarray:
    """(3,) z of ``pose``: the direction from which the gripper comes."""
    q = pose.orientation
    return np.array(
        [
            2.0 * (q.x * q.z + q.w * q.y),
            2.0 * (q.y * q.z - q.w * q.x),
            1.0 - 2.0 * (q.x**2 + q.y**2),
        ]
    )


def before_the_grasp(grasp: PoseStamped) -> PoseStamped:
    """The pose from which the gripper goes straight to ``grasp``."""
    x, y, z = -STANDOFF_M * approach_axis(grasp.pose)
    there = PoseStamped(header=grasp.header)
    there.pose.orientation = grasp.pose.orientation
    there.pose.position.x = grasp.pose.position.x + x
    there.pose.position.y = grasp.pose.position.y + y
    there.pose.position.z = grasp.pose.position.z + z
    return there


def goal_for(grasp: PoseStamped, group: str, link: str) -> MoveGroup.Goal:
    """Plan, and only plan, the arm ``group`` so that ``link`` is before the grasp."""
    there = before_the_grasp(grasp)
    sphere = SolidPrimitive(type=SolidPrimitive.SPHERE, dimensions=[POSITION_TOLERANCE_M])
    position = PositionConstraint(header=there.header, link_name=link, weight=1.0)
    position.constraint_region.primitives = [sphere]
    position.constraint_region.primitive_poses = [there.pose]
    orientation = OrientationConstraint(
        header=there.header,
        link_name=link,
        orientation=there.pose.orientation,
        absolute_x_axis_tolerance=ANGLE_TOLERANCE_RAD,
        absolute_y_axis_tolerance=ANGLE_TOLERANCE_RAD,
        absolute_z_axis_tolerance=ANGLE_TOLERANCE_RAD,
        weight=1.0,
    )
    goal = MoveGroup.Goal()
    goal.request.group_name = group
    goal.request.num_planning_attempts = 5
    goal.request.allowed_planning_time = 5.0
    goal.request.max_velocity_scaling_factor = goal.request.max_acceleration_scaling_factor = 0.1
    goal.request.goal_constraints = [
        Constraints(position_constraints=[position], orientation_constraints=[orientation])
    ]
    goal.planning_options.plan_only = True
    return goal


class Planner(Node):
    """Plans to each grasp that the node tells. ``grasp_pose`` comes for graspable objects only."""

    def __init__(self, group: str, link: str) -> None:
        super().__init__("plan_grasp")
        self._group, self._link = group, link
        self._client = ActionClient(self, MoveGroup, "/move_action")
        self.create_subscription(PoseStamped, "/ppcr/grasp_pose", self._on_grasp, 10)

    def _on_grasp(self, grasp: PoseStamped) -> None:
        if not self._client.server_is_ready():
            self.get_logger().error("there is no /move_action; start MoveIt's move_group.")
            return
        goal = goal_for(grasp, self._group, self._link)
        self._client.send_goal_async(goal).add_done_callback(self._on_answer)

    def _on_answer(self, sent: rclpy.task.Future) -> None:
        handle = sent.result()
        if handle is None or not handle.accepted:
            self.get_logger().error("MoveIt refused the goal.")
            return
        handle.get_result_async().add_done_callback(self._on_plan)

    def _on_plan(self, ended: rclpy.task.Future) -> None:
        result = ended.result().result
        if result.error_code.val != MoveItErrorCodes.SUCCESS:
            self.get_logger().error(f"no plan: MoveIt's error code is {result.error_code.val}.")
            return
        points = result.planned_trajectory.joint_trajectory.points
        self.get_logger().info(f"a plan of {len(points)} points; execute it in RViz.")


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    rclpy.init()
    rclpy.spin(Planner(sys.argv[1], sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
