"""Image, depth and camera_info as one stream: a filter in the way of message_filters.

message_filters' own ApproximateTimeSynchronizer hands on the first set within the slop. After one
lost image that is the neighbour's depth for good, so that the pairing is this package's own
(`ppcr_ros.camera.pairing`); what it is connected with are message_filters' filters where that
package is installed, and the same in a few lines where it is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ppcr_ros.camera.frames import stamp_to_ns
from ppcr_ros.camera.pairing import DepthPairing, PairingFacts

try:
    from message_filters import SimpleFilter as SimpleFilter
except ImportError:  # not on PyPI: a machine without a ROS distribution may lack it

    class SimpleFilter:  # type: ignore[no-redef]
        """Calls its callbacks with each message; as message_filters' class of this name."""

        def __init__(self) -> None:
            self.callbacks: list[Callable[..., None]] = []

        def registerCallback(self, cb: Callable[..., None]) -> None:  # noqa: N802
            self.callbacks.append(cb)

        def signalMessage(self, *msg: Any) -> None:  # noqa: N802
            for callback in self.callbacks:
                callback(*msg)


class DepthSynchroniser(SimpleFilter):  # type: ignore[misc, unused-ignore]
    """A filter of (image, depth or None, camera_info or None).

    Some drivers stamp camera_info otherwise, or send it once. So nothing waits for it: an image
    comes with the one nearest to it, or else with the newest.

    Args:
        queue_size: messages of each kind that are kept while waiting for a partner.
        slop_sec: how far the stamps of an image and its depth may lie apart.
        wait_sec: how long a colour image waits for its depth.
    """

    def __init__(self, *, queue_size: int, slop_sec: float, wait_sec: float) -> None:
        super().__init__()
        self._slop_ns = slop_sec * 1e9
        self._infos: deque[Any] = deque(maxlen=queue_size)
        self._pairing = DepthPairing(
            self._hand_on, queue_size=queue_size, slop_sec=slop_sec, wait_sec=wait_sec
        )

    def connectInput(self, image: Any, depth: Any, info: Any) -> None:  # noqa: N802
        """Take the messages of three filters."""
        image.registerCallback(self._pairing.add_image)
        depth.registerCallback(self._pairing.add_depth)
        info.registerCallback(self._infos.append)

    def look(self) -> None:
        """To be called now and then: images that have waited long enough go on alone."""
        self._pairing.look()

    def facts(self) -> PairingFacts:
        """How the pairing goes; safe on any thread."""
        return self._pairing.facts()

    def _hand_on(self, image: Any, depth: Any) -> None:
        self.signalMessage(image, depth, self._info_of(image))

    def _info_of(self, image: Any) -> Any:
        if not self._infos:
            return None
        stamp_ns = stamp_to_ns(image.header.stamp)

        def apart_ns(info: Any) -> int:
            return abs(stamp_to_ns(info.header.stamp) - stamp_ns)

        nearest = min(reversed(self._infos), key=apart_ns)
        return nearest if apart_ns(nearest) <= self._slop_ns else self._infos[-1]
