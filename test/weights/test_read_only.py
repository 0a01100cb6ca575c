"""A cache that cannot be written, such as a disk that is mounted read-only."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.weights import download
from ppcr_ros.weights.errors import ChecksumError, PullError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "ppcr-test/tiny"
WEIGHTS = "model.safetensors"


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets nothing be written any more, as on a disk that is mounted so; also for root."""

    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    def start() -> None:
        opened = Path.open

        def opening(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            return (opened if mode in ("r", "rb") else refuse)(path, mode, *args, **kwargs)

        monkeypatch.setattr(Path, "open", opening)
        for name in ("unlink", "symlink_to", "write_text", "replace"):
            monkeypatch.setattr(Path, name, refuse)

    return start


def test_a_whole_model_that_cannot_be_written_is_checked_all_the_same(
    hub: Any, cache: Path, read_only: Callable[[], None]
) -> None:
    place = download.pull(MODEL, "", allow_unpinned=True).place
    read_only()
    again = download.pull(MODEL, "", allow_unpinned=True)
    assert (again.place, again.fetched_bytes) == (place, 0)


def test_what_lacks_in_a_cache_that_cannot_be_written(
    hub: Any, cache: Path, read_only: Callable[[], None]
) -> None:
    place = download.pull(MODEL, COMMIT).place
    (place / WEIGHTS).resolve().unlink()
    read_only()
    told = r"ppcr-test--tiny/.* cannot be written: Read-only file system\. .*--into"
    with pytest.raises(PullError, match=told) as raised:
        download.pull(MODEL, COMMIT)
    assert "it resumes" not in str(raised.value)


def test_what_is_damaged_in_a_cache_that_cannot_be_written(
    hub: Any, cache: Path, read_only: Callable[[], None]
) -> None:
    place = download.pull(MODEL, COMMIT).place
    (place / "config.json").resolve().write_bytes(b"{}")
    read_only()
    with pytest.raises(ChecksumError, match=r"config\.json .* cannot be deleted: Read-only file"):
        download.pull(MODEL, COMMIT)
