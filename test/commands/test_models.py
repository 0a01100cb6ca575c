"""``ppcr models``: the model sets of configuration files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppcr_ros import cli
from ppcr_ros.commands import models
from ppcr_ros.commands.common import UsageError
from ppcr_ros.core import shipped_configs

CONFIG = """
/**:
  ros__parameters:
    mllm: {{family: qwen3_vl, model: {mllm}, revision: ""}}
    segmenter: {{family: segment_anything, model: {segmenter}}}
"""


def write_config(path: Path, mllm: Path, segmenter: Path) -> Path:
    path.write_text(CONFIG.format(mllm=mllm, segmenter=segmenter))
    return path


def test_present_and_missing_models_are_told_with_place_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "sam_vit_b.pth"
    checkpoint.write_bytes(bytes(2_500_000))
    path = write_config(tmp_path / "robot.yaml", tmp_path / "absent", checkpoint)
    assert cli.main(["models", "list", str(path)]) == 0
    shown = capsys.readouterr().out
    assert str(path) in shown
    assert "qwen3_vl" in shown
    assert f"MISSING: no such file or folder: {tmp_path / 'absent'}" in shown
    assert f"present: 2.5 MB in {checkpoint}" in shown


def test_an_invalid_file_is_named_and_the_others_are_still_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text("/**:\n  ros__parameters:\n    mllm: {family: gpt9}\n")
    write_config(tmp_path / "b.yaml", tmp_path / "x", tmp_path / "y")
    assert cli.main(["models", "list", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "INVALID" in shown
    assert "mllm.family is 'gpt9'" in shown
    assert "b.yaml" in shown


def test_a_path_that_does_not_exist_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "list", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml; expected the path of one, or one of" in capsys.readouterr().err


def test_without_any_configuration_the_user_is_asked_to_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "config_folders", list)
    with pytest.raises(UsageError, match=r"config/ppcr\.yaml"):
        models.config_files([])


def test_the_installed_configurations_are_found_under_a_ros_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "share" / "ppcr_ros" / "config"
    folder.mkdir(parents=True)
    (folder / "ppcr.yaml").write_text("")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/opt/nowhere:{tmp_path}")
    monkeypatch.setattr(shipped_configs, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    assert shipped_configs.config_folders() == [folder]


@pytest.mark.parametrize("action", ["list", "verify", "lock"])
def test_a_served_model_is_said_to_be_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    path = tmp_path / "served.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n"
        "    mllm: {family: served, model: any/model, served_family: qwen3_vl, "
        "endpoint: 'http://workstation:8000/v1'}\n"
    )
    assert cli.main(["models", action, str(path)]) == 0
    shown = capsys.readouterr().out
    assert "served" in shown
    assert "MISSING" not in shown
    assert "WRONG" not in shown


def test_all_shipped_configurations_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models"]) == 0
    shown = capsys.readouterr().out
    for folder in shipped_configs.config_folders():
        for path in folder.glob("*.yaml"):
            assert path.name in shown
