"""Evidence for a mask, as the stages leave it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Evidence:
    """Evidence for a mask, each 0..1; None for what there is not.

    Attributes:
        segmenter: the segmenter's own estimate of the mask's IoU.
        agreement: how well the mask fits the spatial prompt; see ``stages.segmentation``.
        verified: the MLLM's yes on the semantic prompt.
        spatial: the confidence of the spatial prompt.
        semantic: the confidence of the semantic prompt.
        kind: the chance that what lies in the box is of the kind that it is called by, as the image
            tokens there have it.
    """

    segmenter: float
    agreement: float | None = None
    verified: float | None = None
    spatial: float | None = None
    semantic: float | None = None
    kind: float | None = None

    def terms(self) -> dict[str, float]:
        """What there is, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def rank(self) -> float:
        """For comparing masks of one run, 0..1: the prompts' confidence is the same for all."""
        return math.prod(
            v for v in (self.segmenter, self.agreement, self.verified) if v is not None
        )

    def geometric_mean(self) -> float:
        """The score of models that were not calibrated, 0..1."""
        terms = self.terms()
        return math.prod(terms.values()) ** (1.0 / len(terms))


TERMS = tuple(item.name for item in fields(Evidence))
KIND = "kind"
"""The term that only models which know kinds by their image tokens have, and not of every kind."""
