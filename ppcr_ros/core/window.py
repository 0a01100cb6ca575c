"""Window: the part of a frame that an MLLM is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.checks import Array

_ROUNDING_PX = 1e-6


@dataclass(frozen=True)
class Window:
    """Part of a frame, its corners in shares 0..1 of the frame's width and height.

    What a model says of the part in shares of the part is put where it is in the frame here, and
    nowhere else.
    """

    x1: float = 0.0
    y1: float = 0.0
    x2: float = 1.0
    y2: float = 1.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.x1 < self.x2 <= 1.0 and 0.0 <= self.y1 < self.y2 <= 1.0):
            raise ValueError(f"the window is {self}; expected 0 <= x1 < x2 <= 1, y likewise.")

    @property
    def area(self) -> float:
        """How much of the frame it shows, 0..1."""
        return (self.x2 - self.x1) * (self.y2 - self.y1)

    def with_margin(self, share: float) -> Window:
        """It and ``share`` of the frame's sides more on each side, as far as the frame goes."""
        return Window(
            max(self.x1 - share, 0.0),
            max(self.y1 - share, 0.0),
            min(self.x2 + share, 1.0),
            min(self.y2 + share, 1.0),
        )

    def on_pixels(self, width_px: int, height_px: int) -> Window:
        """It with its sides moved outwards to whole pixels of a frame of the given size."""
        return Window(
            math.floor(self.x1 * width_px + _ROUNDING_PX) / width_px,
            math.floor(self.y1 * height_px + _ROUNDING_PX) / height_px,
            math.ceil(self.x2 * width_px - _ROUNDING_PX) / width_px,
            math.ceil(self.y2 * height_px - _ROUNDING_PX) / height_px,
        )

    def cut(self, rgb: Array) -> Array:
        """Its pixels (h, w, 3) of a frame's (H, W, 3); its sides are on whole pixels."""
        height_px, width_px = rgb.shape[:2]
        rows = slice(round(self.y1 * height_px), round(self.y2 * height_px))
        columns = slice(round(self.x1 * width_px), round(self.x2 * width_px))
        return np.ascontiguousarray(rgb[rows, columns])

    def in_frame(self, shares: Array | Sequence[float]) -> Array:
        """Points and boxes (..., 2k), xy, from shares of the window to those of the frame."""
        low, size = self._corner_and_size(shares)
        placed: Array = low + np.asarray(shares, np.float64) * size
        return placed

    def in_window(self, shares: Array | Sequence[float]) -> Array:
        """Points and boxes (..., 2k), xy, from shares of the frame to those of the window."""
        low, size = self._corner_and_size(shares)
        placed: Array = (np.asarray(shares, np.float64) - low) / size
        return placed

    def _corner_and_size(self, shares: Array | Sequence[float]) -> tuple[Array, Array]:
        pairs = np.shape(shares)[-1] // 2
        low = np.tile((self.x1, self.y1), pairs)
        return low, np.tile((self.x2 - self.x1, self.y2 - self.y1), pairs)


WHOLE_FRAME = Window()
