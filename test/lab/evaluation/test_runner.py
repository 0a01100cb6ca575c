"""Evaluation over scripted answers: counting, kinds, failures, and the real pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ppcr_lab.evaluation.evaluation_report import Report
from ppcr_lab.evaluation.metrics import SampleOutcome
from ppcr_lab.evaluation.runner import evaluate
from ppcr_ros.core.types import Result, Status

Make = Callable[..., Any]


@pytest.fixture
def report(make_sample: Make, make_result: Make, make_pipeline: Make) -> Report:
    samples = [
        make_sample("good", (0, 0, 10, 10), "attribute"),
        make_sample("half", (0, 0, 10, 10), "relation"),
        make_sample("broken", (0, 0, 10, 10), "relation"),
        make_sample("garbled", (0, 0, 10, 10), "relation"),
        make_sample("ghost", None, "absent"),
    ]
    pipeline = make_pipeline(
        {
            "good": make_result(box=(0, 0, 10, 10)),
            "half": make_result(Status.LOW_CONFIDENCE, (0, 0, 10, 5), score=0.1),
            "broken": make_result(Status.ERROR, message="the GPU fell off"),
            "garbled": make_result(Status.PARSE_FAILED, message="no box in it"),
            "ghost": make_result(Status.NOT_FOUND),
        }
    )
    return evaluate(pipeline, samples, data="tabletop:test", progress=False)


def test_every_sample_counts(report: Report) -> None:
    assert report.overall.n == 5
    assert report.overall.n_present == 4
    assert report.overall.miou == pytest.approx((1.0 + 0.5 + 0.0 + 0.0) / 4)
    assert report.overall.no_target_accuracy == 1.0


def test_kinds_are_reported_apart(report: Report) -> None:
    assert list(report.by_kind) == ["absent", "attribute", "relation"]
    assert report.by_kind["attribute"].miou == 1.0
    assert report.by_kind["relation"].miou == pytest.approx(0.5 / 3)
    assert report.by_kind["relation"].no_target_accuracy is None
    assert report.by_kind["absent"].miou is None


def test_failures_are_counted_and_listed_by_status(report: Report) -> None:
    assert report.statuses == {
        "OK": 1,
        "NOT_FOUND": 1,
        "PARSE_FAILED": 1,
        "LOW_CONFIDENCE": 1,
        "CANCELLED": 0,
        "ERROR": 1,
        "AMBIGUOUS": 0,
    }
    assert [(f.sample_id, f.status, f.message) for f in report.failures] == [
        ("sample/broken", "ERROR", "the GPU fell off"),
        ("sample/garbled", "PARSE_FAILED", "no box in it"),
    ]
    assert not report.all_failed


def test_a_run_where_everything_failed_says_so(
    make_sample: Make, make_result: Make, make_pipeline: Make
) -> None:
    pipeline = make_pipeline({"broken": make_result(Status.ERROR)})
    report = evaluate(pipeline, [make_sample("broken", (0, 0, 4, 4))], progress=False)
    assert report.all_failed


def test_samples_are_drawn_one_at_a_time_and_observed_in_order(
    make_sample: Make, make_result: Make, make_pipeline: Make
) -> None:
    seen: list[str] = []

    def samples() -> Iterator[Any]:
        for name in ("first", "second"):
            seen.append(f"draw {name}")
            yield make_sample(name, (0, 0, 4, 4))

    def observe(sample: Any, result: Result, outcome: SampleOutcome) -> None:
        seen.append(f"{sample.command} {result.command_id} {outcome.iou:.0f}")

    answer = make_result(box=(0, 0, 4, 4))
    evaluate(
        make_pipeline({"first": answer, "second": answer}),
        samples(),
        progress=False,
        observe=observe,
    )
    assert seen == [
        "draw first",
        "first sample/first 1",
        "draw second",
        "second sample/second 1",
    ]


def test_the_progress_bar_shows_how_it_goes(
    make_sample: Make,
    make_result: Make,
    make_pipeline: Make,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pipeline = make_pipeline({"good": make_result(box=(0, 0, 4, 4))})
    evaluate(pipeline, [make_sample("good", (0, 0, 4, 4))], data="tabletop:val", total=1)
    shown = capfd.readouterr().err
    assert "tabletop:val" in shown
    assert "1/1" in shown
    assert "correct=1.00" in shown
