"""Definitions of message types, as bags hold them."""

from __future__ import annotations

import pytest

from ppcr_ros.replay import definitions
from ppcr_ros.replay.definitions import DefinitionsError, new_message, typestore


@pytest.mark.parametrize("name", ["SemanticPrompt", "SpatialPrompt", "ReferringSegmentation"])
def test_every_message_survives_the_wire_with_all_fields_empty(name: str) -> None:
    kind = f"ppcr_ros/msg/{name}"
    raw = bytes(typestore().serialize_cdr(new_message(kind), kind))
    again = typestore().deserialize_cdr(raw, kind)
    assert bytes(typestore().serialize_cdr(again, kind)) == raw


def test_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="has no field colour"):
        new_message("std_msgs/msg/String", colour="red")


def test_the_definitions_are_those_that_ros_generates() -> None:
    messages = pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")
    serialization = pytest.importorskip("rclpy.serialization", reason="needs ROS 2 (rclpy)")
    for name in ("SemanticPrompt", "SpatialPrompt", "ReferringSegmentation"):
        kind = f"ppcr_ros/msg/{name}"
        ours = bytes(typestore().serialize_cdr(new_message(kind), kind))
        theirs = serialization.deserialize_message(ours, getattr(messages, name))
        back = serialization.serialize_message(theirs)  # its padding bytes are not set
        again = typestore().deserialize_cdr(back, kind)
        assert bytes(typestore().serialize_cdr(again, kind)) == ours


def test_without_definitions_it_is_said_where_they_were_sought(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(definitions, "__file__", f"{tmp_path}/a/b/c.py")
    monkeypatch.setattr(definitions.sys, "prefix", str(tmp_path))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}/install")
    with pytest.raises(DefinitionsError, match="install/share/ppcr_ros/msg"):
        definitions.message_folder()
