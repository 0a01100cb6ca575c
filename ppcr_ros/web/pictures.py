"""Camera images on their way to browsers: encoded once, for all of them, and dropped if late."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ppcr_ros.core.closing import Closing
from ppcr_ros.core.types import Array

JPEG_QUALITY = 80
GIST_SCALE = 8
"""A gist is so many times smaller than its picture."""


@dataclass(frozen=True)
class Shot:
    """A camera image as it came, before anything was done to it.

    Attributes:
        rgb: makes its pixels, (H, W, 3) uint8, red, green, blue; raises `InvalidFrameError`.
        stamp_ns: when it was taken, nanoseconds.
        frame_id: the camera's optical frame.
        jpeg: the image as JPEG, where it came so; else empty.
        same_as: images with an equal one show the same pixels; None where that is not known.
        came_sec: when it came, by ``time.monotonic()``.
    """

    rgb: Callable[[], Array]
    stamp_ns: int = 0
    frame_id: str = ""
    jpeg: bytes = b""
    same_as: Any = None
    came_sec: float = 0.0


@dataclass(frozen=True)
class Picture:
    """A camera image as browsers get it.

    Attributes:
        number: counts the pictures of a board, from 1 on.
        jpeg: the picture.
        width_px: of the camera's image and of the JPEG.
        height_px: of the camera's image and of the JPEG.
        shot: what it was made from.
        gist: (H / 8, W / 8) uint8, grey: enough to see whether something has changed.
    """

    number: int
    jpeg: bytes
    width_px: int
    height_px: int
    shot: Shot
    gist: Array

    def age_sec(self, now_sec: float) -> float:
        """How long ago it came, at ``now_sec`` by ``time.monotonic()``."""
        return now_sec - self.shot.came_sec


def make_picture(shot: Shot, number: int) -> Picture:
    """``shot`` as a picture; one that came as JPEG is handed on as it is.

    Raises:
        InvalidFrameError: when the image is unusable.
    """
    if shot.jpeg:
        with Image.open(io.BytesIO(shot.jpeg)) as image:
            width, height = image.size
            image.draft("L", (width // GIST_SCALE, height // GIST_SCALE))
            small = np.asarray(image.convert("L"))
        return Picture(number, shot.jpeg, width, height, shot, _small(small, width, height))
    rgb = shot.rgb()
    height, width = rgb.shape[:2]
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    grey = bgr[::2, ::2, 1]  # green, of every other pixel: it is looked at for changes alone
    return Picture(number, encoded(bgr), width, height, shot, _small(grey, width, height))


def encoded(bgr: Array, quality: int = JPEG_QUALITY) -> bytes:
    """``bgr`` (H, W, 3) uint8, blue, green, red, as JPEG."""
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)


def decoded(jpeg: bytes) -> Array:
    """A JPEG's pixels, (H, W, 3) uint8, red, green, blue."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def _small(grey: Array, width: int, height: int) -> Array:
    size = max(1, width // GIST_SCALE), max(1, height // GIST_SCALE)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


class PictureMaker(Closing):
    """Makes pictures of the newest shot on a thread of its own; those in between are dropped.

    Args:
        show: takes each picture; called on that thread.
        wanted: whether anybody looks; nothing is made while nobody does.
        on_problem: told why an image is no picture.
        max_rate_hz: so many pictures a second at most.
    """

    def __init__(
        self,
        show: Callable[[Picture], None],
        wanted: Callable[[], bool],
        on_problem: Callable[[str], None] = lambda text: None,
        max_rate_hz: float = 15.0,
    ) -> None:
        self._show, self._wanted, self._on_problem = show, wanted, on_problem
        self._pause_sec = 1.0 / max_rate_hz
        self._changed = threading.Condition()
        self._newest: Shot | None = None
        self._last: Picture | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="ppcr-pictures", daemon=True)
        self._thread.start()

    def offer(self, shot: Shot) -> None:
        """Take ``shot`` in place of one that still waits; returns at once."""
        with self._changed:
            self._newest = replace(shot, came_sec=shot.came_sec or time.monotonic())
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _loop(self) -> None:
        due_sec = 0.0
        while True:
            with self._changed:
                while not self._closed and (self._newest is None or not self._wanted()):
                    # It is told of a new shot, not of somebody who begins to look.
                    self._changed.wait(None if self._newest is None else 0.2)
                while not self._closed and (early_sec := due_sec - time.monotonic()) > 0.0:
                    self._changed.wait(early_sec)
                shot, self._newest = self._newest, None
                if self._closed or shot is None:
                    return
            # A little early rather than one image late: the camera's images are not quite regular.
            due_sec = time.monotonic() + 0.9 * self._pause_sec
            try:
                self._last = self._make_picture(shot)
            except Exception as error:  # noqa: BLE001 - a camera may send anything
                self._on_problem(f"the camera's image cannot be shown: {error}")
                continue
            self._show(self._last)

    def _make_picture(self, shot: Shot) -> Picture:
        last = self._last
        if last is not None and shot.same_as is not None and last.shot.same_as is shot.same_as:
            return replace(last, shot=shot)
        return make_picture(shot, 1 if last is None else last.number + 1)


def looks_alike(before: Array, now: Array, boxes_xyxy_px: list[Array]) -> bool:
    """Whether two gists show the same within ``boxes_xyxy_px`` and a little around them.

    Grey levels are compared on average, so that noise counts for nothing and a hand does.
    """
    if before.shape != now.shape:
        return False
    for box in boxes_xyxy_px:
        x1, y1, x2, y2 = (float(value) / GIST_SCALE for value in box)
        rows = slice(max(int(y1) - 1, 0), int(y2) + 2)
        columns = slice(max(int(x1) - 1, 0), int(x2) + 2)
        apart = cv2.absdiff(before[rows, columns], now[rows, columns])
        if apart.size and float(apart.mean()) > _ALIKE_LEVELS:
            return False
    return True


_ALIKE_LEVELS = 14.0
"""Grey levels of 255 that a region may differ by, on average, and still show the same."""
