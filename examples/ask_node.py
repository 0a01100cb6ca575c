"""Ask a running node for one object and wait for its mask.

python3 examples/ask_node.py the small green ball
"""

from __future__ import annotations

import sys
import time

import rclpy
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.task import Future

from ppcr_ros.action import SegmentReferring
from ppcr_ros.msg import ReferringSegmentation

TIMEOUT_SEC = 60.0
LOST_SEC = 5.0


def print_feedback(message: SegmentReferring.Impl.FeedbackMessage) -> None:
    """What a stage wrote, as soon as it has ended."""
    feedback = message.feedback
    if feedback.stage == "semantic":
        print("looking for:", feedback.semantic_prompt.text)
    elif feedback.stage == "spatial":
        print("found at:   ", list(feedback.spatial_prompt.box_xyxy_px))


def wait(node: Node, client: ActionClient, future: Future, what: str) -> None:
    """Spin until ``future`` is done.

    Raises:
        TimeoutError: when the node has gone, or the time is up.
    """
    end_sec, seen_sec = time.monotonic() + TIMEOUT_SEC + LOST_SEC, time.monotonic()
    while not future.done():
        rclpy.spin_until_future_complete(node, future, timeout_sec=0.5)
        if client.server_is_ready():
            seen_sec = time.monotonic()
        if time.monotonic() - seen_sec > LOST_SEC:
            raise TimeoutError(f"the node has gone while waiting for {what}")
        if time.monotonic() > end_sec:
            raise TimeoutError(f"no {what} within {TIMEOUT_SEC:g} s")


def ask(node: Node, command: str) -> ReferringSegmentation | None:
    """The answer to ``command``; None where the goal was refused or did not succeed.

    Raises:
        TimeoutError: when there is no node, or it ends before it answers.
    """
    client = ActionClient(node, SegmentReferring, "/ppcr/segment")
    if not client.wait_for_server(timeout_sec=10.0):
        raise TimeoutError("no node serves /ppcr/segment: is ppcr_node running and active?")
    goal = SegmentReferring.Goal(command=command, timeout_sec=TIMEOUT_SEC)
    sent = client.send_goal_async(goal, feedback_callback=print_feedback)
    wait(node, client, sent, "answer to the goal")
    handle = sent.result()
    if not handle.accepted:
        print("refused: the node is not active; its log says why")
        return None
    ended = handle.get_result_async()  # handle.cancel_goal_async() would end it
    wait(node, client, ended, "result")
    reply = ended.result()
    if reply.status != GoalStatus.STATUS_SUCCEEDED:
        print("not answered:", reply.result.result.message)
        return None
    found: ReferringSegmentation = reply.result.result
    return found


def main() -> int:
    rclpy.init()
    node = rclpy.create_node("ask_node")
    try:
        found = ask(node, " ".join(sys.argv[1:]) or "the small green ball")
    except TimeoutError as error:
        print(error)
        return 1
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    if found is None:
        return 1
    if found.status != ReferringSegmentation.OK:
        print("not to be grasped:", found.message)
        return 1
    print(f"mask {found.mask.width}x{found.mask.height}, score {found.score:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
