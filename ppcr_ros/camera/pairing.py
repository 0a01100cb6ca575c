"""Pairs each colour image with the depth image of the nearest stamp. Imports no ROS.

A pair is handed on once no better partner of either can come: stamps of a topic only grow, so that
is known as soon as the other topic has reached the later of the two stamps, and at once where both
stamps are equal. Nobody waits for ever: a colour image that no depth came for goes on alone.
"""

from __future__ import annotations

import math
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ppcr_ros.camera.frames import stamp_to_ns
from ppcr_ros.camera.replays import STAMPS_KEPT, StampHistory

_JUDGED = 5
"""Of so many depth images it is told how far colour is away: the newest's image may be to come."""
_REACH_NS = 5_000_000
"""Stamps that differ by no more are those of one moment, where lateness is measured."""


@dataclass(frozen=True)
class PairingFacts:
    """Counts and times of the pairing.

    Attributes:
        pairs: how many colour images were handed on with depth so far.
        alone: whether colour goes on without depth at the moment.
        apart_sec: between the stamps of a depth and a colour image, the least of the last few;
            None until both have come.
        slop_sec: how far the stamps of a pair may lie apart.
        late: what came too late for its partner of the same stamp, ``depth`` or ``image``; empty
            where nothing did since the last pair.
        late_sec: how late it came.
        queue_size: how many messages of each kind are kept.
        depth_interval_sec: from one depth image to the next; 0 where unknown.
        kept_sec: what time ``queue_size`` messages of the earlier kind span; 0 where unknown.
        wait_sec: how long a colour image waits.
    """

    pairs: int = 0
    alone: bool = False
    apart_sec: float | None = None
    slop_sec: float = 0.05
    late: str = ""
    late_sec: float = 0.0
    queue_size: int = 10
    depth_interval_sec: float = 0.0
    kept_sec: float = 0.0
    wait_sec: float = 0.5

    @property
    def queue_needed(self) -> int:
        """How many messages must be kept for a partner that is so late; at most 100."""
        rate_hz = self.queue_size / self.kept_sec if self.kept_sec else 30.0
        return min(max(math.ceil(1.3 * self.late_sec * rate_hz) + 2, self.queue_size), 100)

    @property
    def wait_needed_sec(self) -> float:
        """How long a colour image must wait for depth that is so late."""
        return max(math.ceil(13.0 * self.late_sec) / 10.0, self.wait_sec)


@dataclass(frozen=True)
class _WaitingMessage:
    stamp_ns: int
    came_sec: float
    message: Any = None


class _Queue:
    """The messages of one kind that have no partner yet, by their stamps."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.held: list[_WaitingMessage] = []
        self.past: deque[_WaitingMessage] = deque(maxlen=STAMPS_KEPT)
        self.stamps = StampHistory()

    def add(self, message: Any, now_sec: float) -> list[_WaitingMessage]:
        """Keep ``message``; returns those for which there is no room any more."""
        held = _WaitingMessage(stamp_to_ns(message.header.stamp), now_sec, message)
        insort(self.held, held, key=lambda item: item.stamp_ns)
        self.past.append(_WaitingMessage(held.stamp_ns, now_sec))
        self.stamps.add(held.stamp_ns)
        gone, self.held = self.held[: -self._size], self.held[-self._size :]
        return gone

    def nearest(self, stamp_ns: int) -> _WaitingMessage | None:
        """The one whose stamp lies nearest to ``stamp_ns``, the earlier of two."""
        return min(self.held, key=lambda item: abs(item.stamp_ns - stamp_ns), default=None)

    def drop_until(self, stamp_ns: int) -> None:
        """Forget those that are as old as ``stamp_ns``, or older."""
        self.held = [item for item in self.held if item.stamp_ns > stamp_ns]

    def has_reached(self, stamp_ns: int) -> bool:
        newest_ns = self.stamps.newest_ns
        return newest_ns is not None and newest_ns >= stamp_ns

    @property
    def interval_sec(self) -> float:
        """The time from one message to the next; 0 where unknown."""
        if len(self.past) < 2:
            return 0.0
        passed_sec = self.past[-1].came_sec - self.past[0].came_sec
        return max(passed_sec / (len(self.past) - 1), 0.0)


class DepthPairing:
    """Hands on each colour image with its depth, or alone where none comes.

    Images are handed on in the order of their stamps, except those that a newer pair has overtaken:
    they are dropped. Used on one thread, except `facts`.

    Args:
        on_frame: called with (image, depth or None).
        queue_size: messages of each kind that are kept while waiting for a partner.
        slop_sec: how far the stamps of a pair may lie apart.
        wait_sec: how long a colour image waits for its depth.
        clock: a steady clock, seconds.
    """

    def __init__(
        self,
        on_frame: Callable[[Any, Any], None],
        *,
        queue_size: int,
        slop_sec: float,
        wait_sec: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_frame, self._clock = on_frame, clock
        self._queue_size, self._slop_sec, self._wait_sec = queue_size, slop_sec, wait_sec
        self._pairs, self._alone = 0, False
        self._idle_since_sec: float | None = None
        self._apart_sec: float | None
        self._handed_on_ns: int | None
        self._begin()

    def add_image(self, message: Any) -> None:
        """A new colour image, raw or compressed."""
        stamp_ns = self._note(message, self._images)
        for depth_ns, apart_ns in list(self._apart_ns.items()):
            self._apart_ns[depth_ns] = min(apart_ns, abs(stamp_ns - depth_ns))
        self._note_apart()
        if self._idle_since_sec is None:
            self._idle_since_sec = self._clock()
        crowded_out = self._images.add(message, self._clock())
        self._note_lateness("image", stamp_ns, self._depths)
        self._settle()
        if not self._images.held:
            return
        if self._alone:
            self._hand_on_alone()
        elif crowded_out:
            self._give_up(crowded_out)

    def add_depth(self, message: Any) -> None:
        """A new depth image."""
        stamp_ns = self._note(message, self._depths)
        self._depths.add(message, self._clock())
        self._note_lateness("depth", stamp_ns, self._images)
        self._depth_interval_sec = self._depths.interval_sec
        self._apart_ns[stamp_ns] = min(
            (abs(item.stamp_ns - stamp_ns) for item in self._images.past), default=math.inf
        )
        if len(self._apart_ns) > _JUDGED:
            del self._apart_ns[next(iter(self._apart_ns))]
        self._note_apart()
        self._settle()

    def look(self) -> None:
        """To be called now and then: images that have waited long enough go on."""
        late_sec = self._clock() - self._wait_sec
        expired = [item for item in self._images.held if item.came_sec <= late_sec]
        if not expired and self._idle_since_sec is not None and self._idle_since_sec <= late_sec:
            expired = list(self._images.held)  # a loop shorter than the wait drops what waits
        if expired:
            self._give_up(expired)

    def facts(self) -> PairingFacts:
        """How the pairing goes; safe on any thread."""
        late, late_sec, kept_sec = self._lateness
        return PairingFacts(
            pairs=self._pairs,
            alone=self._alone,
            apart_sec=self._apart_sec,
            slop_sec=self._slop_sec,
            late=late,
            late_sec=late_sec,
            queue_size=self._queue_size,
            depth_interval_sec=self._depth_interval_sec,
            kept_sec=kept_sec,
            wait_sec=self._wait_sec,
        )

    def _note_apart(self) -> None:
        least_ns = min(self._apart_ns.values(), default=math.inf)
        self._apart_sec = least_ns / 1e9 if math.isfinite(least_ns) else None

    def _begin(self) -> None:
        self._images, self._depths = _Queue(self._queue_size), _Queue(self._queue_size)
        self._apart_sec = self._handed_on_ns = None
        self._apart_ns: dict[int, float] = {}  # by the stamps of the last few depth images
        self._handed_on: Any = None
        self._depth_interval_sec = 0.0
        self._lateness = ("", 0.0, 0.0)

    def _note(self, message: Any, queue: _Queue) -> int:
        """The stamp of ``message``; after a jump back in time what is held is of another run."""
        stamp_ns = stamp_to_ns(message.header.stamp)
        if queue.stamps.back_ns(stamp_ns):
            self._begin()  # whoever called adds to a queue by its name: to the new one
        return stamp_ns

    def _note_lateness(self, what: str, stamp_ns: int, others: _Queue) -> None:
        """Remember that a partner of the same stamp came earlier and is held no longer."""
        for other in reversed(others.past):
            if abs(other.stamp_ns - stamp_ns) <= _REACH_NS:
                if all(held.stamp_ns != other.stamp_ns for held in others.held):
                    late_sec = self._clock() - other.came_sec
                    kept_sec = others.interval_sec * self._queue_size
                    self._lateness = (what, late_sec, kept_sec)
                return

    def _settle(self) -> None:
        while (pair := self._final_pair()) is not None:
            self._hand_on_pair(*pair)

    def _final_pair(self) -> tuple[_WaitingMessage, _WaitingMessage] | None:
        """The oldest pair of which neither can find a better partner any more."""
        for image in self._images.held:
            depth = self._partner(image)
            if depth is None:
                continue
            later_ns = max(image.stamp_ns, depth.stamp_ns)
            lagging = self._images if depth.stamp_ns > image.stamp_ns else self._depths
            if lagging.has_reached(later_ns):
                return image, depth
        return None

    def _partner(self, image: _WaitingMessage) -> _WaitingMessage | None:
        """The depth image nearest to ``image``, where no other image lies nearer to that."""
        depth = self._depths.nearest(image.stamp_ns)
        if depth is None or abs(depth.stamp_ns - image.stamp_ns) > self._slop_sec * 1e9:
            return None
        nearest = self._images.nearest(depth.stamp_ns)
        return depth if nearest is not None and nearest.stamp_ns == image.stamp_ns else None

    def _hand_on_pair(self, image: _WaitingMessage, depth: _WaitingMessage) -> None:
        self._images.drop_until(image.stamp_ns)
        self._depths.drop_until(depth.stamp_ns)
        if self._handed_on_ns is not None and image.stamp_ns < self._handed_on_ns:
            self._alone = False  # depth is back; a newer image has gone on without it
            return
        self._pairs, self._alone, self._lateness = self._pairs + 1, False, ("", 0.0, 0.0)
        self._hand_on(image, depth.message)

    def _give_up(self, expired: Sequence[_WaitingMessage]) -> None:
        """Hand on an image that waits no longer: with the best partner so far, or alone."""
        for image in reversed(expired):
            if (depth := self._partner(image)) is not None:
                self._hand_on_pair(image, depth)
                return
        self._hand_on_alone()
        self._images.drop_until(expired[-1].stamp_ns)

    def _hand_on_alone(self) -> None:
        """Hand on the newest image without depth; it is kept, in case its depth still comes."""
        self._alone = True
        image = self._images.held[-1]
        overtaken = self._handed_on_ns is not None and image.stamp_ns < self._handed_on_ns
        if not overtaken and image.message is not self._handed_on:
            self._hand_on(image, None)

    def _hand_on(self, image: _WaitingMessage, depth: Any) -> None:
        self._handed_on_ns, self._handed_on = image.stamp_ns, image.message
        self._idle_since_sec = None
        self._on_frame(image.message, depth)
