"""The report: its figures, its page, and what could not be measured."""

from __future__ import annotations

import json

import pytest

from ppcr_lab.bench.bench_report import BenchReport
from ppcr_lab.bench.comparison import AnswerDifference, Comparison
from ppcr_lab.bench.ros_overhead import RosOverhead
from ppcr_lab.bench.timing import Quantiles
from ppcr_lab.evaluation.tracking import TrackingReport

ROWS = [
    {"ppcr": 0.1, "ahead": 0.05, "naive": 0.3, "direct": 0.15},
    {"ppcr": 0.2, "naive": 0.6},
]


def report() -> BenchReport:
    compared = Comparison(
        rows=ROWS, stages={"semantic": [0.05, 0.06]}, tokens=[20, 24], n=3, checked={"mask": 2}
    )
    return BenchReport(
        models={"mllm": "tiny", "segmenter": "sam"},
        comparison=compared,
        parts={"one token": Quantiles(5, 2.0, 3.0, 1.5)},
        messages={"rgb8 in": Quantiles(5, 0.5, 0.6, 0.4)},
        ros=RosOverhead(Quantiles(4, 9.5, 12.0, 8.0), Quantiles(4, 110.0, 120.0, 100.0)),
        tracking=TrackingReport(0.9, (0.9,), 0.9, 25.0, 0.003, 0.08, 0.33),
        fresh={"rss_mb": 700.0, "load_s": 2.0},
        start_to_ready_s=6.5,
        tokens_per_s=500.0,
    )


def test_the_figures_that_are_asked_for_stand_at_the_top() -> None:
    found = report().to_dict()
    json.dumps(found, allow_nan=False)
    assert found["command_to_mask_p50_ms"] == pytest.approx(150.0)
    assert found["speedup_vs_naive"] == pytest.approx(3.0)
    assert found["speedup_vs_direct"] == pytest.approx(1.5)
    assert found["read_ahead_p50_ms"] == pytest.approx(50.0)
    assert found["read_ahead_speedup_vs_naive"] == pytest.approx(6.0)
    assert found["ros_overhead_p50_ms"] == 9.5
    assert found["tracking_fps"] == 25.0
    assert found["start_to_ready_s"] == 6.5
    assert found["rss_mb"] == 700.0
    assert found["equal"] is True
    assert found["samples"] == {"run": 3, "with_mask": 2}
    assert found["ways"]["naive"]["n"] == 2
    assert found["ways"]["direct"]["n"] == 1


def test_what_was_not_measured_is_null_with_its_reason() -> None:
    empty = BenchReport(missing={"ros_overhead_p50_ms": "no rclpy\nhere"})
    found = empty.to_dict()
    names = ("command_to_mask_p50_ms", "speedup_vs_naive", "ros_overhead_p50_ms", "tracking_fps",
             "start_to_ready_s", "rss_mb", "speedup_vs_direct", "read_ahead_p50_ms",
             "read_ahead_speedup_vs_naive")  # fmt: skip
    assert [found[name] for name in names] == [None] * len(names)
    assert "- ros_overhead_p50_ms: no rclpy here" in empty.to_markdown()


def test_the_section_says_what_was_measured() -> None:
    section = report().to_markdown()
    assert "| command to mask, median | 150 ms |" in section
    assert "| times faster than naive | 3.00 |" in section
    assert "| times faster than naive where the image was read ahead | 6.00 |" in section
    assert "(`node.read_ahead_max_rate_hz`) | 1 | 50.0 | 50.0 | 6.00 |" in section
    assert "then the SAM predictor | 1 | 150.0 | 150.0 | 2.00 |" in section
    assert "of which 2 lead to a mask" in section
    assert "equal, token by token and pixel by pixel: mask 2" in section
    assert "| rgb8 in | 5 | 0.50 | 0.60 |" in section


def test_what_is_unequal_is_told_and_explained() -> None:
    found = report()
    found.comparison.differences = [
        AnswerDifference(f"s{n}", "spatial tokens", "left", "right") for n in range(10)
    ]
    section = found.to_markdown()
    assert "Not equal: 10." in section
    assert "- s0, spatial tokens: PPCR `left`, baseline `right`" in section
    assert "and 2 more" in section
    assert "What can part them" in section
    assert found.to_dict()["equal"] is False
    assert len(found.to_dict()["differences"]) == 10
