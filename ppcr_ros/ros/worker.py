"""One thread that carries out commands: the newest command, on the newest frame.

ROS-free: callbacks hand in snapshots and commands, an `Outlet` takes what comes out.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.command import clean_command, is_stop
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import Cancelled, InvalidCommandError, InvalidFrameError, PPCRError
from ppcr_ros.core.pipeline import OnStage
from ppcr_ros.core.tracking import MaskTracker, TrackerOptions
from ppcr_ros.core.types import Frame, ModelNames, Result, StageOutput, StageSeconds, Status
from ppcr_ros.ros.following import TargetFollower

CLEARED_MESSAGE = "the target was cleared, as the command asked."


class FrameTimeoutError(PPCRError):
    """No usable camera image arrived in time."""


class Pipeline(Protocol):
    """What the worker asks of `ppcr_ros.core.pipeline.PPCRPipeline`."""

    @property
    def models(self) -> ModelNames: ...

    def run(
        self,
        frame: Frame,
        command: str,
        on_stage: OnStage | None = None,
        cancel: CancelToken | None = None,
        command_id: str = "",
    ) -> Result: ...

    def configure(self, config: Config) -> None: ...

    def tracker(self, options: TrackerOptions | None = None) -> MaskTracker: ...

    def close(self) -> None: ...


class Outlet(Protocol):
    """Where the worker's products go; called on the worker's thread only."""

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        """A stage of a run on ``frame`` has ended."""
        ...

    def result(self, result: Result, frame: Frame | None) -> None:
        """A command has ended; ``frame`` is None where no frame was converted for it."""
        ...

    def cleared(self) -> None:
        """The command ``stop`` took the target away."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """A camera image as it arrived; it is converted only if a command needs it.

    Attributes:
        convert: makes the frame; raises `InvalidFrameError`.
        stamp_ns: the image's stamp, nanoseconds.
        frame_id: name of the camera's optical frame.
    """

    convert: Callable[[], Frame]
    stamp_ns: int = 0
    frame_id: str = ""


@dataclass(frozen=True)
class WorkerReport:
    """What the worker has seen and done so far, for diagnostics.

    Attributes:
        state: ``idle``, ``tracking``, ``waiting for an image`` or ``running``.
        frames_received: snapshots offered.
        frames_used: snapshots converted for a command or for tracking.
        frames_refused: snapshots that could not be converted.
        commands: commands that have ended.
        last: the last result, its mask and embeddings dropped; or None.
        last_error: message of the last result with status ERROR; empty where there was none.
        seconds: stage times of the latest runs that reached a mask, oldest first.
    """

    state: str = "idle"
    frames_received: int = 0
    frames_used: int = 0
    frames_refused: int = 0
    commands: int = 0
    last: Result | None = None
    last_error: str = ""
    seconds: tuple[StageSeconds, ...] = ()


@dataclass(frozen=True)
class _Order:
    command_id: str
    command: str
    arrived_sec: float
    problem: str = ""
    reask: bool = False
    cancel: CancelToken = field(default_factory=CancelToken)


class CommandWorker:
    """Carries out one command at a time on its own thread; a newer command cancels the older ones.

    Every command leads to exactly one result, in the order of arrival. A command that cannot be
    read ends as ERROR and leaves the running one alone. ``stop`` cancels the running one and ends
    as CANCELLED itself. With ``node.mode`` track, the target found is followed in between; then a
    command may have further results, and is carried out again where the target is lost.

    Args:
        pipeline: the three stages; used on the worker's thread only.
        config: ages, timeouts and the longest command.
        outlet: takes stages and results.
        explain_no_frame: one line on why no image arrives, for the result of a command.
        on_exception: told what was being done and the exception, where none was expected.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        config: Config,
        outlet: Outlet,
        *,
        explain_no_frame: Callable[[], str] = lambda: "",
        on_exception: Callable[[str, Exception], None] = lambda what, error: None,
    ) -> None:
        self._pipeline, self._config, self._outlet = pipeline, config, outlet
        self._explain_no_frame, self._on_exception = explain_no_frame, on_exception
        self._follower = TargetFollower(pipeline, config)
        self._changed = threading.Condition()
        self._orders: deque[_Order] = deque()
        self._running: _Order | None = None
        self._newest: tuple[Snapshot, float] | None = None
        self._closed = False
        self._report = WorkerReport()
        self._recent: deque[StageSeconds] = deque(maxlen=100)
        self._thread = threading.Thread(target=self._loop, name="ppcr-worker", daemon=True)

    def start(self) -> None:
        """Begin to carry out commands."""
        self._thread.start()

    def offer(self, snapshot: Snapshot) -> None:
        """Remember ``snapshot`` as the newest one and forget the one before; returns at once."""
        with self._changed:
            self._newest = (snapshot, time.monotonic())
            self._note(frames_received=self._report.frames_received + 1)
            self._changed.notify_all()

    def submit(self, command: str) -> str:
        """Queue ``command``, cancel what it overtakes, and return its command_id at once."""
        order = self._order(command)
        with self._changed:
            if not order.problem:
                self._cancel_all(f"a newer command came: {order.command!r:.80}.")
            self._orders.append(order)
            self._changed.notify_all()
        return order.command_id

    def configure(self, config: Config) -> None:
        """Take over the options that may change at run time, from the next command on."""
        self._config = config
        self._follower.configure(config)

    def report(self) -> WorkerReport:
        """What has been seen and done so far."""
        with self._changed:
            return replace(self._report, seconds=tuple(self._recent))

    def close(self, reason: str = "the node was deactivated.") -> None:
        """Cancel everything, publish those endings, and wait for the thread."""
        with self._changed:
            self._closed = True
            self._cancel_all(reason)
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _order(self, command: str) -> _Order:
        arrived, command_id = time.monotonic(), uuid.uuid4().hex
        try:
            cleaned = clean_command(command, max_chars=self._config.pipeline.max_command_chars)
        except InvalidCommandError as error:
            return _Order(command_id, "", arrived, problem=str(error))
        return _Order(command_id, cleaned, arrived)

    def _cancel_all(self, reason: str) -> None:
        for order in (*self._orders, *([self._running] if self._running else [])):
            order.cancel.cancel(reason)

    def _note(self, **changes: object) -> None:
        self._report = replace(self._report, **changes)  # type: ignore[arg-type]

    def _loop(self) -> None:
        while (work := self._next()) is not None:
            try:
                self._follow(work) if isinstance(work, Snapshot) else self._carry_out(work)
            except Exception as error:  # noqa: BLE001 - the thread outlives every command
                what = "tracking" if isinstance(work, Snapshot) else f"the end of {work.command!r}"
                self._on_exception(f"{what:.90}", error)

    def _next(self) -> _Order | Snapshot | None:
        """The next order or, while a target is followed and none is there, the newest snapshot."""
        with self._changed:
            self._running = None
            self._note(state="tracking" if self._follower.active else "idle")
            while not self._orders and not self._closed:
                snapshot = None if self._newest is None else self._newest[0]
                pause_sec = self._follower.pause_sec(snapshot)
                if snapshot is not None and pause_sec == 0.0:
                    self._note(frames_used=self._report.frames_used + 1)
                    return snapshot
                self._changed.wait(pause_sec)
            self._running = self._orders.popleft() if self._orders else None
            return self._running

    def _follow(self, snapshot: Snapshot) -> None:
        """Follow the target into ``snapshot``, and ask the MLLM again where it is lost."""
        try:
            step = self._follower.step(snapshot, lambda: self._convert(snapshot))
        except InvalidFrameError as error:
            self._on_exception("converting an image to track in", error)
            return
        except Exception:
            self._follower.stop()  # as it may fail at every image
            raise
        if step is None:
            return
        if step.result is not None:
            result = step.result
            self._guarded("publishing a result", lambda: self._outlet.result(result, step.frame))
        if step.reask:
            found = step.found
            with self._changed:
                if not self._orders and not self._closed:  # a new command goes first, and instead
                    again = _Order(found.command_id, found.command, time.monotonic(), reask=True)
                    self._orders.append(again)

    def _carry_out(self, order: _Order) -> None:
        result = Result(
            Status.ERROR,
            order.command,
            command_id=order.command_id,
            message=order.problem,
            models=self._pipeline.models,
        )
        frame: Frame | None = None
        snapshot: Snapshot | None = None
        try:
            if not order.problem:
                if not order.reask:
                    self._follower.stop()
                order.cancel.raise_if_cancelled()
                if is_stop(order.command):
                    self._guarded("clearing the target", self._outlet.cleared)
                    raise Cancelled(CLEARED_MESSAGE)
                snapshot = self._await_snapshot(order)
                result = replace(result, stamp_ns=snapshot.stamp_ns, frame_id=snapshot.frame_id)
                frame = self._convert(snapshot)
                result = self._run(order, frame)
                order.cancel.raise_if_cancelled()  # overtaken in the last stage: too late to act on
        except Cancelled as outcome:
            result = replace(
                result, status=Status.CANCELLED, message=str(outcome), segmentation=None
            )
        except PPCRError as error:
            result = replace(result, status=Status.ERROR, message=str(error))
        except Exception as error:  # noqa: BLE001 - a result says what a command met
            self._on_exception(f"the command {order.command!r:.80}", error)
            message = f"{type(error).__name__}: {error}"
            result = replace(result, status=Status.ERROR, message=message, segmentation=None)
        self._remember(result)
        self._guarded("publishing a result", lambda: self._outlet.result(result, frame))
        if not order.problem:
            self._guarded("tracking", lambda: self._follower.take(result, frame, snapshot))

    def _await_snapshot(self, order: _Order) -> Snapshot:
        """The newest snapshot that is young enough for ``order``, waited for if need be."""
        limits = self._config.node
        deadline = order.arrived_sec + limits.frame_timeout_sec
        with self._changed:
            self._note(state="waiting for an image")
            while True:
                order.cancel.raise_if_cancelled()
                newest = self._newest
                oldest_sec = order.arrived_sec - limits.max_image_age_sec
                if newest is not None and newest[1] >= oldest_sec:
                    self._note(state="running", frames_used=self._report.frames_used + 1)
                    return newest[0]
                remaining_sec = deadline - time.monotonic()
                if remaining_sec <= 0:
                    break
                self._changed.wait(remaining_sec)
        if newest is None:
            seen = "none has arrived since the node became active"
        else:
            age_sec = order.arrived_sec - newest[1]
            seen = (
                f"the newest was {age_sec:.1f} s old when the command came, and "
                f"node.max_image_age_sec is {limits.max_image_age_sec:g}"
            )
        raise FrameTimeoutError(
            f"no image to search within node.frame_timeout_sec ({limits.frame_timeout_sec:g} s): "
            f"{seen}. {self._explain_no_frame()}".rstrip()
        )

    def _convert(self, snapshot: Snapshot) -> Frame:
        try:
            return snapshot.convert()
        except Exception:
            with self._changed:
                self._note(frames_refused=self._report.frames_refused + 1)
            raise

    def _run(self, order: _Order, frame: Frame) -> Result:
        def on_stage(output: StageOutput) -> None:
            self._guarded(
                "publishing a stage", lambda: self._outlet.stage(output, frame, order.command_id)
            )

        return self._pipeline.run(
            frame,
            order.command,
            on_stage=on_stage,
            cancel=order.cancel,
            command_id=order.command_id,
        )

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - an outlet's fault is not the command's
            self._on_exception(what, error)

    def _remember(self, result: Result) -> None:
        with self._changed:
            if result.segmentation is not None:
                self._recent.append(result.seconds)
            light = replace(result, semantic=None, spatial=None, segmentation=None)
            self._note(commands=self._report.commands + 1, last=light)
            if result.status is Status.ERROR:
                self._note(last_error=result.message)
