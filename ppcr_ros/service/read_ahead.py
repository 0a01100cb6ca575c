"""Which image the models read before its command comes. ROS-free, as the worker is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ppcr_ros.core.config import Config
from ppcr_ros.core.types import Frame
from ppcr_ros.service.requests import Order, Snapshot


@dataclass(frozen=True)
class ToReadAhead:
    """Work for the worker: have the models read this image."""

    snapshot: Snapshot


class ReadingAhead:
    """Keeps to ``node.read_ahead_max_rate_hz``, and to the camera that commands are for.

    The models keep what they have read of one image, for one run.

    Args:
        config: rate, ages and the cameras' names.
        clock_sec: a clock that never goes back, seconds.
    """

    def __init__(self, config: Config, *, clock_sec: Callable[[], float] = time.monotonic) -> None:
        self._config, self._clock_sec = config, clock_sec
        self.camera = config.node.camera_names[0]
        """The one whose images are read: that of the last command, the first one before any."""
        self._last_sec = float("-inf")
        self._seen: Snapshot | None = None
        self._arrived_sec = float("-inf")
        self._frame: Frame | None = None
        self._stopped = False

    def configure(self, config: Config) -> None:
        """Take over the options that may change at run time."""
        self._config = config

    def pause_sec(self, newest: Snapshot | None) -> float | None:
        """How long to wait before ``newest`` is read ahead; None where it is not to be."""
        rate_hz = self._config.node.read_ahead_max_rate_hz
        if not rate_hz or self._stopped or newest is None or newest is self._seen:
            return None
        return max(0.0, self._last_sec + 1.0 / rate_hz - self._clock_sec())

    def begin(self, snapshot: Snapshot, arrived_sec: float) -> ToReadAhead:
        """``snapshot``, which came at ``arrived_sec``, is read now."""
        self._last_sec = self._clock_sec()
        self._seen, self._arrived_sec, self._frame = snapshot, arrived_sec, None
        return ToReadAhead(snapshot)

    def done(self, frame: Frame) -> None:
        """The models have read ``frame``, that of the snapshot that was begun."""
        self._frame = frame

    def stop(self) -> None:
        """Reading ahead has failed: try again only when another command has ended."""
        self._frame, self._stopped = None, True

    def take(self, order: Order) -> tuple[Snapshot, Frame] | None:
        """The image that was read, if ``order`` may have it; it serves no other order then.

        An order may have an image of its camera's that is not older than
        ``node.max_image_age_sec``. One that asks again for a target that was lost wants a new one.
        """
        snapshot, frame = self._seen, self._frame
        self._seen, self._frame, self._stopped = None, None, False
        oldest_sec = order.arrived_sec - self._config.node.max_image_age_sec
        if snapshot is None or frame is None or order.image is not None or order.reask:
            return None
        fits = snapshot.camera == order.camera and self._arrived_sec >= oldest_sec
        return (snapshot, frame) if fits else None
