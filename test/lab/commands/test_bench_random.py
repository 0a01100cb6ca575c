"""`ppcr bench --random`: its arguments, its files and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ppcr_lab.bench.bench_report import MARKS as BENCH_MARKS
from ppcr_lab.bench.bench_report import RANDOM_MARKS, BenchReport
from ppcr_lab.bench.comparison import AnswerDifference, Comparison
from ppcr_ros import cli
from ppcr_ros.core.config import Config

pytest.importorskip("torch", reason="torch is not installed")
BEGIN, END = BENCH_MARKS.begin, BENCH_MARKS.end
BEGIN_RANDOM, END_RANDOM = RANDOM_MARKS.begin, RANDOM_MARKS.end


class S:
    """A sample."""

    sample_id, frame, command = "s", None, "the ball"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Config]]:
    """With what the measurement was asked for; nothing is measured."""
    asked: list[tuple[Any, Config]] = []

    def measure(settings: Any, config: Config, samples: list[Any]) -> BenchReport:
        asked.append((settings, config))
        rows = [{"ppcr": 0.1, "naive": 0.3}]
        return BenchReport(
            models={"mllm": settings.mllm, "segmenter": settings.segmenter},
            comparison=Comparison(rows=rows, n=1),
            forced_tokens=settings.tokens,
        )

    monkeypatch.setattr("ppcr_lab.bench.random_run.measure_random", measure)
    monkeypatch.setattr("ppcr_lab.evaluation.samples.open_data_set", lambda *a, **k: (iter([S]), 1))
    return asked


def test_it_writes_a_section_of_its_own(measured: list[Any], tmp_path: Path) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "random.json"
    kept = f"{BEGIN}\nas it was\n{END}\n"
    page.write_text(f"{kept}{BEGIN_RANDOM}\n{END_RANDOM}\nthe end\n", encoding="utf-8")
    names = ["qwen3_vl_small", "qwen3_vl_2b"]
    arguments = ["bench", "--quiet", "--random", *names, "--weights", "none", "int4"]
    files = ["--json", str(figures), "--markdown", str(page)]
    assert cli.main([*arguments, *files]) == 0
    assert [(s.mllm, s.segmenter, s.tokens, s.formats) for s, _ in measured] == [
        ("qwen3_vl_small", "sam_small", (60, 40), ("none", "int4")),
        ("qwen3_vl_2b", "vit_b", (60, 40), ("none", "int4")),
    ]
    found = json.loads(figures.read_text())
    assert list(found) == names
    assert found["qwen3_vl_2b"]["speedup_vs_naive"] == pytest.approx(3.0)
    assert found["qwen3_vl_2b"]["forced_tokens"] == [60, 40]
    assert found["qwen3_vl_2b"]["weights_sha256"] == {}
    text = page.read_text(encoding="utf-8")
    assert text.startswith(kept)
    assert text.endswith(f"{END_RANDOM}\nthe end\n")
    assert text.count("Random weights, forced token counts.") == 2
    assert "| times faster than naive | 3.00 |" in text
    assert "tracking" not in text.partition(BEGIN_RANDOM)[2]


def test_the_counts_and_the_segmenter_can_be_chosen(measured: list[Any]) -> None:
    arguments = ["--random-tokens", "70", "230", "--random-segmenter", "vit_l"]
    assert cli.main(["bench", "--quiet", "--random", "qwen3_vl_4b", *arguments]) == 0
    settings, config = measured[0]
    assert (settings.tokens, settings.segmenter) == ((70, 230), "vit_l")
    assert config.mllm.max_new_tokens_spatial == 231
    assert config.mllm.family == "qwen3_vl"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--random", "qwen"], "'qwen' is no MLLM"),
        (["--random", "qwen3_vl_2b", "--random-segmenter", "sam"], "'sam' is no segmenter"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    measured: list[Any], arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not measured


def test_it_ends_with_1_where_the_baseline_wrote_something_else(
    measured: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    unequal = BenchReport(
        comparison=Comparison(differences=[AnswerDifference("s", "mask", "a", "b")])
    )
    unequal.forced_tokens = (60, 40)
    monkeypatch.setattr("ppcr_lab.bench.random_run.measure_random", lambda *args: unequal)
    assert cli.main(["bench", "--quiet", "--random", "qwen3_vl_small"]) == 1
