"""`ppcr bench`: its files and its exit codes, and one run on the embedded models."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ppcr_ros
from ppcr_lab.bench.bench_report import MARKS as BENCH_MARKS
from ppcr_lab.bench.bench_report import BenchReport
from ppcr_lab.bench.comparison import AnswerDifference, Comparison
from ppcr_ros import cli
from ppcr_ros.core.config import Config
from ppcr_ros.weights.location import locate

BEGIN, END = BENCH_MARKS.begin, BENCH_MARKS.end


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, loaded: list[Config], tmp_path: Path) -> BenchReport:
    """What is measured, without measuring it."""
    found = BenchReport(comparison=Comparison(rows=[{"ppcr": 0.1, "naive": 0.3}], n=1))
    monkeypatch.setattr("ppcr_lab.bench.measurements.measure", lambda *args, **kwargs: found)
    monkeypatch.setattr("ppcr_lab.evaluation.samples.open_data_set", lambda *a, **k: (iter([S]), 1))
    return found


class S:
    """A sample."""

    sample_id, frame, command = "s", None, "the ball"


def test_bench_writes_its_files(measured: BenchReport, tmp_path: Path) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "new" / "bench.json"
    page.write_text(f"# Numbers\n{BEGIN}\n{END}\nthe end\n", encoding="utf-8")
    arguments = ["bench", "--quiet", "--json", str(figures), "--markdown", str(page)]
    assert cli.main(arguments) == 0
    found = json.loads(figures.read_text())
    assert found["command_to_mask_p50_ms"] == pytest.approx(100.0)
    assert found["speedup_vs_naive"] == pytest.approx(3.0)
    assert found["command_line"].startswith("ppcr bench --quiet")
    assert {"packages", "machine", "date", "weights_sha256"} <= set(found)
    text = page.read_text(encoding="utf-8")
    assert "| times faster than naive | 3.00 |" in text
    assert text.endswith(f"{END}\nthe end\n")


def test_bench_ends_with_1_where_a_baseline_says_something_else(measured: BenchReport) -> None:
    measured.comparison.differences.append(AnswerDifference("s", "mask", "a", "b"))
    assert cli.main(["bench", "--quiet"]) == 1


def test_a_page_that_cannot_take_the_section_is_refused_first(
    loaded: list[Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n", encoding="utf-8")
    assert cli.main(["bench", "--markdown", str(page)]) == 2
    assert "has no place for the benchmark" in capsys.readouterr().err
    assert not loaded


def test_bench_runs_the_embedded_models(tmp_path: Path) -> None:
    for name in ("torch", "transformers", "segment_anything", "mujoco"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    for weights in locate(Config()):
        if weights.place is None:
            pytest.skip(f"the embedded {weights.role} is not in this checkout: {weights.problem}")
    path = tmp_path / "bench.json"
    arguments = ["bench", "--limit", "2", "--quick", "--quiet", "--device", "cpu"]
    root = Path(ppcr_ros.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "ppcr_ros.cli", *arguments, "--json", str(path)],
        capture_output=True, text=True, check=False, cwd=root, timeout=600,
    )  # fmt: skip
    if "cannot be rendered" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(path.read_text())
    assert found["equal"], found["differences"]
    assert found["checked"]["mask"] >= 1
    assert found["checked"]["semantic tokens"] == found["checked"]["read ahead"] == 2
    assert found["read_ahead_p50_ms"] > 0
    assert found["speedup_vs_naive"] > 0
    assert {"vision tower", "prefill", "one token", "grasp target"} <= set(found["parts"])
    assert all(item["flop"] > 0 and item["bytes"] > 0 for item in found["roofline"])
    assert found["rss_mb"] is None
    assert "--quick" in found["missing"]["rss_mb"]
