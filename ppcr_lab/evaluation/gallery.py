"""The worst answers of an evaluation on one sheet, with the truth beside each."""

from __future__ import annotations

import heapq
from itertools import count

import numpy as np

from ppcr_lab.evaluation.metrics import SampleOutcome
from ppcr_lab.evaluation.samples import ReferringSample
from ppcr_ros.core.types import Array, Result, SpatialPrompt, Status
from ppcr_ros.drawing import TRUTH_RGB, Tile, contact_sheet, draw_overlay, draw_result

_TILE_WIDTH_PX = 720
_COLUMNS = 2


class WorstCases:
    """Keeps the pictures of the worst answers and forgets the others; an `Observer`.

    Worst is a confident mask where none is right, then a run that failed, then the lowest IoU and
    NOT_FOUND for AMBIGUOUS or the other way round; among equals, the first come. Right answers
    without a mask are never kept.
    """

    def __init__(self, limit: int = 24) -> None:
        self._limit = limit
        self._order = count()
        self._worst: list[tuple[float, int, str, Tile]] = []

    def __call__(self, sample: ReferringSample, result: Result, outcome: SampleOutcome) -> None:
        badness = _badness(result, outcome)
        if badness <= 0.0:
            return
        # Of equals the later has the smaller key, and so goes first.
        key = (badness, -next(self._order))
        if len(self._worst) == self._limit and self._worst[0][:2] >= key:
            return
        entry = (*key, sample.sample_id, _tile(sample, result, outcome))
        if len(self._worst) < self._limit:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heapreplace(self._worst, entry)

    def sample_ids(self) -> list[str]:
        """Which samples are kept, worst first."""
        return [sample_id for _, _, sample_id, _ in self._ranked()]

    def sheet(self, title: str = "") -> Array | None:
        """The pictures, worst first, as (H, W, 3) uint8 RGB; None where every answer was right."""
        tiles = [tile for *_, tile in self._ranked()]
        if not tiles:
            return None
        return contact_sheet(tiles, _COLUMNS, tile_width_px=_TILE_WIDTH_PX, title=title)

    def _ranked(self) -> list[tuple[float, int, str, Tile]]:
        return sorted(self._worst, key=lambda entry: entry[:2], reverse=True)


def _badness(result: Result, outcome: SampleOutcome) -> float:
    if result.status in (Status.ERROR, Status.PARSE_FAILED):
        return 1.5
    if outcome.present:
        return 1.0 - outcome.iou
    if outcome.correct:
        return 0.0
    return 1.0 if outcome.score is None else 2.0 + outcome.score


def _tile(sample: ReferringSample, result: Result, outcome: SampleOutcome) -> Tile:
    rgb = sample.frame.rgb
    if sample.mask is None:
        several = sample.expected_status is Status.AMBIGUOUS
        truth = draw_overlay(rgb, label="truth: several" if several else "truth: not there")
    else:
        truth = draw_overlay(
            rgb, sample.mask, sample.box_xyxy_px, label="truth", mask_rgb=TRUTH_RGB
        )
    gap = np.full((rgb.shape[0], max(2, rgb.shape[1] // 80), 3), 255, np.uint8)
    score = "" if outcome.score is None else f"   score {outcome.score:.2f}"
    scored = f"   IoU {outcome.iou:.2f}   box IoU {outcome.box_iou:.2f}" if outcome.present else ""
    lines = [f'"{sample.command}"']
    if result.semantic is not None:
        lines.append(f"semantic: {result.semantic.text}")
    if result.spatial is not None:
        lines.append(f"spatial: {_spatial_line(result.spatial)}")
    if result.message:
        lines.append(result.message)
    return Tile(
        rgb=np.concatenate([draw_result(rgb, result), gap, truth], axis=1),
        lines=tuple(lines),
        header=f"{result.status.name}{score}{scored}   {sample.kind}   {sample.sample_id}",
        status=result.status,
    )


def _spatial_line(spatial: SpatialPrompt) -> str:
    box = ", ".join(f"{value:.0f}" for value in spatial.box_xyxy_px)
    return f"{spatial.text}   box ({box}) px"
