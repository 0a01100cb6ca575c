"""Requests that somebody waits for: the command of a goal or of a call, until it has ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import Image

from ppcr_ros.core.types import Frame, Result, StageOutput, Status
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.service.requests import Snapshot
from ppcr_ros.service.worker import CommandWorker

ANSWERS = (Status.OK, Status.LOW_CONFIDENCE, Status.NOT_FOUND, Status.AMBIGUOUS)
"""The statuses with which a goal has succeeded: the models gave an answer."""


class PendingAnswer:
    """Takes a command's result on the worker's thread, and ends a future for the executor's."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.command_id = ""
        self.ended: Any = Future()
        """Comes to hold the `ReferringSegmentation`, and whether it answers the command."""

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        """Nobody asks for the stages."""

    def result(self, result: Result, frame: Frame | None) -> None:
        """Let whoever awaits `ended` go on, on the executor's thread."""
        answered = result.status in ANSWERS or result.cleared
        try:
            message = conversions.result_to_msg(result)
        except Exception as error:
            answered = False
            message = ReferringSegmentation(
                status=int(Status.ERROR), message=f"the result cannot be sent: {error!r}"
            )
            raise
        finally:
            if not self.ended.done():
                self.ended.set_result((message, answered))
            executor = self._node.executor
            if executor is not None:
                executor.wake()  # a future that is set elsewhere does not wake it by itself


class RequestServer(ABC):
    """Base of the action's and the service's servers: requests that bring images of their own.

    Args:
        node: the node; its executor calls back.
        worker: the worker that takes commands now; None while the node is not active.
        refusal: why nothing is carried out while there is none.
        max_image_pixels: a request with a larger image ends as ERROR.
        camera: the camera that its requests are for; empty for the only one, or the first.
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
        self._serve()

    @abstractmethod
    def _serve(self) -> None:
        """Create the action's or the service's server."""

    def _submit(self, request: Any, answer: PendingAnswer, what: str) -> str:
        """Submit a request and return its command_id; empty where there is no worker.

        Args:
            request: with ``command``, ``image``, ``timeout_sec`` and ``point_xy_px``.
            answer: is given the result.
            what: what the request is called where it is not carried out.
        """
        worker = self.worker()
        if worker is None:
            message = f"the {what} is not carried out: {self._refusal()}"
            answer.result(Result(Status.CANCELLED, request.command, message=message), None)
            return ""
        return worker.submit(
            request.command,
            image=snapshot_of(request.image, self._max_image_pixels(), self._camera),
            timeout_sec=float(request.timeout_sec),
            listener=answer,
            camera=self._camera,
            point_xy_px=point_of(request),
        )


def point_of(request: Any) -> tuple[float, float] | None:
    """What a request points at; one that is not two numbers is refused as outside the image."""
    xy = [float(value) for value in request.point_xy_px]
    if not xy:
        return None
    return (xy[0], xy[1]) if len(xy) == 2 else (float("nan"), float("nan"))


def snapshot_of(image: Image, max_pixels: int, camera: str) -> Snapshot | None:
    """The image that a request brings, to be converted when its turn comes; None without one."""
    if not (image.width or image.height or len(image.data)):
        return None
    return Snapshot(
        convert=partial(conversions.image_to_frame, image, max_pixels=max_pixels),
        stamp_ns=conversions.stamp_to_ns(image.header.stamp),
        frame_id=image.header.frame_id,
        sources={"image": image},
        camera=camera,
    )
