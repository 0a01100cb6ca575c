"""Boxes of stage 2 spoilt on purpose, as an MLLM's are that grounds badly.

What stage 3 makes of them shows how far it leans on the box. The same box in the same image is
spoilt in the same way, so that ways of guidance are compared on equal boxes.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any, cast

import numpy as np

from ppcr_lab.sim.geometry import moved_box
from ppcr_ros.core.interfaces import Answer, Dialect
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Array, SpatialPrompt

_LEAST_SIDE_PX = 4.0


def spoilt_box(box_xyxy_px: Array, most: float, width_px: int, height_px: int) -> Array:
    """``box_xyxy_px`` (4,), shifted and scaled at random, inside an image of the given size.

    Centre and sides change by up to ``most`` (0..1) of the sides, each way as likely as any other.
    Returns (4,) float32.
    """
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(box_xyxy_px, np.float32).tobytes()))
    shift, grow = rng.uniform(-most, most, 2), 1.0 + rng.uniform(-most, most, 2)
    return moved_box(box_xyxy_px, shift, grow, (width_px, height_px), _LEAST_SIDE_PX)


class SpoiltDialect:
    """A dialect that reads every box of ``dialect`` and spoils it; all else is the dialect's."""

    def __init__(self, dialect: Dialect, most: float) -> None:
        self._dialect, self._most = dialect, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        """Stage 2's product with another box; see `Dialect.parse_spatial`."""
        read = self._dialect.parse_spatial(answer, width_px=width_px, height_px=height_px)

        def spoil(box: Array) -> Array:
            return spoilt_box(box, self._most, width_px, height_px)

        return replace(
            read,
            box_xyxy_px=spoil(read.box_xyxy_px),
            boxes_xyxy_px=np.array([spoil(box) for box in read.boxes_xyxy_px]).reshape(-1, 4),
        )


def spoil_boxes(pipeline: PPCRPipeline, most: float) -> None:
    """From now on, spoil every box that ``pipeline``'s MLLM writes by up to ``most`` of its sides.

    What the MLLM is asked about later, such as a verification, is the spoilt box too.
    """
    pipeline.mllm.dialect = cast(Dialect, SpoiltDialect(pipeline.mllm.dialect, most))
