"""Bags of strangers: whatever they hold, they are told of by name and the others are replayed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros import cli
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models import factory
from ppcr_ros.replay.bag import RawMessage, write_bag
from ppcr_ros.replay.definitions import INFO_TYPE, typestore
from ppcr_ros.replay.info import INFO_TOPIC
from ppcr_ros.replay.player import Player, Replay, ReplayOptions, Verdict

Record = Callable[..., Path]
ESCAPES = "\x1b[2J\nsame          20261129T000000_000Z_ok_00000000  OK"


pytestmark = pytest.mark.usefixtures("threads")


def forged(bag: Path, change: Callable[[dict[str, Any]], object] | str) -> Path:
    """A copy of ``bag`` whose info was changed, or is another text altogether."""
    from rosbags.highlevel import AnyReader

    messages: list[RawMessage] = []
    with AnyReader([bag]) as reader:
        for connection, time_ns, raw in reader.messages():
            data = bytes(raw)
            if connection.topic.endswith(f"/{INFO_TOPIC}"):
                message = reader.deserialize(raw, connection.msgtype)
                document = json.loads(message.data)
                if not isinstance(change, str):
                    change(document)
                message.data = change if isinstance(change, str) else json.dumps(document)
                data = bytes(typestore().serialize_cdr(message, INFO_TYPE))
            messages.append(RawMessage(connection.topic, connection.msgtype, data, time_ns))
    shutil.rmtree(bag)
    return write_bag(bag.parent, bag.name, messages)


def replayed(*bags: Path, **options: Any) -> list[Replay]:
    with Player(ReplayOptions(**options)) as player:
        return list(player.replay(bags))


def setting(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["config"].__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (setting("pipeline.min_confidence", "high"), "pipeline.min_confidence is 'high'"),
        (setting("pipeline.min_confidence", int("9" * 59)), "expected 0 to 1"),
        (setting("pipeline.min_confidence", None), "expected text or a number"),
        (setting("pipeline.min_confidence", [1]), "expected text or a number"),
        (setting("pipeline.score_calibration", "~nobody-of-this-name/c.json"), "no home folder"),
        (setting("mllm.model", "x" * 5_000), "too long for a path"),
        (setting("mllm.model", "a\x00b"), "which no path can be"),
        (setting("mllm.family", ESCAPES), "expected one of"),
        (lambda document: document.update(config=[1, 2]), "config is no mapping"),
        (lambda document: document.update(topics={"image": 3}), "expected text"),
        (lambda document: document.update(command_id=7), "command_id is no text"),
        (lambda document: document.update(format=10**40), "has format 1000"),
        (lambda document: document.update(format="1"), "no object with a format"),
        (lambda document: document.update(machine={"torch_threads": 3}), "expected text"),
        ("[" * 100_000, "nests deeper"),
        ('{"format": 1, "format": 1}', "stands there twice"),
        ('{"format": ' + "9" * 5_000 + "}", "5000 digits"),
        ("null", "no object with a format"),
        (ESCAPES, "expected JSON"),
    ],
)
def test_a_bad_bag_is_told_by_name_and_the_others_go_on(
    record: Record, change: Any, told: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    bad, good = forged(record("the green ball"), change), record("the green box")
    real = factory.build_pipeline

    def build(config: Config) -> Any:
        from ppcr_ros.core.paths import usable_path

        for name in (config.mllm.model, config.pipeline.score_calibration):
            usable_path(name)
        return real(config)

    monkeypatch.setattr(factory, "build_pipeline", build)
    first, second = replayed(bad, good)
    assert (first.verdict, second.verdict) == (Verdict.UNREADABLE, Verdict.SAME)
    assert told in first.reason
    assert cli.main(["replay", str(bad), str(good)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert lines[-1] == "1 same, 0 DIFFERS, 0 not compared, 1 UNREADABLE"
    assert sum(line.startswith("same ") for line in lines) == 1


@pytest.mark.parametrize("threads_said", ["9" * 5_000, "0", "-1", "1e9", "٣", "4000000000", ""])
def test_a_number_of_threads_that_is_none_is_not_used(
    record: Record, threads: list[int], threads_said: str
) -> None:
    bag = forged(
        record("the green ball"), lambda d: d["machine"].update(torch_threads=threads_said)
    )
    (item,) = replayed(bag)
    assert item.verdict is Verdict.SAME
    assert threads == []


def test_a_bag_does_not_switch_the_network_on(record: Record, loaded: list[Config]) -> None:
    bag = forged(record("the green ball"), setting("pipeline.offline", False))
    loaded.clear()
    replayed(bag)
    replayed(bag, online=True)
    assert [config.pipeline.offline for config in loaded] == [True, False]


def test_models_that_a_bag_names_and_nobody_has_are_tried_once(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    bags = [record(f"the green ball {number}") for number in range(3)]
    tried: list[Config] = []

    def build(config: Config) -> Any:
        tried.append(config)
        raise ModelLoadError("there is no such model.")

    monkeypatch.setattr(factory, "build_pipeline", build)
    items = replayed(*bags)
    assert [item.verdict for item in items] == [Verdict.UNREADABLE] * 3
    assert {item.reason for item in items} == {"there is no such model."}
    assert len(tried) == 1
    with pytest.raises(ModelLoadError, match="no such model"):
        replayed(*bags, config=Config())  # the person's own: it is the same for every bag


def test_an_exception_that_nobody_expected_is_one_bag_s(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = record("the green ball"), record("the green box")
    real = factory.build_pipeline
    calls = iter([RuntimeError("a library's"), None])

    def build(config: Config) -> Any:
        if (error := next(calls)) is not None:
            raise error
        return real(config)

    monkeypatch.setattr(factory, "build_pipeline", build)
    first, second = replayed(bad, good)
    assert (first.verdict, second.verdict) == (Verdict.UNREADABLE, Verdict.SAME)
    assert first.reason == 'RuntimeError("a library\'s")'


@pytest.mark.parametrize("name", ["metadata.yaml", "pipe.mcap", "notes"])
def test_a_pipe_in_a_bag_is_not_waited_for(record: Record, name: str) -> None:
    bad, good = record("the green ball"), record("the green box")
    (bad / name).unlink(missing_ok=True)
    os.mkfifo(bad / name)
    first, second = replayed(bad, good)
    assert (first.verdict, second.verdict) == (Verdict.UNREADABLE, Verdict.SAME)
    assert "is a named pipe; expected a file" in first.reason


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "9" * 500, "\x00", "rosbag2_bagfile"])
def test_metadata_that_is_none(record: Record, text: str) -> None:
    bad, good = record("the green ball"), record("the green box")
    (bad / "metadata.yaml").write_text(text, encoding="utf-8")
    first, second = replayed(bad, good)
    assert (first.verdict, second.verdict) == (Verdict.UNREADABLE, Verdict.SAME)
    assert "cannot be read" in first.reason


def test_words_in_a_bag_cannot_forge_a_line(
    record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = forged(
        record("the green ball"),
        lambda document: document["packages"].update(
            {"numpy": ESCAPES, "ppcr_ros": "\u202e\x9b31m"}
        ),
    )
    assert cli.main(["replay", str(bag)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert sum(line.startswith("same ") for line in lines) == 1
