"""Data sets by name, and what a user is told of a bad one."""

from __future__ import annotations

import pytest

from ppcr_lab.evaluation.samples import DataSetError, open_data_set


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("coco:val", "expected a name and a split"),
        ("refcoco:val", "give their folder: --root"),
        ("tabletop", "such as tabletop:test"),
        ("tabletop:holdout", "expected one of train, val, test, demo"),
    ],
)
def test_an_unknown_data_set_is_refused_at_once(name: str, message: str) -> None:
    with pytest.raises(DataSetError, match=message):
        open_data_set(name, limit=1)


def test_a_limit_below_one_is_refused_at_once() -> None:
    with pytest.raises(DataSetError, match="limit is 0"):
        open_data_set("tabletop:test", limit=0)


def test_a_machine_that_cannot_render_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gl(width_px: int, height_px: int) -> None:
        raise RuntimeError("no OpenGL to render with: apt-get install libosmesa6")

    monkeypatch.setattr("ppcr_lab.sim.tabletop_dataset.TabletopRenderer", no_gl)
    samples, _ = open_data_set("tabletop:test", limit=1)
    with pytest.raises(DataSetError, match=r"tabletop:test cannot be rendered.*libosmesa6"):
        next(samples)
