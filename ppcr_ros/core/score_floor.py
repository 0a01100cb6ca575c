"""Floor of the scores: below it a mask is there, and is not to be acted upon."""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_ros.core.config import PipelineConfig


@dataclass(frozen=True)
class ScoreFloor:
    """The score 0..1 that a mask needs for an OK.

    Attributes:
        value: the score.
        option: of the section ``pipeline``, that says so.
    """

    value: float
    option: str

    @classmethod
    def of(cls, options: PipelineConfig, *, is_probability: bool = False) -> ScoreFloor:
        """The floor of a score, which may be the probability that the mask is right."""
        names = ("min_confidence", *(("min_probability",) if is_probability else ()))
        option = max(names, key=lambda name: float(getattr(options, name)))
        return cls(getattr(options, option), option)

    def doubt(self, score: float) -> str:
        """Why a mask of this score is not to be acted upon; empty where it may be."""
        if score >= self.value:
            return ""
        return (
            f"score {score:.2f} is below pipeline.{self.option} {self.value:.2f}; do not grasp. "
            "Say more about the object, or move the camera closer."
        )
