"""Score of a mask, made of the evidence for it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ppcr_ros.core.documents import read_json
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.evidence import KIND, TERMS, Evidence
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.odds import log_odds, probability_of

CALIBRATION_FILE = "calibration.json"
_LEAST = 1e-4


def _log(value: float) -> float:
    return math.log(min(max(value, _LEAST), 1.0))


LOG_ODDS, LOG = "log_odds", "log"
_SCALES: Mapping[str, Callable[[float], float]] = {LOG_ODDS: log_odds, LOG: _log}


@dataclass(frozen=True)
class ScoreCalibration:
    """Evidence to the probability that a mask is right, by logistic regression on its log odds.

    It holds for the two models, the adapter and the guidance that it was fitted with.

    Attributes:
        bias: the logit where all evidence is one half.
        weights: for each term of the evidence how much its log odds add to the logit; not
            negative, so that more evidence never lowers a score.
        guidance: what guided the masks that it was fitted to.
        fitted_on: facts of the fit, for the reader.
        looks: by what several looks agree on, ``found`` or ``absent``, the bias and the weight of
            the log odds of their support; empty where that was not fitted.
        scale: `LOG_ODDS`, or `LOG` for the logarithms that files from before version 0.9 have
            weights for; those tell 0.97 and 0.99 hardly apart.
    """

    bias: float
    weights: Mapping[str, float]
    guidance: Guidance = Guidance.PROGRESSIVE
    fitted_on: Mapping[str, Any] = field(default_factory=dict)
    scale: str = LOG_ODDS
    looks: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = (self.bias, *self.weights.values())
        for what, (bias, weight) in self.looks.items():
            if not (math.isfinite(bias) and math.isfinite(weight) and weight >= 0.0):
                raise ConfigError(
                    f"a score calibration has the bias {bias} and the weight {weight} for what "
                    f"several looks agree is {what}; expected finite ones, the weight at least 0. "
                    "Fit it again: ppcr train calibration."
                )
        known = set(self.weights) <= set(TERMS) and self.weights and self.scale in _SCALES
        if not known or not all(math.isfinite(v) for v in values) or min(values[1:]) < 0.0:
            raise ConfigError(
                f"a score calibration has the bias {self.bias} and the weights "
                f"{dict(self.weights)}, on the scale {self.scale!r}; expected finite weights of at "
                f"least 0 for some of {', '.join(TERMS)}, on {LOG_ODDS!r} or {LOG!r}. "
                "Fit it again: ppcr train calibration."
            )

    def probability(self, evidence: Evidence, guidance: Guidance) -> float | None:
        """The chance 0..1 that the mask is right; None for evidence of another kind."""
        terms = scored_terms(evidence, with_kind=KIND in self.weights)
        if guidance is not self.guidance or set(terms) != set(self.weights):
            return None
        scaled = _SCALES[self.scale]
        logit = self.bias + sum(w * scaled(terms[name]) for name, w in self.weights.items())
        return probability_of(logit)

    def covers(self, evidence: Evidence | None, guidance: Guidance) -> bool:
        """Whether the score of such evidence is a probability by this calibration."""
        return evidence is not None and self.probability(evidence, guidance) is not None

    def of_looks(
        self, what: str, support: float, guidance: Guidance, evidence: Evidence | None = None
    ) -> float:
        """The chance 0..1 that what several looks agree on is right; as it is, where not fitted.

        Args:
            what: ``found``, that the mask is the right object's, or ``absent``, that nothing fits.
            support: 0..1, see `ppcr_ros.core.looks.agreed`.
            guidance: what guided the masks.
            evidence: for the mask; None where there is none. That of another kind than this was
                fitted to has made another score, and so another support.
        """
        fitted = what in self.looks and guidance is self.guidance
        if fitted and evidence is not None:
            fitted = self.covers(evidence, guidance)
        if not fitted:
            return support
        bias, weight = self.looks[what]
        return probability_of(bias + weight * log_odds(support))

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
                scale=str(document.get("scale", LOG)),
                looks={
                    name: (float(bias), float(weight))
                    for name, (bias, weight) in document.get("looks", {}).items()
                },
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"cannot read the score calibration {path}: {type(error).__name__}: {error}. "
                "Expected a file of ppcr train calibration; or set pipeline.score_calibration to "
                "none."
            ) from error


def scored_terms(evidence: Evidence, *, with_kind: bool) -> dict[str, float]:
    """What a score is made of, by name; a kind of which nothing is known speaks neither way."""
    terms = evidence.terms()
    terms.pop(KIND, None)
    if with_kind:
        terms[KIND] = 0.5 if evidence.kind is None else evidence.kind
    return terms


def score_of(
    evidence: Evidence, guidance: Guidance, calibration: ScoreCalibration | None = None
) -> float:
    """The score 0..1 of a mask.

    The calibrated probability that the mask is right, where a calibration for this evidence is at
    hand; else the geometric mean of the evidence, which ranks well and promises nothing.
    """
    probability = None if calibration is None else calibration.probability(evidence, guidance)
    return evidence.geometric_mean() if probability is None else probability
