"""Engines that break off, and bytes that are no answer: an error by name, and soon."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import Cancelled, MllmUnavailable
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models import factory
from ppcr_ros.models.served.errors import EngineBroke, EngineTimeout

FRAME = Frame(rgb=np.zeros((60, 90, 3), np.uint8))
HEAD = (
    b'data: {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": '
)
BOX = HEAD + b'[{"index": 0, "delta": {"content": "[100, 200, 500, 7"}}]}\n\n'
END = HEAD + b'[{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def asked(engine: Any, cancel: CancelToken | None = None, **more: Any) -> Answer:
    config = MllmConfig(
        family="served", served_family="qwen3_vl", endpoint=engine.url, model="m", **more
    )
    conversation = factory.load_served(config).open(FRAME)
    return conversation.ask(Turn("where?"), max_new_tokens=32, cancel=cancel or CancelToken())


def sends(raw: bytes, *, reset: bool = False) -> Callable[[Any, Any, Any], None]:
    """Writes ``raw`` for a stream and ends; with ``reset`` as a process that is killed does."""

    def behave(engine: Any, handler: Any, request: Any) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(raw)
        handler.wfile.flush()
        if reset:
            handler.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            os.close(handler.connection.detach())

    return behave


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize(
    "raw",
    [
        BOX,
        BOX + BOX[: len(BOX) // 2],
        BOX[:-1],
        HEAD[:-30],
        BOX + "data: {“".encode()[:-1],
        b"",
    ],
    ids=["a piece", "half a line", "no empty line", "half a head", "half a sign", "nothing"],
)
def test_an_engine_that_is_killed_in_its_answer_broke(engine: Any, raw: bytes, reset: bool) -> None:
    engine.behaviours = [sends(raw, reset=reset)]
    with pytest.raises(MllmUnavailable, match=engine.url) as caught:
        asked(engine, retries=0)
    if raw.startswith(BOX):
        assert any(told in str(caught.value) for told in ("in the middle", "utf-8"))


def test_an_answer_that_has_begun_is_not_asked_again(engine: Any) -> None:
    engine.behaviours = [sends(BOX + BOX[:90], reset=True)]
    with pytest.raises(EngineBroke):
        asked(engine, retries=3)
    assert len(engine.requests) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"5", b"[]", b'"text"', b"{}x", b"\xff\xfe", b"{" * 5000,
        b'{"error": {"message": "CUDA out of memory"}}',
        b'{"choices": "abc"}', b'{"choices": [5]}', b'{"choices": [null]}', b'{"choices": 7}',
        b'{"choices": [{"delta": {"content": 5}}]}',
        b'{"choices": [{"delta": {"content": ["a"]}}]}',
        b'{"choices": [{"delta": "x", "logprobs": {"content": 5}}]}',
        b'{"choices": [{"delta": {}, "logprobs": {"content": [{"token": 5, "logprob": "x"}]}}]}',
        b'{"choices": [{"delta": {}, "finish_reason": {"a": 1}}]}',
    ],
)  # fmt: skip
def test_what_is_no_piece_of_an_answer_is_an_engine_that_broke(engine: Any, line: bytes) -> None:
    engine.behaviours = [sends(BOX + b"data: " + line + b"\n\n" + END)]
    with pytest.raises(EngineBroke, match=engine.url):
        asked(engine, retries=0)


def floods(engine: Any, handler: Any, request: Any) -> None:
    sends(b"")(engine, handler, request)
    while not engine.gate.is_set():
        handler.wfile.write(BOX * 50)


def floods_without_words(engine: Any, handler: Any, request: Any) -> None:
    sends(b"")(engine, handler, request)
    piece = HEAD + b'[{"index": 0, "delta": {"content": ""}}]}\n\n'
    while not engine.gate.is_set():
        handler.wfile.write(piece * 50)


def test_an_engine_that_never_stops_writing_is_stopped(engine: Any) -> None:
    engine.behaviours = [floods]
    with pytest.raises(EngineBroke, match="more than"):
        asked(engine, retries=0)
    assert engine.broken_off.wait(60)


def test_pieces_without_end_are_too_slow(engine: Any) -> None:
    engine.behaviours = [floods_without_words]
    with pytest.raises(EngineTimeout, match="answer_timeout_sec"):
        asked(engine, retries=0, answer_timeout_sec=0.5)


def test_pieces_without_end_are_cancelled(engine: Any) -> None:
    engine.behaviours = [floods_without_words]
    cancel = CancelToken()
    threading.Timer(0.3, cancel.cancel, ["newer command"]).start()
    started = time.monotonic()
    with pytest.raises(Cancelled, match="newer command"):
        asked(engine, cancel, retries=0, answer_timeout_sec=30.0)
    assert time.monotonic() - started < 25
