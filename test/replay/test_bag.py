"""Bags as other tools meet them, and the ring of them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.types import Frame, Status
from ppcr_ros.replay import bag
from ppcr_ros.replay.bag import BAG_NAME, RawMessage, bag_name, make_room, our_bags, write_bag
from ppcr_ros.replay.definitions import new_message, typestore

Record = Callable[..., Path]


def text(value: str, time_ns: int = 5) -> RawMessage:
    raw = typestore().serialize_cdr(
        new_message("std_msgs/msg/String", data=value), "std_msgs/msg/String"
    )
    return RawMessage("/words", "std_msgs/msg/String", bytes(raw), time_ns)


def contents(path: Path) -> dict[str, list[tuple[str, Any]]]:
    """What a reader that knows nothing of us finds: the type and message by topic."""
    from rosbags.highlevel import AnyReader

    found: dict[str, list[tuple[str, Any]]] = {}
    with AnyReader([path]) as reader:
        for connection, _, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            found.setdefault(connection.topic, []).append((connection.msgtype, message))
    return found


def test_topics_and_types_are_those_of_the_node(record: Record, frame: Frame) -> None:
    found = contents(record("the green ball"))
    assert {topic: items[0][0] for topic, items in found.items()} == {
        "/image": "sensor_msgs/msg/Image",
        "/ppcr/command": "std_msgs/msg/String",
        "/ppcr/semantic_prompt": "ppcr_ros/msg/SemanticPrompt",
        "/ppcr/spatial_prompt": "ppcr_ros/msg/SpatialPrompt",
        "/ppcr/result": "ppcr_ros/msg/ReferringSegmentation",
        "/ppcr/record_info": "std_msgs/msg/String",
    }
    assert all(len(items) == 1 for items in found.values())
    image = found["/image"][0][1]
    assert (image.encoding, image.header.frame_id, image.header.stamp.nanosec) == (
        "rgb8",
        "camera",
        34,
    )
    assert np.array_equal(image.data.reshape(frame.rgb.shape), frame.rgb)
    result = found["/ppcr/result"][0][1]
    assert (result.status, result.mask.width, result.box.width) == (Status.OK, 64, 20)
    assert result.semantic_prompt == found["/ppcr/semantic_prompt"][0][1]


def test_the_metadata_is_one_that_humble_reads(record: Record) -> None:
    import yaml

    path = record("the green ball")
    metadata = yaml.safe_load((path / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert metadata["version"] == 8
    assert metadata["storage_identifier"] == "mcap"
    assert [Path(name).name for name in metadata["relative_file_paths"]] == [f"{path.name}.mcap"]
    assert all(
        isinstance(item["topic_metadata"]["offered_qos_profiles"], str)
        for item in metadata["topics_with_message_count"]
    )


def test_names_sort_by_time_and_say_how_it_ended() -> None:
    names = [bag_name(time_ns, Status.NOT_FOUND, "ABCDEF0123") for time_ns in (0, 10**6, 10**9)]
    assert names == sorted(set(names))
    assert names[1] == "19700101T000000_001Z_not_found_abcdef01"
    assert all(BAG_NAME.fullmatch(name) for name in names)
    assert BAG_NAME.fullmatch(bag_name(0, Status.OK, ""))
    assert BAG_NAME.fullmatch(bag_name(0, Status.OK, "x-y7"))


def test_a_bag_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bag, "sync_to_disk", full)
    with pytest.raises(OSError, match="No space"):
        write_bag(tmp_path, bag_name(0, Status.OK, "1"), [text("hello")])
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_bags_make_room_and_nothing_else_is_touched(tmp_path: Path) -> None:
    names = [bag_name(number * 10**9, Status.OK, "1") for number in range(5)]
    for name in names:
        write_bag(tmp_path, name, [text("x" * 1000)])
    foreign = tmp_path / "20200101_mine"
    foreign.mkdir()
    (foreign / "large").write_bytes(bytes(100_000))
    one = bag.size_bytes(tmp_path / names[0])
    assert make_room(tmp_path, 5 * one + 10) == []
    deleted = make_room(tmp_path, 2 * one + 10)
    assert [path.name for path in deleted] == names[:3]
    assert [path.name for path in our_bags(tmp_path)] == names[3:]
    make_room(tmp_path, 1)
    assert [path.name for path in our_bags(tmp_path)] == names[4:]
    assert (foreign / "large").is_file()


def test_what_a_crash_left_is_swept_once_it_is_old(tmp_path: Path) -> None:
    left = tmp_path / ".writing-abc"
    left.mkdir()
    now_sec = left.stat().st_mtime
    assert bag.sweep_unfinished(tmp_path, now_sec + 60) == []
    assert bag.sweep_unfinished(tmp_path, now_sec + 7200) == [left]
    assert not left.exists()
