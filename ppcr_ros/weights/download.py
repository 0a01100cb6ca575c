"""Fetching a model: pinned, checked against the publisher's checksums, resumable.

The hub's client lists the files, knows the cache and its tokens, and fetches what is small. Large
files are streamed here, with its own HTTP reader, because it starts a file anew after every broken
run and takes whatever arrives: here the part that arrived is kept for the next run, and a file
enters the cache only after its SHA-256 is the one that the hub has published.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ppcr_ros.core.units import size_text
from ppcr_ros.weights import files as hub_files
from ppcr_ros.weights.errors import ChecksumError, PullError, pull_errors
from ppcr_ros.weights.lock import Hashing, Lock, lock_path, read_lock, record, write_lock

SPARE_BYTES = 200_000_000
"""What must stay free on the disk after a pull."""


_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class HubFile:
    """One file of a repository as the hub lists it.

    Attributes:
        path: inside the repository.
        size_bytes: its length.
        sha256: of its content where it is in LFS; empty where it is not.
        git_blob: git's name of its content where it is not in LFS; empty where it is.
    """

    path: str
    size_bytes: int
    sha256: str
    git_blob: str

    @property
    def blob_name(self) -> str:
        """The name of its content in the cache's folder ``blobs``."""
        return self.sha256 or self.git_blob


@dataclass(frozen=True)
class Pulled:
    """A model that is whole on this machine.

    Attributes:
        place: the folder or file to load it from.
        lock: what its files are.
        fetched_bytes: how much of it had to be fetched; 0 where it was there.
    """

    place: Path
    lock: Lock
    fetched_bytes: int


def pull(
    model: str, revision: str, *, cache: Path | None = None, allow_unpinned: bool = False
) -> Pulled:
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


def endpoint() -> str | None:
    """The hub that HF_ENDPOINT names; None for the usual one."""
    return os.environ.get("HF_ENDPOINT") or None


def _pull(model: str, revision: str, cache: Path) -> Pulled:
    from huggingface_hub import HfApi, snapshot_download

    api = HfApi(endpoint=endpoint())
    commit = revision
    if not hub_files.is_commit(commit):
        commit = str(api.model_info(model, revision=revision or None).sha)
    listed = _listed(api, model, commit)
    folder = cache / f"models--{model.replace('/', '--')}"
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        missing = [file for file in listed if not _blob(folder, file).is_file()]
        size = sum(file.size_bytes for file in missing)
        check_space(
            folder, size - sum(_fetched_bytes(_blob(folder, file)) for file in missing), model
        )
        for file in missing:
            if file.sha256:
                _fetch_large(model, commit, file, folder)
        # What is small, and the links of the snapshot to what has just been fetched.
        place = Path(
            snapshot_download(
                model,
                revision=commit if revision == commit else revision or None,
                cache_dir=cache,
                allow_patterns=[_literal(file.path) for file in listed],
                endpoint=endpoint(),
            )
        )
        lock = _checked(model, commit, listed, place, folder)
    return Pulled(place, lock, size)


def _literal(path: str) -> str:
    """A pattern that only ``path`` matches."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)


def _listed(api: Any, model: str, commit: str) -> list[HubFile]:
    from huggingface_hub.hf_api import RepoFile

    listed = [
        HubFile(
            path=item.path,
            size_bytes=item.lfs.size if item.lfs else item.size,
            sha256=item.lfs.sha256 if item.lfs else "",
            git_blob="" if item.lfs else item.blob_id,
        )
        for item in api.list_repo_tree(model, revision=commit, recursive=True)
        if isinstance(item, RepoFile)
    ]
    needed = [file for file in listed if hub_files.is_needed(file.path)]
    for file in needed:
        if not _DIGEST.fullmatch(file.blob_name):  # it becomes a file name
            raise PullError(f"the hub names {file.blob_name!r:.80} as the checksum of {file.path}.")
    if not any(file.path.endswith(".safetensors") for file in needed):
        pickled = [file.path for file in listed if file.path.endswith((".bin", ".pt", ".pth"))]
        only = f"only {pickled[0]}, which can run code when loaded" if pickled else "none"
        raise PullError(
            f"{model} @ {commit[:12]} has no safetensors weights ({only}). Choose a revision or a "
            "repository that has them."
        )
    return needed


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold a repository's folder against a second pull."""
    with (folder / ".ppcr-pull").open("w") as file:
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


def _fetch_large(model: str, commit: str, file: HubFile, folder: Path) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    utils: Any = importlib.import_module("huggingface_hub.utils")  # its types leave this out
    url = hf_hub_url(model, file.path, revision=commit, endpoint=endpoint())
    path = _blob(folder, file)
    while True:
        headers, before = utils.build_hf_headers(), _fetched_bytes(path)
        # Where the hub keeps the content; a token is for the hub alone.
        location = get_hf_file_metadata(url, headers=headers, endpoint=endpoint()).location
        if _host(location) != _host(url):
            headers = {k: value for k, value in headers.items() if k.lower() != "authorization"}
        try:
            fetch(location, path, file.size_bytes, file.sha256, file.path, headers=headers)
        except HfHubHTTPError as error:
            # The address is signed for an hour or so, which a slow link outlasts.
            expired = error.response.status_code in (401, 403, 410)
            if not expired or _fetched_bytes(path) <= before:
                raise
        else:
            return


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).netloc


def fetch(
    url: str,
    path: Path,
    size_bytes: int,
    sha256: str,
    label: str,
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Fetch a file of known size and SHA-256 to ``path``, from where the last try ended.

    ``path`` appears only when its content is right. Shows a progress bar.

    Raises:
        ChecksumError: when the content is not right; what was fetched is deleted.
        Exception: what the HTTP library raises; what was fetched is kept.
    """
    from huggingface_hub.file_download import http_get

    part = _part_of(path)
    with part.open("r+b" if part.exists() else "w+b") as file:
        start = file.seek(0, os.SEEK_END)
        if start > size_bytes:
            file.truncate(0)
            start = file.seek(0)
        if start < size_bytes:
            http_get(
                url,
                file,
                resume_size=start,
                headers=dict(headers or {}),
                expected_size=size_bytes,
                displayed_filename=label,
            )
    with Hashing(f"checking {label}", size_bytes) as hashing:
        found = hashing.sha256(part)
    if found != sha256:
        part.unlink()
        raise ChecksumError(
            f"{label} does not have the published checksum: sha256 {found[:16]}..., expected "
            f"{sha256[:16]}.... It was deleted. Pull again; if this repeats, something between "
            "here and the publisher changes files."
        )
    part.replace(path)


def _checked(model: str, commit: str, listed: Sequence[HubFile], place: Path, folder: Path) -> Lock:
    """Compare every file with the hub's listing, then record them all."""
    lock = record(place, model, commit)
    with Hashing(f"checking {model}", 0) as hashing:
        for file in listed:
            found = lock.files.get(file.path)
            if found is None:
                raise PullError(f"{file.path} of {model} was not fetched. Pull again.")
            digest = hashing.git_blob(place / file.path) if file.git_blob else found.sha256
            if digest != file.blob_name:
                _blob(folder, file).unlink(missing_ok=True)
                (place / file.path).unlink(missing_ok=True)
                raise ChecksumError(
                    f"{file.path} of {model} is not what the hub has published: {digest[:16]}..., "
                    f"expected {file.blob_name[:16]}.... It was deleted; pull again."
                )
    earlier = read_lock(lock_path(place))
    if earlier is None or earlier.files != lock.files:
        write_lock(lock, lock_path(place))
    return lock


def pull_checkpoint(path: Path) -> Pulled:
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
            fetched = size
            check_space(path.parent, size - _fetched_bytes(path), path.name)
            url = f"{hub_files.SEGMENT_ANYTHING_URL}/{path.name}"
            fetch(url, path, size, sha256, path.name)
        lock = record(path, path.name, "")
        if lock.files[path.name].sha256 != sha256:
            raise ChecksumError(
                f"{path} is not the published {path.name}: its sha256 differs. Move it away and "
                "pull again, or give a checkpoint of your own another name."
            )
        write_lock(lock, lock_path(path))
    return Pulled(path, lock, fetched)
