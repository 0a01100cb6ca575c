"""Made-up dialogs: nearly all are read as they were meant, and fast, and none does harm."""

from __future__ import annotations

import pytest

from ppcr_lab.evaluation.dialogs import judge_dialogs, sample_dialogs


@pytest.mark.parametrize("seed", [0, 7])
def test_dialogs_are_read_as_they_were_meant(seed: int) -> None:
    report = judge_dialogs(sample_dialogs(450, seed=seed))
    assert report.share >= 0.97, report.wrong
    assert report.harmful == 0, report.wrong
    assert len(report.all) >= 20
    assert all(report.right[kind] >= 0.8 * count for kind, count in report.all.items())


def test_the_same_seed_makes_the_same_dialogs() -> None:
    one, other = sample_dialogs(40, seed=3), sample_dialogs(40, seed=3)
    assert [talk.said for talk in one] == [talk.said for talk in other]
