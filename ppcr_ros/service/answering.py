"""Answers a request with its image: by a run of the pipeline, or as the reply to a question."""

from __future__ import annotations

import time
from dataclasses import replace

from ppcr_ros.core.command import Command
from ppcr_ros.core.errors import TargetCleared
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.reading.replies import Chosen, Declined, Narrowed, Reply, Reworded
from ppcr_ros.core.run import OnStage
from ppcr_ros.core.types import Frame, Result, StageSeconds
from ppcr_ros.service.dialog import (
    Dialog,
    OpenQuestion,
    chosen_result,
    narrowed_result,
    still_there,
)
from ppcr_ros.service.requests import CommandRequest, Runner

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
    ) -> Result:
        """The answer to ``request`` about ``image``, which is ``frame`` or was read of it.

        Raises:
            TargetCleared: where the request declines what was asked about.
            InvalidCommandError: where its point cannot be found in the image.
        """
        dialog = self._dialogs[request.camera]
        if request.locate_point is not None:
            request = replace(request, point_xy_px=request.locate_point(frame))
        if request.image is not None or request.reask:  # they speak of another image, or to nobody
            return self._run(request, image, request.command, on_stage, request.point_xy_px)
        if request.point_xy_px is not None:
            dialog.point_at(request.point_xy_px)
        point = request.point_xy_px or dialog.point_for(request.command)
        asked = dialog.open_question
        reply = dialog.reply(request.command, point)
        if asked is not None and reply is not None:
            return self._reply(request, image, frame, on_stage, asked, reply)
        result = self._run(request, image, request.command, on_stage, point)
        dialog.take(result, frame)
        return result

    def _reply(
        self,
        request: CommandRequest,
        image: Frame | ReadFrame,
        frame: Frame,
        on_stage: OnStage,
        asked: OpenQuestion,
        reply: Reply,
    ) -> Result:
        started_sec = time.perf_counter()
        dialog = self._dialogs[request.camera]
        if isinstance(reply, Declined):
            dialog.stop()
            raise TargetCleared(DECLINED_MESSAGE)
        if isinstance(reply, Reworded):
            result = self._run(request, image, reply.command, on_stage, None)
            dialog.take(result, frame)
        elif isinstance(reply, Narrowed):
            result = narrowed_result(asked, reply, frame)
            dialog.take(result, asked.frame)
        elif still_there(asked, reply, frame):
            result = chosen_result(asked, reply, frame, self._configuration.current)
            for output in (result.semantic, result.spatial, result.segmentation):
                if output is not None:
                    on_stage(output)
        else:
            result = self._again(request, image, frame, on_stage, reply)
        seconds = result.seconds
        if isinstance(reply, (Chosen, Narrowed)) and seconds is asked.result.seconds:
            seconds = StageSeconds(total=time.perf_counter() - started_sec)
        return replace(
            result,
            command=request.command,
            command_id=request.command_id,
            reply_to=asked.result.command_id,
            seconds=seconds,
        )

    def _again(
        self,
        request: CommandRequest,
        image: Frame | ReadFrame,
        frame: Frame,
        on_stage: OnStage,
        reply: Chosen,
    ) -> Result:
        """The scene has changed since the question: look for what was chosen, by its words."""
        phrases = [f"the {candidate.words}" for candidate in reply.candidates]
        result = self._run(request, image, " and ".join(phrases), on_stage, None)
        self._dialogs[request.camera].take(result, frame)
        return result

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
