"""A command that somebody waits for: the order of a goal or of a call, until it has ended."""

from __future__ import annotations

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
    """Hears of its order on the worker's thread, and ends a future for the executor's."""

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


def submit_request(
    worker: CommandWorker, request: Any, image: Snapshot | None, answer: PendingAnswer, camera: str
) -> str:
    """Submit the request of a goal or of a call, and return its command_id.

    Args:
        worker: takes it.
        request: with ``command``, ``timeout_sec`` and ``point_xy_px``.
        image: the image that it brings; None for the camera's newest.
        answer: is told how it ends.
        camera: which it is for.
    """
    return worker.submit(
        request.command,
        image=image,
        timeout_sec=float(request.timeout_sec),
        listener=answer,
        camera=camera,
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
