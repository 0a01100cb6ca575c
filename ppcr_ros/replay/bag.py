"""Bags of recorded decisions: rosbag2 in MCAP, written at once and read back whole."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Status
from ppcr_ros.replay.definitions import typestore

# Version 8 is the newest whose QoS entries every distribution from Humble on can read.
_BAG_VERSION: Literal[8] = 8
BAG_NAME = re.compile(r"\d{8}T\d{6}_\d{3}Z_[a-z_]+_[0-9a-f]{8}")
"""How our bags are called, so that no other folder is ever taken for one."""
_UNFINISHED = ".writing-"
_ABANDONED_SEC = 3600.0


class BagError(PPCRError):
    """A bag that cannot be read, is torn, or holds no recording of ours."""


@dataclass(frozen=True)
class RawMessage:
    """One message of a bag.

    Attributes:
        topic: its full name.
        type_name: such as ``sensor_msgs/msg/Image``.
        cdr: as it went over the wire.
        log_time_ns: when it came or was published, nanoseconds since the epoch.
    """

    topic: str
    type_name: str
    cdr: bytes
    log_time_ns: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.cdr).hexdigest()


def bag_name(time_ns: int, status: Status, command_id: str) -> str:
    """A name that sorts by time and says how the command ended."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000 / 1e3, timezone.utc)
    milliseconds = moment.microsecond // 1000
    identity = re.sub(r"[^0-9a-f]", "", command_id.lower())[:8] or uuid.uuid4().hex
    return f"{moment:%Y%m%dT%H%M%S}_{milliseconds:03d}Z_{status.name.lower()}_{identity:0>8.8}"


def write_bag(folder: Path, name: str, messages: Sequence[RawMessage]) -> Path:
    """Write a bag as ``folder/name``: it is there whole, or not at all.

    The chunk is compressed with zstd, without loss.

    Args:
        folder: must be there.
        name: of the bag's own folder, which must not be there.
        messages: at least one, of types that `typestore` knows.

    Returns:
        The bag's folder.

    Raises:
        OSError: when the disk is full or cannot be written.
    """
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

    scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
    try:
        writer = Writer(scratch / name, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        writer.set_custom_data("recorded_by", "ppcr_ros")
        with writer:
            connections = {
                (item.topic, item.type_name): None for item in messages
            }  # a dict keeps their order
            opened = {
                key: writer.add_connection(*key, typestore=typestore()) for key in connections
            }
            for item in sorted(messages, key=lambda item: item.log_time_ns):
                writer.write(opened[item.topic, item.type_name], item.log_time_ns, item.cdr)
        for path in (scratch / name).iterdir():
            sync_to_disk(path)
        written = (scratch / name).rename(folder / name)
        sync_to_disk(folder)
        return written
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sync_to_disk(path: Path) -> None:
    """Ask the system to write a file or folder out, so that a power cut does not tear it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def our_bags(folder: Path) -> list[Path]:
    """The bags in ``folder`` that a recorder of ours wrote, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if BAG_NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    )


def size_bytes(bag: Path) -> int:
    """All files of a bag together."""
    return sum(path.stat().st_size for path in bag.iterdir() if path.is_file())


def make_room(folder: Path, limit_bytes: int) -> list[Path]:
    """Delete our oldest bags until the rest take no more than ``limit_bytes``.

    The newest stays, however large it is. Nothing else in the folder is touched.

    Returns:
        What was deleted.
    """
    bags = our_bags(folder)
    sizes = [size_bytes(bag) for bag in bags]
    total, deleted = sum(sizes), []
    for bag, size in zip(bags[:-1], sizes[:-1], strict=True):
        if total <= limit_bytes:
            break
        shutil.rmtree(bag)
        deleted.append(bag)
        total -= size
    return deleted


def sweep_unfinished(folder: Path, now_sec: float) -> list[Path]:
    """Delete what a recorder left unfinished when its process died, once it is an hour old."""
    left = [
        path
        for path in folder.glob(f"{_UNFINISHED}*")
        if path.is_dir() and now_sec - path.stat().st_mtime > _ABANDONED_SEC
    ]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return left
