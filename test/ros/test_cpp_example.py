"""The C++ client's fields: each is one of the messages', by the same name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from ppcr_ros.action import SegmentReferring
from ppcr_ros.msg import ReferringSegmentation

SOURCE = Path(__file__).parents[2] / "examples" / "cpp_client" / "src" / "ask.cpp"
OF_STRINGS = {"c_str", "empty", "size"}
ROOTS: dict[str, Any] = {
    "goal.": SegmentReferring.Goal(),
    "feedback->": SegmentReferring.Feedback(),
    "result.": ReferringSegmentation(),
    "answer.result->": SegmentReferring.Result(),
}


@pytest.mark.parametrize("root", ROOTS)
def test_every_field_that_the_client_names_is_one(root: str) -> None:
    text = SOURCE.read_text(encoding="utf-8")
    chains = set(re.findall(rf"(?<![\w.>]){re.escape(root)}([a-z_][a-z_.]*)", text))
    assert chains, f"the client uses no {root}"
    for chain in chains:
        value = ROOTS[root]
        for part in chain.split("."):
            if isinstance(value, str) and part in OF_STRINGS:
                break
            assert part in value.get_fields_and_field_types(), f"{root}{chain}: {part}"
            value = getattr(value, part)


def test_every_constant_and_header_that_it_names_is_there() -> None:
    text = SOURCE.read_text(encoding="utf-8")
    constants = set(re.findall(r"Result::([A-Z_]+)", text))
    assert constants
    assert [name for name in constants if not hasattr(ReferringSegmentation, name)] == []
    for kind, header in re.findall(r'"ppcr_ros/(msg|action)/(\w+)\.hpp"', text):
        files = [path.stem for path in (SOURCE.parents[3] / kind).iterdir()]
        snake = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in files]
        assert header in snake
