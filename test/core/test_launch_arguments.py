"""Values of launch arguments; `test/launch` tries the launch files themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppcr_ros.core import launch_arguments
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.launch_arguments import (
    LaunchArgument,
    check_names,
    flag,
    number,
    one_of,
    parameter_file,
    read_argument,
    whole_number,
)

MODE = LaunchArgument("mode", "once", "how", one_of("once", "track"))
CONFIG = LaunchArgument("config", "ppcr", "file", parameter_file)


def read(argument: LaunchArgument, *, strict: bool = False, **given: str) -> tuple[str, list[str]]:
    warnings: list[str] = []
    return read_argument(argument, given, strict=strict, warn=warnings.append), warnings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((word, "true") for word in ("true", "True", "TRUE", "1", "yes", "On", " true ")),
        *((word, "false") for word in ("false", "False", "0", "no", "off")),
        ("", ""),
    ],
)
def test_truth_is_read_however_it_is_written(written: str, meant: str) -> None:
    assert flag(written) == meant


@pytest.mark.parametrize(
    ("reader", "text"),
    [(flag, "maybe"), (number, "soon"), (whole_number, "1.5"), (one_of("a"), "b")],
)
def test_what_is_no_value_is_refused(reader: object, text: str) -> None:
    assert callable(reader)
    with pytest.raises(ConfigError, match=text):
        reader(text)


def test_a_value_of_another_launch_file_is_passed_over_and_told() -> None:
    value, warnings = read(MODE, mode="slam")
    assert value == "once"
    assert "mode:=slam is taken for another launch file's" in warnings[0]
    assert "ppcr_mode sets it" in warnings[0]


def test_where_the_file_is_launched_itself_it_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="mode:=slam: 'slam' is none of once, track"):
        read(MODE, strict=True, mode="slam")
    argv = ["/opt/ros/jazzy/bin/ros2", "launch", "ppcr_ros", "ppcr.launch.py", "mode:=slam"]
    monkeypatch.setattr(launch_arguments.sys, "argv", argv)
    assert launch_arguments.is_launched_itself("ppcr.launch.py")
    assert not launch_arguments.is_launched_itself("demo.launch.py")


def names_on(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What is warned of where ``words`` are given to a file with ``image_topic`` and ``mode``."""
    warnings: list[str] = []
    argv = ["/opt/ros/jazzy/bin/ros2", "launch", "ppcr_ros", "ppcr.launch.py", *words]
    monkeypatch.setattr(launch_arguments.sys, "argv", argv)
    check_names("ppcr.launch.py", ["image_topic", "mode"], warnings.append)
    return warnings


def test_a_misspelt_name_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = r"imge_topic:=/x: ppcr.launch.py has no argument imge_topic \(is image_topic meant\?"
    with pytest.raises(ConfigError, match=expected):
        names_on(monkeypatch, "mode:=once", "imge_topic:=/x")


def test_a_name_like_none_is_told_and_those_of_launch_are_let_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (warning,) = names_on(monkeypatch, "sigterm_timeout:=30", "-d", "robot:=left", "mode:=once")
    assert "ppcr.launch.py has no argument robot, and nothing comes of it" in warning


def test_names_given_to_another_file_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_arguments.sys, "argv", ["ros2", "launch", "x.py", "imge_topic:=1"])
    check_names("ppcr.launch.py", ["image_topic"], lambda reason: pytest.fail(reason))


def test_the_name_that_is_ours_alone_wins_and_is_strict() -> None:
    assert read(MODE, mode="slam", ppcr_mode="Track") == ("track", [])
    with pytest.raises(ConfigError, match="ppcr_mode:=slam: 'slam' is none of once, track"):
        read(MODE, mode="track", ppcr_mode="slam")


def test_a_parameter_file_of_others_is_passed_over(tmp_path: Path) -> None:
    theirs = tmp_path / "nav2.yaml"
    theirs.write_text("amcl: {ros__parameters: {alpha1: 0.2}}\n")
    value, warnings = read(CONFIG, config=str(theirs))
    assert Path(value).name == "ppcr.yaml"
    assert "sets no option of the node ppcr" in warnings[0]


@pytest.mark.parametrize("given", ["config", "ppcr_config"])
def test_without_its_file_the_node_is_never_started(tmp_path: Path, given: str) -> None:
    """It would run other models than those that were asked for."""
    with pytest.raises(ConfigError, match=rf"{given}:=qwen: there is no parameter file qwen;"):
        read(CONFIG, **{given: "qwen"})
    bad = tmp_path / "bad.yaml"
    bad.write_text("ppcr: {ros__parameters: {mllm: {family: gpt}}}\n")
    with pytest.raises(ConfigError, match=r"mllm\.family is 'gpt'"):
        read(CONFIG, **{given: str(bad)})
