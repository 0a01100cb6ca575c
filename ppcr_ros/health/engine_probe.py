"""Probes the engine that serves an MLLM: whether it can be reached, and what it serves."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.models.served.engine_access import (
    checked_address,
    engine_key,
    shown_text,
)
from ppcr_ros.models.served.faults import plain

_NOT_READY = (408, 429, 500, 502, 503, 504)
_MOST_BYTES = 1_000_000
_MOST_SAID = 200


class EngineState(NamedTuple):
    """Answers of an engine about itself.

    Attributes:
        problem: why it cannot be used; empty where it can.
        models: the names of what it serves; empty where it does not tell.
        answers: whether an engine answers at all, if only that it refuses the key.
    """

    problem: str
    models: tuple[str, ...] = ()
    answers: bool = False


def look_at_engine(config: MllmConfig) -> EngineState:
    """Ask the engine of ``mllm.endpoint`` what it serves, for ``mllm.connect_timeout_sec``."""
    try:
        address, key = checked_address(config), engine_key(config)
    except ConfigError as error:
        return EngineState(str(error).rstrip("."))
    asked = _Asked(f"{address}/models", key, config.connect_timeout_sec)
    thread = threading.Thread(target=asked.run, name="ppcr-engine-probe", daemon=True)
    thread.start()
    thread.join(config.connect_timeout_sec)
    if thread.is_alive():
        asked.leave()
        return EngineState(
            "it has not said what it serves within mllm.connect_timeout_sec, "
            f"{config.connect_timeout_sec:g} s"
        )
    if asked.problem:
        return EngineState(shown_text(asked.problem, key, _MOST_SAID))
    return _state(config, asked.status, _said(asked.body, key), asked.body)


def engine_answers(config: MllmConfig) -> bool:
    """Whether the engine of ``mllm.endpoint`` answers."""
    return look_at_engine(config).answers


def _state(config: MllmConfig, status: int, said: str, body: bytes) -> EngineState:
    told = f"status {status}{said and f', {said}'}"
    if status in _NOT_READY:
        return EngineState(told)
    if status in (401, 403):
        return EngineState(
            f"it refuses the key ({told}); expected the one that it wants in the environment "
            f"variable {config.api_key_variable} or in mllm.api_key_file",
            answers=True,
        )
    if status != 200:
        return EngineState(
            f"it has no list of models there ({told}); expected one, at the address that ends in "
            "/v1",
            answers=True,
        )
    listed = _json(body)
    data = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(data, list):
        came = said or "nothing"
        return EngineState(
            f"it sends no list of models but: {came}; expected one, at the address that ends in /v1"
        )
    names = [item.get("id") for item in data if isinstance(item, dict)]
    return EngineState("", tuple(name for name in names if isinstance(name, str)), answers=True)


def _json(body: bytes) -> Any:
    """The body as JSON; None where it is none."""
    with suppress(ValueError, RecursionError):
        return json.loads(body)
    return None


def _said(body: bytes, key: str) -> str:
    """The words of a body, for people."""
    parsed = _json(body)
    text = body[:2000].decode("utf-8", errors="replace")
    return shown_text(plain(text if parsed is None else parsed), key, _MOST_SAID)


class _Asked:
    """One request, on a thread of its own: each read has a limit, and so has the whole."""

    def __init__(self, url: str, key: str, limit_sec: float) -> None:
        self._url, self._key, self._limit_sec = url, key, limit_sec
        self._end_sec = time.monotonic() + limit_sec
        self._left = threading.Event()
        self._connections: list[http.client.HTTPConnection] = []
        self.problem, self.status, self.body = "", 0, b""

    def leave(self) -> None:
        """End the connection, which wakes the thread."""
        self._left.set()
        for connection in list(self._connections):
            _shut(connection)

    def run(self) -> None:
        """Ask, and keep what came or what went wrong."""
        try:
            with self._opener().open(self._request(), timeout=self._limit_sec) as answer:
                self._take(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                self._take(answer)
        except http.client.RemoteDisconnected:
            self.problem = "what is there closes the connection without an answer"
        except http.client.HTTPException as error:
            self.problem = f"what answers there speaks no HTTP ({type(error).__name__}: {error})"
        except OSError as error:
            self.problem = str(getattr(error, "reason", error)) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - a library may raise anything at what is sent
            self.problem = f"it cannot be asked: {type(error).__name__}: {error}"

    def _take(self, answer: Any) -> None:
        self.status = int(answer.status or 0)
        while len(self.body) < _MOST_BYTES and time.monotonic() < self._end_sec:
            try:
                part = answer.read1(65536)
            except (OSError, http.client.HTTPException) as error:
                self.problem = f"its answer breaks off ({type(error).__name__}: {error})"
                return
            if not part:
                break
            self.body += part
        expected = answer.headers.get("content-length", "")
        if self.status == 200 and expected.isdecimal() and len(self.body) < int(expected):
            self.problem = f"its answer breaks off after {len(self.body)} of {expected} bytes"

    def _request(self) -> urllib.request.Request:
        parts = urlsplit(self._url)
        users, _, place = parts.netloc.rpartition("@")
        request = urllib.request.Request(urlunsplit(parts._replace(netloc=place)))
        request.add_header("Accept", "application/json")
        sent = f"Bearer {self._key}"
        if users:
            packed = base64.b64encode(unquote(users).encode()).decode("ascii")
            sent = f"Basic {packed}"
        request.add_unredirected_header("Authorization", sent)  # not to whom it may be sent on to
        return request

    def _opener(self) -> urllib.request.OpenerDirector:
        """Urllib's, which goes by the environment's proxies; its connections are kept in sight."""
        asked = self

        def made(kind: type[http.client.HTTPConnection]) -> Any:
            def make(host: str, **options: Any) -> http.client.HTTPConnection:
                connection = kind(host, **options)
                asked._connections.append(connection)
                return connection

            return make

        class Http(urllib.request.HTTPHandler):
            def http_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(made(http.client.HTTPConnection), request)

        class Https(urllib.request.HTTPSHandler):
            def https_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(made(http.client.HTTPSConnection), request)

        return urllib.request.build_opener(Http, Https)


def _shut(connection: http.client.HTTPConnection) -> None:
    if isinstance(connection.sock, socket.socket):
        with suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
