"""Image, depth and camera_info by their stamps, on message_filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ppcr_ros.health.message_findings import SyncFacts
from ppcr_ros.ros.conversions import stamp_to_ns

try:
    import message_filters
except ImportError:  # not on PyPI: a machine without a ROS distribution may lack it
    message_filters = None

_JUMP_NS = 1_000_000_000
"""A stamp this much older than the one before means a replay began anew, not a late message."""
_PATIENCE = 3
"""After so many pairs of image and depth without a camera_info in time, pairs go on without it."""

_IMAGE, _DEPTH, _INFO = range(3)


def available() -> bool:
    """Whether message_filters is installed."""
    return message_filters is not None


class DepthSynchroniser:
    """Hands on image, depth and camera_info whose stamps lie close together.

    Some drivers stamp camera_info otherwise, or send it once. Where it does not keep time, pairs of
    image and depth are handed on with the newest camera_info, so that the node is not silent for
    want of numbers that hardly ever change.

    Args:
        on_match: called with (image, depth, camera_info or None).
        queue_size: messages of each kind that are kept while waiting for a partner.
        slop_sec: how far the stamps of a match may lie apart.
    """

    def __init__(
        self, on_match: Callable[[Any, Any, Any], None], *, queue_size: int, slop_sec: float
    ) -> None:
        self._on_match, self._queue_size, self._slop_sec = on_match, queue_size, slop_sec
        self._newest_ns: list[int | None] = [None, None, None]
        self._info: Any = None
        self._matches = 0
        self._begin()

    def add_image(self, message: Any) -> None:
        """A new colour image, raw or compressed."""
        self._add(_IMAGE, message)

    def add_depth(self, message: Any) -> None:
        """A new depth image."""
        self._add(_DEPTH, message)

    def add_info(self, message: Any) -> None:
        """A new camera_info."""
        self._info = message
        self._add(_INFO, message)

    def facts(self) -> SyncFacts:
        """How the pairing goes; safe on any thread."""
        image_ns, depth_ns = self._newest_ns[_IMAGE], self._newest_ns[_DEPTH]
        apart = None if image_ns is None or depth_ns is None else abs(image_ns - depth_ns) / 1e9
        return SyncFacts(pairs=self._matches, apart_sec=apart, slop_sec=self._slop_sec)

    def _begin(self) -> None:
        self._inputs = [message_filters.SimpleFilter() for _ in range(3)]
        self._triples = self._synchroniser(self._inputs, self._deliver_triple)
        self._pairs = self._synchroniser(self._inputs[:_INFO], self._deliver_pair)
        self._in_step, self._pairs_since_triple = False, 0

    def _synchroniser(self, inputs: list[Any], callback: Callable[..., None]) -> Any:
        made = message_filters.ApproximateTimeSynchronizer(inputs, self._queue_size, self._slop_sec)
        made.registerCallback(callback)
        return made

    def _add(self, index: int, message: Any) -> None:
        stamp_ns, before_ns = stamp_to_ns(message.header.stamp), self._newest_ns[index]
        if before_ns is not None and stamp_ns < before_ns - _JUMP_NS:
            # Its queues drop the oldest stamps first: after a jump back, all that is new.
            self._begin()
            self._newest_ns = [None, None, None]
        self._newest_ns[index] = stamp_ns
        try:
            self._inputs[index].signalMessage(message)
        except Exception:
            self._begin()  # it holds its lock when an exception leaves it
            raise

    def _deliver_triple(self, image: Any, depth: Any, info: Any) -> None:
        self._matches += 1
        self._in_step = True
        self._pairs_since_triple = 0
        self._on_match(image, depth, info)

    def _deliver_pair(self, image: Any, depth: Any) -> None:
        self._pairs_since_triple += 1
        if self._in_step and self._pairs_since_triple <= _PATIENCE:
            return  # the same two come with their camera_info
        self._matches += 1
        self._in_step = False
        self._on_match(image, depth, self._info)
