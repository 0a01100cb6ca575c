"""Answers at an engine's address, whatever gives them, are told for what they are, and soon."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.config import MllmConfig
from ppcr_ros.health.engine_probe import EngineState, engine_answers, look_at_engine

SECRET = "sk-verysecret"


def answer(status: int, body: Any = b"", kind: str = "application/json") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


class Port:
    """A port that answers each connection with some bytes, a pause after each ``step`` of them."""

    def __init__(self) -> None:
        self.raw, self.step, self.pause_sec = b"", 0, 0.0
        self.heads: list[str] = []
        self.gone = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                robot, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(robot,), daemon=True).start()

    def _answer(self, robot: socket.socket) -> None:
        with robot, suppress(OSError):
            self.heads.append(robot.recv(65536).decode())
            step = self.step or len(self.raw) or 1
            try:
                for start in range(0, len(self.raw), step):
                    robot.sendall(self.raw[start : start + step])
                    threading.Event().wait(self.pause_sec)
            except OSError:
                self.gone.set()
            robot.shutdown(socket.SHUT_WR)


@pytest.fixture
def port() -> Iterator[Port]:
    made = Port()
    threading.Thread(target=made.run, daemon=True).start()
    yield made
    made.listener.close()


@pytest.fixture
def look(port: Port) -> Callable[..., EngineState]:
    def looking(raw: bytes, **more: Any) -> EngineState:
        port.raw = raw
        options = {"endpoint": port.url, **more}
        return look_at_engine(MllmConfig(family="served", model="m", **options))

    return looking


def test_what_it_serves_is_told(look: Any) -> None:
    found = look(answer(200, {"data": [{"id": "m"}, {"id": 5}, 7, {}]}))
    assert found == EngineState("", ("m",), answers=True)
    assert look(answer(200, {"data": []})) == EngineState("", (), answers=True)


@pytest.mark.parametrize(
    ("raw", "told", "answers"),
    [
        (answer(401, {"error": "Unauthorized"}), "refuses the key .status 401, Unauthor", True),
        (answer(403), "PPCR_API_KEY or in mllm.api_key_file", True),
        (answer(404, {"detail": "Not Found"}), "status 404, Not Found.*/v1", True),
        (answer(400, b"bad", "text/plain"), "status 400, bad", True),
        (answer(503, {"error": {"message": "Loading"}}), "status 503, Loading", False),
        (answer(200, {"error": "Unexpected endpoint"}), "Unexpected endpoint.*/v1", False),
        (answer(200, b"<html>hi</html>", "text/html"), "no list of models but: hi", False),
        (answer(200, {"data": 5}), "no list of models", False),
        (answer(200, b"[" * 200_000), "no list of models", False),
        (answer(200, b"\x1f\x8b\x00"), "no list of models", False),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "speaks no HTTP .BadStatusLine", False),
        (b"", "closes the connection", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{}", "breaks off", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "breaks off", False),
    ],
)  # fmt: skip
def test_what_is_no_list_of_models_is_told(look: Any, raw: bytes, told: str, answers: bool) -> None:
    found = look(raw)
    assert found.models == ()
    assert found.answers is answers
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(found.problem)
    assert found.problem.isprintable()
    assert len(found.problem) < 500


@pytest.mark.parametrize(
    "endpoint", ["", "h:1", "http://h:abc/v1", "http://[::1/v1", "http://a b:1/v1", "http://h:99999"]
)  # fmt: skip
def test_what_is_no_address_is_told(look: Any, endpoint: str) -> None:
    assert "mllm.endpoint is" in look(b"", endpoint=endpoint).problem


def test_nobody_there_is_told() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        number = bound.getsockname()[1]
    config = MllmConfig(family="served", endpoint=f"http://127.0.0.1:{number}/v1")
    assert "refused" in look_at_engine(config).problem
    assert not engine_answers(config)


@pytest.mark.parametrize(
    "raw", [answer(200, {"data": [{"id": "m" * 99}]}), b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 99]
)
def test_the_whole_has_a_limit(port: Port, look: Any, raw: bytes) -> None:
    port.step, port.pause_sec = 1, 0.1
    started = time.monotonic()
    found = look(raw, connect_timeout_sec=0.5)
    assert time.monotonic() - started < 5.0
    assert "mllm.connect_timeout_sec, 0.5 s" in found.problem
    assert port.gone.wait(20)


def test_the_key_is_sent_and_not_told(
    port: Port, look: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PPCR_API_KEY", SECRET)
    found = look(answer(401, {"error": f"wrong key {SECRET}"}))
    assert f"Authorization: Bearer {SECRET}" in port.heads[-1]
    assert SECRET not in found.problem
    (tmp_path / "key").write_text(f"{SECRET}\nb")
    found = look(answer(200), api_key_file=str(tmp_path / "key"))
    assert "mllm.api_key_file" in found.problem
    assert SECRET not in found.problem


def test_a_password_in_the_address_is_sent_and_not_told(port: Port, look: Any) -> None:
    endpoint = port.url.replace("://", f"://robot:{SECRET}@")
    assert look(answer(200, {"data": []}), endpoint=endpoint).problem == ""
    assert "Authorization: Basic " in port.heads[-1]
    assert SECRET not in look(answer(404), endpoint=endpoint).problem


def test_the_key_does_not_follow_to_another_address(
    port: Port, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPCR_API_KEY", SECRET)
    other = Port()
    other.raw = answer(200, {"data": []})
    threading.Thread(target=other.run, daemon=True).start()
    look(f"HTTP/1.1 302 X\r\nlocation: {other.url}/models\r\ncontent-length: 0\r\n\r\n".encode())
    other.listener.close()
    assert "Authorization" in port.heads[-1]
    assert other.heads
    assert "Authorization" not in other.heads[-1]
