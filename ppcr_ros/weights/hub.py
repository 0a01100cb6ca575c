"""Listings of a hub about a model's files; names become paths here, and sizes limits."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ppcr_ros.weights import files as hub_files
from ppcr_ros.weights import transfer
from ppcr_ros.weights.errors import PullError

MOST_FILES, MOST_PAGES, PAGE_BYTES = 20_000, 100, 20_000_000
"""Of a listing: the largest repositories have some thousand files, a thousand on a page."""
LONGEST_NAME, LONGEST_PATH = 200, 1_000
"""In bytes; file systems take 255 and 4096."""
LARGEST_FILE_BYTES = 10**13

_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MODEL = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


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


class Hub:
    """The hub that HF_ENDPOINT names, or the usual one, asked about one model.

    Raises:
        PullError: when ``model`` cannot be a model's name there.
        OfflineModeIsEnabled: where HF_HUB_OFFLINE is set.
    """

    def __init__(self, model: str) -> None:
        from huggingface_hub import constants
        from huggingface_hub.errors import OfflineModeIsEnabled

        if constants.HF_HUB_OFFLINE:
            raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
        if not _MODEL.fullmatch(model) or ".." in model:
            raise PullError(f"{model!r:.120} is no model's name; expected owner/name.")
        self._model = model
        self._url = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        # Its types leave this out.
        utils: Any = importlib.import_module("huggingface_hub.utils")
        self.headers: Mapping[str, str] = utils.build_hf_headers()
        """Of a request to the hub itself; the person's token is among them, where there is one."""

    def commit_of(self, revision: str) -> str:
        """The commit that a branch or tag is at this moment.

        Raises:
            PullError: when the hub names none, or ``revision`` cannot be a branch.
        """
        _checked_path(revision)
        url = f"{self._url}/api/models/{self._model}/revision/{quote(revision, safe='')}"
        document, _ = transfer.read_json(url, self.headers, PAGE_BYTES)
        commit = document.get("sha") if isinstance(document, dict) else None
        if not isinstance(commit, str) or not hub_files.is_commit(commit):
            raise PullError(f"the hub names {commit!r:.80} as the commit of {self._model}.")
        return commit

    def listed(self, commit: str) -> list[HubFile]:
        """The files that loading needs, each with a name, a size and a checksum that can be used.

        Raises:
            PullError: when one has none, when the listing does not end, or lists no safetensors.
        """
        entries = list(self._entries(commit))
        files = [item for item in entries if item.get("type") == "file"]
        paths = [str(item.get("path", "")) for item in files]
        needed = [_file(item) for item in files if hub_files.is_needed(str(item.get("path", "")))]
        _refuse_collisions(file.path for file in needed)
        if not any(file.path.endswith(".safetensors") for file in needed):
            pickled = [path for path in paths if path.endswith((".bin", ".pt", ".pth"))]
            only = f"only {pickled[0]}, which can run code when loaded" if pickled else "none"
            raise PullError(
                f"{self._model} @ {commit[:12]} has no safetensors weights ({only:.200}). Choose a "
                "revision or a repository that has them."
            )
        return needed

    def address_of(self, file: HubFile, commit: str) -> str:
        """Where the hub serves ``file``, or says who does."""
        return f"{self._url}/{self._model}/resolve/{commit}/{quote(file.path)}"

    def _entries(self, commit: str) -> Iterable[Mapping[str, Any]]:
        url = f"{self._url}/api/models/{self._model}/tree/{commit}?recursive=true&expand=false"
        count = 0
        for _ in range(MOST_PAGES):
            page, url = transfer.read_json(url, self.headers, PAGE_BYTES)
            if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
                raise PullError(f"the hub lists {page!r:.80}; expected the files of {self._model}.")
            count += len(page)
            if count > MOST_FILES:
                break
            yield from page
            if not url:
                return
        raise PullError(
            f"the listing of {self._model} does not end: {count} entries so far; expected at most "
            f"{MOST_FILES} on {MOST_PAGES} pages. Check HF_ENDPOINT and what lies between."
        )


def _file(item: Mapping[str, Any]) -> HubFile:
    """What an entry says of a file, once all of it is seen to be usable."""
    path = _checked_path(item.get("path"))
    lfs = item.get("lfs")
    size = lfs.get("size") if isinstance(lfs, dict) else item.get("size")
    digest = lfs.get("oid") if isinstance(lfs, dict) else item.get("oid")
    if type(size) is not int or not 0 <= size <= LARGEST_FILE_BYTES:
        raise PullError(f"the hub names {size!r:.40} as the size of {path}; expected bytes.")
    digits = 64 if isinstance(lfs, dict) else 40
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or len(digest) != digits:
        raise PullError(f"the hub names {digest!r:.80} as the checksum of {path}.")
    if isinstance(lfs, dict):
        return HubFile(path, size, sha256=digest, git_blob="")
    return HubFile(path, size, sha256="", git_blob=digest)


def _checked_path(path: Any) -> str:
    """``path``, where it can only lead to below the folder that it is put into."""
    parts = path.split("/") if isinstance(path, str) and path.isprintable() else []
    plain = all(_is_name(part) for part in parts)
    if not parts or not plain or len(path.encode()) > LONGEST_PATH:
        raise PullError(
            f"the hub lists {path!r:.120}; expected a path below the model's folder, of names of "
            f"at most {LONGEST_NAME} bytes. Nothing was fetched."
        )
    return str(path)


def _is_name(part: str) -> bool:
    return part not in ("", ".", "..") and "\\" not in part and len(part.encode()) <= LONGEST_NAME


def _refuse_collisions(paths: Iterable[str]) -> None:
    """See that no path comes twice, and none is a file and a folder."""
    seen: set[str] = set()
    for path in sorted(paths):
        parents = {path[:place] for place, sign in enumerate(path) if sign == "/"}
        if path in seen or parents & seen:
            raise PullError(f"the hub lists {path!r:.120} twice, or as a file and as a folder.")
        seen.add(path)
