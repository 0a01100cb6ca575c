"""Bags as the recorders of the distributions write them: without definitions, or with 'unknown'."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags", reason="needs rosbags (pip install rosbags)")

import yaml
from rosbags.rosbag2 import StoragePlugin, Writer

from ppcr_ros.replay.bag import BagError, RawMessage
from ppcr_ros.replay.bag_file import BagFile
from ppcr_ros.replay.bag_reader import find_bags, read_bag
from ppcr_ros.replay.definitions import typestore

Record = Callable[..., Path]
FEEDBACK = "/ppcr/segment/_action/feedback"
FEEDBACK_TYPE = "ppcr_ros/action/SegmentReferring_FeedbackMessage"


def messages_of(path: Path) -> list[RawMessage]:
    with BagFile(path) as bag:
        return [
            RawMessage(item.topic, item.msgtype, bytes(raw), 1_700_000_000_000_000_000 + number)
            for number, (item, _, raw) in enumerate(bag.messages(bag.connections))
        ]


def humble(path: Path, messages: list[RawMessage]) -> Path:
    """What Humble's ``ros2 bag record`` writes by default: sqlite3, metadata 5, no definitions."""
    path.mkdir()
    file = path / f"{path.name}_0.db3"
    names = list(dict.fromkeys((item.topic, item.type_name) for item in messages))
    database = sqlite3.connect(file)
    database.executescript(
        """
        CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
        CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL,
                              metadata TEXT NOT NULL);
        CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
                            serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL);
        CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL,
                              timestamp INTEGER NOT NULL, data BLOB NOT NULL);
        INSERT INTO schema VALUES (3, 'humble');
        """
    )
    for number, (topic, type_name) in enumerate(names, 1):
        database.execute(
            "INSERT INTO topics VALUES (?, ?, ?, 'cdr', '')", (number, topic, type_name)
        )
    for item in messages:
        place = names.index((item.topic, item.type_name)) + 1
        row = (place, item.log_time_ns, item.cdr)
        database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", row)
    database.commit()
    database.close()
    start_ns, end_ns = (pick(item.log_time_ns for item in messages) for pick in (min, max))
    count = {name: [item.topic for item in messages].count(name[0]) for name in names}
    since = {"nanoseconds_since_epoch": start_ns}
    information = {
        "version": 5,
        "storage_identifier": "sqlite3",
        "duration": {"nanoseconds": end_ns - start_ns},
        "starting_time": since,
        "message_count": len(messages),
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": topic,
                    "type": type_name,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": "",
                },
                "message_count": count[topic, type_name],
            }
            for topic, type_name in names
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file.name],
        "files": [
            {
                "path": file.name,
                "starting_time": since,
                "duration": {"nanoseconds": end_ns - start_ns},
                "message_count": len(messages),
            }
        ],
    }
    text = yaml.safe_dump({"rosbag2_bagfile_information": information})
    (path / "metadata.yaml").write_text(text, encoding="utf-8")
    return path


def written(path: Path, messages: list[RawMessage], plugin: StoragePlugin) -> Path:
    """As Iron and Jazzy write: with definitions, and an action's feedback whose own is unknown."""
    with Writer(path, version=8, storage_plugin=plugin) as writer:
        connections: dict[str, Any] = {}
        for item in messages:
            if item.topic not in connections:
                connections[item.topic] = writer.add_connection(
                    item.topic, item.type_name, typestore=typestore()
                )
        feedback = writer.add_connection(
            FEEDBACK, FEEDBACK_TYPE, msgdef="string unknown\n", rihs01=f"RIHS01_{0:064x}"
        )
        writer.write(feedback, messages[0].log_time_ns, b"\0\1\0\0what only the action knows")
        for item in messages:
            writer.write(connections[item.topic], item.log_time_ns, item.cdr)
    return path


def make_unknown_in_database(path: Path) -> None:
    (file,) = path.glob("*.db3")
    database = sqlite3.connect(file)
    name = (FEEDBACK_TYPE,)
    database.execute("UPDATE message_definitions SET encoding='unknown' WHERE topic_type=?", name)
    database.execute(
        "UPDATE message_definitions SET encoded_message_definition='' WHERE topic_type=?", name
    )
    database.commit()
    database.close()


def make_unknown_in_mcap(path: Path) -> None:
    (file,) = path.glob("*.mcap")
    data = file.read_bytes()
    at = data.index(FEEDBACK_TYPE.encode())
    marked = data.replace(
        FEEDBACK_TYPE.encode() + b"\x07\0\0\0ros2msg", FEEDBACK_TYPE.encode() + b"\x07\0\0\0unknown"
    ).replace(
        FEEDBACK_TYPE.encode() + b"\x07\0\0\0ros2idl", FEEDBACK_TYPE.encode() + b"\x07\0\0\0unknown"
    )
    assert marked != data, data[at : at + 120]
    file.write_bytes(marked)


def as_recorded(path: Path, original: Path) -> None:
    (found,), (expected,) = read_bag(path), read_bag(original)
    assert found.command == expected.command
    assert found.result.status == expected.result.status
    assert found.image is not None
    assert (found.image.data == expected.image.data).all()


def test_what_humble_records_by_default_is_read(record: Record, tmp_path: Path) -> None:
    original = record("the green ball")
    as_recorded(humble(tmp_path / "rosbag2_2026", messages_of(original)), original)


def test_a_folder_with_one_database_and_no_metadata(record: Record, tmp_path: Path) -> None:
    original = record("the green ball")
    path = humble(tmp_path / "rosbag2_2026", messages_of(original))
    (path / "metadata.yaml").unlink()
    assert find_bags([path]) == [path]
    as_recorded(path, original)
    (file,) = path.glob("*.db3")
    as_recorded(file, original)


def test_two_files_of_a_split_without_metadata(record: Record, tmp_path: Path) -> None:
    """The image lies in the first file, and the result in the second."""
    original = record("the green ball")
    messages = messages_of(original)
    path = tmp_path / "split"
    path.mkdir()
    halves = (
        [item for item in messages if not item.topic.endswith("result")],
        [item for item in messages if item.topic.endswith("result")],
    )
    for number, half in enumerate(halves):
        part = written(tmp_path / f"part{number}", half, StoragePlugin.MCAP)
        (file,) = part.glob("*.mcap")
        file.rename(path / f"split_{number}.mcap")
    assert find_bags([path]) == [path]
    as_recorded(path, original)


def test_files_of_different_bags_are_bags_of_their_own(record: Record, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("one_0.mcap", "two_0.mcap"):
        (file,) = record("the green ball").glob("*.mcap")
        file.rename(folder / name)
    assert find_bags([folder]) == [folder / "one_0.mcap", folder / "two_0.mcap"]


@pytest.mark.parametrize(
    ("plugin", "make_unknown"),
    [
        (StoragePlugin.MCAP, make_unknown_in_mcap),
        (StoragePlugin.SQLITE3, make_unknown_in_database),
    ],
    ids=["mcap", "sqlite3"],
)
@pytest.mark.parametrize("with_metadata", [True, False])
def test_one_unknown_definition_costs_no_other_topic(
    record: Record,
    tmp_path: Path,
    plugin: StoragePlugin,
    make_unknown: Callable[[Path], None],
    with_metadata: bool,
) -> None:
    original = record("the green ball")
    path = written(tmp_path / "with_feedback_0", messages_of(original), plugin)
    make_unknown(path)
    if not with_metadata:
        (path / "metadata.yaml").unlink()
    as_recorded(path, original)
    with BagFile(path) as bag, pytest.raises(BagError, match=f"{FEEDBACK} has the type"):
        list(bag.messages([item for item in bag.connections if item.topic == FEEDBACK]))


def test_files_of_both_kinds_are_refused(record: Record, tmp_path: Path) -> None:
    original = record("the green ball")
    path = humble(tmp_path / "mixed", messages_of(original))
    (path / "metadata.yaml").unlink()
    (file,) = original.glob("*.mcap")
    (path / "mixed_0.mcap").write_bytes(file.read_bytes())
    with pytest.raises(BagError, match=r"both \.mcap and \.db3 files"):
        read_bag(path)


def test_messages_of_other_definitions_are_told(record: Record, tmp_path: Path) -> None:
    messages = messages_of(record("the green ball"))
    broken = [
        RawMessage(item.topic, item.type_name, item.cdr[:40], item.log_time_ns)
        if item.topic.endswith("/result")
        else item
        for item in messages
    ]
    path = humble(tmp_path / "old", broken)
    with pytest.raises(BagError, match="cannot be read by this version's definition of ppcr_ros"):
        read_bag(path)
