"""Parameter files by the rules of ROS 2's parser; `test/ros` compares them with rclpy's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.parameter_files import read_parameter_file, values_for

TWO = """
/left/ppcr: {ros__parameters: {a: 1}}
/right: {ppcr: {ros__parameters: {a: 2}}}
"""


def values(tmp_path: Path, text: str, node: str = "/ppcr") -> dict[str, Any]:
    path = tmp_path / "parameters.yaml"
    path.write_text(text, encoding="utf-8")
    return values_for(path, read_parameter_file(path), node)


@pytest.mark.parametrize(
    ("name", "node", "fits"),
    [
        ("ppcr", "/ppcr", True),
        ("/ppcr", "/ppcr", True),
        ("/**", "/ppcr", True),
        ("/**", "/arm/left/ppcr", True),
        ("/*", "/ppcr", True),
        ("/*", "/arm/ppcr", False),
        ("/*/ppcr", "/arm/ppcr", True),
        ("/*/ppcr", "/ppcr", False),
        ("/**/ppcr", "/ppcr", True),
        ("/**/ppcr", "/arm/left/ppcr", True),
        ("/**/camera", "/arm/ppcr", False),
        ("/ppcr2", "/ppcr", False),
        ("/arm", "/arm/ppcr", False),
    ],
)
def test_a_section_fits_as_for_ros(tmp_path: Path, name: str, node: str, fits: bool) -> None:
    text = f"{name}: {{ros__parameters: {{a: 1}}}}"
    assert values(tmp_path, text, node) == ({"a": 1} if fits else {})


@pytest.mark.parametrize(
    "name",
    ["/l*", "/ppcr**", "/***", "/arm-1/ppcr", "/2ppcr", "/a//ppcr", "ppcr/", "/**/", "/", "/a b"],
)
def test_a_name_at_which_ros_refuses_the_whole_file_is_refused(tmp_path: Path, name: str) -> None:
    text = f'"{name}": {{ros__parameters: {{a: 1}}}}\n/ppcr: {{ros__parameters: {{a: 2}}}}'
    with pytest.raises(ConfigError, match="is no name of a node, and ROS refuses the whole file"):
        values(tmp_path, text)


def test_namespaces_nest_and_the_later_section_wins(tmp_path: Path) -> None:
    text = """
/arm:
  ppcr:
    ros__parameters: {a: 1, b: {c: 2, d: {e: 3}}}
  camera:
    ros__parameters: {a: 9}
/**:
  ros__parameters: {a: 4}
"""
    assert values(tmp_path, text, "/arm/ppcr") == {"a": 4, "b.c": 2, "b.d.e": 3}


def test_without_a_namespace_the_only_node_of_the_name_is_meant(tmp_path: Path) -> None:
    assert values(tmp_path, "/arm/ppcr: {ros__parameters: {a: 1}}") == {"a": 1}
    assert values(tmp_path, TWO, "/left/ppcr") == {"a": 1}
    with pytest.raises(ConfigError, match="speaks of the nodes /left/ppcr, /right/ppcr; expected"):
        values(tmp_path, TWO)
    assert values(tmp_path, TWO + "/ppcr: {ros__parameters: {a: 3}}") == {"a": 3}


@pytest.mark.parametrize(
    ("written", "read"),
    [("1e3", 1000.0), ("1e-2", 0.01), ("5", 5), ("y", True), ("off", False), ("'5'", "5")],
)
def test_scalars_are_read_as_by_ros(tmp_path: Path, written: str, read: object) -> None:
    (value,) = values(tmp_path, f"ppcr: {{ros__parameters: {{a: {written}}}}}").values()
    assert (value, type(value)) == (read, type(read))


def test_a_dump_of_the_node_is_read(tmp_path: Path) -> None:
    text = """
/ppcr:
  ros__parameters:
    qos_overrides:
      /parameter_events:
        publisher: {depth: 1000}
    start_type_description_service: true
    use_sim_time: false
    node: {mode: track}
"""
    assert values(tmp_path, text)["node.mode"] == "track"
