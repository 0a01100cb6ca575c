"""Messages from a browser over the page's websocket, looked at before the page's library sees them.

The library (Socket.IO over Engine.IO) writes a traceback to the log for each message that it cannot
read. Here such a message ends its connection, and nothing is logged; a browser opens another one.
Where there is no websocket, the same messages are posted.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

LONGEST_POST_BYTES = 1_000_000
CLOSE_CODE = 1007
"""Of a websocket that sent what is no message of its protocol."""
_CONNECT, _DISCONNECT, _EVENT, _ACK = "0123"
_SEPARATOR = "\x1e"
_PACKET = re.compile(r"4([0-3])(?:/[^,]*(?:,|$))?([0-9]{0,18})(.*)", re.DOTALL)
"""Type, number and content; a namespace may stand before the number."""
_OTHER = re.compile(r"[136]|[25](?:probe)?|3probe")
"""What keeps a connection, rather than being a message."""


class CheckedSocket:
    """A browser's websocket that ends with the first message that cannot be read.

    Args:
        receive: of the ASGI server.
        send: of the ASGI server.
    """

    def __init__(
        self, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        self._receive, self._send, self._ended = receive, send, False

    async def receive(self) -> Any:
        """The next message; that the browser is gone, where it cannot be read."""
        message = await self._receive()
        if message["type"] != "websocket.receive" or is_readable(message.get("text")):
            return message
        if not self._ended:
            self._ended = True
            reason = "no message of this page"
            await self._send({"type": "websocket.close", "code": CLOSE_CODE, "reason": reason})
        return {"type": "websocket.disconnect", "code": CLOSE_CODE}

    async def send(self, message: Any) -> None:
        """Send ``message``, unless the connection was ended."""
        if not self._ended:
            await self._send(message)


async def checked_post(
    receive: Callable[[], Awaitable[Any]],
) -> Callable[[], Awaitable[Any]] | None:
    """``receive`` of a request that posts messages, from its start; None for one to be refused."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if message["type"] != "http.request" or len(body) > LONGEST_POST_BYTES:
            return None
    texts = body.decode("utf-8", errors="replace").split(_SEPARATOR)
    if not all(is_readable(text) for text in texts):
        return None
    whole = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return whole.pop() if whole else await receive()

    return again


def is_readable(text: str | None) -> bool:
    """Whether ``text`` is something that the page's own scripts can have sent; never bytes."""
    if text is None:
        return False
    packet = _PACKET.fullmatch(text)
    if packet is None:
        return _OTHER.fullmatch(text) is not None
    kind, _, content = packet.groups()
    if not content:
        return kind in (_CONNECT, _DISCONNECT)
    try:
        document = _parser()(content)
    except (ValueError, RecursionError):
        return False
    if kind == _CONNECT:
        return isinstance(document, dict)
    if kind == _EVENT:
        named = isinstance(document, list) and len(document) == 2 and isinstance(document[0], str)
        return named and isinstance(document[1], dict)
    return kind == _ACK and isinstance(document, list)


@cache
def _parser() -> Callable[[str], Any]:
    """The parser of the page's library, so that both agree on what can be read."""
    try:
        parser: Callable[[str], Any] = importlib.import_module("orjson").loads
    except ImportError:
        return json.loads
    return parser
