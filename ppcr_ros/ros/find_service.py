"""The service ``~/find``: a command for callers that have services and no actions."""

from __future__ import annotations

from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup

from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.ros.pending_answer import PendingAnswer, RequestServer
from ppcr_ros.ros.qos import ACTION_SERVICE_QOS
from ppcr_ros.srv import FindObject

SERVICE_NAME = "~/find"


class FindService(RequestServer):
    """Serves ``~/find``, or that of one of several cameras; meanwhile only a coroutine waits."""

    def _serve(self) -> None:
        self._service = self._node.create_service(
            FindObject,
            camera_topic(self._camera, SERVICE_NAME),
            self._find,
            qos_profile=ACTION_SERVICE_QOS,
            # Not the node's own group, which would let nothing else run while a call is awaited.
            callback_group=ReentrantCallbackGroup(),
        )

    async def _find(self, request: Any, response: Any) -> Any:
        answer = PendingAnswer(self._node)
        self._submit(request, answer, "command")
        response.result, _ = await answer.ended
        return response
