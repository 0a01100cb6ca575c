"""The ablation: every way on the same samples, compared in pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_lab.evaluation.ablation import (
    ALL,
    BASELINE,
    WAYS,
    AblationReport,
    ablate,
    paired_difference,
)
from ppcr_lab.evaluation.ablation_markdown import NAMES, to_markdown
from ppcr_lab.evaluation.journal import Journal
from ppcr_ros import cli
from ppcr_ros.core.config import Config
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.live_config import ConfigSource, LiveConfig
from ppcr_ros.core.types import Frame, ModelNames, Result, Status

TRUTH, NEAR, FAR = (0, 0, 10, 10), (0, 0, 10, 8), (30, 30, 40, 40)


class ByGuidance:
    """Right with both prompts, near with the spatial one, wrong at once; no semantic_only."""

    models = ModelNames(mllm="scripted-mllm", segmenter="scripted-segmenter")

    def __init__(self, make_result: Callable[..., Result]) -> None:
        self._make, self.asked = make_result, []
        self.configuration: ConfigSource = LiveConfig()

    @property
    def way(self) -> Guidance:
        return Guidance(self.configuration.current.pipeline.guidance)

    def run(self, frame: Frame, command: str, *, command_id: str = "") -> Result:
        self.asked.append((command, self.way))
        if self.way is Guidance.SEMANTIC_ONLY:
            result = self._make(Status.ERROR, message="this segmenter needs a box")
        elif command == "absent":
            result = self._make(Status.NOT_FOUND)
        else:
            boxes = {Guidance.DIRECT: FAR, Guidance.SPATIAL_ONLY: NEAR}
            result = self._make(Status.OK, boxes.get(self.way, TRUTH))
        return replace(result, command=command, command_id=command_id)


@pytest.fixture
def samples(make_sample: Callable[..., Any]) -> list[Any]:
    found = [make_sample(f"thing {number}", TRUTH, "relation") for number in range(4)]
    return [*found, make_sample("word", TRUTH, "attribute"), make_sample("absent", None, "absent")]


@pytest.fixture
def pipeline(make_result: Callable[..., Result]) -> ByGuidance:
    return ByGuidance(make_result)


@pytest.fixture
def report(pipeline: ByGuidance, samples: list[Any]) -> AblationReport:
    return ablate(pipeline, Config(), samples, data="tabletop:test", progress=False)


def test_every_way_runs_the_same_samples(
    report: AblationReport, pipeline: ByGuidance, samples: list[Any]
) -> None:
    for way in WAYS:
        commands = [command for command, asked in pipeline.asked if asked is way]
        expected = [sample.command for sample in samples]
        assert commands == (expected[:3] if way is Guidance.SEMANTIC_ONLY else expected)
    assert report.n == len(samples)
    assert pipeline.way is Guidance.PROGRESSIVE


def test_figures_come_by_way_and_kind(report: AblationReport) -> None:
    both = report.ways[Guidance.PROGRESSIVE].by_kind
    assert set(both) == {ALL, "relation", "attribute", "absent"}
    assert both["relation"].miou == 1.0
    assert both[ALL].no_target_accuracy == 1.0
    assert report.ways[Guidance.SPATIAL_ONLY].by_kind["relation"].miou == pytest.approx(0.8)
    assert report.ways[BASELINE].by_kind[ALL].miou == 0.0


def test_differences_are_to_direct_grounding(report: AblationReport) -> None:
    gap = report.ways[Guidance.SPATIAL_ONLY].against_baseline["relation"]
    assert (gap.miou, gap.low, gap.high) == pytest.approx((0.8, 0.8, 0.8))
    assert report.ways[BASELINE].against_baseline[ALL].miou == 0.0
    assert "absent" not in report.ways[Guidance.PROGRESSIVE].against_baseline


def test_a_way_that_is_impossible_says_why(report: AblationReport) -> None:
    way = report.ways[Guidance.SEMANTIC_ONLY]
    assert way.impossible == "this segmenter needs a box"
    assert way.by_kind == {}


def test_the_interval_holds_the_mean_and_narrows_with_samples() -> None:
    rng = np.random.default_rng(0)
    few = [(float(a), 0.5) for a in rng.uniform(0.4, 0.8, 20)]
    many = [(float(a), 0.5) for a in rng.uniform(0.4, 0.8, 2000)]
    narrow, wide = paired_difference(many), paired_difference(few)
    assert narrow.low < narrow.miou < narrow.high
    assert narrow.high - narrow.low < 0.2 * (wide.high - wide.low)
    assert narrow.miou == pytest.approx(0.1, abs=0.01)


def test_only_the_ways_that_are_asked_for_are_run(pipeline: ByGuidance, samples: list[Any]) -> None:
    ways = (Guidance.DIRECT, Guidance.PROGRESSIVE)
    report = ablate(pipeline, Config(), samples, progress=False, ways=ways)
    assert tuple(report.ways) == ways
    assert {asked for _, asked in pipeline.asked} == set(ways)
    assert "relation" in report.ways[Guidance.PROGRESSIVE].against_baseline
    with pytest.raises(ValueError, match="expected direct among them"):
        ablate(pipeline, Config(), samples, progress=False, ways=(Guidance.PROGRESSIVE,))


def test_a_stopped_ablation_goes_on(
    pipeline: ByGuidance, samples: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, {}) as journal:
        ablate(pipeline, Config(), samples[:4], journal=journal, progress=False)
    runs = len(pipeline.asked)
    with Journal(path, {}) as journal:
        report = ablate(pipeline, Config(), samples, journal=journal, progress=False)
    assert len(pipeline.asked) - runs == 2 * (len(WAYS) - 1)
    assert report.ways[Guidance.PROGRESSIVE].by_kind[ALL].n == len(samples)


def test_the_section_names_every_way(report: AblationReport) -> None:
    text = to_markdown(report)
    for name in NAMES.values():
        assert name in text
    assert "| spatial prompt only | 0.800 | 0.800 | 0.800 |" in text
    assert "+80.0 [+80.0, +80.0]" in text
    assert "semantic prompt only: this segmenter needs a box" in text
    assert "all (5)" in text


def test_a_page_without_the_place_is_refused_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks")
    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", None)
    assert cli.main(["eval", "--ablate", "--markdown", str(page)]) == 2
    assert "has no place for the ablation" in capsys.readouterr().err


def test_the_report_is_plain_data(report: AblationReport) -> None:
    found = report.to_dict()
    assert found["ways"]["progressive"]["by_kind"]["relation"]["miou"] == 1.0
    assert found["ways"]["progressive"]["against_baseline"][ALL]["miou"] == pytest.approx(1.0)
    assert found["baseline"] == "direct"
