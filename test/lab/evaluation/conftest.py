"""Samples and answers of known worth, made of rectangles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from ppcr_ros.core.types import (
    Array,
    Frame,
    ModelNames,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    StageSeconds,
    Status,
)

SIZE = (48, 64)


@dataclass(frozen=True)
class RectangleSample:
    """A sample whose target is a rectangle."""

    sample_id: str
    command: str
    kind: str
    frame: Frame
    expected_status: Status
    mask: Array | None
    box_xyxy_px: Array | None


class ScriptedPipeline:
    """Answers each command with the result that was written for it."""

    models = ModelNames(mllm="scripted-mllm", segmenter="scripted-segmenter")

    def __init__(self, script: dict[str, Result]) -> None:
        self._script = script

    def run(self, frame: Frame, command: str, *, command_id: str = "") -> Result:
        return replace(self._script[command], command=command, command_id=command_id)


def rectangle(x1: int, y1: int, x2: int, y2: int) -> Array:
    mask = np.zeros(SIZE, np.bool_)
    mask[y1:y2, x1:x2] = True
    return mask


@pytest.fixture
def make_sample() -> Callable[..., RectangleSample]:
    """``make_sample(command, box or None, kind)``; the box is (x1, y1, x2, y2) in pixels."""

    def make(
        command: str, box: tuple[int, int, int, int] | None = None, kind: str = "attribute"
    ) -> RectangleSample:
        without = Status.AMBIGUOUS if kind == "ambiguous" else Status.NOT_FOUND
        rgb = np.full((*SIZE, 3), 120, np.uint8)
        if box is not None:
            rgb[rectangle(*box)] = (20, 160, 40)
        return RectangleSample(
            sample_id=f"sample/{command.replace(' ', '-')}",
            command=command,
            kind=kind,
            frame=Frame(rgb=rgb),
            expected_status=without if box is None else Status.OK,
            mask=None if box is None else rectangle(*box),
            box_xyxy_px=None if box is None else np.array(box, np.float32),
        )

    return make


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """``make_result(status, box, prompt_box=..., score=..., total=...)``; no box, no mask."""

    def make(
        status: Status = Status.OK,
        box: tuple[int, int, int, int] | None = None,
        *,
        prompt_box: tuple[int, int, int, int] | None = None,
        score: float = 0.9,
        total: float = 1.0,
        message: str = "",
    ) -> Result:
        place = prompt_box or box
        spatial = None
        if place is not None:
            spatial = SpatialPrompt("a box", np.array(place, np.float32), confidence=0.9)
        return Result(
            status,
            command="",
            message=message,
            semantic=SemanticPrompt("green ball", "ball", ("green",), confidence=0.9),
            spatial=spatial,
            segmentation=None if box is None else Segmentation.from_mask(rectangle(*box), score),
            seconds=StageSeconds(semantic=0.25 * total, total=total),
            models=ScriptedPipeline.models,
        )

    return make


@pytest.fixture
def make_pipeline() -> type[ScriptedPipeline]:
    """``make_pipeline({command: result})``."""
    return ScriptedPipeline
