"""Image and depth by their stamps, on message_filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ppcr_ros.ros.conversions import stamp_to_ns

try:
    import message_filters
except ImportError:  # not on PyPI: a machine without a ROS distribution may lack it
    message_filters = None

MISSING_ADVICE = (
    "node.use_depth is set but the Python package message_filters is not installed: going on with "
    "colour alone. Install it with 'sudo apt install ros-$ROS_DISTRO-message-filters'."
)

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

    def explain(self) -> str:
        """Why there is no pair, where both kinds arrive; empty where there is nothing to say."""
        image_ns, depth_ns = self._newest_ns
        if self._pairs or image_ns is None or depth_ns is None:
            return ""
        return (
            f"Image and depth both arrive, but no pair within node.sync_slop_sec "
            f"({self._slop_sec:g} s): their newest stamps are "
            f"{abs(image_ns - depth_ns) / 1e9:.3f} s apart. Raise it, or check that both are "
            "stamped by the same clock."
        )

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
