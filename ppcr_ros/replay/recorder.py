"""Writes bags on a thread of its own, so that a slow disk never holds a decision up."""

from __future__ import annotations

import os
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from ppcr_ros.core.config import Config, RecordConfig
from ppcr_ros.core.errors import ConfigError, PPCRError
from ppcr_ros.core.paths import usable_path
from ppcr_ros.core.types import Status
from ppcr_ros.replay.bag import RawMessage, make_room, sweep_unfinished, write_bag
from ppcr_ros.replay.info import weights_checksums

QUEUE_SIZE = 8
"""Decisions that may wait for the disk; what comes beyond is dropped, and counted."""
RESERVE_BYTES = 100_000_000
"""A disk with less room than this is left alone: a robot needs it for other things."""
REMIND_SEC = 60.0
"""How long until the same trouble may be told again."""
CLOSE_TIMEOUT_SEC = 20.0

Checksums = Mapping[str, str]


@dataclass(frozen=True)
class RecorderReport:
    """Counts of what the recorder has done so far.

    Attributes:
        written: bags.
        dropped: decisions that were not written: the disk was too slow, full or gone.
        deleted: old bags that made room for new ones.
        problem: why the last one was dropped; empty once one has been written again.
    """

    written: int = 0
    dropped: int = 0
    deleted: int = 0
    problem: str = ""


class BagRecorder:
    """Takes decisions from one thread and writes each as a bag on another.

    Args:
        log: told when recording starts, goes well again, and ends; one line each.
        warn: told when it goes wrong, once until it goes well again.
        checksums: makes the weights' checksums; called once for each configuration of the models,
            on the writing thread, because it reads all weights.
    """

    def __init__(
        self,
        log: Callable[[str], None],
        warn: Callable[[str], None],
        checksums: Callable[[Config], Checksums] = weights_checksums,
        disk_of: Callable[[Path], int] = lambda path: path.stat().st_dev,
    ) -> None:
        self._log, self._warn, self._make_checksums = log, warn, checksums
        self._disk_of = disk_of
        self._config = Config()
        self._known: dict[Config, Checksums] = {}
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(QUEUE_SIZE)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._report = RecorderReport()
        self._in_trouble, self._warned_sec = False, float("-inf")
        self._device: int | None = None
        """The disk that the folder was on; None where it has not been written to yet."""

    @property
    def recording(self) -> bool:
        """Whether there is a folder to record into."""
        return bool(self._config.record.folder)

    @property
    def config(self) -> Config:
        """The options at this moment."""
        return self._config

    def apply(self, config: Config) -> None:
        """Take over the options; a new folder is made.

        Raises:
            ConfigError: when it cannot be made or written; recording goes on as before.
        """
        before, wanted = self._config.record, config.record
        if wanted.folder and wanted.folder != before.folder:
            folder = prepare_folder(wanted)
            self._device = self._disk_of(folder)
            _require_rosbags()
            self._log(
                f"recording into {folder} (record.only: {wanted.only}), at most "
                f"{wanted.max_megabytes} MB: the bags hold camera images."
            )
        elif before.folder and not wanted.folder:
            self._log(f"recording into {before.folder} ends: {self._counts()}.")
        self.adopt(config)

    def adopt(self, config: Config) -> None:
        """Take over the options, whether or not the folder can be written now: it may come."""
        self._config = config
        if self.recording:
            # The first decision should not wait for the checksums of large weights.
            self._submit(lambda: self._get_ready(config))

    def offer(
        self,
        name: str,
        contents: Callable[[Checksums], Sequence[RawMessage]],
        config: Config | None = None,
    ) -> None:
        """Have a bag written soon; returns at once.

        Args:
            name: of the bag.
            contents: makes its messages, on the writing thread.
            config: the options when the decision was made; those of now where it is None.
        """
        config = config or self._config
        if not self._submit(lambda: self._write(config, name, contents)):
            self._dropped(
                f"the disk does not keep up ({QUEUE_SIZE} decisions wait for it) or the weights' "
                "checksums are still being read"
            )

    def report(self) -> RecorderReport:
        with self._lock:
            return self._report

    def close(self) -> None:
        """Write what waits, and end the thread; may be used again afterwards."""
        thread, self._thread = self._thread, None
        if thread is None or not thread.is_alive():
            return
        deadline_sec = time.monotonic() + CLOSE_TIMEOUT_SEC
        try:
            self._jobs.put(None, timeout=CLOSE_TIMEOUT_SEC)
            thread.join(max(deadline_sec - time.monotonic(), 0.0))
        except queue.Full:
            pass
        if thread.is_alive():
            self._warn("the disk does not take the last recordings: they are given up.")
        elif self.recording:
            self._log(f"recorded into {self._config.record.folder}: {self._counts()}.")

    def _submit(self, job: Callable[[], None]) -> bool:
        """Queue ``job``; False where the queue is full."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="ppcr-record", daemon=True)
            self._thread.start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - recording never ends what it records
                ours = isinstance(error, PPCRError)
                self._dropped(str(error) if ours else f"{type(error).__name__}: {error}")

    def _get_ready(self, config: Config) -> None:
        folder = usable_path(config.record.folder, "record.folder")
        if folder.is_dir() and (left := sweep_unfinished(folder, time.time())):
            self._warn(f"deleted {len(left)} unfinished recordings of an earlier crash.")
        self._checksums(config)

    def _checksums(self, config: Config) -> Checksums:
        models = replace(Config(), mllm=config.mllm, segmenter=config.segmenter)
        calibration = config.pipeline.score_calibration
        key = replace(models, pipeline=replace(models.pipeline, score_calibration=calibration))
        if key not in self._known:
            self._known[key] = self._make_checksums(key)
        return self._known[key]

    def _write(
        self, config: Config, name: str, contents: Callable[[Checksums], Sequence[RawMessage]]
    ) -> None:
        folder = self._same_disk(usable_path(config.record.folder, "record.folder"))
        prepare_folder(config.record)
        self._device = self._disk_of(folder) if self._device is None else self._device
        messages = contents(self._checksums(config))
        needed = RESERVE_BYTES + sum(len(item.cdr) for item in messages)
        if (free := shutil.disk_usage(folder).free) < needed:
            self._dropped(f"only {free / 1e6:.0f} MB are free on the disk of {folder}")
            return
        write_bag(folder, name, messages)
        deleted = make_room(folder, config.record.max_megabytes * 1_000_000)
        with self._lock:
            report, again = self._report, self._in_trouble
            self._in_trouble = False
            self._report = replace(
                report,
                written=report.written + 1,
                deleted=report.deleted + len(deleted),
                problem="",
            )
        if again:
            self._log("recording works again.")

    def _same_disk(self, folder: Path) -> Path:
        """``folder``, where it still is, or would be, on the disk that recording began on.

        Raises:
            ConfigError: where that disk is gone: its folder would be made on the robot's own.
        """
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if self._device is not None and self._disk_of(there) != self._device:
            raise ConfigError(
                f"record.folder {folder} lies on another disk than when recording began: is its "
                "disk unmounted? Mount it, and set record.folder again"
            )
        return folder

    def _dropped(self, problem: str) -> None:
        now_sec = time.monotonic()
        with self._lock:
            report = self._report
            self._report = replace(report, dropped=report.dropped + 1, problem=problem)
            tell = not self._in_trouble and now_sec - self._warned_sec > REMIND_SEC
            if tell:  # once until it works again, and not at every turn of a disk that just copes
                self._in_trouble, self._warned_sec = True, now_sec
        if tell:
            self._warn(
                f"a decision was not recorded: {problem.rstrip('.')}. Decisions go on without."
            )

    def _counts(self) -> str:
        report = self.report()
        return f"{report.written} written, {report.dropped} dropped, {report.deleted} deleted"


def wants(record: RecordConfig, status: Status) -> bool:
    """Whether a result that ended so is to be recorded."""
    ordinary = (Status.OK, Status.CANCELLED)
    return bool(record.folder) and (record.only == "all" or status not in ordinary)


def _require_rosbags() -> None:
    if find_spec("rosbags") is None:
        raise ConfigError(
            "record.folder needs the Python package rosbags: pip install 'rosbags>=0.11,<0.12', or "
            "leave record.folder empty."
        )


def prepare_folder(record: RecordConfig) -> Path:
    """The folder to record into, made where it is not there.

    Raises:
        ConfigError: when it cannot be made or written.
    """
    folder = usable_path(record.folder, "record.folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, probe = tempfile.mkstemp(prefix=".ppcr-can-write-", dir=folder)
        os.close(descriptor)
        Path(probe).unlink()
    except OSError as error:
        raise ConfigError(
            f"record.folder is {record.folder!r}, which cannot be written: "
            f"{error.strerror or error}. Name a folder that the node may write, or leave it empty."
        ) from error
    return folder
