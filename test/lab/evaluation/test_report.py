"""The report as JSON and Markdown, and what it says about where it comes from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ppcr_ros
from ppcr_lab.bench.bench_report import BenchReport
from ppcr_lab.bench.comparison import AnswerDifference, Comparison
from ppcr_lab.evaluation.ablation import AblationReport, WayReport
from ppcr_lab.evaluation.ablation_markdown import to_markdown as ablation_to_markdown
from ppcr_lab.evaluation.evaluation_report import Report
from ppcr_lab.evaluation.runner import evaluate
from ppcr_ros.commands.output import OutputError, prepare_output, write_text
from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.types import Status
from ppcr_ros.weights.provenance import Provenance, package_versions, provenance

Make = Callable[..., Any]
KEYS = (
    "miou",
    "oiou",
    "p_at_50",
    "p_at_70",
    "p_at_90",
    "box_p_at_50",
    "no_target_accuracy",
    "ece",
    "seconds_p50",
)


@pytest.fixture
def report(make_sample: Make, make_result: Make, make_pipeline: Make, tmp_path: Path) -> Report:
    weights = tmp_path / "mllm" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    config = Config(
        mllm=MllmConfig(model=str(weights.parent)),
        segmenter=SegmenterConfig(model=str(tmp_path / "missing.pth")),
    )
    pipeline = make_pipeline(
        {
            "the | pipe": make_result(Status.ERROR, message="two\nlines"),
            "the ball": make_result(box=(0, 0, 10, 10)),
        }
    )
    samples = [make_sample("the | pipe", (0, 0, 10, 10)), make_sample("the ball", (0, 0, 10, 10))]
    return evaluate(
        pipeline,
        samples,
        data="tabletop:test",
        progress=False,
        provenance=provenance(config, ["ppcr", "eval", "--json", "a file.json"]),
    )


def test_json_has_the_figures_at_the_top_and_by_kind(report: Report) -> None:
    found = json.loads(report.to_json())
    assert found["n"] == 2
    assert found["miou"] == pytest.approx(0.5)
    assert found["box_p_at_50"] == pytest.approx(0.5)
    assert set(KEYS) <= set(found)
    assert set(KEYS) <= set(found["by_kind"]["attribute"])
    assert found["no_target_accuracy"] is None  # there was no absent target
    assert found["statuses"]["ERROR"] == 1
    assert found["failures"][0]["message"] == "two\nlines"
    assert found["models"] == {"mllm": "scripted-mllm", "segmenter": "scripted-segmenter"}


def test_json_says_what_it_was_measured_with(report: Report) -> None:
    found = json.loads(report.to_json())
    assert found["command_line"] == "ppcr eval --json 'a file.json'"
    assert found["config"]["mllm.family"] == "ppcr_tiny"
    assert found["weights_sha256"] == {
        "mllm/model.safetensors": hashlib.sha256(b"weights").hexdigest()
    }
    assert found["packages"]["ppcr_ros"] == ppcr_ros.__version__
    assert found["packages"]["numpy"]
    assert int(found["machine"]["cores"]) >= 1
    assert found["date"].endswith("+00:00")


def test_markdown_is_a_table_with_one_row_for_each_kind(report: Report) -> None:
    text = report.to_markdown()
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1
    assert table[2].startswith("| **all** | 2 | 0.500 |")
    assert table[3].startswith("| attribute | 2 |")
    assert "ERROR 1" in text
    assert "two lines" in text
    assert "scripted-mllm + scripted-segmenter" in text


def test_markdown_lists_only_the_first_of_many_failures(
    make_sample: Make, make_result: Make, make_pipeline: Make
) -> None:
    names = [f"case {number}" for number in range(30)]
    failed = make_result(Status.ERROR, message="many words " * 100)
    samples = [make_sample(name, (0, 0, 4, 4)) for name in names]
    pipeline = make_pipeline(dict.fromkeys(names, failed))
    report = evaluate(pipeline, samples, progress=False)
    text = report.to_markdown()
    assert "and 10 more" in text
    assert max(len(line) for line in text.splitlines()) < 300
    assert len(json.loads(report.to_json())["failures"]) == 30


def test_markdown_names_the_options_that_were_changed(report: Report) -> None:
    (line,) = [line for line in report.to_markdown().splitlines() if "- config:" in line]
    assert "mllm.model=" in line
    assert "mllm.family" not in line


def test_versions_name_only_what_is_installed() -> None:
    versions = package_versions()
    assert {"python", "ppcr_ros", "numpy"} <= set(versions)
    assert all(versions.values())


def test_a_report_is_written_into_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "report.json"
    write_text(path, "{}\n")
    assert path.read_text() == "{}\n"


def test_a_path_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make the folder"):
        prepare_output(tmp_path / "file" / "report.json")
    with pytest.raises(OutputError, match="is a folder"):
        prepare_output(tmp_path)


HOSTILE = "mug | `x` <!-- ablation:end --> [a](http://b) \x1b[2J **b** \u202eback"
SHOWS_UP = re.compile(r"(?<!\\)(?:<!--|\[a\]\(|\*\*b)|[\x00-\x09\x0b-\x1f\u202e]")


def outside_of_code(text: str) -> str:
    """Markdown without its spans of code, in which nothing means anything."""
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text.replace("\\`", ""))


def test_text_from_outside_means_nothing_in_a_report(
    make_sample: Make, make_result: Make, make_pipeline: Make
) -> None:
    """Labels, file names, commands and messages, in what is written and in what it came from."""
    failed = make_result(Status.ERROR, message=HOSTILE)
    sample = replace(make_sample(HOSTILE, (0, 0, 4, 4)), kind=HOSTILE, sample_id=HOSTILE)
    origin = Provenance(
        command_line=HOSTILE,
        date="2026-11-30",
        config={"mllm.model": HOSTILE},
        weights_sha256={HOSTILE: "0" * 64},
        packages={"numpy": "2.3", HOSTILE: "1"},
        machine={"processor": HOSTILE},
    )
    pipeline = make_pipeline({HOSTILE: failed})
    report = evaluate(pipeline, [sample], data=HOSTILE, progress=False, provenance=origin)
    report = replace(report, models={"mllm": HOSTILE, "segmenter": HOSTILE})
    text = report.to_markdown()
    assert not SHOWS_UP.search(outside_of_code(text))
    assert "\x1b" not in text
    assert "\u202e" not in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_so_it_is_with_an_ablation_and_a_bench() -> None:
    models = {"mllm": HOSTILE, "segmenter": HOSTILE}
    empty = WayReport({}, {}, impossible=HOSTILE)
    ablation = AblationReport(HOSTILE, 0, {Guidance.PROGRESSIVE: empty}, models)
    bench = BenchReport(
        comparison=Comparison(
            checked={"mask": 1}, differences=[AnswerDifference(HOSTILE, "mask", HOSTILE, HOSTILE)]
        ),
        missing={HOSTILE: HOSTILE},
        models=models,
    )
    for text in (ablation_to_markdown(ablation), bench.to_markdown()):
        assert not SHOWS_UP.search(outside_of_code(text))
        assert "\x1b" not in text
