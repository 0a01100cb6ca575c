"""Pages with the worlds' figures, of which only those that belong together are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools import worlds_table


def figures(p_at_50: float, n: int = 100) -> dict[str, Any]:
    return {
        "n": n,
        "p_at_50": p_at_50,
        "miou": p_at_50 - 0.05,
        "no_target_accuracy": 0.9,
        "ambiguous_accuracy": None,
    }


def report(data: str, p_at_50: float = 0.8, weights: str = "abc") -> dict[str, Any]:
    return {
        "data": data,
        **figures(p_at_50),
        "by_kind": {},
        "confusion": {"OK": {"OK": 60, "NOT_FOUND": 20}, "NOT_FOUND": {"NOT_FOUND": 20}},
        "weights_sha256": {"mllm/model.safetensors": weights},
        "date": "2026-02-03T04:05:06+00:00",
        "machine": {"processor": "Some CPU"},
    }


def effects() -> dict[str, Any]:
    kinds = {"unchanged": figures(0.5, 9), "warm": figures(0.7, 9), "blur 2 px": figures(0.6, 9)}
    return {**report("worlds:effects"), "by_kind": kinds}


def test_each_world_has_a_row_with_what_was_wrongly_not_found() -> None:
    text = worlds_table.worlds_section(
        {"tabletop:test": report("tabletop:test"), "worlds:lamps": report("worlds:lamps", 0.6)},
        None,
    )
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[1] == (
        "| the tabletop, held-out scenes | 100 | 0.800 | 0.750 | 0.250 | 0.900 | - |"
    )
    assert "| 0.600 | 0.550 | 0.250 | 0.900 | - |" in rows[2]
    assert len(rows) == 3
    assert "2026-02-03, Some CPU" in text


def test_the_worst_effect_is_named_and_all_are_listed() -> None:
    text = worlds_table.worlds_section({"worlds:effects": effects()}, None)
    assert "| - the worst of them: blur 2 px | 9 | 0.600 |" in text
    listed = worlds_table.effects_section(effects()).splitlines()
    assert [line.split(" | ")[0] for line in listed[4:]] == ["| unchanged", "| blur 2 px", "| warm"]


def test_relations_are_told_with_their_interval() -> None:
    way = {
        "against_baseline": {"relation": {"miou": 0.061, "low": 0.02, "high": 0.1}},
        "by_kind": {"relation": {"n_present": 321}},
    }
    ablation = {**report("worlds:drawn"), "ways": {"progressive": way}}
    reports, relations = worlds_table.sorted_out([report("worlds:lamps"), ablation])
    text = worlds_table.worlds_section(reports, relations)
    assert "together (321)" in text
    assert "+6.1 points of mIoU" in text
    assert "+2.0 to +10.0" in text


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        ([report("worlds:lamps"), report("worlds:bullet", weights="other")], "different weights"),
        ([report("worlds:lamps"), report("worlds:lamps")], "expected one each"),
        ([report("refcoco:val")], "a report is of refcoco:val"),
        ([], "no report"),
    ],
)
def test_what_does_not_go_together_is_refused(reports: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(worlds_table.TableError, match=message):
        worlds_table.sorted_out(reports)


def test_every_page_has_its_marks() -> None:
    pages = dict.fromkeys(worlds_table.PAGES, worlds_table.WORLDS)
    pages[worlds_table.EFFECTS_PAGE] = worlds_table.EFFECTS
    for name, marks in pages.items():
        text = (Path(worlds_table.ROOT) / name).read_text(encoding="utf-8")
        assert text.count(marks.begin) == text.count(marks.end) == 1, name
