"""One thread that carries out commands: the newest command, on the newest frame.

ROS-free: callbacks hand in snapshots and commands, an `Outlet` takes what comes out.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from ppcr_ros.core.cancellation import WatchedToken
from ppcr_ros.core.command import is_stop
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import Cancelled, InvalidFrameError, PPCRError, TargetCleared
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.memory import MemoryReport
from ppcr_ros.core.speech import with_words
from ppcr_ros.core.tracking import MaskTracker, TrackerOptions
from ppcr_ros.core.types import Frame, ModelNames, Result, StageOutput, StageSeconds, Status
from ppcr_ros.service.answering import Answer, RequestAnswerer
from ppcr_ros.service.command_queue import CommandQueue, FrameTimeoutError
from ppcr_ros.service.read_ahead import ImageToRead
from ppcr_ros.service.requests import (
    CommandRequest,
    Decision,
    Listener,
    LocatePoint,
    Runner,
    Snapshot,
    make_request,
)
from ppcr_ros.service.target_follower import TargetFollower
from ppcr_ros.service.worker_report import WorkerReport


class Pipeline(Runner, Protocol):
    """Part of `ppcr_ros.core.pipeline.PPCRPipeline` that the worker uses."""

    configuration: ConfigSource

    @property
    def models(self) -> ModelNames: ...

    @property
    def placements(self) -> ModelNames: ...

    def memory_report(self) -> MemoryReport | None: ...

    def read(self, frame: Frame) -> ReadFrame: ...

    def tracker(self, options: TrackerOptions | None = None) -> MaskTracker: ...

    def close(self) -> None: ...


class Outlet(Listener, Protocol):
    """Receiver of the worker's products; called on the worker's thread only."""

    def cleared(self) -> None:
        """The command ``stop`` took the target away."""
        ...


class CommandWorker:
    """Carries out one command at a time on its own thread; a newer command cancels the older ones.

    Every command leads to exactly one result, in the order of arrival. A command that cannot be
    read ends as ERROR and leaves the running one alone. ``stop`` cancels the running one and ends
    as CANCELLED itself. A command that times out ends as CANCELLED. With ``node.mode`` track, the
    target found is followed in between; then a command may have further results, and is carried out
    again where the target is lost. With ``node.cameras`` all of this holds for each camera by
    itself; their commands wait for each other, as `CommandQueue` says.

    Args:
        pipeline: the three stages; used on the worker's thread only.
        configuration: ages, timeouts and the longest command.
        outlet: takes stages and results.
        explain_no_frame: one line on why no image arrives from a camera, for a command's result.
        on_exception: told what was being done and the exception, where none was expected.
        after_result: called on the worker's thread when a result has been given out, before the
            next command; it may take its time.
        on_decision: handed each command's end and what it was made from, once it is published.
        clock_sec: by which images and commands grow old; it never goes back, and is that of
            `time.monotonic` wherever commands may time out.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        configuration: ConfigSource,
        outlet: Outlet,
        *,
        explain_no_frame: Callable[[str], str] = lambda camera: "",
        on_exception: Callable[[str, Exception], None] = lambda what, error: None,
        after_result: Callable[[Result], None] = lambda result: None,
        on_decision: Callable[[Decision], None] = lambda decision: None,
        clock_sec: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipeline, self._configuration, self._outlet = pipeline, configuration, outlet
        self._explain_no_frame, self._on_exception = explain_no_frame, on_exception
        self._after_result, self._on_decision = after_result, on_decision
        self._clock_sec = clock_sec
        self._queue = CommandQueue(
            configuration,
            lambda: TargetFollower(pipeline, configuration),
            clock_sec=clock_sec,
        )
        self._answerer = RequestAnswerer(pipeline, configuration)
        self._noting = threading.Lock()
        self._report = WorkerReport()
        self._recent: deque[StageSeconds] = deque(maxlen=100)
        self._endings: Counter[Status] = Counter()
        self._thread = threading.Thread(target=self._loop, name="ppcr-worker", daemon=True)

    def start(self) -> None:
        """Begin to carry out commands."""
        self._thread.start()

    def offer(self, snapshot: Snapshot) -> None:
        """Remember ``snapshot`` as its camera's newest, in place of the one before; at once."""
        self._queue.offer(snapshot)

    def submit(
        self,
        command: str,
        *,
        image: Snapshot | None = None,
        timeout_sec: float = 0.0,
        listener: Listener | None = None,
        camera: str = "",
        point_xy_px: tuple[float, float] | None = None,
        locate_point: LocatePoint | None = None,
    ) -> str:
        """Queue ``command``, cancel what it overtakes, and return its command_id at once.

        The same command again, while one for its camera waits or runs, joins that one and has the
        same answer, with an id of its own.

        Args:
            command: as received.
            image: the image to search; None for the newest that was offered.
            timeout_sec: seconds from now until it is cancelled; 0 for the configuration's.
            listener: told of this command's stages and result, after the outlet. Where the worker
                is closed already it is told so before this returns.
            camera: one of ``node.cameras``; empty for the first, but ``stop`` is for all then.
            point_xy_px: what is pointed at, in the image's own pixels; it may stand for words.
            locate_point: finds it in the image, where it is not given in pixels.
        """
        request = make_request(
            command,
            self._configuration.current,
            image=image,
            timeout_sec=timeout_sec,
            listener=listener,
            camera=camera,
            point_xy_px=point_xy_px,
            locate_point=locate_point,
            clock_sec=self._clock_sec,
        )
        if not self._queue.add(request) and listener is not None:
            why = request.name_camera(self._queue.closed_because)
            listener.result(self._ending(request, Status.CANCELLED, why), None)
        return request.command_id

    def cancel(self, command_id: str, reason: str) -> bool:
        """Cancel one command; False where it has ended already."""
        return self._queue.cancel(command_id, reason)

    def wake(self) -> None:
        """Look again at what is due: the configuration has changed."""
        self._queue.wake()

    def follower(self, camera: str) -> TargetFollower:
        """What follows a target in a camera's images; used on the worker's thread."""
        return self._queue.follower(camera)

    def report(self) -> WorkerReport:
        """What has been seen and done so far."""
        counts = self._queue.counts
        with self._noting:
            return replace(
                self._report,
                state=self._queue.state,
                waiting=self._queue.waiting,
                frames_received=counts.received,
                frames_used=counts.used,
                frames_dropped=counts.dropped,
                seconds=tuple(self._recent),
                endings=dict(self._endings),
            )

    def close(self, reason: str = "the node was deactivated.") -> None:
        """Cancel everything, publish those endings, and wait for the thread."""
        self._queue.close(reason)
        if self._thread.is_alive():
            self._thread.join()

    def _ending(self, request: CommandRequest, status: Status, message: str) -> Result:
        return Result(
            status,
            request.command,
            command_id=request.command_id,
            message=message,
            models=self._pipeline.models,
        )

    def _note(self, **changes: object) -> None:
        self._report = replace(self._report, **changes)  # type: ignore[arg-type]

    def _loop(self) -> None:
        while (work := self._queue.next()) is not None:
            try:
                if isinstance(work, Snapshot):
                    self._follow(work)
                elif isinstance(work, ImageToRead):
                    self._read_ahead(work.snapshot)
                else:
                    result = self._carry_out(work)
                    if result.out_of_memory or result.mllm_unavailable:
                        self._queue.forget_targets()  # other models may be loaded now
                    self._after_result(result)
            except Exception as error:  # noqa: BLE001 - the thread outlives every command
                self._on_exception(f"{_describe(work):.90}", error)

    def _follow(self, snapshot: Snapshot) -> None:
        """Follow the target into ``snapshot``, and ask the MLLM again where it is lost."""
        follower = self._queue.follower(snapshot.camera)
        try:
            step = follower.step(snapshot, lambda: self._convert(snapshot))
        except InvalidFrameError as error:
            self._on_exception("converting an image to track in", error)
            return
        except Exception:
            follower.stop()  # as it may fail at every image
            raise
        if step is None:
            return
        if step.result is not None:
            tell = partial(self._outlet.result, step.result, step.frame)
            self._run_guarded("publishing a result", tell)
        if step.reask:
            self._queue.ask_again(step.found, snapshot.camera, step.words)

    def _read_ahead(self, snapshot: Snapshot) -> None:
        """Have the models read ``snapshot``, for a command that may come."""
        try:
            read = self._pipeline.read(self._convert(snapshot))
        except Exception:
            self._queue.ahead.stop()  # as it may fail at every image
            raise
        self._queue.ahead.keep(read)

    def _carry_out(self, request: CommandRequest) -> Result:
        config = self._configuration.current
        result = self._ending(request, Status.ERROR, request.problem)
        frame: Frame | None = None
        snapshot: Snapshot | None = None
        follower = self._queue.follower(request.camera)
        try:
            if not request.problem:
                if not request.reask:
                    follower.stop()
                    self._answerer.hear(request)
                request.cancel.raise_if_cancelled()
                if is_stop(request.command):
                    self._answerer.forget(None if request.everywhere else request.camera)
                    if request.everywhere:
                        self._queue.forget_targets()
                    self._run_guarded("clearing the target", self._outlet.cleared)
                    raise TargetCleared
                snapshot, read = self._image_of(request)
                result = replace(result, stamp_ns=snapshot.stamp_ns, frame_id=snapshot.frame_id)
                frame = self._convert(snapshot) if read is None else read.frame
                result, frame = self._run(request, read or frame, frame)
                request.cancel.raise_if_cancelled()  # overtaken in the last stage
        except Cancelled as outcome:
            result = replace(result, status=Status.CANCELLED, message=str(outcome))
            cleared = isinstance(outcome, TargetCleared)
            result = replace(result, segmentation=None, grasp=None, cleared=cleared)
        except PPCRError as error:
            result = replace(result, status=Status.ERROR, message=str(error))
        except Exception as error:  # noqa: BLE001 - a result says what a command met
            self._on_exception(f"the command {request.command!r:.80}", error)
            message = f"{type(error).__name__}: {error}"
            result = replace(result, status=Status.ERROR, message=message, segmentation=None)
        if snapshot is None and not request.problem:
            result = replace(result, message=request.name_camera(result.message))
        if request.notice:
            result = replace(result, message=f"{result.message} {request.notice}".lstrip())
        result = self._tell(request, result, frame, snapshot, config)
        self._answer_joined(request, result, frame, snapshot)
        if not (request.problem or request.image):  # an image of a goal's own may be of any time
            self._run_guarded("tracking", lambda: follower.take(result, frame, snapshot))
        return result

    def _tell(
        self,
        request: CommandRequest,
        result: Result,
        frame: Frame | None,
        snapshot: Snapshot | None,
        config: Config,
    ) -> Result:
        """Give out the result of ``request``, which is handed back as it was given out."""
        result = with_words(result)
        self._remember(result)
        record = self._configuration.current.record
        for listener in self._listeners(request):
            self._run_guarded("publishing a result", partial(listener.result, result, frame))
        decision = Decision(request, snapshot, frame, result, config, record)
        self._run_guarded("recording a decision", partial(self._on_decision, decision))
        return result

    def _answer_joined(
        self,
        request: CommandRequest,
        result: Result,
        frame: Frame | None,
        snapshot: Snapshot | None,
    ) -> None:
        """Each that had joined ``request`` has the same answer, or is carried out after it."""
        config = self._configuration.current
        answered = result.status is not Status.CANCELLED  # by its own timeout, or its client's wish
        for other in self._queue.end(request, answered=answered):
            if other.cancel.cancelled:
                self._tell_cancelled(other)
            else:
                same = replace(result, command=other.command, command_id=other.command_id)
                self._tell(other, same, frame, snapshot, config)

    def _end_cancelled(self, request: CommandRequest) -> None:
        """Those that had joined ``request`` and are cancelled end now; it goes on."""
        if request.joined and threading.current_thread() is self._thread:
            for other in self._queue.take_cancelled(request):
                self._tell_cancelled(other)

    def _tell_cancelled(self, joined: CommandRequest) -> None:
        ended = self._ending(joined, Status.CANCELLED, joined.name_camera(joined.cancel.reason))
        self._tell(joined, ended, None, None, self._configuration.current)

    def _listeners(self, request: CommandRequest) -> list[Listener]:
        """Who hears of ``request``: the outlet first, so that its topics are ahead of an action."""
        return [self._outlet, *([request.listener] if request.listener else [])]

    def _image_of(self, request: CommandRequest) -> tuple[Snapshot, ReadFrame | None]:
        try:
            return self._queue.image_of(request)
        except FrameTimeoutError as error:
            why = self._explain_no_frame(request.camera)
            raise FrameTimeoutError(f"{error} {why}".rstrip()) from error

    def _convert(self, snapshot: Snapshot) -> Frame:
        try:
            return snapshot.convert()
        except Exception:
            with self._noting:
                self._note(frames_refused=self._report.frames_refused + 1)
            raise

    def _run(self, request: CommandRequest, image: Frame | ReadFrame, frame: Frame) -> Answer:
        def on_stage(output: StageOutput) -> None:
            pairs = [(listener, request.command_id) for listener in self._listeners(request)]
            pairs += [(item.listener, item.command_id) for item in request.joined if item.listener]
            for listener, command_id in pairs:
                tell = partial(listener.stage, output, frame, command_id)
                self._run_guarded("publishing a stage", tell)

        token = WatchedToken(request.cancel, partial(self._end_cancelled, request))
        return self._answerer.answer(replace(request, cancel=token), image, frame, on_stage)

    def _run_guarded(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - an outlet's fault is not the command's
            self._on_exception(what, error)

    def _remember(self, result: Result) -> None:
        with self._noting:
            if result.segmentation is not None:
                self._recent.append(result.seconds)
            self._endings[result.status] += 1
            light = replace(result, semantic=None, spatial=None, segmentation=None, candidates=())
            self._note(commands=self._report.commands + 1, last=light)
            if result.status is Status.ERROR:
                self._note(last_error=result.message, last_error_unix_sec=time.time())


def _describe(work: CommandRequest | Snapshot | ImageToRead) -> str:
    """What was being done, for a message."""
    if isinstance(work, CommandRequest):
        return f"the end of {work.command!r}"
    return "tracking" if isinstance(work, Snapshot) else "reading an image ahead"
