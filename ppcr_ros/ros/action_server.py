"""The action ``~/segment``: a command with feedback, an image of its own, and a way to cancel.

Its goals are requests to the `CommandWorker`, like the messages on ``~/command``. They
are submitted and concluded on the executor's thread; in between nothing waits but a coroutine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image

from ppcr_ros.action import SegmentReferring
from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.core.types import Frame, Result, SemanticPrompt, SpatialPrompt, StageOutput, Status
from ppcr_ros.ros import conversions
from ppcr_ros.ros.pending_answer import PendingAnswer, snapshot_of, submit_request
from ppcr_ros.ros.qos import ACTION_SERVICE_QOS
from ppcr_ros.service.worker import CommandWorker

ACTION_NAME = "~/segment"
RESULT_TIMEOUT_SEC = 30
"""How long a result, with its mask, is kept for a client that has not asked for it yet."""
MOST_WAITING_BYTES = 400_000_000
"""Of the images of all goals that have not ended; one is taken however large it is."""
CLIENT_CANCELLED = "the action's client cancelled the goal."


class SegmentServer:
    """Serves ``~/segment``, or that of one of several cameras.

    Args:
        node: the node; its executor calls back.
        worker: the worker that takes commands now; None while the node is not active.
        refusal: why goals are refused while there is none, for the log.
        max_image_pixels: a goal with a larger image ends as ERROR.
        camera: the camera that its goals are for; empty for the only one, or the first.
    """

    def __init__(
        self,
        node: Node,
        worker: Callable[[], CommandWorker | None],
        refusal: Callable[[], str],
        max_image_pixels: Callable[[], int],
        camera: str = "",
    ) -> None:
        self._node, self.worker, self._refusal = node, worker, refusal
        self._max_image_pixels, self._camera = max_image_pixels, camera
        self.open_goals: dict[bytes, _Goal] = {}
        self._server = ActionServer(
            node,
            SegmentReferring,
            camera_topic(camera, ACTION_NAME),
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
        worker, request = self.worker(), handle.request
        if worker is None:  # deactivated on another thread since `_on_goal`
            message = f"the goal is not carried out: {self._refusal()}"
            goal.result(Result(Status.CANCELLED, request.command, message=message), None)
        else:
            goal.image_bytes = len(request.image.data)
            image = snapshot_of(request.image, self._max_image_pixels(), self._camera)
            goal.command_id = submit_request(worker, request, image, goal, self._camera)
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
