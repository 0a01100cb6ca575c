"""Dumps of the parameters: what ``ros2 param dump`` writes, ``ros2 param load`` sets again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

import rclpy.parameter
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters

from ppcr_ros.core.config import Config, flatten

if not hasattr(rclpy.parameter, "parameter_dict_from_yaml_file"):
    pytest.skip("needs rclpy of Jazzy or newer, which reads dumps", allow_module_level=True)

OURS = set(flatten(Config()))
LIVE = {"pipeline.min_confidence": 0.42, "grasp.max_age_sec": 7.0, "dialog.timeout_sec": 12.5}


def dumped(bench: Any, folder: Path) -> Path:
    """What ``ros2 param dump`` writes: every parameter, by the parts of its name."""
    names = bench.ask(
        ListParameters, "/ppcr/list_parameters", ListParameters.Request()
    ).result.names
    request = GetParameters.Request(names=names)
    values = bench.ask(GetParameters, "/ppcr/get_parameters", request).values
    tree: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        *parents, last = name.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        found = rclpy.parameter.parameter_value_to_python(value)
        branch[last] = list(found) if hasattr(found, "tolist") else found
    path = folder / "dump.yaml"
    path.write_text(yaml.dump({"/ppcr": {"ros__parameters": tree}}), encoding="utf-8")
    return path


def loaded(bench: Any, dump: Path) -> dict[str, str]:
    """The refusals, by name, of what ``ros2 param load`` asks for: all of a dump in one call."""
    read = rclpy.parameter.parameter_dict_from_yaml_file(str(dump), target_nodes=["/ppcr"])
    assert set(read) >= OURS
    request = SetParameters.Request(parameters=list(read.values()))
    answer = bench.ask(SetParameters, "/ppcr/set_parameters", request)
    outcomes = zip(read, answer.results, strict=True)
    return {name: outcome.reason for name, outcome in outcomes if not outcome.successful}


def stays(bench: Any) -> None: ...


def is_cleaned_up(bench: Any) -> None:
    assert bench.node.trigger_deactivate().name == "SUCCESS"
    assert bench.node.trigger_cleanup().name == "SUCCESS"


@pytest.mark.parametrize("before_loading", [stays, is_cleaned_up])
def test_a_dump_loads_again(
    bench: Any, tmp_path: Path, before_loading: Callable[[Any], None]
) -> None:
    node = bench.start(**{name.replace(".", "__"): value for name, value in LIVE.items()})
    dump = dumped(bench, tmp_path)
    before_loading(bench)
    for name in LIVE:
        default = flatten(Config())[name]
        (outcome,) = node.set_parameters([rclpy.parameter.Parameter(name, value=default)])
        assert outcome.successful
    refused = loaded(bench, dump)
    assert {name: why for name, why in refused.items() if name in OURS} == {}
    assert {name: node.get_parameter(name).value for name in LIVE} == LIVE
