"""Report of the demonstration: judged, as a table for the terminal and as one picture."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ppcr_lab.evaluation.metrics import mask_iou
from ppcr_ros.core.types import Array, Status
from ppcr_ros.drawing import TRUTH_RGB, Tile, contact_sheet, draw_overlay

RIGHT_IOU = 0.5
TABLE_WIDTH = 120

_COLUMNS = (
    ("command", 29),
    ("semantic prompt", 24),
    ("spatial prompt", 21),
    ("status", 14),
    ("score", 5),
    ("IoU", 7),
    ("sec", 6),
)
_BETWEEN = "  "
_LOCATION_TOKEN = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True)
class DemoOutcome:
    """One command and its answer, beside the truth.

    Attributes:
        command: as spoken.
        status: how the node's run ended.
        message: what the node says about it; empty for OK.
        semantic_text: stage 1's prompt; empty where it was not reached.
        spatial_text: stage 2's prompt; empty where it was not reached.
        score: 0..1, the node's own.
        seconds: the run's wall-clock time, as the node measured it.
        rgb: (H, W, 3) uint8, the image that the answer is about.
        mask: (H, W) bool, the answer; or None.
        box_xyxy_px: (4,) float32, stage 2's box; or None.
        truth: (H, W) bool, the object meant; None where no object fits, or several do.
        ambiguous: whether several objects fit.
    """

    command: str
    status: Status
    message: str
    semantic_text: str
    spatial_text: str
    score: float
    seconds: float
    rgb: Array = field(repr=False)
    mask: Array | None = field(repr=False)
    box_xyxy_px: Array | None
    truth: Array | None = field(repr=False)
    ambiguous: bool = False

    @property
    def iou(self) -> float | None:
        """Intersection over union of mask and truth, 0..1; None where no single one is meant."""
        if self.truth is None:
            return None
        if self.mask is None:
            return 0.0
        return mask_iou(self.mask, self.truth)

    @property
    def right(self) -> bool:
        """Whether the mask hits the object, or the node says what is expected instead."""
        if self.iou is None:
            return self.status is (Status.AMBIGUOUS if self.ambiguous else Status.NOT_FOUND)
        return self.iou >= RIGHT_IOU

    @property
    def spatial_summary(self) -> str:
        """Stage 2's words and its box in pixels, in place of the tokens that stand for it."""
        words = " ".join(_LOCATION_TOKEN.sub(" ", self.spatial_text).split())
        if self.box_xyxy_px is None:
            return words
        box = " ".join(f"{value:.0f}" for value in self.box_xyxy_px)
        return f"{words} [{box}]".strip()

    @property
    def iou_text(self) -> str:
        """``0.87``, or ``absent`` or ``several`` where there is nothing to hit."""
        if self.iou is not None:
            return f"{self.iou:.2f}"
        return "several" if self.ambiguous else "absent"

    @property
    def score_text(self) -> str:
        return "-" if self.mask is None else f"{self.score:.2f}"


def format_table(outcomes: Sequence[DemoOutcome]) -> str:
    """The outcomes as a table of at most `TABLE_WIDTH` columns; long cells are wrapped."""
    rule = _BETWEEN.join("-" * width for _, width in _COLUMNS)
    rows = [_row([title for title, _ in _COLUMNS]), rule]
    for outcome in outcomes:
        cells = [
            outcome.command,
            outcome.semantic_text or "-",
            outcome.spatial_summary or "-",
            outcome.status.name,
            outcome.score_text,
            outcome.iou_text,
            f"{outcome.seconds:.2f}",
        ]
        rows.append(_row(cells))
    return "\n".join(rows)


def _row(cells: Sequence[str]) -> str:
    wrapped = [
        textwrap.wrap(text, width) or [""] for text, (_, width) in zip(cells, _COLUMNS, strict=True)
    ]
    height = max(len(lines) for lines in wrapped)
    return "\n".join(
        _BETWEEN.join(
            (lines[number] if number < len(lines) else "").ljust(width)
            for lines, (_, width) in zip(wrapped, _COLUMNS, strict=True)
        ).rstrip()
        for number in range(height)
    )


def summary(outcomes: Sequence[DemoOutcome]) -> str:
    """One closing line: how many were right, and what that means."""
    right = sum(outcome.right for outcome in outcomes)
    ious = [outcome.iou for outcome in outcomes if outcome.iou is not None]
    mean = f", mean IoU {np.mean(ious):.2f}" if ious else ""
    return (
        f"{right} of {len(outcomes)} right (mask IoU of at least {RIGHT_IOU:g}; NOT_FOUND where "
        f"none fits, AMBIGUOUS where several do){mean}"
    )


def draw_sheet(outcomes: Sequence[DemoOutcome], title: str) -> Array:
    """One page (H, W, 3) uint8 RGB: each answer over its image, with the prompts under it.

    Where an answer is wrong, the object that was meant is outlined in blue.
    """
    return contact_sheet([_tile(outcome) for outcome in outcomes], columns=4, title=title)


def _tile(outcome: DemoOutcome) -> Tile:
    picture = draw_overlay(outcome.rgb, outcome.mask, outcome.box_xyxy_px)
    if not outcome.right and outcome.truth is not None:
        picture = draw_overlay(picture, outcome.truth, alpha=0.0, mask_rgb=TRUTH_RGB)
    lines = [f"\N{LEFT DOUBLE QUOTATION MARK}{outcome.command}\N{RIGHT DOUBLE QUOTATION MARK}"]
    if outcome.semantic_text:
        lines.append(f"semantic: {outcome.semantic_text}")
    if outcome.spatial_summary:
        lines.append(f"spatial: {outcome.spatial_summary}")
    if outcome.message:
        lines.append(outcome.message)
    header = [outcome.status.name]
    if outcome.mask is not None:
        header.append(f"score {outcome.score_text}")
    nothing = "several fit" if outcome.ambiguous else "object absent"
    header.append(nothing if outcome.iou is None else f"IoU {outcome.iou_text}")
    header.append("right" if outcome.right else "wrong")
    return Tile(picture, lines, " \N{MIDDLE DOT} ".join(header), outcome.status)
