"""The action ``~/segment``: a command with feedback, an image of its own, and a way to cancel.

Its goals are requests to the `CommandWorker`, like the messages on ``~/command``. They
are submitted and concluded on the executor's thread; in between nothing waits but a coroutine.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image

from ppcr_ros.action import SegmentReferring
from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.core.types import Frame, SemanticPrompt, SpatialPrompt, StageOutput, Status
from ppcr_ros.ros import conversions
from ppcr_ros.ros.pending_answer import PendingAnswer, RequestServer
from ppcr_ros.ros.qos import ACTION_SERVICE_QOS

ACTION_NAME = "~/segment"
RESULT_TIMEOUT_SEC = 30
"""How long a result, with its mask, is kept for a client that has not asked for it yet."""
MOST_WAITING_BYTES = 400_000_000
"""Of the images of all goals that have not ended; one is taken however large it is."""
CLIENT_CANCELLED = "the action's client cancelled the goal."


class SegmentServer(RequestServer):
    """Serves ``~/segment``, or that of one of several cameras."""

    def _serve(self) -> None:
        self.open_goals: dict[bytes, _Goal] = {}
        self._server = ActionServer(
            self._node,
            SegmentReferring,
            camera_topic(self._camera, ACTION_NAME),
            execute_callback=self._execute,
            goal_callback=self._on_goal,
            handle_accepted_callback=self._on_accepted,
            cancel_callback=self._on_cancel,
            goal_service_qos_profile=ACTION_SERVICE_QOS,
            cancel_service_qos_profile=ACTION_SERVICE_QOS,
            result_service_qos_profile=ACTION_SERVICE_QOS,
            result_timeout=RESULT_TIMEOUT_SEC,
        )

    @property
    def goals(self) -> int:
        """How many goals have not been concluded yet."""
        return len(self.open_goals)

    def finish(self, executor: Executor, timeout_sec: float = 2.0) -> None:
        """Conclude the goals whose commands have ended, where nobody spins ``executor`` any more.

        To be called when the worker was closed, on the way out of the process. Does nothing where
        the context has been shut down already.
        """
        deadline_sec = time.monotonic() + timeout_sec
        while self.open_goals and self._node.context.ok() and time.monotonic() < deadline_sec:
            with suppress(ExternalShutdownException):
                executor.spin_once(timeout_sec=0.05)

    def destroy(self) -> None:
        """Take the action away; goals that run are not concluded any more."""
        self._server.destroy()

    def _on_goal(self, request: SegmentReferring.Goal) -> GoalResponse:
        refusal = self._refusal() if self.worker() is None else self._no_room(request.image)
        if refusal:
            self._node.get_logger().warning(
                f"the goal {request.command[:80]!r} is refused: {refusal}"
            )
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _no_room(self, image: Image) -> str:
        """Why ``image`` cannot wait with those of the goals before it; empty where it can."""
        waiting = sum(goal.image_bytes for goal in self.open_goals.values())
        size = len(image.data)
        if not size or not waiting or waiting + size <= MOST_WAITING_BYTES:
            return ""
        return (
            f"the images of goals that wait take {waiting / 1e6:.0f} MB already, and at most "
            f"{MOST_WAITING_BYTES / 1e6:.0f} MB may. Send the next goal when one has ended."
        )

    def _on_accepted(self, handle: Any) -> None:
        """Submit the goal.

        Here and not in `_execute`, which rclpy may call in another order than the goals came in.
        """
        goal = _Goal(handle, self._node)
        self.open_goals[_key(handle)] = goal
        handle.execute()  # first: feedback of a goal that does not execute is an error in Lyrical
        request = handle.request
        goal.image_bytes = len(request.image.data)
        # The worker may be gone: deactivated on another thread since `_on_goal`.
        goal.command_id = self._submit(request, goal, "goal")
        request.image = Image()  # the handle is kept for as long as its result may be asked for

    def _on_cancel(self, handle: Any) -> CancelResponse:
        goal, worker = self.open_goals.get(_key(handle)), self.worker()
        if goal is None:
            return CancelResponse.REJECT  # it was concluded
        if worker is not None:
            worker.cancel(goal.command_id, CLIENT_CANCELLED)
        return CancelResponse.ACCEPT

    async def _execute(self, handle: Any) -> SegmentReferring.Result:
        goal = self.open_goals[_key(handle)]
        message, answered = await goal.ended
        del self.open_goals[_key(handle)]
        if answered:
            handle.succeed()
        elif message.status == Status.CANCELLED and handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return SegmentReferring.Result(result=message)


class _Goal(PendingAnswer):
    """A goal on its way: hears of its command on the worker's thread."""

    def __init__(self, handle: Any, node: Node) -> None:
        super().__init__(node)
        self._handle = handle
        self.image_bytes = 0

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        """Send feedback."""
        header = conversions.make_header(frame.stamp_ns, frame.frame_id)
        feedback = SegmentReferring.Feedback(stage="segmentation")
        if isinstance(output, SemanticPrompt):
            feedback.stage = "semantic"
            feedback.semantic_prompt = conversions.semantic_to_msg(output, header, command_id)
        elif isinstance(output, SpatialPrompt):
            feedback.stage = "spatial"
            feedback.spatial_prompt = conversions.spatial_to_msg(output, header, command_id)
        if self._handle.status == GoalStatus.STATUS_EXECUTING:  # not while it is cancelled
            self._handle.publish_feedback(feedback)


def _key(handle: Any) -> bytes:
    return bytes(handle.goal_id.uuid)
