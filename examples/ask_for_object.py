"""Asks the running node for one object, waits for its mask, and says how it ended.

    python3 examples/ask_for_object.py the small green ball

Exit code: 0 where the object was found, 1 where not, 2 where the node could not be asked.
"""

from __future__ import annotations

import sys
from typing import Any

import rclpy
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node

from ppcr_ros.action import SegmentReferring
from ppcr_ros.msg import ReferringSegmentation

SERVER_SEC = 10.0
LIMIT_SEC = 60.0
LOST_AFTER_SEC = 3.0


class NodeGoneError(RuntimeError):
    """The node has gone, and no answer will come."""


def wait_for(node: Node, client: ActionClient, future: Any) -> Any:
    """The result of ``future``; raises where the server has been gone for some seconds."""
    missed_sec = 0.0
    while not future.done():
        rclpy.spin_until_future_complete(node, future, timeout_sec=0.5)
        missed_sec = 0.0 if client.server_is_ready() else missed_sec + 0.5
        if missed_sec >= LOST_AFTER_SEC:
            raise NodeGoneError("the node has gone: its action is no longer there.")
    return future.result()


def show_stage(message: Any) -> None:
    """Print what stage 1 understood, as soon as it has."""
    if message.feedback.stage == "semantic":
        print("looking for:", message.feedback.semantic_prompt.text)


def ask(node: Node, command: str) -> ReferringSegmentation | None:
    """How the command ended; None where the node refused it or does not know it any more.

    Raises:
        NodeGoneError: when there is no node, or there is none any more.
    """
    client = ActionClient(node, SegmentReferring, "/ppcr/segment")
    if not client.wait_for_server(timeout_sec=SERVER_SEC):
        raise NodeGoneError("there is no action /ppcr/segment; start the node ppcr.")
    goal = SegmentReferring.Goal(command=command, timeout_sec=LIMIT_SEC)
    sent = client.send_goal_async(goal, feedback_callback=show_stage)
    handle = wait_for(node, client, sent)
    if not handle.accepted:
        print("refused: the node is not active")
        return None
    ended = wait_for(node, client, handle.get_result_async())
    # A goal that the node does not know, since it was started anew, has an empty result.
    if ended.status == GoalStatus.STATUS_UNKNOWN:
        print("the node does not know the goal any more; ask again")
        return None
    return ended.result.result


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    rclpy.init()
    node = rclpy.create_node("asking")
    try:
        result = ask(node, " ".join(sys.argv[1:]))
    except NodeGoneError as error:
        print(error)
        return 2
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    if result is None:
        return 2
    # Status 0 is UNKNOWN: a message that nobody has filled in is never taken for a target.
    if result.status != ReferringSegmentation.OK:
        print("no target:", result.message)
        return 1
    box = result.box
    print(f"found at x {box.x_offset}, y {box.y_offset}: {box.width} x {box.height} px")
    return 0


if __name__ == "__main__":
    sys.exit(main())
