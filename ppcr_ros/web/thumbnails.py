"""Small pictures of what was found, from the pictures that were shown a moment ago."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ppcr_ros.core.types import Array, Result, Status
from ppcr_ros.drawing import BOX_RGB, CANDIDATE_RGB, MASK_RGB, draw_overlay
from ppcr_ros.web.overlay import marked_boxes
from ppcr_ros.web.pictures import Picture, decoded, encoded

WIDTH_PX = 208
LOW_RGB = (255, 150, 40)
"""What a mask is tinted with that is not to be used."""
_ROOM = 2.0
_LEAST_SHARE = 0.4
"""Of the picture that a thumbnail shows, so that one sees where it is."""
_MOST_BYTES = 24_000_000
_NEAR_NS = 1_000_000_000
"""On a busy machine the very image that was searched is one of those that the page has dropped."""


@dataclass(frozen=True)
class _Kept:
    """A picture, and from when to when it was what the camera saw, by the stamps."""

    picture: Picture
    first_ns: int
    last_ns: int

    def apart_ns(self, stamp_ns: int) -> int:
        return max(self.first_ns - stamp_ns, stamp_ns - self.last_ns, 0)


class PictureStore:
    """The pictures of the last seconds, to be found by their stamps when a result comes."""

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(self, picture: Picture) -> None:
        """Keep ``picture``, and let go of the oldest where there are too many."""
        stamp_ns = picture.shot.stamp_ns
        with self._lock:
            last = self._kept[-1] if self._kept else None
            if last is not None and last.picture.jpeg is picture.jpeg:  # the same once more
                self._kept[-1] = replace(last, last_ns=stamp_ns)
                return
            self._kept.append(_Kept(picture, stamp_ns, stamp_ns))
            self._bytes += len(picture.jpeg)
            while self._bytes > _MOST_BYTES and len(self._kept) > 1:
                self._bytes -= len(self._kept.popleft().picture.jpeg)

    def at(self, stamp_ns: int) -> Picture | None:
        """The picture that was taken at ``stamp_ns``, or shortly before or after; or None."""
        if not stamp_ns:
            return None
        with self._lock:
            kept = list(self._kept)
        nearest = min(kept, key=lambda item: item.apart_ns(stamp_ns), default=None)
        if nearest is None or nearest.apart_ns(stamp_ns) > _NEAR_NS:
            return None
        return nearest.picture


def thumbnail(picture: Picture, result: Result) -> bytes:
    """``picture`` with what ``result`` has found in it, as a small JPEG."""
    drawn = decoded(picture.jpeg)
    found = result.segmentation
    if found is not None and found.mask.shape == drawn.shape[:2]:
        tint = MASK_RGB if result.status is Status.OK else LOW_RGB
        drawn = draw_overlay(drawn, _thick(found.mask), None, 0.35, mask_rgb=tint)
        for item in found.instances:
            drawn = draw_overlay(drawn, None, item.box_xyxy_px, box_rgb=BOX_RGB)
    for fits in result.candidates:
        drawn = draw_overlay(
            drawn, None, fits.box_xyxy_px, label=f"{fits.number}", box_rgb=CANDIDATE_RGB
        )
    height = max(1, round(drawn.shape[0] * WIDTH_PX / drawn.shape[1]))
    drawn = drawn[_around(marked_boxes(result), drawn.shape[1], drawn.shape[0])]
    small = cv2.resize(drawn, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return encoded(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), quality=85)


def _around(boxes_xyxy_px: Sequence[Array], width_px: int, height_px: int) -> tuple[slice, slice]:
    """Rows and columns of a picture's aspect that hold all boxes, with something around them."""
    if not boxes_xyxy_px:
        return slice(None), slice(None)
    boxes = np.stack(list(boxes_xyxy_px))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    share = float(np.max(_ROOM * (high - low) / (width_px, height_px)))
    share = min(max(share, _LEAST_SHARE), 1.0)
    size = np.array([width_px, height_px]) * share
    first = np.clip((low + high - size) / 2.0, 0.0, np.array([width_px, height_px]) - size)
    (x, y), (width, height) = first.astype(int), np.maximum(size.astype(int), 1)
    return slice(y, y + height), slice(x, x + width)


def _thick(mask: Array) -> Array:
    """``mask`` a pixel wider all around, which is still seen when it is made small."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
