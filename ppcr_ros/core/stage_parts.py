"""Parts that the stages of one run work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ppcr_ros.core.config import Config
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.interfaces import Mllm, Segmenter
from ppcr_ros.core.scoring import ScoreCalibration


@dataclass(frozen=True)
class StageParts:
    """Parts of the stages, for one frame and one set of options.

    Attributes:
        mllm: writes the prompts.
        segmenter: makes the masks.
        calibration: makes a probability of a mask's score, where there is one.
        config: the options.
        embedding: gives the segmenter's embedding of the frame; waits for it where need be.
    """

    mllm: Mllm
    segmenter: Segmenter
    calibration: ScoreCalibration | None
    config: Config
    embedding: Callable[[], Any]

    @property
    def guidance(self) -> Guidance:
        """Which prompts guide the mask."""
        return Guidance(self.config.pipeline.guidance)

    def asking_directly(self, command: str) -> StageParts | None:
        """These with stage 1 left out; None where it is already, where stage 2 is, and where the
        MLLM cannot be asked for the boxes straight from ``command``."""
        dialect = self.mllm.dialect
        if self.guidance in (Guidance.DIRECT, Guidance.SEMANTIC_ONLY):
            return None
        if dialect.direct_turn(command) is None or dialect.direct_all_turn(command) is None:
            return None
        options = replace(self.config.pipeline, guidance=Guidance.DIRECT.value)
        return replace(self, config=replace(self.config, pipeline=options))
