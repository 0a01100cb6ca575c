"""Streams of an engine that whoever waits can leave, which ends the engine's work."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_POLL_SEC = 0.02
_MAX_WAITING_PIECES = 256
_KEPT_BYTES = 2000


class EngineConnections:
    """The connections of a client, so that another thread than the one that reads can end them."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._thread = threading.local()

    def watch(self, request: Any) -> None:
        """Have ``request`` tell of the connection that is made for it; a hook of the client."""
        request.extensions = {**request.extensions, "trace": self._made}

    def serve(self, left: threading.Event) -> None:
        """Say that this thread's requests are wanted until ``left`` is set."""
        self._thread.left = left

    def _made(self, _event: str, info: dict[str, Any]) -> None:
        told = getattr(info.get("return_value"), "get_extra_info", None)
        made = told("socket") if callable(told) else None
        if not isinstance(made, socket.socket):
            return
        with self._lock:
            self._sockets = [each for each in self._sockets if each.fileno() >= 0]
            self._sockets.append(made)
        left = getattr(self._thread, "left", None)
        if left is not None and left.is_set():
            _shut(made)

    def hang_up(self) -> None:
        """End every connection; a thread that waits for one of them wakes up."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for each in sockets:
            _shut(each)


def _shut(connection: socket.socket) -> None:
    """Shut a connection down below TLS: `close` would not wake a thread that reads from it."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class EngineStream:
    """A request that runs on a thread of its own, so that whoever waits can stop waiting."""

    def __init__(
        self, client: Any, request: dict[str, Any], connections: EngineConnections
    ) -> None:
        """Send ``request`` by ``client``, which makes its connections known to ``connections``."""
        self._client, self._request, self._connections = client, request, connections
        self._pieces: queue.Queue[Any] = queue.Queue(_MAX_WAITING_PIECES)
        self._left, self._ended = threading.Event(), threading.Event()
        self.kind = ""
        """The content type of what the engine sends."""
        self._beginning = b""
        threading.Thread(target=self._run, name="ppcr-engine", daemon=True).start()

    @property
    def beginning(self) -> str:
        """How that which the engine sent begins."""
        return self._beginning.decode("utf-8", errors="replace")

    def pieces(self) -> Iterator[Any]:
        """The stream's pieces; None now and then while there is none, an exception at a fault."""
        while True:
            try:
                piece = self._pieces.get(timeout=_POLL_SEC)
            except queue.Empty:
                yield None
                continue
            if piece is self:
                return
            yield piece

    def close(self) -> None:
        """Stop reading: a connection on which there is more to come is ended at once."""
        self._left.set()
        if not self._ended.is_set():
            self._connections.hang_up()

    def _run(self) -> None:
        response: Any = None
        self._connections.serve(self._left)
        try:
            if self._left.is_set():
                return
            response = self._client.chat.completions.create(**self._request)
            self._keep_beginning(getattr(response, "response", None))
            for piece in response:
                self._put(piece)
                if self._left.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            self._put(error)
        finally:
            with suppress(Exception):
                if response is not None:
                    response.close()
            self._ended.set()
            self._put(self)

    def _keep_beginning(self, response: Any) -> None:
        """Keep the first bytes, for a message where they are no stream."""
        if response is None:
            return
        self.kind = str(response.headers.get("content-type", "")).partition(";")[0][:80]
        read = response.iter_bytes

        def kept(*arguments: Any, **options: Any) -> Iterator[bytes]:
            for part in read(*arguments, **options):
                if len(self._beginning) < _KEPT_BYTES:
                    self._beginning += part[:_KEPT_BYTES]
                yield part

        response.iter_bytes = kept

    def _put(self, piece: Any) -> None:
        """Hand a piece over, unless nobody reads any more."""
        while not self._left.is_set():
            with suppress(queue.Full):
                self._pieces.put(piece, timeout=_POLL_SEC)
                return
