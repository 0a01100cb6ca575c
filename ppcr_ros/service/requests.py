"""Requests to the worker: a command, whence its image comes, and who listens."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.command import Command, clean_command, cut_notice, is_stop
from ppcr_ros.core.config import Config, RecordConfig
from ppcr_ros.core.errors import InvalidCommandError
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.run import OnStage
from ppcr_ros.core.types import Frame, Result, StageOutput


@dataclass(frozen=True)
class Snapshot:
    """A camera image as it arrived; it is converted only if a command needs it.

    Attributes:
        convert: makes the frame; raises `InvalidFrameError`.
        stamp_ns: the image's stamp, nanoseconds.
        frame_id: name of the camera's optical frame.
        sources: the messages that it is made from, by role, for those who record it.
        camera: the camera's name in ``node.cameras``; empty where there is one.
        arrived_ns: when it came, nanoseconds since the epoch.
        received_sec: the same on the clock of the worker; None for when it is offered.
    """

    convert: Callable[[], Frame]
    stamp_ns: int = 0
    frame_id: str = ""
    sources: Mapping[str, Any] = field(default_factory=dict)
    camera: str = ""
    arrived_ns: int = field(default_factory=time.time_ns)
    received_sec: float | None = None


class Listener(Protocol):
    """Listener to how a command goes; called on the worker's thread."""

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        """A stage of a run on ``frame`` has ended."""
        ...

    def result(self, result: Result, frame: Frame | None) -> None:
        """A command has ended; ``frame`` is None where no frame was converted for it."""
        ...


LocatePoint = Callable[[Frame], tuple[float, float]]
"""Finds a point in an image, in its own pixels."""


class Runner(Protocol):
    """Protocol of what answers a command: a pipeline."""

    def run(
        self,
        frame: Frame | ReadFrame,
        command: str | Command,
        on_stage: OnStage | None = None,
        cancel: CancelToken | None = None,
        command_id: str = "",
        point_xy_px: tuple[float, float] | None = None,
    ) -> Result: ...


@dataclass(frozen=True)
class CommandRequest:
    """One command to be carried out.

    Attributes:
        command_id: identifies it in everything that comes of it.
        command: cleaned; empty where it cannot be read.
        arrived_sec: when it came, on the clock of the worker.
        problem: why it cannot be carried out; empty where it can.
        image: the image to search; None for the camera's newest.
        listener: told of this request's stages and its result; or None.
        cancel: ends it.
        reask: whether it asks again for a target that tracking has lost.
        ask_for: by which words, where it does so by others than ``command``; or "".
        camera: the name of the camera that it is for; empty where there is one.
        point_xy_px: what is pointed at, in the image's own pixels; None where nothing is.
        locate_point: finds the point in the image that is searched, where it is not given in
            pixels; raises `InvalidCommandError`. None where there is none to find.
        joined: the same command again, said while this one waited or ran: each has the same answer.
        everywhere: whether it overtakes the requests of all cameras: a ``stop`` to none of them.
        notice: what its result is to say besides: that only its beginning was read.
        spoken: the command as it was received; empty where nobody said it just now.
        addressed: the camera that it was said to by name; empty where by none.
        arrived_ns: when it came, nanoseconds since the epoch.
    """

    command_id: str
    command: str
    arrived_sec: float
    problem: str = ""
    image: Snapshot | None = None
    listener: Listener | None = None
    cancel: CancelToken = field(default_factory=CancelToken)
    reask: bool = False
    ask_for: str = ""
    camera: str = ""
    everywhere: bool = False
    notice: str = ""
    spoken: str = ""
    addressed: str = ""
    arrived_ns: int = field(default_factory=time.time_ns)
    point_xy_px: tuple[float, float] | None = None
    locate_point: LocatePoint | None = None
    joined: list[CommandRequest] = field(default_factory=list)

    def is_same_as(self, other: CommandRequest) -> bool:
        """Whether both ask for the same: then the one that came later joins the other.

        One with an image of its own, or one that stops something, stands for itself.
        """
        both = (self, other)
        plain = not any(
            item.problem or item.image or item.locate_point or item.ask_for for item in both
        )
        same = (self.camera, self.point_xy_px) == (other.camera, other.point_xy_px)
        words = self.command.casefold() == other.command.casefold()
        return plain and same and words and not is_stop(self.command)

    def name_camera(self, message: str) -> str:
        """``message`` with the camera's name, for a result without an image to tell it."""
        return (
            f"camera {self.camera}: {message}" if self.camera and not self.everywhere else message
        )


def make_request(
    command: str,
    config: Config,
    *,
    image: Snapshot | None = None,
    timeout_sec: float = 0.0,
    listener: Listener | None = None,
    camera: str = "",
    point_xy_px: tuple[float, float] | None = None,
    locate_point: LocatePoint | None = None,
    clock_sec: Callable[[], float] = time.monotonic,
) -> CommandRequest:
    """The request for ``command`` as it was received; what is wrong with it is its ``problem``.

    Args:
        command: as received.
        config: the longest command, and the timeout of those that bring none.
        image: the image to search; None for the camera's newest.
        timeout_sec: seconds from now until the request is cancelled; 0 for the configuration's.
        listener: told of the stages and the result.
        camera: one of ``node.cameras``; empty for the first of them, but ``stop`` is for all then.
        point_xy_px: what is pointed at, in the image's own pixels; it may stand for words.
        locate_point: finds it in the image, where it is not given in pixels.
        clock_sec: tells when it came.
    """
    arrived, problem, cleaned = clock_sec(), "", ""
    names = config.node.camera_names
    try:
        if command.strip() or (point_xy_px is None and locate_point is None):
            cleaned = clean_command(command, max_chars=config.pipeline.max_command_chars)
    except InvalidCommandError as error:
        problem = str(error)
    if not (math.isfinite(timeout_sec) and timeout_sec >= 0):
        problem = problem or (
            f"the timeout is {timeout_sec} s; expected seconds above 0, or 0 for that of "
            "node.command_timeout_sec."
        )
        timeout_sec = 0.0
    limit_sec = timeout_sec or config.node.command_timeout_sec
    cancel = CancelToken()
    if limit_sec:
        cancel = CancelToken(
            arrived + limit_sec,
            f"the command timed out: there was no result within {limit_sec:g} s.",
        )
    if camera and camera not in names:
        listed = ", ".join(names) if names[0] else "none: there is one camera, without a name"
        problem = (
            f"there is no camera {camera!r:.80}; node.cameras names {listed}. Say it to one of "
            "those, or name this one there and start the node again."
        )
    elif camera and problem:
        problem = f"camera {camera}: {problem}"
    return CommandRequest(
        uuid.uuid4().hex,
        cleaned,
        arrived,
        problem,
        image,
        listener,
        cancel,
        camera=camera if camera in names else names[0],
        everywhere=not camera and is_stop(cleaned),
        notice=cut_notice(command, max_chars=config.pipeline.max_command_chars),
        spoken=command,
        addressed=camera if camera in names else "",
        point_xy_px=point_xy_px,
        locate_point=locate_point,
    )


@dataclass(frozen=True)
class Decision:
    """Ending of a command, and all that it was made from.

    Attributes:
        request: what was asked.
        snapshot: the image that was searched; None where there was none.
        frame: what was made of it; None where it could not be converted, or was not.
        result: what was published.
        config: the options at the beginning.
        record: whether and where to record, before the result was published: who hears it may
            change that at once.
    """

    request: CommandRequest
    snapshot: Snapshot | None
    frame: Frame | None
    result: Result
    config: Config
    record: RecordConfig
