"""The record of a model's files, and what is said of every file that is no longer the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ppcr_ros.weights.errors import LockError
from ppcr_ros.weights.lock import (
    differences,
    lock_path,
    read_lock,
    record,
    sizes_differ,
    write_lock,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of one's own with a recorded state."""
    place = tmp_path / "model"
    (place / "prompt_adapter").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "prompt_adapter/config.json"):
        (place / name).write_text(f"content of {name}")
    write_lock(record(place, "mine", ""), lock_path(place))
    return place


def told(place: Path) -> dict[str, str]:
    lock = read_lock(lock_path(place))
    assert lock is not None
    return {str(item.path.relative_to(place)): item.what for item in differences(place, lock)}


def test_unchanged_files_are_right_and_the_lock_is_none_of_them(folder: Path) -> None:
    assert told(folder) == {}
    lock = read_lock(folder / "models.lock.json")
    assert lock is not None
    assert sorted(lock.files) == ["config.json", "model.safetensors", "prompt_adapter/config.json"]
    assert not sizes_differ(folder, lock)


def test_every_difference_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("CONTENT of config.json")  # of the same length
    (folder / "model.safetensors").write_text("short")
    (folder / "prompt_adapter" / "config.json").unlink()
    (folder / "adapter_config.json").write_text("{}")
    found = told(folder)
    assert found["config.json"].startswith("changed: sha256 ")
    assert found["model.safetensors"] == "changed: 5 bytes, expected 28"
    assert found["prompt_adapter/config.json"] == "missing"
    assert found["adapter_config.json"] == "added since it was recorded"
    assert len(found) == 4


def test_a_change_that_keeps_the_length_needs_verify_to_be_seen(folder: Path) -> None:
    lock = read_lock(lock_path(folder))
    assert lock is not None
    (folder / "config.json").write_text("CONTENT of config.json")
    assert not sizes_differ(folder, lock)
    (folder / "config.json").unlink()
    assert sizes_differ(folder, lock)


def test_one_checkpoint_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(b"weights")
    (tmp_path / "other.pth").write_bytes(b"not of this model")
    write_lock(record(path, str(path), ""), lock_path(path))
    lock = read_lock(tmp_path / "mine.pth.lock.json")
    assert lock is not None
    assert differences(path, lock) == []
    path.write_bytes(b"WEIGHTS")
    assert [item.path for item in differences(path, lock)] == [path]


def test_a_snapshot_whose_content_is_gone(tmp_path: Path) -> None:
    place = tmp_path / "models--a--b" / "snapshots" / ("0" * 40)
    place.mkdir(parents=True)
    blob = tmp_path / "models--a--b" / "blob"
    blob.write_text("weights")
    (place / "model.safetensors").symlink_to(blob)
    lock = record(place, "a/b", "0" * 40)
    assert lock_path(place) == tmp_path / "models--a--b" / f"ppcr-lock-{'0' * 40}.json"
    blob.unlink()
    assert [item.what for item in differences(place, lock)] == ["missing"]


def test_no_lock_is_none(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "models.lock.json") is None


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"version": 2}', '{"version": 1, "model": "a", "files": 3}']
)
def test_what_is_no_lock_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "models.lock.json"
    path.write_text(text)
    with pytest.raises(LockError, match=r"is no lock file of this version"):
        read_lock(path)


def test_nothing_to_record(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="there is no file"):
        record(tmp_path, "mine", "")


def test_a_lock_that_cannot_be_written_leaves_nothing_behind(folder: Path) -> None:
    lock = read_lock(lock_path(folder))
    assert lock is not None
    with pytest.raises(LockError, match="cannot be written"):
        write_lock(lock, folder / "config.json" / "models.lock.json")
    assert json.loads(lock_path(folder).read_text())["version"] == 1
