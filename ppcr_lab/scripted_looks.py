"""Models that look several times at a frame and say each time what they are told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ppcr_lab.scripted_models import MaskSegmenter, ReplyConversation, ReplyDialect, ReplyMllm
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.scoring import ScoreCalibration
from ppcr_ros.core.types import Frame, MaskCandidates, Result
from ppcr_ros.core.window import Window

THINGS = Window(0.25, 0.25, 0.5, 0.5)
FILLED = Window(0.02, 0.02, 0.98, 0.98)
LEFT, RIGHT = "4 4 12 12", "20 4 28 12"
MUG, GONE, TWO = "red mug", "none mug", "several mug"
SCORE = (0.9 * 1.0 * 0.9 * 0.8) ** (1 / 4)
DIRECT_SCORE = (0.9 * 1.0 * 0.8) ** (1 / 3)
"""Of the models here; stage 1's confidence is one term less."""


class AskedDirectly(ReplyDialect):
    """A `ReplyDialect` that can be asked without stage 1 for one object and for all."""

    def direct_all_turn(self, command: str) -> Turn:
        return Turn(f"where are all? {command}")


@dataclass
class LookingMllm(ReplyMllm):
    """A `ReplyMllm` that can look closer; a list of replies for each look.

    Attributes:
        looks: the replies of each conversation, in the order in which they are opened.
        windows: what was looked at closer.
    """

    looks: Sequence[Sequence[Any]] = ()
    things: Window | None = THINGS
    windows: list[Window] = field(default_factory=list)

    def open(self, frame: Frame) -> LookingConversation:
        self.replies = self.looks[len(self.opened)]
        self.opened.append(frame)
        self.turns.clear()
        return LookingConversation(self, self.things)

    def open_window(self, frame: Frame, window: Window) -> LookingConversation:
        self.windows.append(window)
        return self.open(frame)


@dataclass
class LookingConversation(ReplyConversation):
    """A conversation of a `LookingMllm`."""

    things: Window | None = None


class BoxOfPrompt(MaskSegmenter):
    """A `MaskSegmenter` whose mask is the box of the prompt."""

    def segment(self, encoded: Any, semantic: Any, spatial: Any) -> MaskCandidates:
        x1, y1, x2, y2 = (int(value) for value in spatial.box_xyxy_px)
        self.boxes = [(x1, y1, x2, y2)]
        return super().segment(encoded, semantic, spatial)


def looked(
    frame: Frame,
    *looks: Sequence[Any],
    command: str = "the red mug",
    things: Window | None = THINGS,
    segmenter: MaskSegmenter | None = None,
    calibration: ScoreCalibration | None = None,
    told: list[Any] | None = None,
    directly: bool = False,
    **options: Any,
) -> tuple[Result, LookingMllm]:
    """The result for ``command``, and the model that was asked.

    Args:
        looks: the replies of the model, look by look.
        directly: whether it can be asked without stage 1.
        options: of the section ``pipeline``.
    """
    mllm = LookingMllm(looks=looks, things=things)
    if directly:
        mllm.dialect = AskedDirectly()
    options = {"look_again_below": 0.95} | options
    config = Config(pipeline=PipelineConfig(**options))
    with PPCRPipeline(mllm, segmenter or BoxOfPrompt(), config, calibration) as pipeline:
        return pipeline.run(frame, command, on_stage=None if told is None else told.append), mllm


def at(result: Result) -> list[int]:
    """The box of what was found, in pixels."""
    assert result.segmentation is not None, result.message
    return [int(value) for value in result.segmentation.box_xyxy_px]
