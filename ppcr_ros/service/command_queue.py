"""The queue of the worker: commands, the images they wait for, and targets in between.

ROS-free, as the worker is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ppcr_ros.core.command import is_stop
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.types import Result
from ppcr_ros.service.read_ahead import ImageToRead, ReadAhead
from ppcr_ros.service.requests import CommandRequest, Snapshot
from ppcr_ros.service.target_follower import TargetFollower


class FrameTimeoutError(PPCRError):
    """No usable camera image arrived in time."""


@dataclass(frozen=True)
class ImageCounts:
    """Counts of the images of all cameras.

    Attributes:
        received: snapshots offered.
        used: snapshots taken for a command, for tracking, or to be read ahead.
        dropped: snapshots that a newer one replaced before they were used.
    """

    received: int = 0
    used: int = 0
    dropped: int = 0


@dataclass
class _Camera:
    """One camera: the target that is followed in its images, and the newest of them."""

    follower: TargetFollower
    newest: tuple[Snapshot, float] | None = None
    used: bool = True
    followed_sec: float = float("-inf")


class CommandQueue:
    """The requests that wait and the newest image of each camera.

    Of one camera the newest request overtakes the others, and they come in the order of arrival.
    Orders of different cameras leave each other alone: the one that runs ends, and then the oldest
    goes on that has its image. A camera without images holds up nobody but itself.

    Args:
        configuration: the cameras' names, ages and timeouts.
        follower: makes what follows a target in one camera's images.
        clock_sec: a clock that never goes back, seconds.
    """

    def __init__(
        self,
        configuration: ConfigSource,
        follower: Callable[[], TargetFollower],
        *,
        clock_sec: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configuration, self._clock_sec = configuration, clock_sec
        self._cameras = {
            name: _Camera(follower()) for name in configuration.current.node.camera_names
        }
        self._changed = threading.Condition()
        self.ahead = ReadAhead(configuration, clock_sec=clock_sec)
        """What the models read before a command; the worker tells it how that went."""
        self._requests: deque[CommandRequest] = deque()
        self._running: CommandRequest | None = None
        self._state, self._counts = "idle", ImageCounts()
        self._closed_because: str | None = None

    @property
    def state(self) -> str:
        """``idle``, ``tracking``, ``waiting for an image`` or ``running``."""
        return self._state

    @property
    def waiting(self) -> int:
        """How many requests have not begun yet."""
        return len(self._requests)

    @property
    def counts(self) -> ImageCounts:
        """Of the images so far."""
        return self._counts

    @property
    def closed_because(self) -> str:
        """Why nothing is taken any more; empty while requests are."""
        return self._closed_because or ""

    def wake(self) -> None:
        """Look again at what is due: the configuration has changed."""
        with self._changed:
            self._changed.notify_all()

    def offer(self, snapshot: Snapshot) -> None:
        """Remember ``snapshot`` as its camera's newest; returns at once."""
        with self._changed:
            camera = self._cameras[snapshot.camera]
            counts = self._counts
            self._counts = replace(
                counts, received=counts.received + 1, dropped=counts.dropped + (not camera.used)
            )
            received_sec = snapshot.received_sec
            if received_sec is None:
                received_sec = self._clock_sec()
            camera.newest, camera.used = (snapshot, received_sec), False
            self._changed.notify_all()

    def add(self, request: CommandRequest) -> bool:
        """Queue ``request`` and cancel what it overtakes; False where the queue is closed.

        The same command for the same camera, while one waits or runs, joins that one.
        """
        with self._changed:
            if self._closed_because is not None:
                return False
            for first in self._first_ones():
                if any(other.is_same_as(request) for other in _going_on(first)):
                    first.joined.append(request)
                    self._changed.notify_all()  # its own time may be up before the first one's
                    return True
            if not request.problem:
                reason = f"a newer command came: {request.command!r:.80}."
                for other in self._unended():
                    if request.everywhere or other.camera == request.camera:
                        other.cancel.cancel(reason)
                if request.image is None:
                    self.ahead.camera = request.camera
            self._requests.append(request)
            self._changed.notify_all()
            return True

    def ask_again(self, found: Result, camera: str, words: str) -> None:
        """Queue the command of ``found`` once more, unless its camera has a newer one.

        The models are asked for ``words``, which say what it found.
        """
        with self._changed:
            if self._closed_because is None and not self._waits(camera):
                self._requests.append(
                    CommandRequest(
                        found.command_id,
                        found.command,
                        self._clock_sec(),
                        reask=True,
                        ask_for="" if words == found.command else words,
                        camera=camera,
                    )
                )

    def cancel(self, command_id: str, reason: str) -> bool:
        """Cancel one request; False where it has ended already."""
        with self._changed:
            for request in self._unended():
                if request.command_id == command_id:
                    request.cancel.cancel(reason)
                    self._changed.notify_all()
                    return True
        return False

    def close(self, reason: str) -> None:
        """Cancel everything; `next` gives those requests out, and then None."""
        with self._changed:
            self._closed_because = reason
            for request in self._unended():
                request.cancel.cancel(reason)
            self._changed.notify_all()

    def next(self) -> CommandRequest | Snapshot | ImageToRead | None:
        """The next request or, while none can go on, the next image to follow a target in.

        While no target is followed either, the next image to read ahead. On the worker's thread;
        it waits. None once the queue is closed and empty.
        """
        with self._changed:
            self._running = None
            while True:
                self._running = self._take()
                if self._running is not None:
                    return self._running
                if self._closed_because is not None:
                    return None
                self._state = self._waiting_state()
                camera, pause_sec = self._followed_next()
                if camera is not None and pause_sec == 0.0:
                    camera.followed_sec = self._clock_sec()
                    return self._use_newest(camera)
                ahead_sec = self._ahead_pause_sec()
                if ahead_sec == 0.0:
                    return self._begin_ahead()
                self._changed.wait(self.patience_sec(pause_sec, ahead_sec))

    def image_of(self, request: CommandRequest) -> tuple[Snapshot, ReadFrame | None]:
        """The request's own image, the one read ahead, or its camera's newest; young enough for it.

        With what the models have read of it already, where it was read ahead.

        Raises:
            FrameTimeoutError: when there is none.
        """
        ahead = self.ahead.take(request)
        with self._changed:
            if ahead is not None or request.image is not None or self._has_image(request):
                self._state = "running"
                return ahead or (
                    request.image or self._use_newest(self._cameras[request.camera]),
                    None,
                )
            newest = self._cameras[request.camera].newest
        limits = self._configuration.current.node
        if newest is None:
            seen = "none has arrived since the node became active"
        else:
            age_sec = request.arrived_sec - newest[1]
            seen = (
                f"the newest was {age_sec:.1f} s old when the command came, and "
                f"node.max_image_age_sec is {limits.max_image_age_sec:g}"
            )
        raise FrameTimeoutError(
            f"no image to search within node.frame_timeout_sec ({limits.frame_timeout_sec:g} s): "
            f"{seen}."
        )

    def follower(self, camera: str) -> TargetFollower:
        """Of one camera; used on the worker's thread."""
        return self._cameras[camera].follower

    def forget_targets(self) -> None:
        """Follow nothing any more, in no camera's images; on the worker's thread."""
        for camera in self._cameras.values():
            camera.follower.stop()

    def end(self, request: CommandRequest, *, answered: bool) -> list[CommandRequest]:
        """``request`` has ended: those that had joined it and end with it.

        Where there was no answer they are carried out after it, but those that are cancelled. It is
        one step, so that whatever comes next finds them waiting.
        """
        with self._changed:
            if self._running is request:
                self._running = None
            if answered:
                return list(request.joined)
            ended = _take_cancelled(request)
            if request.joined:
                first, *rest = request.joined
                first.joined.extend(rest)
                self._requests.appendleft(first)
            return ended

    def take_cancelled(self, request: CommandRequest) -> list[CommandRequest]:
        """Those that had joined ``request`` and are cancelled: they end, and it goes on."""
        with self._changed:
            return _take_cancelled(request)

    def _first_ones(self) -> list[CommandRequest]:
        """Those that wait or run and have joined none."""
        return [*self._requests, *([] if self._running is None else [self._running])]

    def _unended(self) -> Iterator[CommandRequest]:
        for request in self._first_ones():
            yield request
            yield from request.joined

    def _take(self) -> CommandRequest | None:
        """The oldest request that need not wait any more; each camera's in the order of arrival."""
        waiting: set[str] = set()
        for place, request in enumerate(self._requests):
            if not request.cancel.cancelled and (ended := _take_cancelled(request)):
                first, *rest = ended
                first.joined.extend(rest)
                return first
            if request.camera not in waiting and self._can_go_on(request):
                del self._requests[place]
                return request
            waiting.add(request.camera)
        return None

    def _can_go_on(self, request: CommandRequest) -> bool:
        """Whether a request has its image, needs none, or has waited for as long as it may."""
        if request.problem or request.image is not None or request.cancel.cancelled:
            return True
        overdue = self._clock_sec() >= self._deadline_sec(request)
        return overdue or self._has_image(request) or is_stop(request.command)

    def _has_image(self, request: CommandRequest) -> bool:
        newest = self._cameras[request.camera].newest
        oldest_sec = request.arrived_sec - self._configuration.current.node.max_image_age_sec
        return newest is not None and newest[1] >= oldest_sec

    def _deadline_sec(self, request: CommandRequest) -> float:
        return request.arrived_sec + self._configuration.current.node.frame_timeout_sec

    def _waits(self, camera: str) -> bool:
        return any(request.camera == camera for request in self._requests)

    def _waiting_state(self) -> str:
        if self._requests:
            return "waiting for an image"
        active = any(camera.follower.active for camera in self._cameras.values())
        return "tracking" if active else "idle"

    def _followed_next(self) -> tuple[_Camera | None, float | None]:
        """The camera whose target is due first, the one that had to wait longest among equals.

        With the seconds until then; None where nothing is followed.
        """
        due: list[tuple[float, float, _Camera]] = []
        for name, camera in self._cameras.items():
            newest = None if camera.newest is None else camera.newest[0]
            pause_sec = camera.follower.pause_sec(newest)
            if pause_sec is not None and not self._waits(name):
                due.append((pause_sec, camera.followed_sec, camera))
        if not due:
            return None, None
        pause_sec, _, camera = min(due, key=lambda item: item[:2])
        return camera, pause_sec

    def _ahead_pause_sec(self) -> float | None:
        """Until an image is to be read ahead; None while there is anything else to be done."""
        if self._state != "idle":
            return None
        newest = self._cameras[self.ahead.camera].newest
        return self.ahead.pause_sec(None if newest is None else newest[0])

    def _begin_ahead(self) -> ImageToRead:
        camera = self._cameras[self.ahead.camera]
        snapshot = self._use_newest(camera)
        assert camera.newest is not None
        return self.ahead.begin(snapshot, camera.newest[1])

    def patience_sec(self, *pauses_sec: float | None) -> float | None:
        """How long to wait at most: for an image that is due, or until a request has waited."""
        now_sec = self._clock_sec()
        ends = [pause_sec for pause_sec in pauses_sec if pause_sec is not None]
        # Those behind them go on after them, however little time they have left themselves.
        first = {request.camera: request for request in reversed(self._requests)}
        for request in first.values():
            tokens = [item.cancel.remaining_sec for item in (request, *request.joined)]
            ends.append(max(min(self._deadline_sec(request) - now_sec, *tokens), 0.0))
        return min(ends, default=None)

    def _use_newest(self, camera: _Camera) -> Snapshot:
        if camera.newest is None:
            raise PPCRError("the camera has sent no image yet.")
        camera.used = True
        self._counts = replace(self._counts, used=self._counts.used + 1)
        return camera.newest[0]


def _going_on(first: CommandRequest) -> list[CommandRequest]:
    """``first`` and those that have joined it, but the cancelled ones."""
    return [item for item in (first, *first.joined) if not item.cancel.cancelled]


def _take_cancelled(first: CommandRequest) -> list[CommandRequest]:
    """Those that have joined ``first`` and are cancelled; it has them no more."""
    ended = [item for item in first.joined if item.cancel.cancelled]
    first.joined[:] = [item for item in first.joined if item not in ended]
    return ended
