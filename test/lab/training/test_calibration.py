"""Fitting the score to how often it is right, on evidence with a known law."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_lab.evaluation.metrics import SampleOutcome, expected_calibration_error
from ppcr_lab.training import calibration
from ppcr_lab.training.calibration import JudgedLooks
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.scoring import ScoreCalibration, score_of
from ppcr_ros.core.types import Array, Frame, Result, Segmentation, StageSeconds, Status


def drawn(count: int, seed: int = 0) -> tuple[list[Evidence], list[bool]]:
    """Masks right with the chance agreement ** 2 * semantic; the segmenter always boasts."""
    rng = np.random.default_rng(seed)
    agreement, semantic = rng.uniform(0.2, 1.0, (2, count))
    right = rng.random(count) < agreement**2 * semantic
    evidence = [
        Evidence(float(rng.uniform(0.97, 1.0)), agreement=float(a), spatial=0.9, semantic=float(s))
        for a, s in zip(agreement, semantic, strict=True)
    ]
    return evidence, right.tolist()


def test_the_fit_makes_a_probability_of_the_score() -> None:
    fitted = calibration.fit(*drawn(2000))
    evidence, right = drawn(2000, seed=1)

    def error(used: ScoreCalibration | None) -> float:
        scores = [score_of(item, Guidance.PROGRESSIVE, used) for item in evidence]
        return expected_calibration_error(scores, right) or 0.0

    assert error(None) > 0.3
    assert error(fitted) < 0.05
    assert fitted.weights["agreement"] > fitted.weights["semantic"] > 0.2


def test_a_kind_has_a_weight_where_some_masks_have_one() -> None:
    evidence, right = drawn(500)
    rng = np.random.default_rng(2)
    evidence = [
        replace(item, kind=None if n % 3 == 0 else float(rng.uniform(0.5, 1.0)) * correct)
        for n, (item, correct) in enumerate(zip(evidence, right, strict=True))
    ]
    fitted = calibration.fit(evidence, right)
    assert fitted.weights["kind"] > 0.1
    assert fitted.covers(evidence[0], Guidance.PROGRESSIVE), "one without a kind as well"


def test_no_weight_is_negative_and_every_term_has_one() -> None:
    evidence, right = drawn(500)
    # A segmenter that is the surer the more it is wrong is not to be believed the other way round.
    evidence = [
        replace(item, segmenter=0.3 if correct else 0.9)
        for item, correct in zip(evidence, right, strict=True)
    ]
    fitted = calibration.fit(evidence, right)
    assert set(fitted.weights) == {"segmenter", "agreement", "spatial", "semantic"}
    assert fitted.weights["segmenter"] == 0.0
    assert min(fitted.weights.values()) >= 0.0


@pytest.mark.parametrize(("count", "right"), [(49, None), (100, True), (100, False)])
def test_too_little_to_fit_is_refused(count: int, right: bool | None) -> None:
    evidence, truth = drawn(count)
    with pytest.raises(PPCRError, match="expected at least 50 masks, some right and some wrong"):
        calibration.fit(evidence, truth if right is None else [right] * count)


@dataclass
class Sample:
    sample_id: str
    frame: Frame
    command: str
    mask: Array | None
    box_xyxy_px: Array | None
    kind: str = "attribute"
    expected_status: Status = Status.OK


class Guesser:
    """Stands in for a pipeline; its masks are right as often as their evidence says."""

    def __init__(self) -> None:
        self.models = Result(Status.OK, "").models
        self.evidence, self.right = drawn(200)

    def __enter__(self) -> Guesser:
        return self

    def __exit__(self, *_: object) -> None: ...

    def run(self, frame: Frame, command: str, *, command_id: str = "") -> Result:
        number = int(command_id)
        mask = np.zeros((8, 8), np.bool_)
        mask[:4] = self.right[number]
        mask[4:] = not self.right[number]
        found = Segmentation.from_mask(mask, 0.9)
        found = replace(found, evidence=self.evidence[number])
        return Result(Status.OK, command, segmentation=found)


def test_the_command_writes_what_the_pipeline_then_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = np.zeros((8, 8), np.bool_)
    truth[:4] = True
    box = np.array([0, 0, 8, 4], np.float32)
    configs: list[Config] = []

    def samples(args: argparse.Namespace) -> Iterator[Any]:
        assert (args.data, args.limit) == ("tabletop:val", 200)
        for number in range(args.limit):
            yield Sample(str(number), Frame(np.zeros((8, 8, 3), np.uint8)), "it", truth, box)

    def build(config: Config) -> Guesser:
        configs.append(config)
        return Guesser()

    monkeypatch.setattr(calibration, "samples_of", samples)
    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)
    parser = argparse.ArgumentParser()
    calibration.add_arguments(parser)
    path = tmp_path / "calibration.json"
    line = ["--limit", "200", "--into", str(path), "--threads", "1"]
    assert calibration.run(parser.parse_args(line)) == 0
    assert configs[0].pipeline.score_calibration == "none", "an older one is not fitted on top of"
    written = ScoreCalibration.load(path)
    facts = json.loads(path.read_text())["fitted_on"]
    assert (facts["commands"], facts["masks"], facts["masks_right"]) == (200, 200, 58)
    assert facts["ece_after"] < facts["ece_before"]
    assert "200 masks for 200 commands of tabletop:val, 58 of them right" in capsys.readouterr().out
    assert written.guidance is Guidance.PROGRESSIVE
    first, again = (config.pipeline for config in configs)
    assert (first.look_again_below, again.look_again_below) == (0.0, 0.8), "looks come second"
    assert again.score_calibration == str(path)


WRONG = SampleOutcome(Status.OK, Status.OK, 0, 1, 0.0, 0.5, StageSeconds())


def test_looks_are_fitted_by_what_they_agree_on() -> None:
    sample: Any = None
    looks = JudgedLooks()
    rng = np.random.default_rng(1)
    mask = np.ones((2, 2), np.bool_)
    for _ in range(400):
        support = float(rng.uniform(0.2, 0.95))
        result = Result(
            Status.OK, "the mug", segmentation=Segmentation.from_mask(mask, support), looks=2
        )
        right = bool(rng.random() < support**2)
        looks.observe(sample, result, replace(WRONG, intersection_px=int(right)))
        looks.observe(sample, replace(result, looks=1), WRONG)
    absent = Result(Status.NOT_FOUND, "the mug", not_found_probability=0.4, looks=3)
    looks.observe(sample, absent, WRONG)
    assert looks.facts() == {"looks_found": 400, "looks_absent": 1}
    fitted = looks.fit()
    assert set(fitted) == {"found"}, "one answer is too few"
    known = ScoreCalibration(0.0, {"segmenter": 1.0}, looks=fitted)
    guidance = Guidance.PROGRESSIVE
    assert known.of_looks("found", 0.9, guidance) == pytest.approx(0.81, abs=0.07)
    assert known.of_looks("found", 0.5, guidance) == pytest.approx(0.25, abs=0.07)
    assert known.of_looks("absent", 0.4, guidance) == 0.4, "as it is, where not fitted"
