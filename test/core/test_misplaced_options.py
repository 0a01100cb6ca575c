"""Options that stand in the wrong place of a file."""

from __future__ import annotations

import pytest

from ppcr_ros.core.config import SECTIONS, Config, flatten
from ppcr_ros.core.misplaced_options import likely_names, not_options, without_effect

KNOWN = list(flatten(Config()))


@pytest.mark.parametrize(
    ("name", "likely"),
    [
        ("use_depth", ["node.use_depth"]),
        ("device", ["mllm.device", "segmenter.device"]),
        ("frame_timeout", ["node.frame_timeout_sec"]),
        ("piepline.min_confidence", ["pipeline.min_confidence"]),
        ("piepline.x", ["pipeline.x"]),
        ("nodes.mode", ["node.mode"]),
        ("robot_description", []),
    ],
)
def test_what_is_likely_meant(name: str, likely: list[str]) -> None:
    assert likely_names(name, KNOWN) == likely


def test_parameters_of_every_node_are_no_mistakes() -> None:
    names = ["use_sim_time", "qos_overrides./clock.subscription.depth", "node.modee", "use_depth"]
    assert not_options(names, SECTIONS) == ["use_depth"]


def test_one_sentence_says_it_all() -> None:
    said = without_effect(["use_depth", "robot_name"], KNOWN)
    assert said.startswith("robot_name, use_depth (is node.use_depth meant?): no parameter of this")
