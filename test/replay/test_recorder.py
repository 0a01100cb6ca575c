"""The writing thread: it never blocks, drops what it cannot write, says so once, and goes on."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.config import Config, RecordConfig
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.types import Status
from ppcr_ros.replay import recorder as module
from ppcr_ros.replay.bag import RawMessage, bag_name, our_bags
from ppcr_ros.replay.definitions import INFO_TYPE, new_message
from ppcr_ros.replay.offline_recording import serialised
from ppcr_ros.replay.recorder import QUEUE_SIZE, BagRecorder, wants

Usage = namedtuple("Usage", "total used free")


def word(text: str) -> RawMessage:
    raw = serialised(new_message(INFO_TYPE, data=text), INFO_TYPE)
    return RawMessage("/x", INFO_TYPE, raw, 1)


class Bench:
    """A recorder into a folder, with the lines that it logged."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, list[str]()
        self.hashed = list[Config]()
        self.disk_of: Callable[[Path], int] = lambda path: path.stat().st_dev
        self.recorder = BagRecorder(
            self.log.append, self.log.append, self._checksums, lambda path: self.disk_of(path)
        )
        self.config = Config(record=RecordConfig(folder=str(folder)))
        self.gate = threading.Event()
        self.gate.set()
        self.writing = threading.Event()
        self._count = 0

    def _checksums(self, config: Config) -> dict[str, str]:
        self.hashed.append(config)
        return {"mllm": "a" * 64}

    def start(self, **values: Any) -> None:
        self.config = replace(self.config, record=replace(self.config.record, **values))
        self.recorder.apply(self.config)

    def offer(self, size: int = 1000) -> None:
        def contents(checksums: Any) -> list[RawMessage]:
            self.writing.set()
            assert self.gate.wait(180)
            return [word(f"{checksums}{'x' * size}")]

        self._count += 1
        self.recorder.offer(bag_name(self._count * 10**9, Status.OK, "ab"), contents)

    def bags(self) -> list[Path]:
        return our_bags(self.folder)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "deep" / "bags")
    yield made
    made.gate.set()
    made.recorder.close()


def test_each_decision_becomes_a_bag(bench: Bench) -> None:
    bench.start()
    bench.offer()
    bench.offer()
    bench.recorder.close()
    assert len(bench.bags()) == 2
    assert bench.recorder.report().written == 2
    assert len(bench.hashed) == 1  # all weights are read once only
    assert "the bags hold camera images" in bench.log[0]
    assert bench.log[-1].endswith("2 written, 0 dropped, 0 deleted.")


def test_a_decision_is_recorded_as_the_options_were_when_it_was_made(bench: Bench) -> None:
    bench.start()
    config = bench.config
    bench.start(folder="")
    assert not bench.recorder.recording
    bench.recorder.offer(bag_name(0, Status.OK, "ab"), lambda checksums: [word("late")], config)
    bench.recorder.close()
    assert len(bench.bags()) == 1


@pytest.mark.parametrize("status", list(Status))
def test_failures_are_what_is_neither_ok_nor_cancelled(status: Status) -> None:
    failed = status not in (Status.OK, Status.CANCELLED)
    assert wants(RecordConfig(folder="bags", only="failures"), status) == failed
    assert wants(RecordConfig(folder="bags"), status)
    assert not wants(RecordConfig(), status)


def test_a_slow_disk_blocks_nobody_and_what_is_dropped_is_counted(bench: Bench) -> None:
    bench.start()
    bench.gate.clear()
    bench.offer()
    assert bench.writing.wait(180)
    for _ in range(QUEUE_SIZE + 3):
        bench.offer()
    assert bench.recorder.report().dropped == 3
    assert sum("does not keep up" in line for line in bench.log) == 1
    bench.gate.set()
    bench.recorder.close()
    assert len(bench.bags()) == 1 + QUEUE_SIZE
    assert bench.log.count("recording works again.") == 1


def test_a_full_disk_is_said_once_and_recording_goes_on_when_there_is_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [50_000_000]
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Usage(1, 1, free[0]))
    bench.start()
    bench.offer()
    bench.offer()
    bench.recorder.close()
    assert (bench.bags(), bench.recorder.report().dropped) == ([], 2)
    assert sum("only 50 MB are free" in line for line in bench.log) == 1
    free[0] = 10**12
    bench.offer()
    bench.recorder.close()
    assert len(bench.bags()) == 1
    assert "recording works again." in bench.log


def test_a_disk_that_fails_while_writing_leaves_nothing_half(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ppcr_ros.replay.bag.sync_to_disk", fail)
    bench.start()
    bench.offer()
    bench.recorder.close()
    assert bench.recorder.report().dropped == 1
    assert "No space left on device" in bench.recorder.report().problem
    assert list(bench.folder.iterdir()) == []


def test_the_ring_deletes_the_oldest(bench: Bench) -> None:
    bench.start(max_megabytes=1)
    for _ in range(4):
        bench.offer()
    bench.recorder.close()
    assert len(bench.bags()) == 4
    names = [bag_name((100 + number) * 10**9, Status.OK, "ab") for number in range(4)]
    for name in names:
        text = secrets.token_hex(300_000)  # noise, which no compression makes small
        bench.recorder.offer(name, lambda _, text=text: [word(text)])
    bench.recorder.close()
    kept = bench.bags()
    assert [path.name for path in kept] == names[-len(kept) :]
    assert 1 <= len(kept) < 4
    assert bench.recorder.report().deleted == 8 - len(kept)


def test_a_folder_that_cannot_be_written_is_refused_and_the_former_stays(
    bench: Bench, tmp_path: Path
) -> None:
    bench.start()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"record\.folder .* cannot be written"):
        bench.start(folder=str(tmp_path / "file" / "bags"))
    bench.offer()
    bench.recorder.close()
    assert len(bench.bags()) == 1


def test_a_folder_that_comes_later_is_used_then(bench: Bench, tmp_path: Path) -> None:
    blocker = bench.folder.parent
    blocker.write_text("a disk that is not mounted yet")
    bench.recorder.adopt(bench.config)
    bench.offer()
    bench.recorder.close()
    assert bench.recorder.report().dropped == 1
    blocker.unlink()
    bench.offer()
    bench.recorder.close()
    assert len(bench.bags()) == 1


def test_what_cannot_be_made_a_bag_of_is_a_drop(bench: Bench) -> None:
    def explode(checksums: Any) -> list[RawMessage]:
        raise RuntimeError("no type support")

    bench.start()
    bench.recorder.offer("name", explode)
    bench.offer()
    bench.recorder.close()
    assert bench.recorder.report().dropped == 1
    assert any("RuntimeError: no type support" in line for line in bench.log)
    assert len(bench.bags()) == 1


def test_a_disk_that_hangs_does_not_hold_up_the_shutdown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_SEC", 0.2)
    bench.start()
    bench.gate.clear()
    bench.offer()
    assert bench.writing.wait(180)
    bench.recorder.close()
    assert "given up" in bench.log[-1]
    bench.gate.set()


def test_without_rosbags_it_is_said_what_to_install(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install 'rosbags"):
        bench.start()


def test_a_disk_that_just_copes_does_not_flood_the_log(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [0]
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Usage(1, 1, free[0]))
    bench.start()
    for _ in range(3):
        for space in (0, 10**12):
            free[0] = space
            bench.offer()
            bench.recorder.close()
    report = bench.recorder.report()
    assert (report.written, report.dropped) == (3, 3)
    assert sum("was not recorded" in line for line in bench.log) == 1
    assert bench.log.count("recording works again.") == 1


def test_a_disk_that_was_unmounted_is_not_recorded_beside(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The empty mount point is on the robot's own disk, which would fill up."""
    bench.start()
    bench.offer()
    bench.recorder.close()
    assert len(bench.bags()) == 1
    folder = bench.bags()[0].parent
    shutil.rmtree(folder)
    bench.disk_of = lambda path: path.stat().st_dev + 1  # the disk below that one
    for _ in range(3):
        bench.offer()
    bench.recorder.close()
    assert not folder.exists()
    report = bench.recorder.report()
    assert (report.written, report.dropped) == (1, 3)
    assert "lies on another disk than when recording began" in report.problem
    assert sum("another disk" in line for line in bench.log) == 1
