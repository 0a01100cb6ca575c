"""A hub that must not be believed: each of its answers ends in an error by name, within a bound."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.weights import download, hub, transfer
from ppcr_ros.weights.errors import PullError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "ppcr-test/tiny"
WEIGHTS = "model.safetensors"
SIZE = 5_000
ENTRY = {"type": "file", "path": WEIGHTS, "size": SIZE, "oid": "0" * 40,
         "lfs": {"oid": "0" * 64, "size": SIZE, "pointerSize": 134}}  # fmt: skip


@dataclass
class Stranger:
    """A server on this machine that answers as it is told to.

    Attributes:
        listing: the entries that it lists.
        answer: writes the answer to a request for the listing or for content, by its path.
        asked: the paths of the requests, in order.
    """

    listing: list[Any] = field(default_factory=lambda: [dict(ENTRY)])
    answer: Callable[[BaseHTTPRequestHandler, str], bool] = lambda handler, path: False
    asked: list[str] = field(default_factory=list)
    url: str = ""


def say(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> bool:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    return True


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Stranger]:
    monkeypatch.setattr(transfer, "PAUSE_SEC", 0.0)
    told = Stranger()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            told.asked.append(self.path)
            try:
                if told.answer(self, self.path):
                    return
                if "/tree/" in self.path:
                    say(self, 200, json.dumps(told.listing).encode())
                else:
                    say(self, 200, bytes(SIZE))
            except OSError:  # the client has seen enough
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", told.url)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def refused(told: str, *, within_sec: float = 30.0, revision: str = COMMIT) -> PullError:
    begun = time.monotonic()
    with pytest.raises(PullError, match=told) as raised:
        download.pull(MODEL, revision, allow_unpinned=True)
    assert time.monotonic() - begun < within_sec
    return raised.value


def stored(cache: Path) -> list[Path]:
    """All files below ``cache``, but for the lock of a pull."""
    return [path for path in cache.rglob("*") if path.is_file() and path.name != ".ppcr-pull"]


@pytest.mark.parametrize(
    "path",
    [
        "../../../outside.json", "/etc/ppcr.json", "a/../../b.json", "a//b.json", "./a.json",
        "a\\b.json", "a\n.json", "\x1b[31m.json", "\ud800.json", f"{'x' * 250}.json",
        "x/" * 600 + "y.json", "", "a.json/", 7, None,
    ],
)  # fmt: skip
def test_a_listed_path_that_leads_elsewhere_is_refused_before_anything_is_written(
    stranger: Stranger, cache: Path, path: Any
) -> None:
    named = path if isinstance(path, str) and path.endswith(".json") else "a.json"
    stranger.listing += [{**ENTRY, "path": path, "lfs": None}, {**ENTRY, "path": named}]
    if path in ("", "a.json/", 7, None):  # no name of a file that loading needs
        stranger.listing[-2:] = [{**ENTRY, "path": "x.json"}, {**ENTRY, "path": "x.json"}]
    error = refused("the hub lists")
    assert "\x1b" not in str(error)
    assert not cache.exists()
    assert not any("/resolve/" in asked for asked in stranger.asked)


@pytest.mark.parametrize("size", [-1, 10**400, "5000", 5.5, None, True])
def test_a_listed_size_that_is_none(stranger: Stranger, cache: Path, size: Any) -> None:
    stranger.listing = [{**ENTRY, "lfs": {"oid": "0" * 64, "size": size}}]
    refused("as the size of model.safetensors")
    assert not cache.exists()


def test_a_file_that_is_a_folder_as_well(stranger: Stranger, cache: Path) -> None:
    stranger.listing += [{**ENTRY, "path": "a.json"}, {**ENTRY, "path": "a.json/b.json"}]
    refused("twice, or as a file and as a folder")
    assert not cache.exists()


@pytest.mark.parametrize("commit", ["../../../outside", "main", "0" * 39, 7, None])
def test_a_commit_that_is_none_never_becomes_a_folder(
    stranger: Stranger, cache: Path, commit: Any
) -> None:
    stranger.answer = lambda handler, path: (
        "/revision/" in path and say(handler, 200, json.dumps({"sha": commit}).encode())
    )
    refused("as the commit of ppcr-test/tiny", revision="main")
    assert not cache.exists()


def test_headers_do_not_decide_where_a_file_is_stored(stranger: Stranger, cache: Path) -> None:
    names = {"ETag": '"../../outside"', "X-Linked-Etag": '"../../outside"', "X-Repo-Commit": ".."}
    stranger.answer = lambda handler, path: (
        "/resolve/" in path and say(handler, 200, bytes(SIZE), **names)
    )
    refused("does not have the published checksum")
    assert stored(cache.parent) == []


@pytest.mark.parametrize("length", [True, False], ids=["Content-Length", "until it is closed"])
def test_a_body_ends_at_the_listed_size(stranger: Stranger, cache: Path, length: bool) -> None:
    sent = 0

    def pour(handler: BaseHTTPRequestHandler, path: str) -> bool:
        nonlocal sent
        if "/resolve/" not in path:
            return False
        handler.send_response(200)
        if length:
            handler.send_header("Content-Length", str(1000 * SIZE))
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(bytes(SIZE))
            sent += SIZE
        return True

    stranger.answer = pour
    refused("sends more than the .* of model.safetensors .* that were listed")
    (part,) = stored(cache)
    assert part.stat().st_size == SIZE


def test_a_packed_body_is_refused_before_it_is_unpacked(stranger: Stranger, cache: Path) -> None:
    packed = gzip.compress(bytes(50_000_000))
    stranger.answer = lambda handler, path: (
        "/resolve/" in path and say(handler, 200, packed, Content_Encoding="gzip")
    )
    refused("packed .'gzip'., which was not asked for")
    assert sum(path.stat().st_size for path in stored(cache)) == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_of_a_day_is_not_waited(stranger: Stranger, status: int) -> None:
    stranger.answer = lambda handler, _: say(handler, status, b"", Retry_After="86400")
    refused(rf"asks to wait 86400 s more \(HTTP {status}\); at most 60 s are waited")


def test_a_hub_that_always_asks_for_a_little_more(stranger: Stranger) -> None:
    stranger.answer = lambda handler, _: say(handler, 429, b"", Retry_After="0")
    refused("asks to wait 0 s more")
    assert len(stranger.asked) <= transfer.TRIES + 1


def test_a_short_wait_is_waited(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", waited.append)
    stranger.answer = lambda handler, _: (
        len(stranger.asked) == 1 and say(handler, 429, b"", Retry_After="7")
    )
    refused("does not have the published checksum")
    assert waited[0] == 7.0


@pytest.mark.parametrize("entries", [1, 0])
def test_a_listing_without_end(
    stranger: Stranger, cache: Path, monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    monkeypatch.setattr(hub, "MOST_PAGES", 20)
    body = json.dumps(stranger.listing * entries).encode()
    link = f'<{stranger.url}/api/models/{MODEL}/tree/{COMMIT}?cursor=x>; rel="next"'
    stranger.answer = lambda handler, _: say(handler, 200, body, Link=link)
    refused("does not end")
    assert len(stranger.asked) == 20
    assert not cache.exists()


def test_a_page_without_end(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PAGE_BYTES", 10_000)
    stranger.answer = lambda handler, _: say(handler, 200, b"[" + b" " * 20_000 + b"]")
    refused("sends more than the .* of the listing")


def test_more_entries_than_any_repository_has(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MOST_FILES", 10)
    stranger.listing *= 11
    refused("does not end: 11 entries")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[" * 200_000, b'{"error": 1}', b"[1]", b"\xff\xfe"]
)
def test_a_listing_that_is_none(stranger: Stranger, cache: Path, body: bytes) -> None:
    stranger.answer = lambda handler, _: say(handler, 200, body)
    refused("is no JSON|expected the files of")
    assert not cache.exists()


def test_a_listing_that_goes_on_elsewhere(stranger: Stranger) -> None:
    link = '<http://localhost:9/next>; rel="next"'
    stranger.answer = lambda handler, _: say(handler, 200, b"[]", Link=link)
    refused("goes on with another host")


def test_a_body_that_trickles(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "SLOW_SEC", 0.5)
    over = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler, path: str) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(SIZE))
        handler.end_headers()
        while not over.wait(0.05):
            handler.wfile.write(b" ")
        return True

    stranger.answer = trickle
    refused("sends too slowly")
    over.set()


def test_a_head_that_trickles(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "HEAD_SEC", 0.5)
    over = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler, path: str) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not over.wait(0.05):
            handler.wfile.write(b"x")
        return True

    stranger.answer = trickle
    refused("does not answer within 0.5 s")
    over.set()


@pytest.mark.parametrize("to", ["/again", "ftp://127.0.0.1/x", "file:///etc/passwd", ""])
def test_a_redirect_that_leads_nowhere(stranger: Stranger, to: str) -> None:
    stranger.answer = lambda handler, _: say(handler, 302, b"", Location=to)
    refused("expected at most 5 redirects over http or https")


def test_a_connection_that_breaks_again_and_again(stranger: Stranger) -> None:
    def hang_up(handler: BaseHTTPRequestHandler, path: str) -> bool:
        if "/resolve/" not in path:
            return False
        handler.close_connection = True
        return True

    stranger.answer = hang_up
    refused("no connection to the hub: model.safetensors of ppcr-test/tiny broke off 5 times")


def test_another_part_than_was_asked_for(stranger: Stranger, cache: Path) -> None:
    def parts(handler: BaseHTTPRequestHandler, path: str) -> bool:
        if "/resolve/" not in path:
            return False
        if "Range" not in handler.headers:
            handler.send_response(200)
            handler.send_header("Content-Length", str(SIZE))
            handler.end_headers()
            handler.wfile.write(bytes(100))
            handler.close_connection = True
            return True
        return say(handler, 206, bytes(SIZE), Content_Range=f"bytes 0-{SIZE - 1}/{SIZE}")

    stranger.answer = parts
    refused("expected model.safetensors of ppcr-test/tiny from 100 on")


PAGE = b"\n<!DOCTYPE HTML><title>please log in</title>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 5000\n"


@pytest.mark.parametrize(
    ("body", "told", "begun", "length"),
    [
        (PAGE, "comes a page of text, .* Open any page in a browser", 4_000, True),
        (PAGE, "comes a page of text, .*of unknown length", 4_000, False),
        (PAGE, "comes a page of text", 0, True),
        (PAGE, "comes a page of text", 0, False),
        (PAGE + bytes(SIZE), "comes a page of text", 0, True),
        (POINTER, "comes a pointer file of Git LFS .* to another mirror", 4_000, True),
        (POINTER, "comes a pointer file of Git LFS", 0, False),
        (bytes(9), "comes another file .9 bytes", 4_000, True),
        (bytes(9), "comes another file .9 bytes", 0, True),
        (bytes(9_000), "comes another file .9000 bytes", 4_000, True),
    ],
)
def test_another_file_takes_nothing_of_what_was_fetched(
    stranger: Stranger, cache: Path, body: bytes, told: str, begun: int, length: bool
) -> None:
    part = cache / "models--ppcr-test--tiny" / "blobs" / f"{'0' * 64}.ppcr.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"\x01" * begun)

    def another(handler: BaseHTTPRequestHandler, path: str) -> bool:
        if "/resolve/" not in path:
            return False
        handler.send_response(200)
        if length:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    stranger.answer = another
    error = refused(f"in place of model.safetensors of ppcr-test/tiny .5000 bytes. {told}")
    assert "no connection" not in str(error)
    assert "what was fetched before is kept" in str(error)
    assert part.read_bytes() == b"\x01" * begun
    assert len([asked for asked in stranger.asked if "/resolve/" in asked]) == 1
