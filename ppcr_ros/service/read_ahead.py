"""Chooses the image that the models read before its command comes. ROS-free, as the worker is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.service.requests import CommandRequest, Snapshot


@dataclass(frozen=True)
class ImageToRead:
    """Work for the worker: have the models read this image."""

    snapshot: Snapshot


class ReadAhead:
    """Keeps to ``node.read_ahead_max_rate_hz``, and to the camera that commands are for.

    It owns what was read of one image until a request takes it.

    Args:
        configuration: rate, ages and the cameras' names.
        clock_sec: a clock that never goes back, seconds.
    """

    def __init__(
        self, configuration: ConfigSource, *, clock_sec: Callable[[], float] = time.monotonic
    ) -> None:
        self._configuration, self._clock_sec = configuration, clock_sec
        self.camera = configuration.current.node.camera_names[0]
        """The one whose images are read: that of the last command, the first one before any."""
        self._last_sec = float("-inf")
        self._seen: Snapshot | None = None
        self._arrived_sec = float("-inf")
        self._read: ReadFrame | None = None
        self._stopped = False

    def pause_sec(self, newest: Snapshot | None) -> float | None:
        """How long to wait before ``newest`` is read ahead; None where it is not to be."""
        rate_hz = self._configuration.current.node.read_ahead_max_rate_hz
        if not rate_hz or self._stopped or newest is None or newest is self._seen:
            return None
        return max(0.0, self._last_sec + 1.0 / rate_hz - self._clock_sec())

    def begin(self, snapshot: Snapshot, arrived_sec: float) -> ImageToRead:
        """``snapshot``, which came at ``arrived_sec``, is read now."""
        self._last_sec = self._clock_sec()
        self._seen, self._arrived_sec, self._read = snapshot, arrived_sec, None
        return ImageToRead(snapshot)

    def keep(self, read: ReadFrame) -> None:
        """What the models have read of the snapshot that was begun."""
        self._read = read

    def stop(self) -> None:
        """Reading ahead has failed: try again only when another command has ended."""
        self._read, self._stopped = None, True

    def take(self, request: CommandRequest) -> tuple[Snapshot, ReadFrame] | None:
        """The image that was read, if ``request`` may have it; it serves no other request then.

        A request may have an image of its camera's that is not older than
        ``node.max_image_age_sec``. One that asks again for a target that was lost wants a new one.
        """
        snapshot, read = self._seen, self._read
        self._seen, self._read, self._stopped = None, None, False
        oldest_sec = request.arrived_sec - self._configuration.current.node.max_image_age_sec
        if snapshot is None or read is None or request.image is not None or request.reask:
            return None
        fits = snapshot.camera == request.camera and self._arrived_sec >= oldest_sec
        return (snapshot, read) if fits else None
