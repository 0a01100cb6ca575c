"""Stage 3 at a point: the object that lies there, with no words and no MLLM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppcr_ros.core.boxes import box_iou, clip_box
from ppcr_ros.core.interfaces import Segmenter
from ppcr_ros.core.types import Array, Segmentation, SpatialPrompt

_SIDES = (0.08, 0.16, 0.3)
"""Boxes of these sides around the point are tried, in shares of the image's shorter side."""
_LARGEST_SHARE = 0.5
"""What takes more of the image is what things lie on, and no thing."""
_LEAST_AGREEMENT = 0.6
"""How much of a mask must stay when its own box is the prompt; less is no object."""


def mask_at_point(
    segmenter: Segmenter,
    encoded: Any,
    point_xy_px: tuple[float, float],
    frame_size: tuple[int, int],
) -> Segmentation | None:
    """The object at a point of the image, or None where nothing there is one.

    Segmenters are surest of a box. So boxes of several sizes around the point are tried; the tight
    box of each mask is the next prompt, and an object is what comes back again.

    Args:
        segmenter: makes the masks.
        encoded: the frame, as the segmenter has encoded it.
        point_xy_px: in the frame's own pixels.
        frame_size: width and height in pixels.
    """
    best: Segmentation | None = None
    for first in _first_masks(segmenter, encoded, point_xy_px, frame_size):
        spatial = SpatialPrompt("", first.box_xyxy_px, *_point_prompt(point_xy_px))
        for again in _masks_covering(segmenter, encoded, spatial, point_xy_px):
            agreement = _mask_iou(first.mask, again.mask)
            if agreement < _LEAST_AGREEMENT:
                continue
            score = again.score * agreement * box_iou(first.box_xyxy_px, again.box_xyxy_px)
            if best is None or score > best.score:
                best = Segmentation.from_mask(again.mask, score)
    return best


def _first_masks(
    segmenter: Segmenter,
    encoded: Any,
    point_xy_px: tuple[float, float],
    frame_size: tuple[int, int],
) -> Iterator[Segmentation]:
    """For each size of box the mask that is surest of covering the point."""
    width_px, height_px = frame_size
    x, y = point_xy_px
    for share in _SIDES:
        half = max(2.0, share * min(frame_size) / 2.0)
        corners = np.array([x - half, y - half, x + half, y + half])
        box = clip_box(corners, width_px=width_px, height_px=height_px)
        if box is None:
            return
        spatial = SpatialPrompt("", box, *_point_prompt(point_xy_px))
        found = list(_masks_covering(segmenter, encoded, spatial, point_xy_px))
        if found:
            yield max(found, key=lambda item: item.score)


def _point_prompt(point_xy_px: tuple[float, float]) -> tuple[Array, Array]:
    return np.array([point_xy_px], np.float32), np.ones((1,), np.int32)


def _masks_covering(
    segmenter: Segmenter, encoded: Any, spatial: SpatialPrompt, point_xy_px: tuple[float, float]
) -> Iterator[Segmentation]:
    """The masks that hold the point and are no background."""
    candidates = segmenter.segment(encoded, None, spatial)
    column, row = (int(value) for value in point_xy_px)
    for mask, score in zip(candidates.masks, candidates.scores, strict=True):
        height, width = mask.shape
        if not mask[min(row, height - 1), min(column, width - 1)]:
            continue
        if mask.mean() <= _LARGEST_SHARE:
            yield Segmentation.from_mask(mask, float(np.clip(score, 0.0, 1.0)))


def _mask_iou(one: Array, other: Array) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
