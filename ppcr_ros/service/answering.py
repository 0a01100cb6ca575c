"""Answers a request with its image: by a run of the pipeline, or as the reply to a question."""

from __future__ import annotations

import time
from dataclasses import replace

from ppcr_ros.core.command import Command
from ppcr_ros.core.errors import TargetCleared
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.reading.deixis import points_alone
from ppcr_ros.core.reading.replies import Chosen, Declined, Narrowed, Reply, Reworded
from ppcr_ros.core.run import OnStage
from ppcr_ros.core.types import Frame, Result, StageSeconds, Status
from ppcr_ros.service.dialog import (
    Dialog,
    OpenQuestion,
    Point,
    chosen_result,
    narrowed_result,
    still_there,
    words_of,
)
from ppcr_ros.service.requests import CommandRequest, Runner

Answer = tuple[Result, Frame]
"""A result, and the image that it is about."""

DECLINED_MESSAGE = "none of what was asked about is meant, as the command says."


class RequestAnswerer:
    """Answers requests; used on the worker's thread.

    Args:
        pipeline: the three stages.
        configuration: what a choice must meet, and how long a dialog lasts.
    """

    def __init__(self, pipeline: Runner, configuration: ConfigSource) -> None:
        self._pipeline, self._configuration = pipeline, configuration
        names = configuration.current.node.camera_names
        self._dialogs = {name: Dialog(configuration) for name in names}

    def forget(self, camera: str | None = None) -> None:
        """Forget what was asked about a camera's image; about all where it is None."""
        for name, dialog in self._dialogs.items():
            if camera in (None, name):
                dialog.stop()

    def answer(
        self,
        request: CommandRequest,
        image: Frame | ReadFrame,
        frame: Frame,
        on_stage: OnStage,
    ) -> Answer:
        """The answer to ``request`` about ``image``, which is ``frame`` or was read of it.

        With the image that it is about: ``frame``, or the one that was asked about before, where it
        asks about that once more.

        Raises:
            TargetCleared: where the request declines what was asked about.
            InvalidCommandError: where its point cannot be found in the image.
        """
        dialog = self._dialogs[request.camera]
        if request.locate_point is not None:
            request = replace(request, point_xy_px=request.locate_point(frame))
        if request.image is not None:  # it speaks of another image
            result = self._run(request, image, request.command, on_stage, request.point_xy_px)
            if result.status is Status.AMBIGUOUS:
                dialog.stop()  # or a reply to this question would be taken for one to the last
            return result, frame
        if request.reask:
            return self._asked_again(request, image, frame, on_stage), frame
        if request.point_xy_px is not None:
            dialog.point_at(request.point_xy_px)
        point = request.point_xy_px or dialog.point_for(request.command)
        asked = dialog.open_question
        reply = dialog.reply(request.command, point)
        if asked is not None and reply is not None:
            return self._reply(request, image, frame, on_stage, asked, reply, point)
        result = self._run(request, image, request.command, on_stage, point)
        dialog.take(result, frame)
        return result, frame

    def hear(self, request: CommandRequest) -> None:
        """A person's next command, however it ends: one that is no reply ends the talk before it.

        What only points may be a reply; its image shows that.
        """
        if request.image is None and not points_alone(request.command):
            self._dialogs[request.camera].hear(request.command)

    def _asked_again(
        self,
        request: CommandRequest,
        image: Frame | ReadFrame,
        frame: Frame,
        on_stage: OnStage,
    ) -> Result:
        """What tracking has lost, looked for once more; a person may reply where that asks back."""
        words = request.ask_for or request.command
        result = self._run(request, image, words, on_stage, None)
        if result.status is Status.AMBIGUOUS:
            self._dialogs[request.camera].take(result, frame)
        return replace(result, command=request.command, asked_for=request.ask_for)

    def _reply(
        self,
        request: CommandRequest,
        image: Frame | ReadFrame,
        frame: Frame,
        on_stage: OnStage,
        asked: OpenQuestion,
        reply: Reply,
        point: Point | None,
    ) -> Answer:
        started_sec = time.perf_counter()
        dialog, about = self._dialogs[request.camera], frame
        if isinstance(reply, Declined):
            dialog.stop()
            raise TargetCleared(DECLINED_MESSAGE)
        unchanged = not isinstance(reply, Reworded) and still_there(asked, reply, frame)
        if not unchanged and point is not None and points_alone(request.command):
            # What lay there when it was asked may lie elsewhere: what lies there now is meant.
            result = self._run(request, image, request.command, on_stage, point)
            dialog.take(result, frame)
        elif isinstance(reply, Narrowed):
            result, about = narrowed_result(asked, reply, frame)
            dialog.take(result, asked.frame)
        elif isinstance(reply, Chosen) and unchanged:
            result = chosen_result(asked, reply, frame, self._configuration.current, point)
            for output in (result.semantic, result.spatial, result.segmentation):
                if output is not None:
                    on_stage(output)
        else:
            chosen = isinstance(reply, Chosen)
            words = words_of(reply) if isinstance(reply, Chosen) else reply.command
            result = self._run(request, image, words, on_stage, None if chosen else point)
            dialog.take(result, frame)
            result = replace(result, asked_for=words)
        seconds = result.seconds
        if seconds is asked.result.seconds:
            seconds = StageSeconds(total=time.perf_counter() - started_sec)
        result = replace(
            result,
            command=request.command,
            command_id=request.command_id,
            reply_to=asked.result.command_id,
            seconds=seconds,
        )
        return result, about

    def _run(
        self,
        request: CommandRequest,
        image: Frame | ReadFrame,
        command: str,
        on_stage: OnStage,
        point_xy_px: tuple[float, float] | None,
    ) -> Result:
        return self._pipeline.run(
            image,
            Command(command),
            on_stage=on_stage,
            cancel=request.cancel,
            command_id=request.command_id,
            point_xy_px=point_xy_px,
        )
