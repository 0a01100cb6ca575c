"""Fetching a model: pinned, checked against the publisher's checksums, resumable.

`ppcr_ros.weights.hub` lists the files, and what was listed and checked decides where each is stored
and how long it may be. What arrived of a broken run is kept for the next one, and a file enters the
cache only after its checksum is the one that the hub has published. The cache is laid out as that
of the hub's own client, which finds the models there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ppcr_ros.core.documents import DocumentError, read_json
from ppcr_ros.core.units import size_text
from ppcr_ros.weights import files as hub_files
from ppcr_ros.weights import transfer
from ppcr_ros.weights.bars import progress_bar
from ppcr_ros.weights.errors import ChecksumError, PullError, pull_errors
from ppcr_ros.weights.hub import Hub, HubFile
from ppcr_ros.weights.lock import FileHasher, Lock, lock_path, read_lock, record, write_lock

_LOCK_NAME = ".ppcr-pull"
SPARE_BYTES = 200_000_000
"""What must stay free on the disk after a pull."""


@dataclass(frozen=True)
class PulledModel:
    """A model that is whole on this machine.

    Attributes:
        place: the folder or file to load it from.
        lock: what its files are.
        fetched_bytes: how much came over the network this time; 0 where all of it was there.
    """

    place: Path
    lock: Lock
    fetched_bytes: int


def pull(
    model: str, revision: str, *, cache: Path | None = None, allow_unpinned: bool = False
) -> PulledModel:
    """Fetch what is missing of a hub model into the cache, check all of it and record it.

    Args:
        model: the hub name, such as ``Qwen/Qwen3-VL-4B-Instruct``.
        revision: the 40 digits of a commit.
        cache: the hub cache; by default the one of HF_HUB_CACHE or HF_HOME.
        allow_unpinned: take a branch, a tag or the newest commit as well.

    Raises:
        PullError: with what is wrong and what to do.
        ChecksumError: when a file is not what the hub says it is.
        LockError: when the record cannot be written.
    """
    if not (allow_unpinned or hub_files.is_commit(revision)):
        named = f"revision {revision!r} is no commit" if revision else "no revision is named"
        raise PullError(
            f"{model} is not pinned: {named}, so that what is fetched could change from day to "
            f"day. Name the 40 digits of a commit (https://huggingface.co/{model}/commits/main) "
            "as `revision` in the configuration, or pull with --allow-unpinned."
        )
    with pull_errors(model, revision):
        return _pull(model, revision, cache or default_cache())


def default_cache() -> Path:
    """The hub cache that HF_HUB_CACHE or HF_HOME names, or its usual place."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _pull(model: str, revision: str, cache: Path) -> PulledModel:
    hub = Hub(model)
    commit = revision if hub_files.is_commit(revision) else hub.commit_of(revision or "main")
    listed = hub.listed(commit)
    folder = cache / f"models--{model.replace('/', '--')}"
    place = folder / "snapshots" / commit
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    missing = [file for file in listed if not _blob(folder, file).is_file()]
    with _held(folder, missing):
        missing = [file for file in missing if not _blob(folder, file).is_file()]
        size = sum(file.size_bytes for file in missing)
        check_space(
            folder, size - sum(_fetched_bytes(_blob(folder, file)) for file in missing), model
        )
        fetched = 0
        for weights in (False, True):  # what names the files of the weights comes first
            for file in missing:
                if file.path.endswith(".safetensors") is weights:
                    url, label = hub.address_of(file, commit), f"{file.path} of {model}"
                    blob = _blob(folder, file)
                    fetched += fetch(url, blob, file, label, headers=hub.headers)
            if not weights:
                _refuse_absent_shards(model, commit, listed, folder)
        for file in listed:
            _link(place / file.path, _blob(folder, file))
        if revision != commit:
            _note_ref(folder / "refs" / (revision or "main"), commit)
        lock = _checked(model, commit, listed, place, folder)
    return PulledModel(place, lock, fetched)


def _refuse_absent_shards(model: str, commit: str, listed: Sequence[HubFile], folder: Path) -> None:
    """See that the hub lists each file that the index of the weights names.

    Raises:
        PullError: when it does not, or the index is none.
    """
    index = next((file for file in listed if file.path == hub_files.SHARD_INDEX), None)
    if index is None:
        return
    blob = _blob(folder, index)
    if _digest_of(blob, index, index.path) != index.blob_name:
        return  # damaged here: `_checked` says so
    try:
        named = {str(name) for name in read_json(blob)["weight_map"].values()}
    except (DocumentError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PullError(
            f"{index.path} of {model} @ {commit[:12]} cannot be used: {error!r:.100}; expected a "
            "`weight_map` that names the files of the weights. Choose another revision."
        ) from error
    if absent := sorted(named - {file.path for file in listed}):
        raise PullError(
            f"{index.path} of {model} @ {commit[:12]} names {absent[0]!r:.120}, which the hub does "
            f"not list ({len(absent)} of {len(named)} files of its weights are missing there), so "
            "that it cannot be loaded. Choose another revision, or tell its publisher."
        )


def _link(link: Path, blob: Path) -> None:
    """Let ``link``, in the snapshot, lead to ``blob``; a copy where there are no links."""
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(blob, link.parent)
    if link.is_symlink() and str(link.readlink()) == target:
        return
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(target)
    except OSError:  # a file system such as that of a USB stick
        shutil.copyfile(blob, link)


def _note_ref(ref: Path, commit: str) -> None:
    """Note which commit a branch or tag was, where the hub's client looks for it."""
    if ref.is_file() and ref.read_text(encoding="utf-8", errors="replace") == commit:
        return
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(commit, encoding="utf-8")


def _held(folder: Path, missing: Sequence[HubFile]) -> AbstractContextManager[object]:
    """Hold ``folder`` against a second pull; one that nobody can write needs it not."""
    if not missing and not _can_be_written(folder):
        return nullcontext()
    return only_one_pull(folder)


def _can_be_written(folder: Path) -> bool:
    try:
        (folder / _LOCK_NAME).open("w").close()
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            return False
        raise
    return True


@contextmanager
def only_one_pull(folder: Path) -> Iterator[None]:
    """Hold a repository's folder against a second pull."""
    with (folder / _LOCK_NAME).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PullError(
                f"another pull is at work in {folder}. Wait for it, or end it."
            ) from error
        yield


def check_space(folder: Path, needed_bytes: int, model: str) -> None:
    """See that ``needed_bytes`` fit on the disk of ``folder``.

    Raises:
        PullError: when they do not, before anything was fetched.
    """
    free = shutil.disk_usage(folder).free
    if needed_bytes > 0 and needed_bytes + SPARE_BYTES > free:
        raise PullError(
            f"{model} needs {size_text(needed_bytes)} more, and {size_text(free)} are free in "
            f"{folder} ({size_text(SPARE_BYTES)} must stay free). Free some space, or name a "
            "folder on another disk with --into. Nothing was fetched."
        )


def _blob(folder: Path, file: HubFile) -> Path:
    return folder / "blobs" / file.blob_name


def _part_of(path: Path) -> Path:
    # The ending by which the hub's own tools know what is not whole.
    return path.with_name(f"{path.name}.ppcr.incomplete")


def _fetched_bytes(path: Path) -> int:
    part = _part_of(path)
    return part.stat().st_size if part.is_file() else 0


def fetch(
    url: str,
    path: Path,
    file: HubFile,
    label: str,
    *,
    headers: Mapping[str, str] | None = None,
) -> int:
    """Fetch a file of known size and checksum to ``path``, from where the last try ended.

    ``path`` appears only when its content is right. Shows a progress bar. Returns how many bytes
    came.

    Raises:
        ChecksumError: when the content is not right; what was fetched is deleted.
        Exception: what `ppcr_ros.weights.transfer.fetch_into` raises; what was fetched is kept.
    """
    part, came = _part_of(path), 0
    with part.open("r+b" if part.exists() else "w+b") as target:
        start = target.seek(0, os.SEEK_END)
        if start > file.size_bytes:
            target.truncate(0)
            start = 0
        with progress_bar(label, file.size_bytes, start_bytes=start) as bar:

            def note(count: int) -> None:
                nonlocal came
                came += max(count, 0)
                bar.update(count)

            transfer.fetch_into(target, url, headers or {}, file.size_bytes, label, note)
    found = _digest_of(part, file, label)
    if found != file.blob_name:
        part.unlink()
        raise ChecksumError(
            f"{label} does not have the published checksum: {found[:16]}..., expected "
            f"{file.blob_name[:16]}.... It was deleted. Pull again; if this repeats, something "
            "between here and the publisher changes files."
        )
    part.replace(path)
    return came


def _digest_of(path: Path, file: HubFile, label: str) -> str:
    with FileHasher(f"checking {label}", file.size_bytes) as hashing:
        return hashing.sha256(path) if file.sha256 else hashing.git_blob(path)


def _checked(model: str, commit: str, listed: Sequence[HubFile], place: Path, folder: Path) -> Lock:
    """Compare every file with the hub's listing, then record them all."""
    lock = record(place, model, commit)
    with FileHasher(f"checking {model}", 0) as hashing:
        for file in listed:
            found = lock.files.get(file.path)
            if found is None:
                raise PullError(f"{file.path} of {model} was not fetched. Pull again.")
            digest = hashing.git_blob(place / file.path) if file.git_blob else found.sha256
            if digest != file.blob_name:
                end = "It was deleted; pull again."
                try:
                    _blob(folder, file).unlink(missing_ok=True)
                    (place / file.path).unlink(missing_ok=True)
                except OSError as error:
                    end = f"It cannot be deleted: {error.strerror}. Delete it, and pull again."
                raise ChecksumError(
                    f"{file.path} of {model} is not what the hub has published: {digest[:16]}..., "
                    f"expected {file.blob_name[:16]}.... {end}"
                )
    earlier = read_lock(lock_path(place))
    if earlier is None or earlier.files != lock.files:
        write_lock(lock, lock_path(place))
    return lock


def pull_checkpoint(path: Path) -> PulledModel:
    """Fetch a published segment-anything checkpoint to ``path``, by the name of the file.

    Raises:
        PullError: when it is not one of `ppcr_ros.weights.files.PUBLISHED_CHECKPOINTS`, or cannot
            be fetched.
        ChecksumError: when what is there or what arrives is not the published file.
    """
    if path.name not in hub_files.PUBLISHED_CHECKPOINTS:
        known = ", ".join(hub_files.PUBLISHED_CHECKPOINTS)
        raise PullError(
            f"{path} is not there, and nobody publishes a checkpoint of that name; known are "
            f"{known}. Copy your own checkpoint to that place."
        )
    size, sha256 = hub_files.PUBLISHED_CHECKPOINTS[path.name]
    fetched = 0
    with pull_errors(path.name, ""):
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            check_space(path.parent, size - _fetched_bytes(path), path.name)
            url = f"{hub_files.SEGMENT_ANYTHING_URL}/{path.name}"
            fetched = fetch(url, path, HubFile(path.name, size, sha256, ""), path.name)
        lock = record(path, path.name, "")
        if lock.files[path.name].sha256 != sha256:
            raise ChecksumError(
                f"{path} is not the published {path.name}: its sha256 differs. Move it away and "
                "pull again, or give a checkpoint of your own another name."
            )
        write_lock(lock, lock_path(path))
    return PulledModel(path, lock, fetched)
