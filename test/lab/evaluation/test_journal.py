"""The journal: what was run is not run again, and other runs are not mixed in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ppcr_lab.evaluation.journal import Entry, Journal, JournalError
from ppcr_lab.evaluation.metrics import outcome_of
from ppcr_lab.evaluation.runner import evaluate
from ppcr_ros.core.types import Result, Status

PRINT = {"data": "tabletop:test", "weights": "abc"}


class Counting:
    """A pipeline that counts its runs and may be stopped after some."""

    def __init__(self, pipeline: Any, stop_after: int = 1000) -> None:
        self._pipeline, self.models, self.runs = pipeline, pipeline.models, 0
        self._stop_after = stop_after

    def run(self, *args: Any, **options: Any) -> Result:
        if self.runs == self._stop_after:
            raise KeyboardInterrupt
        self.runs += 1
        result: Result = self._pipeline.run(*args, **options)
        return result


@pytest.fixture
def samples(make_sample: Callable[..., Any]) -> list[Any]:
    return [
        make_sample("left", (0, 0, 8, 8)),
        make_sample("right", (8, 8, 16, 16)),
        make_sample("red", None, "absent"),
        make_sample("any", None, "ambiguous"),
    ]


@pytest.fixture
def pipeline(make_pipeline: Callable[..., Any], make_result: Callable[..., Result]) -> Any:
    return make_pipeline(
        {
            "left": make_result(Status.OK, (0, 0, 8, 8)),
            "right": make_result(Status.PARSE_FAILED, message="no box"),
            "red": make_result(Status.NOT_FOUND),
            "any": make_result(Status.AMBIGUOUS),
        }
    )


def test_a_stopped_evaluation_goes_on_and_ends_the_same(
    tmp_path: Path, samples: list[Any], pipeline: Any
) -> None:
    path = tmp_path / "report.journal.jsonl"
    whole = evaluate(pipeline, samples, progress=False)
    with Journal(path, PRINT) as journal, pytest.raises(KeyboardInterrupt):
        evaluate(Counting(pipeline, stop_after=2), samples, journal=journal, progress=False)
    second = Counting(pipeline)
    with Journal(path, PRINT) as journal:
        assert len(journal) == 2
        resumed = evaluate(second, samples, journal=journal, progress=False)
        journal.close(delete=True)
    assert second.runs == 2
    assert resumed == whole
    assert resumed.failures[0].message == "no box"
    assert resumed.confusion["AMBIGUOUS"] == {"AMBIGUOUS": 1}
    assert not path.exists()


def test_a_line_that_was_cut_off_is_run_again(
    tmp_path: Path, samples: list[Any], pipeline: Any
) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, PRINT) as journal:
        evaluate(pipeline, samples[:2], journal=journal, progress=False)
    path.write_text(path.read_text()[:-30])
    again = Counting(pipeline)
    with Journal(path, PRINT) as journal:
        assert len(journal) == 1
        evaluate(again, samples, journal=journal, progress=False)
    assert again.runs == 3
    assert len(path.read_text().splitlines()) == 1 + len(samples)
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_another_evaluation_is_refused_with_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, PRINT).close()
    with pytest.raises(JournalError, match=r"begun with other weights.*--fresh"):
        Journal(path, {**PRINT, "weights": "xyz"})
    with Journal(path, {**PRINT, "weights": "xyz"}, fresh=True) as journal:
        assert len(journal) == 0


@pytest.mark.parametrize("text", ["hello\n", "{}\n", '{"fingerprint": {}}\n{"a": 1}\n'])
def test_another_file_is_not_taken_for_a_journal(text: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(JournalError, match="is no journal"):
        Journal(path, PRINT)
    assert path.read_text() == text


def test_an_entry_survives_the_file(samples: list[Any], make_result: Callable[..., Result]) -> None:
    result = make_result(Status.LOW_CONFIDENCE, (0, 0, 8, 4), score=0.3)
    outcome = outcome_of(result, samples[0].mask, samples[0].box_xyxy_px)
    entry = Entry.of("attribute", result, outcome)
    assert Entry.from_dict(json.loads(json.dumps(entry.to_dict()))) == entry


def test_without_a_path_nothing_is_written(samples: list[Any], pipeline: Any) -> None:
    with Journal(None, PRINT) as journal:
        evaluate(pipeline, samples, journal=journal, progress=False)
        assert len(journal) == len(samples)
