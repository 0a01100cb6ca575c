"""The page without ROS: the pipeline in this process, and still pictures for a camera."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.closing import Closing
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import Cancelled
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Frame, Result, StageOutput
from ppcr_ros.service.requests import Snapshot
from ppcr_ros.service.warm_up import build_models, load_pipeline
from ppcr_ros.service.worker import CommandWorker, Pipeline
from ppcr_ros.web.board import Notice, PageBoard
from ppcr_ros.web.pictures import Shot

CLOSE_SEC = 0.5
"""How long a closing page waits for its models: nothing can stop the library that loads them."""
SHOWN_EVERY_SEC = 0.2
"""A still picture is shown so often: it has to be young enough for every command."""


@dataclass(frozen=True)
class StillPicture:
    """Picture that the camera of `EmbeddedSource` shows.

    Attributes:
        frame: the image, with depth and intrinsics where there are some.
        examples: what may be said about it.
    """

    frame: Frame
    examples: tuple[str, ...] = ()


class EmbeddedSource(Closing):
    """Runs the pipeline on still pictures, one of which is shown; a `Source`.

    Args:
        pictures: at least one.
        config: models and options.
        title: what the page is about.
        log: told how loading goes.
    """

    def __init__(
        self,
        pictures: Sequence[StillPicture],
        config: Config,
        *,
        title: str = "recorded frames, no ROS",
        log: Callable[[str], None] = print,
    ) -> None:
        self.title, self.has_more_pictures = title, len(pictures) > 1
        self._pictures, self._log = tuple(pictures), log
        self._live = LiveConfig(config)
        self._number = 0
        self._held: Frame | None = None
        self._board: PageBoard | None = None
        self._worker: CommandWorker | None = None
        self._pipeline: Pipeline | None = None
        self._closed, self._cancel = threading.Event(), CancelToken()
        self._threads: list[threading.Thread] = []

    def start(self, board: PageBoard) -> None:
        """Load the models beside showing the picture.

        Until they are loaded, the board says so, and commands are refused.
        """
        self._board = board
        board.set(
            title=self.title,
            examples=self._pictures[0].examples,
            problem="The models are loading.",
        )
        for work in (self._load, self._show):
            thread = threading.Thread(target=work, name=f"ppcr-page{work.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def watch(self, watched: bool) -> None:
        """Still pictures cost nothing: they are shown in any case."""

    def submit(self, command: str, point_xy_px: tuple[float, float] | None = None) -> None:
        worker, board = self._worker, self._board
        if board is None or worker is None:
            if board is not None:
                board.refuse_run("The models are still loading: say it again in a moment.")
            return
        run = board.start_run(command)
        held = self._held
        image = None if held is None else self._snapshot(held)
        worker.submit(
            command, image=image, point_xy_px=point_xy_px, listener=_OwnRunOutlet(board, run.own)
        )

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.submit("stop")

    def pause(self, paused: bool) -> None:
        if self._board is None:
            return
        self._held = self._frame() if paused else None
        self._board.set(paused=paused)

    def next_picture(self) -> None:
        board = self._board
        if board is None:
            return
        self._number = (self._number + 1) % len(self._pictures)
        self._held = None
        board.clear_marks()
        board.set(examples=self._pictures[self._number].examples, paused=False, notice=None)
        self._offer()

    def close(self) -> None:
        """End it, and soon: loading ends at its next step, or else with the process."""
        self._closed.set()
        self._cancel.cancel()
        until = time.monotonic() + CLOSE_SEC
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                self._log("interrupted while the models load.")
                atexit.register(_end_with, thread)
        worker, pipeline = self._worker, self._pipeline
        self._worker = self._pipeline = None
        if worker is not None:
            worker.close("the page is closing.")
        if pipeline is not None:
            pipeline.close()

    def _load(self) -> None:
        board = self._board
        assert board is not None
        try:
            pipeline = load_pipeline(build_models, self._live, self._log, self._cancel)
        except Cancelled:
            return
        except Exception as error:  # noqa: BLE001 - a model's library may raise anything
            self._log(f"the models cannot be loaded: {error}")
            board.set(problem=f"The models cannot be loaded: {error}")
            return
        if self._closed.is_set():
            pipeline.close()
            return
        self._pipeline = pipeline
        worker = CommandWorker(pipeline, self._live, _All(board), on_exception=self._on_exception)
        worker.start()
        self._worker = worker
        self._offer()
        board.set(problem="")

    def _show(self) -> None:
        while not self._closed.is_set():
            self._offer()
            self._closed.wait(SHOWN_EVERY_SEC)

    def _frame(self) -> Frame:
        frame = self._pictures[self._number].frame
        return replace(frame, stamp_ns=time.time_ns(), received_sec=time.monotonic())

    def _offer(self) -> None:
        frame, board = self._frame(), self._board
        if board is None:
            return
        board.offer(
            Shot(
                rgb=lambda: frame.rgb,
                stamp_ns=frame.stamp_ns,
                frame_id=frame.frame_id,
                same_as=frame.rgb,
            )
        )
        if self._worker is not None:
            self._worker.offer(self._snapshot(frame))

    def _snapshot(self, frame: Frame) -> Snapshot:
        names = self._live.current.node.camera_names
        return Snapshot(
            convert=lambda: frame,
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            camera=names[0],
        )

    def _on_exception(self, what: str, error: Exception) -> None:
        if self._board is not None:
            self._board.set_notice(Notice("ERROR", f"While {what}: {error}"))


def _end_with(thread: threading.Thread) -> None:
    """End the process where ``thread`` still runs: Python would take it down inside a library."""
    if thread.is_alive():
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.flush()
        os._exit(0)


class _All:
    """The worker's outlet: every result is shown."""

    def __init__(self, board: PageBoard) -> None:
        self._board = board

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        self._board.stage(output, command_id)

    def result(self, result: Result, frame: Frame | None) -> None:
        self._board.add_result(result, None if frame is None else frame.camera_matrix)

    def cleared(self) -> None:
        self._board.clear_marks()


class _OwnRunOutlet:
    """Outlet for a command of the page's own: its stages are known to be that one's."""

    def __init__(self, board: PageBoard, own: int) -> None:
        self._board, self._own = board, own

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        self._board.stage(output, command_id, own=self._own)

    def result(self, result: Result, frame: Frame | None) -> None:
        """The outlet has told it already."""
