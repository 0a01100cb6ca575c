"""Image and depth by their stamps, on message_filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ppcr_ros.ros.conversions import stamp_to_ns
from ppcr_ros.ros.message_findings import SyncFacts

try:
    import message_filters
except ImportError:  # not on PyPI: a machine without a ROS distribution may lack it
    message_filters = None

_JUMP_NS = 1_000_000_000
"""A stamp this much older than the one before means a replay began anew, not a late message."""


def available() -> bool:
    """Whether message_filters is installed."""
    return message_filters is not None


class DepthSynchroniser:
    """Hands on pairs of image and depth whose stamps lie close together.

    Args:
        on_pair: called with (image, depth).
        queue_size: messages of each kind that are kept while waiting for a partner.
        slop_sec: how far the stamps of a pair may lie apart.
    """

    def __init__(
        self, on_pair: Callable[[Any, Any], None], *, queue_size: int, slop_sec: float
    ) -> None:
        self._on_pair, self._queue_size, self._slop_sec = on_pair, queue_size, slop_sec
        self._newest_ns: list[int | None] = [None, None]
        self._pairs = 0
        self._begin()

    def add_image(self, message: Any) -> None:
        """A new colour image, raw or compressed."""
        self._add(0, message)

    def add_depth(self, message: Any) -> None:
        """A new depth image."""
        self._add(1, message)

    def facts(self) -> SyncFacts:
        """How the pairing goes; safe on any thread."""
        image_ns, depth_ns = self._newest_ns
        apart = None if image_ns is None or depth_ns is None else abs(image_ns - depth_ns) / 1e9
        return SyncFacts(pairs=self._pairs, apart_sec=apart, slop_sec=self._slop_sec)

    def _begin(self) -> None:
        self._inputs = [message_filters.SimpleFilter(), message_filters.SimpleFilter()]
        self._synchroniser = message_filters.ApproximateTimeSynchronizer(
            self._inputs, self._queue_size, self._slop_sec
        )
        self._synchroniser.registerCallback(self._deliver)

    def _add(self, index: int, message: Any) -> None:
        stamp_ns, before_ns = stamp_to_ns(message.header.stamp), self._newest_ns[index]
        if before_ns is not None and stamp_ns < before_ns - _JUMP_NS:
            # Its queues drop the oldest stamps first: after a jump back, all that is new.
            self._begin()
            self._newest_ns = [None, None]
        self._newest_ns[index] = stamp_ns
        try:
            self._inputs[index].signalMessage(message)
        except Exception:
            self._begin()  # it holds its lock when an exception leaves it
            raise

    def _deliver(self, image: Any, depth: Any) -> None:
        self._pairs += 1
        self._on_pair(image, depth)
