"""Fetching from a hub on this machine: what is fetched, checked, resumed and refused."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ppcr_ros.weights import download, transfer
from ppcr_ros.weights.errors import ChecksumError, PullError
from ppcr_ros.weights.lock import lock_path, read_lock

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "ppcr-test/tiny"
WEIGHTS = "model.safetensors"
NEEDED = {"config.json", "tokenizer.json", "chat_template.jinja", WEIGHTS}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSE_SEC", 0.0)


def pulled_names(place: Path) -> set[str]:
    return {path.name for path in place.rglob("*") if path.is_file()}


def test_only_what_loading_needs_is_fetched(hub: Any, cache: Path) -> None:
    pulled = download.pull(MODEL, COMMIT)
    assert pulled.place == cache / "models--ppcr-test--tiny" / "snapshots" / COMMIT
    assert pulled_names(pulled.place) == NEEDED
    assert (pulled.place / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    asked = " ".join(path for _, path, _ in hub.requests)
    assert ".bin" not in asked
    assert ".py" not in asked
    assert "onnx" not in asked
    assert hub.fetched("pytorch_model.bin") == []


def test_every_file_is_recorded_with_its_checksum(hub: Any, cache: Path) -> None:
    pulled = download.pull(MODEL, COMMIT)
    lock = read_lock(lock_path(pulled.place))
    assert lock is not None
    assert (lock.model, lock.revision) == (MODEL, COMMIT)
    assert {name: item.sha256 for name, item in lock.files.items()} == {
        name: hashlib.sha256(hub.files[name]).hexdigest() for name in NEEDED
    }
    assert lock.size_bytes == sum(len(hub.files[name]) for name in NEEDED)
    # Beside the snapshot, so that a copy of the model's folder takes it along.
    assert lock_path(pulled.place).parent == cache / "models--ppcr-test--tiny"


def test_a_second_pull_fetches_nothing(hub: Any, cache: Path) -> None:
    first = download.pull(MODEL, COMMIT)
    written = lock_path(first.place).read_text()
    hub.sent_bytes.clear()
    again = download.pull(MODEL, COMMIT)
    assert (first.fetched_bytes > 0, again.fetched_bytes) == (True, 0)
    assert hub.sent_bytes == {}
    assert lock_path(first.place).read_text() == written


def test_another_cache_folder(hub: Any, cache: Path, tmp_path: Path) -> None:
    pulled = download.pull(MODEL, COMMIT, cache=tmp_path / "stick")
    assert pulled.place.is_relative_to(tmp_path / "stick")
    assert not cache.exists()


@pytest.mark.parametrize("revision", ["", "main", "v1.0", COMMIT[:12], COMMIT.upper()])
def test_a_revision_that_can_move_is_refused_before_anything_is_asked(
    hub: Any, cache: Path, revision: str
) -> None:
    with pytest.raises(PullError, match=r"is not pinned.*--allow-unpinned"):
        download.pull(MODEL, revision)
    assert hub.requests == []


def test_the_newest_can_be_had_on_request_and_is_found_again(hub: Any, cache: Path) -> None:
    pulled = download.pull(MODEL, "", allow_unpinned=True)
    assert pulled.place.name == pulled.lock.revision == COMMIT
    assert (cache / "models--ppcr-test--tiny" / "refs" / "main").read_text() == COMMIT


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub: Any, cache: Path) -> None:
    hub.break_after = 70_000
    pulled = download.pull(MODEL, COMMIT)
    assert hub.fetched(WEIGHTS) == ["", "bytes=70000-"]
    assert hub.sent_bytes[WEIGHTS] == len(hub.files[WEIGHTS])
    assert (pulled.place / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_pull_that_was_broken_off_is_resumed_by_the_next_one(hub: Any, cache: Path) -> None:
    hub.break_after, hub.then_fail = 70_000, 503
    with pytest.raises(PullError, match=r"HTTP 503\).*Pull again: it resumes"):
        download.pull(MODEL, COMMIT)
    blobs = cache / "models--ppcr-test--tiny" / "blobs"
    (part,) = blobs.glob("*.incomplete")
    assert part.read_bytes() == hub.files[WEIGHTS][:70_000]
    hub.then_fail = None
    hub.requests.clear()
    pulled = download.pull(MODEL, COMMIT)
    assert hub.fetched(WEIGHTS) == ["bytes=70000-"]
    assert hub.sent_bytes[WEIGHTS] == len(hub.files[WEIGHTS])  # no byte twice
    assert pulled.fetched_bytes == len(hub.files[WEIGHTS]) - 70_000
    assert (pulled.place / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert not list(blobs.glob("*.incomplete"))


def test_an_address_that_expires_on_the_way_is_asked_for_again(hub: Any, cache: Path) -> None:
    hub.break_after, hub.then_expire = 70_000, True
    pulled = download.pull(MODEL, COMMIT)
    assert hub.sent_bytes[WEIGHTS] == len(hub.files[WEIGHTS])
    assert (pulled.place / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_checksum_that_is_none_never_becomes_a_file_name(
    hub: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = hub.listing()
    next(item for item in listing if item["path"] == WEIGHTS)["lfs"]["oid"] = "../../outside"
    monkeypatch.setattr(hub, "listing", lambda: listing)
    with pytest.raises(PullError, match=r"names '\.\./\.\./outside' as the checksum"):
        download.pull(MODEL, COMMIT)


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(hub: Any, cache: Path) -> None:
    hub.break_after, hub.ranges = 70_000, False
    pulled = download.pull(MODEL, COMMIT)
    assert (pulled.place / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_weights_that_are_not_the_published_ones_never_enter_the_cache(
    hub: Any, cache: Path
) -> None:
    hub.tamper = WEIGHTS
    with pytest.raises(ChecksumError, match=r"model\.safetensors of .* does not have the"):
        download.pull(MODEL, COMMIT)
    sha256 = hashlib.sha256(hub.files[WEIGHTS]).hexdigest()
    blobs = cache / "models--ppcr-test--tiny" / "blobs"
    assert not (blobs / sha256).exists()
    assert not list(blobs.glob("*.incomplete"))
    hub.tamper = ""
    assert (download.pull(MODEL, COMMIT).place / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_small_file_that_is_not_the_published_one_is_noticed_and_deleted(
    hub: Any, cache: Path
) -> None:
    hub.tamper = "tokenizer.json"
    with pytest.raises(ChecksumError, match=r"tokenizer\.json of .* does not have the published"):
        download.pull(MODEL, COMMIT)
    assert not list(cache.rglob("tokenizer.json"))
    hub.tamper = ""
    place = download.pull(MODEL, COMMIT).place
    assert (place / "tokenizer.json").read_bytes() == hub.files["tokenizer.json"]


def test_a_file_that_was_damaged_in_the_cache_is_noticed_and_fetched_anew(
    hub: Any, cache: Path
) -> None:
    place = download.pull(MODEL, COMMIT).place
    content = bytearray((place / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (place / WEIGHTS).resolve().write_bytes(content)
    with pytest.raises(ChecksumError, match="deleted; pull again"):
        download.pull(MODEL, COMMIT)
    place = download.pull(MODEL, COMMIT).place
    assert (place / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_too_little_space_is_said_before_anything_is_fetched(
    hub: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(free=download.SPARE_BYTES + 100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(PullError, match=r"needs 0\.2 MB more, and 200\.1 MB are free.*--into"):
        download.pull(MODEL, COMMIT)
    assert hub.sent_bytes == {}


def test_what_is_there_already_needs_no_space(
    hub: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download.pull(MODEL, COMMIT)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    assert download.pull(MODEL, COMMIT).fetched_bytes == 0


def test_a_disk_that_fills_up_meanwhile(
    hub: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(transfer, "fetch_into", full)
    with pytest.raises(PullError, match=r"the disk is full.*--into.*it resumes"):
        download.pull(MODEL, COMMIT)


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "GatedRepo", r"is gated: accept its licence at https://.*hf auth login.*HF_TOKEN"),
        (401, "GatedRepo", r"is gated: accept its licence"),
        (401, "RepoNotFound", r"knows no model ppcr-test/tiny, or it is private.*HF_TOKEN"),
        (404, "RevisionNotFound", r"has no revision 0123456789.*Copy the 40 digits"),
        (403, "", r"refuses .*HTTP 403.*HF_TOKEN"),
        (502, "", r"the hub failed .*HTTP 502"),
    ],
)
def test_what_the_hub_refuses(hub: Any, cache: Path, status: int, code: str, told: str) -> None:
    hub.refusal = (status, code)
    with pytest.raises(PullError, match=told):
        download.pull(MODEL, COMMIT)


def test_no_hub_at_all(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(PullError, match=r"no connection to the hub.*Check the network"):
        download.pull(MODEL, COMMIT)


def test_a_repository_with_pickled_weights_only(hub: Any, cache: Path) -> None:
    del hub.files[WEIGHTS]
    with pytest.raises(PullError, match=r"only pytorch_model\.bin, which can run code"):
        download.pull(MODEL, COMMIT)
    assert hub.sent_bytes == {}


SHARDS = tuple(f"model-0000{number}-of-00002.safetensors" for number in (1, 2))
INDEX = "model.safetensors.index.json"


def shard(hub: Any, *listed: str, index: bytes | None = None) -> None:
    """Let the hub's weights lie in `SHARDS`, of which it has those that are ``listed``."""
    weights = hub.files.pop(WEIGHTS)
    hub.files |= dict.fromkeys(listed, weights)
    named = {"weight_map": {"a": SHARDS[0], "b": SHARDS[1], "c": SHARDS[0]}}
    hub.files[INDEX] = json.dumps(named).encode() if index is None else index


def test_weights_in_several_files(hub: Any, cache: Path) -> None:
    shard(hub, *SHARDS)
    assert {*SHARDS, INDEX} <= pulled_names(download.pull(MODEL, COMMIT).place)


def test_weights_of_which_the_hub_lacks_a_file_are_refused_by_its_name(
    hub: Any, cache: Path
) -> None:
    shard(hub, SHARDS[0])
    for _ in range(2):
        with pytest.raises(PullError, match=rf"{INDEX} of .* names '{SHARDS[1]}'.*\(1 of 2 files"):
            download.pull(MODEL, COMMIT)
    assert hub.fetched(SHARDS[0]) == [], "it is seen before the weights are fetched"


@pytest.mark.parametrize("index", [b"<html>", b"[]", b"{}", b'{"weight_map": [1]}'])
def test_an_index_that_is_none(hub: Any, cache: Path, index: bytes) -> None:
    shard(hub, *SHARDS, index=index)
    with pytest.raises(PullError, match=rf"{INDEX} of .* cannot be used.*expected a `weight_map`"):
        download.pull(MODEL, COMMIT)


def test_an_index_that_was_damaged_in_the_cache_is_noticed_and_fetched_anew(
    hub: Any, cache: Path
) -> None:
    shard(hub, *SHARDS)
    (download.pull(MODEL, COMMIT).place / INDEX).resolve().write_bytes(b"{")
    with pytest.raises(ChecksumError, match="deleted; pull again"):
        download.pull(MODEL, COMMIT)
    assert (download.pull(MODEL, COMMIT).place / INDEX).read_bytes() == hub.files[INDEX]


def test_two_pulls_at_once(hub: Any, cache: Path) -> None:
    folder = cache / "models--ppcr-test--tiny"
    folder.mkdir(parents=True)
    with (
        download.only_one_pull(folder),
        pytest.raises(PullError, match="another pull is at work"),
    ):
        download.pull(MODEL, COMMIT)


def test_a_token_goes_to_the_hub_and_to_nobody_else(
    hub: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    download.pull(MODEL, COMMIT)
    content = [token for path, token in hub.tokens if path.startswith("/cdn/")]
    assert content == [""]
    assert {token for path, token in hub.tokens if not path.startswith("/cdn/")} == {
        "Bearer hf_secret"
    }


@pytest.fixture
def published(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published checkpoint that the hub on this machine serves; the place to put it."""
    data = hub.files[WEIGHTS]
    known = {"sam_vit_b_01ec64.pth": (len(data), hashlib.sha256(data).hexdigest())}
    monkeypatch.setattr(download.hub_files, "PUBLISHED_CHECKPOINTS", known)
    url = f"{hub.url}/cdn/{hashlib.sha256(data).hexdigest()}?file="
    monkeypatch.setattr(download.hub_files, "SEGMENT_ANYTHING_URL", url)
    return tmp_path / "models" / "sam_vit_b_01ec64.pth"


def test_a_published_checkpoint_is_fetched_to_its_place(hub: Any, published: Path) -> None:
    pulled = download.pull_checkpoint(published)
    assert published.read_bytes() == hub.files[WEIGHTS]
    lock = json.loads(lock_path(published).read_text())
    assert lock["files"][published.name]["size_bytes"] == pulled.fetched_bytes
    assert download.pull_checkpoint(published).fetched_bytes == 0


def test_a_published_checkpoint_is_resumed(hub: Any, published: Path) -> None:
    hub.break_after, hub.then_fail = 50_000, 500
    with pytest.raises(PullError, match="HTTP 500"):
        download.pull_checkpoint(published)
    assert not published.exists()
    hub.then_fail = None
    download.pull_checkpoint(published)
    assert hub.sent_bytes[WEIGHTS] == len(hub.files[WEIGHTS])


def test_another_file_under_a_published_name_is_refused(published: Path) -> None:
    published.parent.mkdir()
    published.write_bytes(b"not it")
    with pytest.raises(ChecksumError, match=r"is not the published sam_vit_b_01ec64\.pth"):
        download.pull_checkpoint(published)
    assert published.read_bytes() == b"not it"


def test_a_checkpoint_that_nobody_publishes(hub: Any, tmp_path: Path) -> None:
    with pytest.raises(PullError, match=r"nobody publishes .*sam_vit_h_4b8939\.pth"):
        download.pull_checkpoint(tmp_path / "mine.pth")
