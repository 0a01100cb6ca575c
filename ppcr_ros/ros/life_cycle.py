"""Answers transitions of the life cycle that are not possible, which rclpy leaves unanswered."""

from __future__ import annotations

from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode


def answer_impossible_transitions(node: LifecycleNode) -> None:
    """Let ``~/change_state`` answer ``success=False`` where rclpy raises and answers nothing.

    Whoever asks, such as a lifecycle manager, would wait for ever: for a transition that does not
    begin in the present state, and for each one after shutdown.
    """
    for service in node.services:
        if service.srv_name.endswith("/change_state"):
            service.callback = _answer_with(node, service.callback)


def _answer_with(node: LifecycleNode, change: Any) -> Any:
    def answer(
        request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        try:
            answered: ChangeState.Response = change(request, response)
        except Exception as error:  # noqa: BLE001 - rclpy's own kinds differ from release to release
            asked = request.transition.label or request.transition.id
            node.get_logger().warning(f"the transition {asked!r} is refused: {error}")
            response.success = False
            return response
        return answered

    return answer
