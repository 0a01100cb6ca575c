"""The picture of a training log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from ppcr_lab.training.curve import draw, read_log
from ppcr_ros.core.errors import PPCRError

pytest.importorskip("matplotlib", reason="drawing a curve needs matplotlib")

LINES = [
    {"step": 10, "minutes": 0.1, "progress": 0.1, "loss": 3.0},
    {"step": 20, "minutes": 0.2, "progress": 0.2, "loss": 2.0},
    {"step": 20, "minutes": 0.2, "val_loss": 2.5},
    {"step": 20, "minutes": 0.2, "progress": 0.2, "loss": 1.5},
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)) + '\n{"step": 30, "lo', encoding="utf-8")
    return path


def test_a_resumed_step_counts_once_and_a_torn_line_not_at_all(log: Path) -> None:
    assert read_log(log) == {"loss": [(10, 3.0), (20, 1.5)], "val_loss": [(20, 2.5)]}


def test_the_picture_has_a_panel_with_both_series(log: Path, tmp_path: Path) -> None:
    draw(read_log(log), tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        colours = picture.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert {(31, 119, 180), (255, 127, 14)} <= {colour for _, colour in colours}


def test_unknown_figures_and_logs_are_named(log: Path, tmp_path: Path) -> None:
    with pytest.raises(PPCRError, match="no 'iou'; it has loss"):
        draw(read_log(log), tmp_path / "curve.png", only=["iou"])
    with pytest.raises(PPCRError, match="cannot read"):
        read_log(tmp_path / "missing.jsonl")
    (tmp_path / "empty.jsonl").write_text("hello\n")
    with pytest.raises(PPCRError, match="holds no figures"):
        read_log(tmp_path / "empty.jsonl")
