"""Access to the page: everything passes here before anything else looks at it.

The camera's pictures are served here as well, since they come often and need nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import stat
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ppcr_ros.core.documents import DocumentError, check_regular
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.web.board import PageBoard
from ppcr_ros.web.sockets import CheckedSocket, checked_post

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

LEAST_TOKEN_CHARS = 16
TOKEN_VARIABLE = "PPCR_WEB_TOKEN"
PICTURE_PATH = "/picture.jpg"
THUMBNAIL_PATH = "/thumbnail/"
_SOCKET_PATH = "/_nicegui_ws/"
"""Where the page's library takes messages."""
_MOST_DIGITS = 18
"""Of a thumbnail's number; `int` raises an error where there are some thousand."""
_COOKIE = "ppcr_page"
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_SECURITY = (
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_ASK = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>ppcr</title>
<style>body{font:16px system-ui,sans-serif;max-width:24rem;margin:20vh auto;color:#1b1f27}
input,button{font:inherit;padding:.5rem .7rem;border:1px solid #c5cad3;border-radius:.5rem}</style>
<h1>ppcr</h1><p>This page asks for its token.</p>
<form><input name="token" type="password" autocomplete="off" autofocus aria-label="token">
<button>Open</button></form></html>"""


@dataclass(frozen=True)
class Access:
    """Address of the page, and who may do what there.

    Attributes:
        host: the address to listen on.
        port: its port; 0 for one that is free.
        token: what a browser must show; empty for none, on loopback alone.
        read_only: whether nobody may say anything.

    Raises:
        ConfigError: for an address beyond loopback without a token, and for a token that is short.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str = ""
    read_only: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"the port is {self.port}; expected one from 0 to 65535.")
        if self.token and (len(self.token) < LEAST_TOKEN_CHARS or not self.token.isascii()):
            raise ConfigError(
                f"the token has {len(self.token)} characters; expected at least "
                f"{LEAST_TOKEN_CHARS}, all of them ASCII. Make one: {_MAKE}"
            )
        if not self.token and not is_loopback(self.host):
            raise ConfigError(
                f"the page is to be at {self.host}, where others see the camera's pictures and may "
                f"command the robot: that needs a token. Make one: {_MAKE}"
            )


_MAKE = (
    "(umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(24))' > page_token), and "
    "name the file with --token-file page_token (launch: web_token_file:=/path/to/page_token)."
)


def read_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """The token: of ``file``, or of the variable PPCR_WEB_TOKEN; empty where there is neither.

    Never of the command line, which every user of the machine sees.

    Raises:
        ConfigError: when the file cannot be read, is empty or is open to other users.
    """
    if file is None:
        return environment.get(TOKEN_VARIABLE, "").strip()
    try:
        check_regular(file)
        open_to = file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, DocumentError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token of {file}: {error}") from error
    if open_to:
        raise ConfigError(f"{file} can be read by other users: run chmod 600 {file}")
    if not token:
        raise ConfigError(f"{file} is empty; expected a token. Make one: {_MAKE}")
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


class Gate:
    """The ASGI application in front of the page's own.

    Without a token it answers to requests for loopback alone, so that no name on the internet that
    leads to this machine opens it; and never to another site's scripts.

    Args:
        app: what is behind it.
        access: who may pass.
        board: whose pictures are served.
    """

    def __init__(self, app: AsgiApp, access: Access, board: PageBoard) -> None:
        self.app = app  # the name by which servers look behind wrappers
        self._access, self._board = access, board
        self._token = access.token.encode()
        key = secrets.token_bytes(32)
        self._pass = hmac.new(key, b"ppcr page", hashlib.sha256).hexdigest().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope.get("headers", ())
        }
        if not self._is_ours(headers):
            await _answer(scope, receive, send, 403, b"not from here\n")
        elif self._token and not self._may_pass(headers):
            await self._ask(scope, receive, send, headers)
        elif scope["type"] == "websocket":
            browser = CheckedSocket(receive, send)
            await self.app(scope, browser.receive, browser.send)
        elif await self._serve_picture(scope, send):
            return
        elif scope.get("method") == "POST" and scope["path"].startswith(_SOCKET_PATH):
            posted = await checked_post(receive)
            if posted is None:
                await _answer(scope, receive, send, 400, b"no message of this page\n")
            else:
                await self.app(scope, posted, _with_security(send))
        else:
            await self.app(scope, receive, _with_security(send))

    def _is_ours(self, headers: Mapping[str, str]) -> bool:
        """Whether the request is for this server's own name, and from its own page."""
        host = headers.get("host", "")
        origin = headers.get("origin", "")
        try:
            name = urlsplit(f"//{host}").hostname or ""
            from_here = not origin or (bool(host) and urlsplit(origin).netloc == host)
        except ValueError:  # one of them is no address
            return False
        return from_here and (bool(self._token) or is_loopback(name))

    def _may_pass(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        bearer = given.strip() if scheme.lower() == "bearer" else ""
        cookies = _own_cookies(headers.get("cookie", ""))
        # All are always compared, each in constant time.
        by_token = hmac.compare_digest(bearer.encode(), self._token)
        by_cookie = [hmac.compare_digest(cookie.encode(), self._pass) for cookie in cookies]
        return by_token or any(by_cookie)

    async def _ask(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]
    ) -> None:
        """Take the token from the address once, for a cookie that scripts cannot read; or ask."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        given = query.get("token", [""])[0].encode()
        if scope["type"] == "http" and hmac.compare_digest(given, self._token):
            cookie = b"%s=%s; HttpOnly; SameSite=Strict; Path=/" % (_COOKIE.encode(), self._pass)
            if headers.get("x-forwarded-proto") == "https" or scope.get("scheme") == "https":
                cookie += b"; Secure"
            more = [(b"location", b"/"), (b"set-cookie", cookie)]
            await _answer(scope, receive, send, 303, b"", more)
            return
        page = scope.get("path") == "/"
        await _answer(scope, receive, send, 401, _ASK if page else b"a token is needed\n")

    async def _serve_picture(self, scope: Scope, send: Send) -> bool:
        """Send a picture, where the path is one's."""
        path: str = scope["path"]
        jpeg = b""
        if path == PICTURE_PATH:
            picture = self._board.view.picture
            jpeg = b"" if picture is None else picture.jpeg
        elif path.startswith(THUMBNAIL_PATH):
            number = path.removeprefix(THUMBNAIL_PATH).removesuffix(".jpg")
            fits = number.isdecimal() and len(number) <= _MOST_DIGITS
            jpeg = self._board.thumbnail(int(number)) if fits else b""
        else:
            return False
        status = 200 if jpeg else 404
        start = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"image/jpeg"),
                (b"content-length", str(len(jpeg)).encode()),
                *_HEADERS,
            ],
        }
        await send(start)
        await send({"type": "http.response.body", "body": jpeg})
        return True


def _own_cookies(header: str) -> list[str]:
    """The values of the page's own cookie, in a header that holds those of every program on the
    host as well: whatever these wrote, readable or not, is passed over."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value for name, _, value in pairs if name == _COOKIE]


def _with_security(send: Send) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_SECURITY]}
        await send(message)

    return sending


async def _answer(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    body: bytes,
    more: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """Refuse, redirect or ask; a websocket is closed before it opens, which is a 403."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    kind = b"text/html; charset=utf-8" if body.startswith(b"<") else b"text/plain"
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        *_HEADERS,
        *_SECURITY,
        *(more or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
