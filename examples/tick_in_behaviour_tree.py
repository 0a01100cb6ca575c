"""A leaf of a py_trees behaviour tree that asks the node for an object.

    pip install py_trees; python3 examples/tick_in_behaviour_tree.py the small green ball

One goal for each time that the leaf is entered: a tree ticks many times a second, and a goal that
is sent again at each tick would cancel itself for ever. Left before it has ended, it is cancelled.
"""

from __future__ import annotations

import sys
from typing import Any

import py_trees
import rclpy
from action_msgs.msg import GoalStatus
from py_trees.common import Status
from rclpy.action import ActionClient
from rclpy.node import Node

from ppcr_ros.action import SegmentReferring
from ppcr_ros.msg import ReferringSegmentation

TICK_SEC = 0.1


class FindObject(py_trees.behaviour.Behaviour):
    """RUNNING until the node has answered, SUCCESS for an object that may be used, else FAILURE.

    Args:
        node: spun by whoever ticks the tree.
        command: what to look for, in plain words.
    """

    def __init__(self, node: Node, command: str) -> None:
        super().__init__(f"find {command}")
        self._command = command
        self.client = ActionClient(node, SegmentReferring, "/ppcr/segment")
        self._sent: Any = None
        self._ended: Any = None
        self.found: ReferringSegmentation | None = None

    def initialise(self) -> None:
        """Entered: nothing has been asked yet."""
        self._sent = self._ended = self.found = None
        self.feedback_message = ""

    def update(self) -> Status:
        if not self.client.server_is_ready():
            self.feedback_message = "the node ppcr is not there"
            return Status.FAILURE
        if self._sent is None:
            goal = SegmentReferring.Goal(command=self._command, timeout_sec=60.0)
            self._sent = self.client.send_goal_async(goal)
        if not self._sent.done():
            return Status.RUNNING
        handle = self._sent.result()
        if not handle.accepted:
            self.feedback_message = "the node is not active"
            return Status.FAILURE
        if self._ended is None:
            self._ended = handle.get_result_async()
        return self._concluded() if self._ended.done() else Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Left early: a goal that runs is not wanted any more."""
        running = self._sent is not None and not (self._ended and self._ended.done())
        if new_status == Status.INVALID and running:
            self._sent.add_done_callback(lambda sent: sent.result().cancel_goal_async())

    def _concluded(self) -> Status:
        answer = self._ended.result()
        result = answer.result.result
        self.feedback_message = result.message
        if answer.status != GoalStatus.STATUS_SUCCEEDED:
            return Status.FAILURE
        if result.status != ReferringSegmentation.OK:
            return Status.FAILURE
        self.found = result
        return Status.SUCCESS


def main() -> int:
    rclpy.init()
    node = rclpy.create_node("tree")
    leaf = FindObject(node, " ".join(sys.argv[1:]))
    leaf_is_ready = node.create_timer(TICK_SEC, leaf.tick_once)
    try:
        while leaf.status in (Status.INVALID, Status.RUNNING):
            rclpy.spin_once(node, timeout_sec=TICK_SEC)
    finally:
        leaf_is_ready.cancel()
        node.destroy_node()
        rclpy.try_shutdown()
    print(leaf.status.name, leaf.feedback_message)
    return 0 if leaf.status == Status.SUCCESS else 1


if __name__ == "__main__":
    sys.exit(main())
