"""The service ``~/find``: a command for callers that have services and no actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.core.types import Result, Status
from ppcr_ros.ros.pending_answer import PendingAnswer, snapshot_of, submit_request
from ppcr_ros.ros.qos import ACTION_SERVICE_QOS
from ppcr_ros.service.worker import CommandWorker
from ppcr_ros.srv import FindObject

SERVICE_NAME = "~/find"


class FindService:
    """Serves ``~/find``, or that of one of several cameras; meanwhile only a coroutine waits.

    Args:
        node: the node; its executor calls back.
        worker: the worker that takes orders now; None while the node is not active.
        refusal: why nothing is carried out while there is none.
        max_image_pixels: a call with a larger image ends as ERROR.
        camera: the camera that its calls are for; empty for the only one, or the first.
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
        self._service = node.create_service(
            FindObject,
            camera_topic(camera, SERVICE_NAME),
            self._find,
            qos_profile=ACTION_SERVICE_QOS,
            # Not the node's own group, which would let nothing else run while a call is awaited.
            callback_group=ReentrantCallbackGroup(),
        )

    async def _find(self, request: Any, response: Any) -> Any:
        answer, worker = PendingAnswer(self._node), self.worker()
        if worker is None:
            message = f"the command is not carried out: {self._refusal()}"
            answer.result(Result(Status.CANCELLED, request.command, message=message), None)
        else:
            image = snapshot_of(request.image, self._max_image_pixels(), self._camera)
            submit_request(worker, request, image, answer, self._camera)
        response.result, _ = await answer.ended
        return response
