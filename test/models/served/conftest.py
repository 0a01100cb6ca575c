"""A real engine on loopback, and a scripted one that fails in every way."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from ppcr_lab.bench.engine_process import NEEDS, EngineProcess, with_spoken_places


@pytest.fixture(scope="module")
def transformers_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """``transformers serve`` with the embedded MLLM; can be killed and started again."""
    for name in NEEDS:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}: pip install fastapi uvicorn openai")
    folder = tmp_path_factory.mktemp("serve")
    server = EngineProcess(with_spoken_places(folder / "ppcr-tiny"), folder / "serve.log")
    server.start()
    yield server
    server.kill()


def chunk(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish, **more}
    body = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return b"data: " + json.dumps({**body, "choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
Behaviour = Callable[["ScriptedEngine", BaseHTTPRequestHandler, dict[str, Any]], None]


@dataclass
class ScriptedEngine:
    """An engine whose answers are given one after the other by functions."""

    behaviours: list[Behaviour] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    broken_off: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length", 0))
        request = json.loads(handler.rfile.read(length) or b"{}")
        self.requests.append(request)
        self.keys.append(handler.headers.get("authorization", ""))
        behaviour = self.behaviours[min(len(self.requests), len(self.behaviours)) - 1]
        try:
            behaviour(self, handler, request)
        except OSError:
            self.broken_off.set()


def says(*pieces: str, finish: str | None = "stop", **more: Any) -> Behaviour:
    def behave(engine: ScriptedEngine, handler: BaseHTTPRequestHandler, request: Any) -> None:
        begin(handler)
        for piece in pieces:
            handler.wfile.write(chunk(piece, **more))
        if finish is not None:
            handler.wfile.write(chunk(finish=finish))
            handler.wfile.write(DONE)

    return behave


def begin(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.end_headers()


def refuses(status: int, said: str = "no", **headers: str) -> Behaviour:
    def behave(engine: ScriptedEngine, handler: BaseHTTPRequestHandler, request: Any) -> None:
        body = json.dumps({"error": {"message": said}}).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def hangs(*pieces: str) -> Behaviour:
    """Says ``pieces`` and then no more until the gate opens or the client goes."""

    def behave(engine: ScriptedEngine, handler: BaseHTTPRequestHandler, request: Any) -> None:
        begin(handler)
        for piece in pieces:
            handler.wfile.write(chunk(piece))
        handler.wfile.flush()
        while not engine.gate.wait(0.02):
            handler.wfile.write(b": still there\n\n")
            handler.wfile.flush()

    return behave


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    pytest.importorskip("openai", reason="needs openai: pip install openai")
    scripted = ScriptedEngine()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            scripted.answer(self)

        def do_GET(self) -> None:
            body = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield scripted
    scripted.gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def behaviours() -> SimpleNamespace:
    """What an engine may do with a request: ``says``, ``refuses``, ``hangs``."""
    return SimpleNamespace(says=says, refuses=refuses, hangs=hangs)
