"""The sheet of the worst answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ppcr_lab.evaluation.gallery import WorstCases
from ppcr_lab.evaluation.journal import Journal
from ppcr_lab.evaluation.runner import evaluate
from ppcr_ros.core.types import Status

Make = Callable[..., Any]


def test_the_worst_are_kept_and_right_answers_are_not(
    make_sample: Make, make_result: Make, make_pipeline: Make
) -> None:
    script = {
        "perfect": make_result(box=(0, 0, 10, 10)),
        "rightly absent": make_result(Status.NOT_FOUND),
        "poor": make_result(box=(0, 0, 10, 2)),
        "fair": make_result(box=(0, 0, 10, 8)),
        "ghost": make_result(box=(5, 5, 9, 9)),
        "broken": make_result(Status.ERROR),
    }
    absent = ("rightly absent", "ghost")
    samples = [make_sample(name, None if name in absent else (0, 0, 10, 10)) for name in script]
    kept = WorstCases(limit=3)
    evaluate(make_pipeline(script), samples, progress=False, observe=kept)
    sheet = kept.sheet("worst")
    assert sheet is not None
    assert kept.sample_ids() == ["sample/ghost", "sample/broken", "sample/poor"]


def test_asking_back_for_nothing_is_no_worse_than_a_wrong_mask(
    make_sample: Make, make_result: Make, make_pipeline: Make
) -> None:
    script = {
        "asks": make_result(Status.AMBIGUOUS),
        "ghost": make_result(box=(5, 5, 9, 9)),
        "broken": make_result(Status.ERROR),
    }
    samples = [make_sample("asks", None), make_sample("ghost", None)]
    samples.append(make_sample("broken", (0, 0, 10, 10)))
    kept = WorstCases()
    evaluate(make_pipeline(script), samples, progress=False, observe=kept)
    assert kept.sample_ids() == ["sample/ghost", "sample/broken", "sample/asks"]


def test_after_a_stop_the_wrong_answers_from_before_are_shown_too(
    make_sample: Make, make_result: Make, make_pipeline: Make, tmp_path: Path
) -> None:
    script = {"poor": make_result(box=(0, 0, 10, 2)), "good": make_result(box=(0, 0, 10, 10))}
    samples = [make_sample(name, (0, 0, 10, 10)) for name in script]
    path = tmp_path / "report.journal.jsonl"
    with Journal(path, {}) as journal:
        evaluate(make_pipeline(script), samples, progress=False, journal=journal)
    kept = WorstCases()
    with Journal(path, {}) as journal:
        evaluate(make_pipeline(script), samples, progress=False, observe=kept, journal=journal)
    assert kept.sample_ids() == ["sample/poor"]


def test_of_equals_the_first_are_kept(
    make_sample: Make, make_result: Make, make_pipeline: Make
) -> None:
    names = [f"case {number}" for number in range(5)]
    script = {name: make_result(Status.ERROR) for name in names}
    kept = WorstCases(limit=2)
    evaluate(
        make_pipeline(script),
        [make_sample(name, (0, 0, 4, 4)) for name in names],
        progress=False,
        observe=kept,
    )
    assert kept.sample_ids() == ["sample/case-0", "sample/case-1"]


def test_there_is_no_sheet_of_nothing(
    make_sample: Make, make_result: Make, make_pipeline: Make
) -> None:
    kept = WorstCases()
    evaluate(
        make_pipeline({"good": make_result(box=(0, 0, 4, 4))}),
        [make_sample("good", (0, 0, 4, 4))],
        progress=False,
        observe=kept,
    )
    assert kept.sheet() is None


def test_the_sheet_is_a_picture(make_sample: Make, make_result: Make, make_pipeline: Make) -> None:
    kept = WorstCases()
    evaluate(
        make_pipeline({"poor": make_result(box=(20, 20, 30, 30), message="far off")}),
        [make_sample("poor", (0, 0, 10, 10))],
        progress=False,
        observe=kept,
    )
    sheet = kept.sheet("one bad answer")
    assert sheet is not None
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert sheet.shape[1] > 700
