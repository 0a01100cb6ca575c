"""The figures against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ppcr_lab.evaluation.metrics import (
    SampleOutcome,
    expected_calibration_error,
    figures,
    mask_iou,
    outcome_of,
)
from ppcr_ros.core.types import Result, StageSeconds, Status

TRUE_BOX = np.array([0, 0, 10, 10], np.float32)
TRUE_MASK = np.zeros((48, 64), np.bool_)
TRUE_MASK[:10, :10] = True


def outcome(
    iou_percent: int,
    *,
    present: bool = True,
    status: Status = Status.OK,
    box_iou: float = 1.0,
    score: float | None = 0.9,
    seconds: StageSeconds | None = None,
) -> SampleOutcome:
    """An outcome with a union of 100 pixels."""
    return SampleOutcome(
        expected=Status.OK if present else Status.NOT_FOUND,
        status=status,
        intersection_px=iou_percent,
        union_px=100,
        box_iou=box_iou,
        score=score,
        seconds=seconds or StageSeconds(total=1.0),
    )


def test_mask_iou_of_known_overlaps() -> None:
    a, b = np.zeros((4, 6), np.bool_), np.zeros((4, 6), np.bool_)
    a[:2, :4], b[:2, 2:6] = True, True
    assert mask_iou(a, b) == pytest.approx(4 / 12)
    assert mask_iou(a, a) == 1.0
    assert mask_iou(a, ~a) == 0.0
    assert mask_iou(np.zeros_like(a), np.zeros_like(a)) == 0.0


def test_mask_iou_refuses_masks_of_different_sizes() -> None:
    with pytest.raises(ValueError, match=r"\(4, 6\) and \(4, 7\)"):
        mask_iou(np.zeros((4, 6), np.bool_), np.zeros((4, 7), np.bool_))


def test_outcome_of_a_good_answer(make_result: Callable[..., Result]) -> None:
    result = make_result(box=(0, 0, 10, 8), prompt_box=(0, 0, 10, 5), score=0.7, total=2.0)
    found = outcome_of(result, TRUE_MASK, TRUE_BOX)
    assert (found.intersection_px, found.union_px) == (80, 100)
    assert found.iou == pytest.approx(0.8)
    assert found.box_iou == pytest.approx(0.5)
    assert found.score == pytest.approx(0.7)
    assert found.seconds.total == 2.0
    assert found.correct


@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.PARSE_FAILED, Status.ERROR])
def test_a_present_target_without_a_mask_counts_zero(
    make_result: Callable[..., Result], status: Status
) -> None:
    found = outcome_of(make_result(status), TRUE_MASK, TRUE_BOX)
    assert found.iou == 0.0
    assert found.union_px == 100  # the missed pixels weigh in oIoU
    assert found.box_iou == 0.0
    assert found.score is None
    assert not found.correct


def test_a_spatial_prompt_counts_though_the_mask_failed(
    make_result: Callable[..., Result],
) -> None:
    found = outcome_of(make_result(Status.ERROR, prompt_box=(0, 0, 10, 10)), TRUE_MASK, TRUE_BOX)
    assert found.box_iou == 1.0
    assert found.iou == 0.0


@pytest.mark.parametrize(
    ("status", "correct"),
    [(Status.NOT_FOUND, True), (Status.ERROR, False), (Status.PARSE_FAILED, False)],
)
def test_only_not_found_is_right_about_an_absent_target(
    make_result: Callable[..., Result], status: Status, correct: bool
) -> None:
    assert outcome_of(make_result(status), None, None).correct is correct


def test_a_mask_for_an_absent_target_is_wrong(make_result: Callable[..., Result]) -> None:
    found = outcome_of(make_result(box=(0, 0, 5, 5)), None, None)
    assert not found.present
    assert not found.correct
    assert found.box_iou == 0.0


def test_where_a_box_alone_is_known_it_is_held_against_the_masks_own(
    make_result: Callable[..., Result],
) -> None:
    found = outcome_of(make_result(box=(0, 0, 10, 8), prompt_box=(0, 0, 10, 5)), None, TRUE_BOX)
    assert found.present
    assert (found.intersection_px, found.union_px) == (80, 100)
    assert found.box_iou == pytest.approx(0.5)
    beside = outcome_of(make_result(box=(20, 0, 30, 10)), None, TRUE_BOX)
    assert (beside.intersection_px, beside.union_px) == (0, 200)
    missed = outcome_of(make_result(Status.NOT_FOUND), None, TRUE_BOX)
    assert (missed.intersection_px, missed.union_px, missed.correct) == (0, 100, False)


def test_an_empty_true_mask_is_refused(make_result: Callable[..., Result]) -> None:
    with pytest.raises(ValueError, match="expected None"):
        outcome_of(make_result(), np.zeros((48, 64), np.bool_), TRUE_BOX)


def test_figures_over_present_and_absent_targets() -> None:
    found = figures(
        [
            outcome(95, box_iou=0.9),
            outcome(75, box_iou=0.5),
            outcome(50, box_iou=0.49),
            outcome(0, status=Status.NOT_FOUND, box_iou=0.0, score=None),
            outcome(0, present=False, status=Status.NOT_FOUND, score=None),
            outcome(0, present=False, status=Status.OK),
            outcome(0, present=False, status=Status.ERROR, score=None),
        ]
    )
    assert (found.n, found.n_present, found.n_absent) == (7, 4, 3)
    assert found.miou == pytest.approx(0.55)
    assert found.p_at_50 == pytest.approx(0.75)
    assert found.p_at_70 == pytest.approx(0.50)
    assert found.p_at_90 == pytest.approx(0.25)
    assert found.box_p_at_50 == pytest.approx(0.5)
    assert found.box_miou == pytest.approx((0.9 + 0.5 + 0.49) / 4)
    assert found.no_target_accuracy == pytest.approx(1 / 3)


def test_oiou_weighs_by_pixels_and_miou_does_not() -> None:
    small = SampleOutcome(Status.OK, Status.OK, 10, 10, 1.0, 0.9, StageSeconds())
    large = SampleOutcome(Status.OK, Status.OK, 0, 990, 0.0, 0.9, StageSeconds())
    found = figures([small, large])
    assert found.miou == pytest.approx(0.5)
    assert found.oiou == pytest.approx(0.01)


def test_figures_over_nothing_are_none_not_zero() -> None:
    found = figures([])
    assert found.n == 0
    assert found.miou is None
    assert found.no_target_accuracy is None
    assert found.seconds_p50 is None
    assert found.ece is None


def test_seconds_are_percentiles_of_the_runs_that_reached_the_stage() -> None:
    found = figures(
        [
            outcome(90, seconds=StageSeconds(semantic=1.0, spatial=2.0, total=3.0)),
            outcome(90, seconds=StageSeconds(semantic=3.0, total=5.0)),
            outcome(90, seconds=StageSeconds(semantic=2.0, spatial=4.0, total=100.0)),
        ]
    )
    assert found.seconds_p50 == 5.0
    assert found.seconds_p90 == pytest.approx(81.0)
    assert found.stage_seconds_p50["semantic"] == 2.0
    assert found.stage_seconds_p50["spatial"] == 3.0
    assert found.stage_seconds_p50["segmentation"] is None


def test_calibration_error_of_known_bins() -> None:
    # Two of four right at 0.9: off by 0.4; both right at 1.0: off by 0; weights 4/6 and 2/6.
    scores = [0.9, 0.9, 0.9, 0.9, 1.0, 1.0]
    correct = [True, True, False, False, True, True]
    assert expected_calibration_error(scores, correct, bins=10) == pytest.approx(
        # 0.9 and 1.0 share the last of ten bins
        abs(np.mean(scores) - np.mean(correct))
    )
    assert expected_calibration_error(scores, correct, bins=100) == pytest.approx(0.4 * 4 / 6)


def test_perfectly_calibrated_scores_have_no_error() -> None:
    scores = [0.25] * 4 + [0.75] * 4
    correct = [True, False, False, False, True, True, True, False]
    assert expected_calibration_error(scores, correct) == pytest.approx(0.0)
    assert expected_calibration_error([], []) is None


def test_ece_counts_masks_of_absent_targets_as_wrong() -> None:
    sure = figures([outcome(0, present=False, score=1.0)])
    assert sure.ece == pytest.approx(1.0)


def test_cumulative_iou_counts_masks_for_absent_targets_against_the_answers() -> None:
    outcomes = [outcome(80), outcome(40), outcome(0, present=False)]
    assert figures(outcomes).ciou == pytest.approx(120 / 300)
    assert figures(outcomes).oiou == pytest.approx(120 / 200)
    assert figures([]).ciou is None
