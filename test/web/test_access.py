"""Access to the page, without a server: requests that the gate lets through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.web.access import Access, Gate, is_loopback, read_token
from ppcr_ros.web.board import PageBoard

TOKEN = "0123456789abcdef"


class Visitor:
    """Asks a gate, behind which everything is 200."""

    def __init__(self, access: Access, board: PageBoard) -> None:
        self._gate = Gate(self._behind, access, board)

    async def _behind(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the page"})

    def ask(
        self,
        path: str = "/",
        query: str = "",
        kind: str = "http",
        method: str = "GET",
        **headers: str,
    ) -> dict[str, Any]:
        """The first message that comes back."""
        sent: list[dict[str, Any]] = []
        given = {"host": "localhost:8080", **headers}
        scope = {
            "type": kind,
            "path": path,
            "method": method,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect" if kind == "websocket" else "http.request"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self._gate(scope, receive, send))
        return sent[0]


@pytest.fixture
def board() -> Iterator[PageBoard]:
    with PageBoard() as made:
        yield made


@pytest.fixture
def guarded(board: PageBoard) -> Visitor:
    return Visitor(Access(host="0.0.0.0", token=TOKEN), board)


@pytest.fixture
def local(board: PageBoard) -> Visitor:
    return Visitor(Access(), board)


def test_this_machine_needs_no_token(local: Visitor) -> None:
    for host in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080"):
        assert local.ask(host=host)["status"] == 200


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_names_and_sites_of_others_are_not_let_in(local: Visitor, kind: str) -> None:
    def refused(**headers: str) -> bool:
        message = local.ask(kind=kind, **headers)
        return message.get("status") == 403 or message["type"] == "websocket.close"

    assert refused(host="rebound.example:8080"), "a name that leads here"
    assert refused(origin="http://elsewhere.example"), "another site's script"
    assert refused(origin="http://localhost:9999"), "another program on this machine"
    assert refused(origin="null")
    assert not refused(origin="http://localhost:8080")


def test_nothing_passes_without_the_token(guarded: Visitor) -> None:
    for path in ("/", "/picture.jpg", "/thumbnail/1.jpg", "/_nicegui/anything"):
        assert guarded.ask(path)["status"] == 401
    assert guarded.ask(kind="websocket")["type"] == "websocket.close"
    assert guarded.ask(query="token=0123456789abcdeX")["status"] == 401
    assert guarded.ask(query="token=")["status"] == 401
    assert guarded.ask(authorization="Bearer ")["status"] == 401
    assert guarded.ask(cookie="ppcr_page=")["status"] == 401
    assert guarded.ask(cookie=f"ppcr_page={TOKEN}")["status"] == 401


def test_the_token_opens_the_page_once_and_a_cookie_from_then_on(guarded: Visitor) -> None:
    first = guarded.ask(query=f"token={TOKEN}")
    headers = dict(first["headers"])
    assert (first["status"], headers[b"location"]) == (303, b"/")
    cookie = headers[b"set-cookie"].decode()
    assert "HttpOnly; SameSite=Strict" in cookie
    value = cookie.split(";")[0]
    assert guarded.ask(cookie=value)["status"] == 200
    assert guarded.ask(kind="websocket", cookie=value)["type"] == "websocket.accept"
    assert guarded.ask(authorization=f"Bearer {TOKEN}")["status"] == 200
    assert guarded.ask(host="robot.local:8080", cookie=value)["status"] == 200
    assert guarded.ask(cookie=value, origin="http://elsewhere.example")["status"] == 403


@pytest.mark.parametrize(
    "others",
    [
        'prefs={"a":1,"b":[2]}',
        "foo[bar]=1",
        "name=Jos\u00e9",
        "a b=c",
        'x="',
        "no value",
        "",
        "ppcr_page=of another page",
    ],
)
def test_the_cookies_of_other_programs_lock_nobody_out(guarded: Visitor, others: str) -> None:
    first = guarded.ask(query=f"token={TOKEN}")
    value = dict(first["headers"])[b"set-cookie"].decode().split(";")[0]
    for header in (f"{others}; {value}", f"{value}; {others}", f"{others};{value}"):
        assert guarded.ask(cookie=header)["status"] == 200
    assert guarded.ask(cookie=f"{others}; not_{value}")["status"] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://["},
        {"origin": "http://[::1"},
        {"origin": "http://\u2100.example"},
        {"origin": "null", "host": ""},
        {"host": "["},
        {"host": "[::1"},
    ],
)
def test_a_header_that_is_no_address_is_refused(
    guarded: Visitor, local: Visitor, headers: dict[str, str]
) -> None:
    for visitor in (guarded, local):
        assert visitor.ask(**headers)["status"] == 403
        assert visitor.ask(kind="websocket", **headers)["type"] == "websocket.close"


def test_a_post_of_no_messages_is_refused(guarded: Visitor, local: Visitor) -> None:
    path = "/_nicegui_ws/socket.io/"
    assert local.ask(path, method="POST")["status"] == 400
    assert local.ask(path)["status"] == 200
    assert guarded.ask(path, method="POST")["status"] == 401


def test_a_page_is_not_shown_in_anothers_frame(local: Visitor) -> None:
    assert (b"x-frame-options", b"DENY") in local.ask()["headers"]


def test_there_is_no_picture_before_the_first(local: Visitor) -> None:
    thumbnails = ("1.jpg", "..jpg", "\u00b2.jpg", f"{'9' * 5000}.jpg")
    for path in ("/picture.jpg", *(f"/thumbnail/{name}" for name in thumbnails)):
        assert local.ask(path)["status"] == 404


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("192.168.1.5", False),
        ("robot.local", False),
        ("localhost.example", False),
    ],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"host": "0.0.0.0"}, r"at 0\.0\.0\.0, where others see .* needs a token"),
        ({"token": "short"}, "the token has 5 characters; expected at least 16"),
        ({"token": "\u00fc" * 20}, "all of them ASCII"),
        ({"port": 70000}, "the port is 70000"),
    ],
)
def test_what_is_no_access(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Access(**values)


def test_the_token_comes_from_a_file_of_the_users_own(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="ascii")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by other users: run chmod 600"):
        read_token(file, {})
    file.chmod(0o600)
    assert read_token(file, {"PPCR_WEB_TOKEN": "another"}) == TOKEN
    file.write_text("", encoding="ascii")
    with pytest.raises(ConfigError, match="is empty"):
        read_token(file, {})
    with pytest.raises(ConfigError, match="cannot read the token"):
        read_token(tmp_path / "nothing", {})
    assert read_token(None, {"PPCR_WEB_TOKEN": f" {TOKEN} "}) == TOKEN
    assert read_token(None, {}) == ""
