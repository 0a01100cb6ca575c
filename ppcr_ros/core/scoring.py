"""Score of a mask, made of the evidence for it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ppcr_ros.core.documents import read_json
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.evidence import TERMS, Evidence
from ppcr_ros.core.guidance import Guidance

CALIBRATION_FILE = "calibration.json"
_LEAST = 1e-4
"""Evidence below this counts as this much: one zero must not outweigh all the rest."""


@dataclass(frozen=True)
class ScoreCalibration:
    """Evidence to the probability that a mask is right, by logistic regression on its logarithms.

    It holds for the two models, the adapter and the guidance that it was fitted with.

    Attributes:
        bias: the logit where all evidence is 1.
        weights: for each term of the evidence how much its logarithm adds to the logit; not
            negative, so that more evidence never lowers a score.
        guidance: what guided the masks that it was fitted to.
        fitted_on: facts of the fit, for the reader.
    """

    bias: float
    weights: Mapping[str, float]
    guidance: Guidance = Guidance.PROGRESSIVE
    fitted_on: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = (self.bias, *self.weights.values())
        known = set(self.weights) <= set(TERMS) and self.weights
        if not known or not all(math.isfinite(v) for v in values) or min(values[1:]) < 0.0:
            raise ConfigError(
                f"a score calibration has the bias {self.bias} and the weights "
                f"{dict(self.weights)}; expected finite weights of at least 0 for some of "
                f"{', '.join(TERMS)}. Fit it again: ppcr train calibration."
            )

    def probability(self, evidence: Evidence, guidance: Guidance) -> float | None:
        """The chance 0..1 that the mask is right; None for evidence of another kind."""
        terms = evidence.terms()
        if guidance is not self.guidance or set(terms) != set(self.weights):
            return None
        logit = self.bias + sum(w * log_evidence(terms[name]) for name, w in self.weights.items())
        return 0.5 + 0.5 * math.tanh(0.5 * logit)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {**asdict(self), "guidance": self.guidance.value}
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> ScoreCalibration:
        """Read what `save` wrote.

        Raises:
            ConfigError: when the file cannot be read, or is no calibration.
        """
        try:
            document = read_json(path)
            return cls(
                bias=float(document["bias"]),
                weights={name: float(value) for name, value in document["weights"].items()},
                guidance=Guidance(document["guidance"]),
                fitted_on=dict(document["fitted_on"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"cannot read the score calibration {path}: {type(error).__name__}: {error}. "
                "Expected a file of ppcr train calibration; or set pipeline.score_calibration to "
                "none."
            ) from error


def log_evidence(value: float) -> float:
    """The logarithm of a term, at most 0."""
    return math.log(min(max(value, _LEAST), 1.0))


def score_of(
    evidence: Evidence, guidance: Guidance, calibration: ScoreCalibration | None = None
) -> float:
    """The score 0..1 of a mask.

    The calibrated probability that the mask is right, where a calibration for this evidence is at
    hand; else the geometric mean of the evidence, which ranks well and promises nothing.
    """
    probability = None if calibration is None else calibration.probability(evidence, guidance)
    return evidence.geometric_mean() if probability is None else probability
