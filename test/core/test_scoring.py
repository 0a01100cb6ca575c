"""Scores, with and without a calibration."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.scoring import ScoreCalibration, score_of

BOTH = Evidence(segmenter=0.9, agreement=0.8, spatial=0.7, semantic=0.6)
WEIGHTS = {"segmenter": 1.0, "agreement": 2.0, "spatial": 3.0, "semantic": 4.0}


def test_without_a_calibration_the_score_is_the_geometric_mean() -> None:
    expected = (0.9 * 0.8 * 0.7 * 0.6) ** (1 / 4)
    assert score_of(BOTH, Guidance.PROGRESSIVE) == pytest.approx(expected)
    assert score_of(Evidence(0.25), Guidance.PROGRESSIVE) == pytest.approx(0.25)


def test_the_rank_leaves_the_prompts_out() -> None:
    assert replace(BOTH, verified=0.5).rank() == pytest.approx(0.9 * 0.8 * 0.5)
    assert replace(BOTH, spatial=0.0, semantic=None).rank() == pytest.approx(0.9 * 0.8)


def test_a_calibrated_score_is_the_logistic_of_the_weighted_log_odds() -> None:
    calibration = ScoreCalibration(2.0, {"segmenter": 1.0, "semantic": 2.0})
    evidence = Evidence(segmenter=0.5, semantic=0.25)
    odds = math.e**2.0 * 1.0 * (1.0 / 3.0) ** 2
    score = score_of(evidence, Guidance.PROGRESSIVE, calibration)
    assert score == pytest.approx(odds / (1.0 + odds))
    for extreme in (0.0, 1.0):
        score = score_of(replace(evidence, semantic=extreme), Guidance.PROGRESSIVE, calibration)
        assert abs(score - extreme) < 1e-6


def test_a_calibration_of_before_is_read_on_the_logarithms(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    weights = {"segmenter": 1.0, "semantic": 2.0}
    document = {"bias": 2.0, "weights": weights, "guidance": "progressive", "fitted_on": {}}
    path.write_text(json.dumps(document))
    evidence = Evidence(segmenter=0.5, semantic=0.25)
    odds = math.e**2.0 * 0.5 * 0.25**2
    score = score_of(evidence, Guidance.PROGRESSIVE, ScoreCalibration.load(path))
    assert score == pytest.approx(odds / (1.0 + odds))
    path.write_text(json.dumps({**document, "scale": "cubic"}))
    with pytest.raises(ConfigError, match=r"'cubic'.*ppcr train calibration"):
        ScoreCalibration.load(path)


def test_more_evidence_never_lowers_a_calibrated_score() -> None:
    calibration = ScoreCalibration(1.0, WEIGHTS)
    for name in WEIGHTS:
        more = replace(BOTH, **{name: 0.95})
        assert score_of(more, Guidance.PROGRESSIVE, calibration) > score_of(
            BOTH, Guidance.PROGRESSIVE, calibration
        )


@pytest.mark.parametrize(
    ("evidence", "guidance"),
    [
        (replace(BOTH, verified=0.9), Guidance.PROGRESSIVE),
        (replace(BOTH, semantic=None), Guidance.PROGRESSIVE),
        (BOTH, Guidance.NO_ADAPTER),
    ],
)
def test_a_calibration_is_not_used_for_evidence_of_another_kind(
    evidence: Evidence, guidance: Guidance
) -> None:
    calibration = ScoreCalibration(50.0, WEIGHTS)
    assert calibration.probability(evidence, guidance) is None
    assert score_of(evidence, guidance, calibration) == evidence.geometric_mean()


def test_what_looks_agree_on_is_calibrated_for_evidence_of_the_same_kind_alone() -> None:
    calibration = ScoreCalibration(0.0, WEIGHTS, looks={"found": (5.0, 0.0)})
    chance = pytest.approx(1 / (1 + math.exp(-5.0)))
    assert calibration.of_looks("found", 0.6, Guidance.PROGRESSIVE, BOTH) == chance
    assert calibration.of_looks("found", 0.6, Guidance.PROGRESSIVE) == chance
    verified = replace(BOTH, verified=0.5)
    assert calibration.of_looks("found", 0.6, Guidance.PROGRESSIVE, verified) == 0.6
    assert calibration.of_looks("found", 0.6, Guidance.DIRECT, BOTH) == 0.6
    assert calibration.of_looks("absent", 0.6, Guidance.PROGRESSIVE) == 0.6


def test_a_calibration_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "calibration.json"
    calibration = ScoreCalibration(
        0.5, WEIGHTS, Guidance.SPATIAL_ONLY, {"data": "tabletop:val"}, looks={"found": (0.5, 1.0)}
    )
    calibration.save(path)
    assert ScoreCalibration.load(path) == calibration


@pytest.mark.parametrize(
    "document",
    [
        "not json",
        "[]",
        "{}",
        json.dumps({"bias": 0, "weights": {"luck": 1}, "guidance": "progressive", "fitted_on": {}}),
        json.dumps(
            {"bias": 0, "weights": {"semantic": -1}, "guidance": "progressive", "fitted_on": {}}
        ),
        json.dumps({"bias": 0, "weights": {"semantic": 1}, "guidance": "?", "fitted_on": {}}),
        json.dumps({"bias": 0, "weights": [1], "guidance": "progressive", "fitted_on": {}}),
    ],
)
def test_what_is_no_calibration_is_refused_with_advice(document: str, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(document)
    with pytest.raises(ConfigError, match="ppcr train calibration"):
        ScoreCalibration.load(path)


@pytest.mark.parametrize("looks", [(math.nan, 1.0), (0.0, math.inf), (0.0, -1.0)])
def test_looks_are_weighed_by_finite_numbers(looks: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match=r"several looks agree.*ppcr train calibration"):
        ScoreCalibration(0.0, WEIGHTS, looks={"found": looks})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.json"):
        ScoreCalibration.load(tmp_path / "nothing.json")


def test_a_kind_that_the_image_tokens_do_not_see_lowers_a_score() -> None:
    calibration = ScoreCalibration(1.0, {"segmenter": 1.0, "semantic": 2.0, "kind": 0.5})

    def score(kind: float | None) -> float:
        evidence = Evidence(segmenter=0.5, semantic=0.25, kind=kind)
        return score_of(evidence, Guidance.PROGRESSIVE, calibration)

    unknown = score(None)
    assert score(0.05) < unknown < score(0.95)
    assert score(0.5) == pytest.approx(unknown), "of which nothing is known it speaks neither way"


def test_a_calibration_without_kinds_takes_evidence_with_one() -> None:
    calibration = ScoreCalibration(1.0, {"segmenter": 1.0, "semantic": 2.0})
    with_kind = Evidence(segmenter=0.5, semantic=0.25, kind=0.05)
    assert score_of(with_kind, Guidance.PROGRESSIVE, calibration) == score_of(
        replace(with_kind, kind=None), Guidance.PROGRESSIVE, calibration
    )
