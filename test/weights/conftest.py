"""A hub on this machine: as much of the Hugging Face hub's API as its client needs for a pull."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "ppcr-test/tiny"
LFS_SUFFIXES = (".safetensors", ".bin")


@dataclass
class FakeHub:
    """The model `MODEL` at `COMMIT`, and how to misbehave.

    Attributes:
        files: what it serves, by path.
        requests: method, path and Range header of each request, in order.
        tokens: path and Authorization header of each request, in order.
        sent_bytes: how much of each file's content went out.
        break_after: close the connection after so many bytes of the next file in LFS.
        then_fail: answer with this status once the connection was broken.
        then_expire: refuse the next request for the content once the connection was broken.
        refusal: status and X-Error-Code with which every request for the repository is refused.
        tamper: serve other content of the same length for this path.
        ranges: whether Range headers are honoured.
    """

    files: dict[str, bytes]
    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)
    sent_bytes: dict[str, int] = field(default_factory=dict)
    break_after: int | None = None
    then_fail: int | None = None
    then_expire: bool = False
    refusal: tuple[int, str] | None = None
    tamper: str = ""
    ranges: bool = True

    def content(self, path: str) -> bytes:
        data = self.files[path]
        return bytes(byte ^ 1 for byte in data) if path == self.tamper else data

    def listing(self) -> list[dict[str, Any]]:
        return [self.entry(path, data) for path, data in self.files.items()]

    def entry(self, path: str, data: bytes) -> dict[str, Any]:
        entry = {"type": "file", "path": path, "size": len(data), "oid": git_blob(data)}
        if path.endswith(LFS_SUFFIXES):
            lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            return {**entry, "lfs": lfs}
        return entry

    def fetched(self, path: str) -> list[str]:
        """The Range headers of the GET requests for the content of ``path``."""
        content = f"/{hashlib.sha256(self.files[path]).hexdigest()}"
        return [
            asked
            for method, place, asked in self.requests
            if method == "GET" and place.endswith(content if path.endswith(LFS_SUFFIXES) else path)
        ]


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            hub.requests.append((self.command, path, self.headers.get("Range", "")))
            hub.tokens.append((path, self.headers.get("Authorization", "")))
            if path.startswith("/cdn/"):
                self._lfs(path.rpartition("/")[2], body=body)
            elif hub.refusal is not None:
                status, code = hub.refusal
                self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})
            elif path.startswith(f"/api/models/{MODEL}/tree/"):
                if path.rpartition("/")[2] != COMMIT:
                    self._no_revision()
                else:
                    self._send(200, json.dumps(hub.listing()).encode())
            elif path.startswith(f"/api/models/{MODEL}"):
                info = {"id": MODEL, "sha": COMMIT, "siblings": [], "gated": False}
                self._send(200, json.dumps(info).encode())
            elif match := re.fullmatch(rf"/{MODEL}/resolve/(\w+)/(.+)", path):
                self._resolve(match[2], body=body)
            else:
                self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

        def _no_revision(self) -> None:
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})

        def _resolve(self, name: str, *, body: bool) -> None:
            if name not in hub.files:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body=body)
                return
            data, entry = hub.content(name), hub.entry(name, hub.files[name])
            headers = {"X-Repo-Commit": COMMIT}
            if "lfs" in entry:
                headers["X-Linked-Etag"] = f'"{entry["lfs"]["oid"]}"'
                headers["X-Linked-Size"] = str(len(data))
                # As there, the content lies with another host, to which no token may go.
                elsewhere = hub.url.replace("127.0.0.1", "localhost")
                headers["Location"] = f"{elsewhere}/cdn/{entry['lfs']['oid']}"
                self._send(302, b"", headers, body=body)
                return
            self._send(200, data, {**headers, "ETag": f'"{entry["oid"]}"'}, body=body)

        def _lfs(self, sha256: str, *, body: bool) -> None:
            name = next(
                path for path in hub.files
                if hashlib.sha256(hub.files[path]).hexdigest() == sha256
            )  # fmt: skip
            data, status, headers = hub.content(name), 200, {"ETag": f'"{sha256}"'}
            if body and hub.break_after is None and hub.then_fail is not None:
                self._send(hub.then_fail, b"")
                return
            if body and hub.break_after is None and hub.then_expire:
                hub.then_expire = False
                self._send(403, b"")
                return
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked and hub.ranges:
                start = int(asked[1])
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
                data, status = data[start:], 206
            if body and hub.break_after is not None:
                self._broken(name, data, status, headers)
                return
            hub.sent_bytes[name] = hub.sent_bytes.get(name, 0) + len(data) * body
            self._send(status, data, headers, body=body)

        def _broken(self, name: str, data: bytes, status: int, headers: dict[str, str]) -> None:
            part, hub.break_after = data[: hub.break_after], None
            hub.sent_bytes[name] = hub.sent_bytes.get(name, 0) + len(part)
            self._head(status, len(data), headers)
            self.wfile.write(part)
            self.wfile.flush()
            self.close_connection = True

        def _send(
            self, status: int, data: bytes, headers: dict[str, str] | None = None, body: bool = True
        ) -> None:
            self._head(status, len(data), headers or {})
            if body and self.command != "HEAD":
                self.wfile.write(data)

        def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()

    return Handler


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[FakeHub], FakeHub]]:
    """Puts a `FakeHub` on a free port of this machine and makes it the hub."""
    servers = []

    def start(hub: FakeHub) -> FakeHub:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        return hub

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache that is this process' own; no token, no proxy."""
    folder = tmp_path / "cache" / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    for name in ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return folder


def safetensors(count: int = 50_000, seed: int = 0) -> bytes:
    """A whole safetensors file with one random tensor of ``count`` float32."""
    data = np.random.default_rng(seed).random(count, np.float32).tobytes()
    header = {"weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, len(data)]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def small_files() -> dict[str, bytes]:
    """The files of a repository that has more than is needed."""
    return {
        "config.json": b'{"model_type": "qwen3_vl"}',
        "tokenizer.json": b'{"version": "1.0"}',
        "chat_template.jinja": b"{{ messages }}",
        "model.safetensors": safetensors(),
        "pytorch_model.bin": b"a pickle that nobody should fetch",
        "modeling_tiny.py": b"raise SystemExit('code of a checkpoint was run')",
        "onnx/model.json": b"{}",
        "README.md": b"# tiny",
    }


@pytest.fixture
def hub(serve: Callable[[FakeHub], FakeHub], cache: Path) -> FakeHub:
    """A hub with `small_files`, and an empty cache."""
    return serve(FakeHub(small_files()))
