"""The checks of ``ppcr doctor``, each against the thing missing and broken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ppcr_ros import cli
from ppcr_ros.commands import doctor_checks
from ppcr_ros.commands.doctor_checks import Check, State, all_checks
from ppcr_ros.weights import location


def by_name(*, ros_needed: bool = False, sim_needed: bool = False) -> dict[str, Check]:
    return {check.name: check for check in all_checks(ros_needed=ros_needed, sim_needed=sim_needed)}


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An embedded folder with one weight file for each model."""
    for role in ("mllm", "segmenter"):
        (tmp_path / role).mkdir()
        # The smallest safetensors file: a header of two bytes and no tensor.
        (tmp_path / role / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    monkeypatch.setattr(location, "EMBEDDED_FOLDER", tmp_path)
    return tmp_path


def block(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make ``import name`` fail as if it were not installed."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_what_runs_these_tests_is_found() -> None:
    found = by_name()
    assert found["python"].state is State.OK
    assert found["numpy"].state is State.OK
    assert found["PIL"].state is State.OK


def test_a_package_that_is_not_installed_is_missing_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    block(monkeypatch, "torch", "transformers", "segment_anything", "torchvision")
    found = by_name()
    for name in ("torch", "transformers", "segment_anything", "torchvision"):
        assert found[name].state is State.MISSING
        assert found[name].needed
        assert "pip install" in found[name].advice


def test_a_package_that_breaks_while_imported_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "transformers.py").write_text("raise RuntimeError('compiled for another ABI')")
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    found = by_name()["transformers"]
    assert found.state is State.WRONG
    assert "compiled for another ABI" in found.detail


def test_embedded_weights_are_compared_with_the_shipped_checksums(embedded: Path) -> None:
    assert by_name()["embedded mllm"].state is State.OK
    digest = location.sha256_of(embedded / "mllm" / "model.safetensors")
    sums = embedded / "SHA256SUMS.txt"
    sums.write_text(f"{digest}  mllm/model.safetensors\n{'0' * 64}  segmenter/model.safetensors\n")
    found = by_name()
    assert found["embedded mllm"].state is State.OK
    assert found["embedded segmenter"].state is State.WRONG
    assert "SHA256SUMS.txt says 000000" in found["embedded segmenter"].detail


def test_a_shipped_file_that_is_gone_is_noticed(embedded: Path) -> None:
    (embedded / "SHA256SUMS.txt").write_text(f"{'0' * 64}  mllm/tokenizer.json\n")
    found = by_name()
    assert found["embedded mllm"].state is State.WRONG
    assert "tokenizer.json" in found["embedded mllm"].detail
    assert found["embedded segmenter"].state is State.OK


def test_truncated_embedded_weights_are_wrong(embedded: Path) -> None:
    (embedded / "mllm" / "model.safetensors").write_bytes(b"\x02")
    found = by_name()["embedded mllm"]
    assert found.state is State.WRONG
    assert "truncated" in found.detail


def test_absent_embedded_weights_are_missing(embedded: Path) -> None:
    (embedded / "mllm" / "model.safetensors").unlink()
    (embedded / "mllm").rmdir()
    assert by_name()["embedded mllm"].state is State.MISSING


def test_ros_is_needed_only_where_it_is_set_up_or_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    block(monkeypatch, "rclpy", "rclpy.utilities")
    monkeypatch.setattr(doctor_checks, "ros_is_set_up", lambda: False)
    assert by_name()["rclpy"].state is State.MISSING
    assert not by_name()["rclpy"].needed
    assert by_name(ros_needed=True)["rclpy"].needed
    monkeypatch.setattr(doctor_checks, "ros_is_set_up", lambda: True)
    assert by_name()["rclpy"].needed


def test_a_sourced_ros_environment_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    assert doctor_checks.ros_is_set_up()


def test_the_renderer_is_optional_until_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gl(width_px: int, height_px: int) -> None:
        raise RuntimeError("no OpenGL to render with")

    monkeypatch.setattr("ppcr_lab.sim.renderer.TabletopRenderer", no_gl)
    assert by_name()["mujoco"].state is State.WRONG
    assert not by_name()["mujoco"].needed
    assert by_name(sim_needed=True)["mujoco"].needed


def test_doctor_prints_a_line_for_each_and_fails_for_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def two(*, ros_needed: bool, sim_needed: bool) -> list[Check]:
        return [
            Check("python", State.OK, "3.11"),
            Check("torch", State.MISSING, "no module torch", "pip install torch"),
            Check("mujoco", State.MISSING, "no module mujoco", needed=False),
        ]

    monkeypatch.setattr(doctor_checks, "all_checks", two)
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["OK", "python", "3.11"]
    assert lines[1].split()[:2] == ["MISSING", "torch"]
    assert lines[2].strip() == "-> pip install torch"
    assert lines[3].endswith("(optional)")
    assert lines[-1] == "1 problem"


def test_doctor_succeeds_where_only_optional_things_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only = [Check("mujoco", State.MISSING, "no module mujoco", needed=False)]
    monkeypatch.setattr(doctor_checks, "all_checks", lambda **needed: only)
    assert cli.main(["doctor"]) == 0
    assert "all that is needed is there" in capsys.readouterr().out


@pytest.fixture
def well(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of which the checks find nothing wrong."""
    fine = [Check("python", State.OK, "3.11")]
    monkeypatch.setattr(doctor_checks, "all_checks", lambda **needed: fine)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A configuration whose MLLM is not on this machine."""
    path = tmp_path / "robot.yaml"
    path.write_text("/**:\n  ros__parameters:\n    mllm: {family: qwen3_vl, model: /nowhere}\n")
    return path


@pytest.mark.usefixtures("well")
def test_the_models_of_a_configuration_are_looked_at(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor", "--config", str(elsewhere)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("ERROR   the weights of the MLLM '/nowhere' are not on this machine")
    assert lines[2].startswith("        -> Fetch them once")
    assert lines[-1] == "1 problem"


@pytest.mark.usefixtures("well")
def test_json_holds_checks_and_findings(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor", "--json", "--config", str(elsewhere)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["checks"] == [
        {"name": "python", "state": "OK", "detail": "3.11", "advice": "", "needed": True}
    ]
    (found,) = document["findings"]
    assert (found["code"], found["level"], found["about"]) == ("weights_missing", "ERROR", "MLLM")
    assert found["remedy"]
    assert document["topics"] == []


@pytest.mark.usefixtures("well")
def test_without_rclpy_the_topics_cannot_be_looked_at_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    block(monkeypatch, "rclpy")
    assert cli.main(["doctor", "--topics"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--topics needs ROS 2, and rclpy cannot be imported" in line


@pytest.mark.usefixtures("well")
def test_a_bad_configuration_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor", "--config", str(tmp_path / "none.yaml")]) == 2
    told = capsys.readouterr().err
    assert "there is no parameter file" in told
    assert "none.yaml" in told
    assert len(told.splitlines()) == 1
