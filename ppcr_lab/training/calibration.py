"""``ppcr train calibration``: what the score of a configuration is worth, made a probability.

The configuration answers every command of a data set; a logistic regression from the evidence for
each mask to whether it was right is what the score is from then on.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ppcr_lab.commands.data import add_data_arguments, samples_of
from ppcr_lab.evaluation.metrics import SampleOutcome, expected_calibration_error
from ppcr_lab.evaluation.samples import ReferringSample
from ppcr_ros.commands.common import add_config_arguments, config_of, positive_int
from ppcr_ros.core.config import NONE, Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.evidence import TERMS, Evidence
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.odds import log_odds
from ppcr_ros.core.scoring import (
    CALIBRATION_FILE,
    ScoreCalibration,
    score_of,
    scored_terms,
)
from ppcr_ros.core.types import Array, Result, Status


class TooLittleToFitError(PPCRError):
    """Too few masks, or all of them right, or all wrong."""


_MIN_MASKS = 50
_MIN_LOOKS = 30
_RIDGE = 1.0
_NEWTON_STEPS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data_arguments(parser, data="tabletop:val", limit=1000)
    add_config_arguments(parser)
    parser.add_argument(
        "--into",
        type=Path,
        default=Path(CALIBRATION_FILE),
        help="file to write; default: %(default)s",
    )
    parser.add_argument("--threads", type=positive_int, default=2, help="CPU threads of torch")


def run(args: argparse.Namespace) -> int:
    calibrate(args, config_of(args))
    return 0


def calibrate(args: argparse.Namespace, config: Config) -> ScoreCalibration:
    """Run ``config`` on the samples of ``args``, fit, and write the calibration.

    Raises:
        TooLittleToFitError: as `fit`.
        PPCRError: when the file cannot be written or the samples cannot be made.
    """
    import torch

    from ppcr_lab.evaluation.runner import evaluate
    from ppcr_ros.commands.output import prepare_output
    from ppcr_ros.models.factory import build_pipeline

    prepare_output(args.into)
    torch.set_num_threads(args.threads)
    options = replace(config.pipeline, score_calibration=NONE, look_again_below=0.0)
    judged = JudgedMasks()
    with build_pipeline(replace(config, pipeline=options)) as pipeline:
        evaluate(
            pipeline, samples_of(args), data=args.data, total=args.limit, observe=judged.observe
        )
    guidance = Guidance(config.pipeline.guidance)
    facts = {
        "data": args.data,
        "start": args.start,
        "commands": judged.commands,
        "masks": len(judged.right),
        "masks_right": sum(judged.right),
        "ece_before": judged.ece(None, guidance),
    }
    fitted = fit(judged.evidence, judged.right, guidance)
    # On the masks that it was fitted to, so it flatters a little: it has five numbers to fit.
    facts["ece_after"] = judged.ece(fitted, guidance)
    fitted = replace(fitted, fitted_on=facts)
    fitted.save(args.into)
    options = replace(config.pipeline, score_calibration=str(args.into))
    several = JudgedLooks()
    with build_pipeline(replace(config, pipeline=options)) as pipeline:
        evaluate(
            pipeline, samples_of(args), data=args.data, total=args.limit, observe=several.observe
        )
    fitted = replace(fitted, looks=several.fit(), fitted_on=facts | several.facts())
    fitted.save(args.into)
    print(
        f"{len(judged.right)} masks for {judged.commands} commands of {args.data}, "
        f"{sum(judged.right)} of them right: ECE {facts['ece_before']:.3f} before, "
        f"{facts['ece_after']:.3f} after; wrote {args.into}"
    )
    return fitted


@dataclass
class JudgedMasks:
    """Collects the evidence for every mask, and whether it was right."""

    evidence: list[Evidence] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    commands: int = 0

    def observe(self, sample: ReferringSample, result: Result, outcome: SampleOutcome) -> None:
        """An observer for `evaluate`."""
        self.commands += 1
        if result.segmentation is not None and result.segmentation.evidence is not None:
            self.evidence.append(result.segmentation.evidence)
            self.right.append(outcome.correct)

    def ece(self, calibration: ScoreCalibration | None, guidance: Guidance) -> float:
        """The calibration error of the scores; 0..1."""
        scores = [score_of(item, guidance, calibration) for item in self.evidence]
        return round(expected_calibration_error(scores, self.right) or 0.0, 4)


@dataclass
class JudgedLooks:
    """Collects the support for what several looks agreed on, and whether it was right.

    The looks are not fitted yet, so that support is what the result tells as its chance.
    """

    support: dict[str, list[float]] = field(default_factory=lambda: {"found": [], "absent": []})
    right: dict[str, list[bool]] = field(default_factory=lambda: {"found": [], "absent": []})

    def observe(self, sample: ReferringSample, result: Result, outcome: SampleOutcome) -> None:
        """An observer for `evaluate`."""
        found = result.segmentation
        if result.looks < 2 or (found is None and result.status is not Status.NOT_FOUND):
            return
        what = "absent" if found is None else "found"
        support = result.not_found_probability if found is None else found.score
        self.support[what].append(support or 0.0)
        self.right[what].append(outcome.correct)

    def fit(self) -> dict[str, tuple[float, float]]:
        """For each kind that came often enough, the bias and the weight of its log odds."""
        fitted: dict[str, tuple[float, float]] = {}
        for what, right in self.right.items():
            if len(right) >= _MIN_LOOKS and len(set(right)) == 2:
                rows = np.array([[log_odds(value)] for value in self.support[what]])
                bias, weights = fit_logistic(rows, np.array(right, np.float64))
                fitted[what] = bias, max(float(weights[0]), 0.0)
        return fitted

    def facts(self) -> dict[str, int]:
        """How many there were, for the reader."""
        return {f"looks_{what}": len(right) for what, right in self.right.items()}


def fit(
    evidence: list[Evidence], right: list[bool], guidance: Guidance = Guidance.PROGRESSIVE
) -> ScoreCalibration:
    """The logistic regression, lightly held towards small weights, none of them negative.

    Raises:
        TooLittleToFitError: when there are fewer than 50 masks, or all were right, or all wrong.
    """
    if len(evidence) < _MIN_MASKS or len(set(right)) < 2:
        raise TooLittleToFitError(
            f"{sum(right)} of {len(right)} masks are right; expected at least {_MIN_MASKS} masks, "
            "some right and some wrong. Use more samples: --limit."
        )
    with_kind = any(item.kind is not None for item in evidence)
    known = [scored_terms(item, with_kind=with_kind) for item in evidence]
    terms = [t for t in TERMS if all(t in item for item in known)]
    rows = np.array([[log_odds(item[t]) for t in terms] for item in known])
    truth = np.array(right, np.float64)
    used = list(range(len(terms)))
    while True:
        bias, weights = fit_logistic(rows[:, used], truth)
        negative = [place for place, weight in zip(used, weights, strict=True) if weight < 0.0]
        if not negative:
            break
        used = [place for place in used if place not in negative]
    found = dict.fromkeys(terms, 0.0)
    found.update({terms[place]: float(w) for place, w in zip(used, weights, strict=True)})
    return ScoreCalibration(bias, found, guidance)


def fit_logistic(rows: Array, truth: Array) -> tuple[float, Array]:
    """Bias and weights (k,) of a ridge logistic regression by Newton's method.

    Args:
        rows: (n, k) float64.
        truth: (n,) float64, 0 or 1.
    """
    design = np.column_stack([np.ones(len(rows)), rows])
    ridge = np.diag([0.0] + [_RIDGE] * rows.shape[1])
    solution = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = 0.5 + 0.5 * np.tanh(0.5 * (design @ solution))
        slope = design.T @ (truth - chance) - ridge @ solution
        curvature = (design * (chance * (1.0 - chance))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(curvature)), slope)
        solution += np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < 1e-8:
            break
    return float(solution[0]), solution[1:]
