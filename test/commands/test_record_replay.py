"""`ppcr record` and `ppcr replay` as a user meets them: lines, files, exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("rosbags", reason="needs rosbags (pip install rosbags)")

from ppcr_ros import cli
from ppcr_ros.core.config import Config
from ppcr_ros.replay.bag import our_bags


@pytest.fixture
def bags(
    loaded: list[Config],
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """A folder with three recorded runs: found, not found, and two that fit."""
    monkeypatch.setattr("ppcr_ros.replay.player.set_torch_threads", lambda threads: None)
    folder = tmp_path / "bags"
    for command in ("the green ball", "the unicorn", "the twins"):
        assert cli.main(["record", str(image), command, "--into", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("recorded  ") == 3
    assert "status    NOT_FOUND" in shown
    return folder


def test_what_was_recorded_is_replayed_the_same(
    bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, sheet = tmp_path / "out" / "report.json", tmp_path / "out" / "sheet.png"
    code = cli.main(["replay", str(bags), "--json", str(report), "--gallery", str(sheet)])
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert "set-up differs" not in shown
    assert shown.count("same  ") == 3
    assert "3 same, 0 DIFFERS, 0 not compared, 0 UNREADABLE" in shown
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["exit_code"], found["counts"]["SAME"]) == (0, 3)
    assert found["replays"][0]["recorded_status"] == "OK"
    assert found["replays"][0]["mask_iou"] == 1.0
    assert np.asarray(Image.open(sheet)).shape[2] == 3


def test_another_configuration_differs_and_the_first_reason_is_named(
    bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "other.yaml"
    config.write_text("/**:\n  ros__parameters:\n    pipeline: {min_confidence: 0.95}\n")
    assert cli.main(["replay", str(bags), "--config", str(config)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "the set-up differs from the recorded one:",
        "  option pipeline.min_confidence: recorded 0.2, here 0.95",
    ]
    assert "OK -> LOW_CONFIDENCE" in lines[2]
    assert lines[3].strip() == "status: recorded 'OK', replayed 'LOW_CONFIDENCE'"
    assert lines[4].strip() == "and then message"
    assert lines[-1] == "2 same, 1 DIFFERS, 0 not compared, 0 UNREADABLE"


def test_a_torn_bag_is_told_and_ends_with_2(bags: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torn = our_bags(bags)[1]
    file = torn / f"{torn.name}.mcap"
    file.write_bytes(file.read_bytes()[:-40])
    assert cli.main(["replay", str(bags)]) == 2
    shown = capsys.readouterr().out
    assert f"UNREADABLE    {torn} cannot be read" in shown
    assert "2 same" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replay", "nowhere"], "there is no nowhere"),
        (["record", "--into", "x", "image.png"], "an IMAGE needs a COMMAND"),
        (["record", "--into", "x", "--device", "cpu"], "has its own configuration"),
        (["record", "no.png", "the ball", "--into", "x"], "cannot read the image no.png"),
        (["record", "{image}", "the ball", "--into", "{image}/x"], "cannot be written"),
    ],
)
@pytest.mark.usefixtures("loaded")
def test_a_bad_command_line_is_told_in_one_line(
    arguments: list[str], message: str, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([item.format(image=image) for item in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_without_ros_a_running_node_cannot_be_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    monkeypatch.delitem(sys.modules, "ppcr_ros.ros.record_client", raising=False)
    assert cli.main(["record", "--into", "x"]) == 2
    assert "needs ROS 2" in capsys.readouterr().err
