"""The record of a model's files: what each was when it was fetched, and whether it still is.

A lock file lies with the files, so that it travels with a copy of them: beside the snapshot in a
hub cache, inside a folder of one's own, next to a single checkpoint file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ppcr_ros.core.closing import Closing
from ppcr_ros.core.documents import DocumentError, check_regular, read_json
from ppcr_ros.weights.bars import progress_bar
from ppcr_ros.weights.errors import LockError

VERSION = 1
FOLDER_LOCK = "models.lock.json"
"""In a folder of one's own."""


@dataclass(frozen=True)
class LockedFile:
    """State of a file when it was recorded.

    Attributes:
        sha256: of its content, in hexadecimal.
        size_bytes: its length.
    """

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Lock:
    """State of a model's files when they were recorded.

    Attributes:
        model: as in the configuration that it was fetched or recorded for.
        revision: the hub commit; empty for a model of one's own.
        recorded: when, UTC, as ISO 8601.
        files: by path relative to the model's folder, with forward slashes.
    """

    model: str
    revision: str
    recorded: str
    files: Mapping[str, LockedFile]

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(item.size_bytes for item in self.files.values())


@dataclass(frozen=True)
class FileDifference:
    """A file that is not what the lock says.

    Attributes:
        path: where it is, or should be.
        what: ``missing``, ``changed`` with both values, or ``added``.
    """

    path: Path
    what: str


def lock_path(place: Path) -> Path:
    """Where the lock of a model's folder or file lies."""
    if place.is_file():
        return place.with_name(f"{place.name}.lock.json")
    if place.parent.name == "snapshots":
        return place.parents[1] / f"ppcr-lock-{place.name}.json"
    return place / FOLDER_LOCK


def record(place: Path, model: str, revision: str) -> Lock:
    """Hash every file of a model's folder, or its one file; shows a progress bar.

    Raises:
        LockError: when there is no file, or one cannot be read.
    """
    names = list(_names(place))
    if not names:
        raise LockError(f"there is no file in {place}; expected a model's files.")
    try:
        total = sum(_file(place, name).stat().st_size for name in names)
        with FileHasher(f"checksums of {model}", total) as hashing:
            files = {
                name: LockedFile(hashing.sha256(path), path.stat().st_size)
                for name, path in ((name, _file(place, name)) for name in names)
            }
    except OSError as error:
        raise LockError(f"a file of {place} cannot be read: {error}.") from error
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Lock(model, revision, now, files)


def write_lock(lock: Lock, path: Path) -> None:
    """Write ``lock`` whole or not at all.

    Raises:
        LockError: when that is not possible.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        text = json.dumps({"version": VERSION, **asdict(lock)}, indent=1)
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise LockError(f"{path} cannot be written: {error.strerror}.") from error


def read_lock(path: Path) -> Lock | None:
    """The lock at ``path``; None where there is no file.

    Raises:
        LockError: when it is no lock file.
    """
    try:
        document = read_json(path)
        return _lock_of(document)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LockError(
            f"{path} is no lock file of this version: {error!r}. Pull the model again, or record a "
            "model of your own anew with `ppcr models lock`."
        ) from error


def _lock_of(document: dict[str, Any]) -> Lock:
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']}; expected {VERSION}")
    files = {
        str(name): LockedFile(str(item["sha256"]), int(item["size_bytes"]))
        for name, item in document["files"].items()
    }
    return Lock(str(document["model"]), str(document["revision"]), document["recorded"], files)


def differences(place: Path, lock: Lock) -> list[FileDifference]:
    """Every file that is missing, changed or added since ``lock``; reads all of them again."""
    found = []
    with FileHasher(f"verifying {lock.model}", lock.size_bytes) as hashing:
        for name, expected in sorted(lock.files.items()):
            path = _file(place, name)
            if what := _difference(path, expected, hashing):
                found.append(FileDifference(path, what))
    for name in sorted(set(_names(place)) - set(lock.files)):
        found.append(FileDifference(_file(place, name), "added since it was recorded"))
    return found


def missing_files(place: Path) -> list[str]:
    """The recorded files that are not there; none where nothing was recorded, or it is torn."""
    try:
        lock = read_lock(lock_path(place))
    except LockError:
        return []
    return [] if lock is None else [name for name in lock.files if not _file(place, name).exists()]


def sizes_differ(place: Path, lock: Lock) -> bool:
    """Whether a file is missing or has another length: what can be seen without reading them."""
    sizes = {name: item.size_bytes for name, item in lock.files.items()}
    try:
        return {name: _file(place, name).stat().st_size for name in _names(place)} != sizes
    except OSError:
        return True


def _difference(path: Path, expected: LockedFile, hashing: FileHasher) -> str:
    try:
        size = path.stat().st_size
        if size != expected.size_bytes:
            return f"changed: {size} bytes, expected {expected.size_bytes}"
        found = hashing.sha256(path)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except DocumentError as error:
        return str(error)
    if found == expected.sha256:
        return ""
    return f"changed: sha256 {found[:16]}..., expected {expected.sha256[:16]}..."


def _names(place: Path) -> Iterator[str]:
    """The files of a model by relative path, without hidden ones and the lock; sorted."""
    if place.is_file():
        yield place.name
        return
    for path in sorted(place.rglob("*")):
        relative = path.relative_to(place)
        if any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            continue
        if path.name != FOLDER_LOCK and (path.is_symlink() or path.is_file()):
            yield relative.as_posix()


def _file(place: Path, name: str) -> Path:
    return place if place.is_file() else place / name


class FileHasher(Closing):
    """Reads files in blocks under one progress bar; use as a context manager."""

    def __init__(self, label: str, total_bytes: int) -> None:
        self._bar = progress_bar(label, total_bytes, leave=False)

    def sha256(self, path: Path) -> str:
        """The SHA-256 of a file, in hexadecimal."""
        return self._digest(path, hashlib.sha256())

    def git_blob(self, path: Path) -> str:
        """The name that git, and so the hub, gives to a file that is not in LFS."""
        start = f"blob {path.stat().st_size}\0".encode()
        return self._digest(path, hashlib.sha1(start, usedforsecurity=False))

    def _digest(self, path: Path, digest: Any) -> str:
        check_regular(path)  # whoever waits for a pipe waits for ever
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                self._bar.update(len(block))
        return str(digest.hexdigest())

    def close(self) -> None:
        """Take the progress bar away."""
        self._bar.close()
