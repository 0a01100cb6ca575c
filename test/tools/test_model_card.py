"""Pages with an ablation's figures, of which nothing else changes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tools import model_card

KINDS = ("all", *model_card.EXAMPLES, "absent", "ambiguous")


def figures(miou: float) -> dict[str, Any]:
    names = ("miou", "oiou", "p_at_50", "p_at_70", "p_at_90", "box_p_at_50", "ece", "seconds_p50")
    shares = dict.fromkeys(names, miou)
    return {
        **shares,
        "n": 100,
        "n_present": 80,
        "no_target_accuracy": 0.96,
        "ambiguous_accuracy": 0.5,
    }


@pytest.fixture
def report() -> dict[str, Any]:
    difference = {"miou": 0.0351, "low": 0.01, "high": 0.06}
    way = {
        "by_kind": {kind: figures(0.5 if kind == "ordinal" else 0.85) for kind in KINDS},
        "against_baseline": {kind: dict(difference) for kind in KINDS},
    }
    names = ("progressive", "no_adapter", "spatial_only", "semantic_only", "direct")
    return {
        "n": 1000,
        "date": "2026-02-03T04:05:06+00:00",
        "machine": {"processor": "Some CPU", "cores": "2", "torch_threads": "1"},
        "ways": {name: copy.deepcopy(way) for name in names},
    }


def test_the_card_tells_the_figures_and_which_aims_were_missed(report: dict[str, Any]) -> None:
    text = model_card.card(report)
    assert "| **all** | 100 | 0.850 | 0.850 |" in text
    assert '| ordinal ("the second ball from the left") | 100 | 0.500 |' in text
    assert "| absent (nothing fits) | 100 | - | - | - | - | - | 0.960 |" in text
    missed = next(line for line in text.splitlines() if "missed" in line)
    reached = next(line for line in text.splitlines() if "reached" in line)
    assert "P@0.5 0.850 (at least 0.9)" in missed
    assert "ECE 0.850 (at most 0.05)" in missed
    assert "mask mIoU 0.850 (at least 0.8)" in reached
    assert "NOT_FOUND accuracy 0.960" in reached
    assert "+3.5 points" in reached
    assert "lowest mIoU: ordinal" in text
    assert "fit nothing 4 %" in text
    assert "2026-02-03, Some CPU, 2 cores, 1 of them for PyTorch" in text


def test_a_lead_that_chance_explains_is_not_called_one(report: dict[str, Any]) -> None:
    assert "Progressive reasoning wins" in model_card.reading(report)
    report["ways"]["progressive"]["against_baseline"]["all"]["low"] = -0.01
    assert "No clear winner" in model_card.reading(report)


def test_what_was_not_measured_is_not_told_of(report: dict[str, Any]) -> None:
    assert "of the box alone 0.850" in model_card.reading(report)
    del report["ways"]["spatial_only"]
    text = model_card.reading(report)
    assert "ECE 0.850." in text
    assert "box alone" not in text


def test_readme_has_a_column_for_each_kind(report: dict[str, Any]) -> None:
    lines = model_card.readme(report).splitlines()
    header = next(line for line in lines if line.startswith("| |"))
    assert header == "| | all | attribute | ordinal | relation | negation | comparative |"
    assert "| mask mIoU | 0.850 | 0.850 | 0.500 | 0.850 | 0.850 | 0.850 |" in lines


def test_every_page_has_its_marks() -> None:
    for name in model_card.PLACES:
        page = (Path(model_card.ROOT) / name).read_text(encoding="utf-8")
        assert page.count(model_card.MARKS.begin) == page.count(model_card.MARKS.end) == 1, name
