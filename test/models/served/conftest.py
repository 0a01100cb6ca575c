"""A real engine on loopback, and a scripted one that fails in every way."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ppcr_ros.weights.location import EMBEDDED_FOLDER

NEEDS = ("torch", "transformers", "fastapi", "uvicorn", "openai")
_SERVE = """
import sys
sys.modules["torchvision"] = None
from transformers.cli.transformers import main
sys.argv = ["transformers", "serve", *sys.argv[1:]]
sys.exit(main())
"""
_DEADLINE_SEC = 300.0


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class EngineProcess:
    """The engine's process; it can be killed and started again, on the same port.

    Attributes:
        folder: the checkpoint that is served; its path is the model's name.
        log: where its output goes.
    """

    folder: Path
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The URL for ``mllm.endpoint``."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def model(self) -> str:
        """The name for ``mllm.model``."""
        return str(self.folder)

    def start(self) -> None:
        """Start it and wait until it answers."""
        home = self.log.parent / "home"
        (home / "hub").mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        words = [self.model, "--host", "127.0.0.1", "--port", str(self.port)]
        words += ["--device", "cpu", "--dtype", "float32"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, *words], stdout=log, stderr=log, env=environment
            )
        deadline = time.monotonic() + _DEADLINE_SEC
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                pytest.fail(f"transformers serve does not answer: {said}")
            threading.Event().wait(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def with_spoken_places(folder: Path) -> Path:
    """The embedded checkpoint, copied to ``folder``, with location tokens that are not special.

    ``transformers serve`` leaves special tokens out of its answers, and cannot be told not to.
    """
    shutil.copytree(EMBEDDED_FOLDER / "mllm", folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    for token in tokenizer["added_tokens"]:
        token["special"] = token["special"] and "<loc" not in token["content"]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    kept = [name for name in settings["extra_special_tokens"] if "<loc" not in name]
    settings["extra_special_tokens"] = kept
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


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
