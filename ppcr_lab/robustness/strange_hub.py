"""A hub on this machine that answers as no hub should, drawn at random."""

from __future__ import annotations

import gzip
import json
import random
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "ppcr-test/tiny"
SIZE = 3_000
_PATHS: tuple[Any, ...] = (
    "../../../outside.json", "/etc/ppcr.json", "a/../../b.json", "a\\b.json", "\x1b[31m.json",
    "x" * 250 + ".json", "x/" * 600 + "y.json", "", 7, None, "model.safetensors", "a.json/b.json",
)  # fmt: skip
_SIZES: tuple[Any, ...] = (-1, 10**300, "3000", 2.5, None, True, 10**15)
_DIGESTS: tuple[Any, ...] = ("../../outside", "0" * 63, "", None, 7, "G" * 64)
_STATUSES = (301, 302, 308, 400, 401, 403, 404, 416, 429, 500, 503)
_HEADERS = {
    "ETag": '"../../outside"',
    "X-Repo-Commit": "../..",
    "X-Linked-Etag": "../x",
    "Retry-After": "86400",
    "Location": "file:///etc/passwd",
    "Link": '<http://localhost:9/x>; rel="next"',
    "Content-Encoding": "gzip",
    "Content-Range": "bytes 7-9/10",
}


class StrangeHub:
    """Serves on a free port of this machine; a context manager.

    Args:
        rng: draws how each request is answered.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._closing = rng, threading.Event()
        self.requests = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> StrangeHub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                hub.requests += 1
                with suppress(OSError):  # the client has seen enough
                    hub._answer(self)
                self.close_connection = True

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        rng = self._rng
        body = bytes(SIZE)
        if "/api/" in handler.path:
            body = self._listing()
        headers = {"Content-Length": str(len(body))}
        how = rng.random()
        if how < 0.1:
            name = rng.choice(list(_HEADERS))
            headers[name] = _HEADERS[name]
            if name == "Content-Encoding":
                body = gzip.compress(bytes(2_000_000))
                headers["Content-Length"] = str(len(body))
        elif how < 0.15:
            body, headers = body * 500, {}
        elif how < 0.2:
            body = body[: rng.randrange(len(body) + 1)]
        elif how < 0.25:
            self._trickle(handler, body)
            return
        refused = rng.random() < 0.1
        handler.send_response(rng.choice(_STATUSES) if refused else 200)
        if refused and rng.random() < 0.5:
            headers |= {name: _HEADERS[name] for name in ("Location", "Retry-After")}
        for item in headers.items():
            handler.send_header(*item)
        handler.end_headers()
        handler.wfile.write(body)

    def _listing(self) -> bytes:
        rng = self._rng
        entries = [self._entry("model.safetensors"), self._entry("config.json")]
        if rng.random() < 0.6:
            entries.append(self._entry(rng.choice(_PATHS)))
        if rng.random() < 0.3:
            rng.choice(entries)["lfs"] = {
                "oid": rng.choice(_DIGESTS), "size": rng.choice(_SIZES), "pointerSize": 1,
            }  # fmt: skip
        if rng.random() < 0.05:
            return rng.choice((b"[" * 50_000, b"{}", b"[1]", b"", b"\xff", b"null"))
        return json.dumps(entries).encode()

    def _entry(self, path: Any) -> dict[str, Any]:
        digest = "0" * 64
        lfs = {"oid": digest, "size": SIZE, "pointerSize": 134}
        return {"type": "file", "path": path, "size": SIZE, "oid": "0" * 40, "lfs": lfs}

    def _trickle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        begun = time.monotonic()
        while time.monotonic() - begun < 5.0 and not self._closing.wait(0.05):
            handler.wfile.write(b" ")
