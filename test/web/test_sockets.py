"""Messages of a browser over the page's websocket, without a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ppcr_ros.web.sockets import LONGEST_POST_BYTES, CheckedSocket, checked_post, is_readable


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "2probe",
        "5",
        "40",
        '40{"client_id":"a"}',
        "40/page,",
        "41",
        '42["ack",{"next_message_id":1}]',
        '420["event",{"args":["[[\\"{"]}]',
        '42/page,7["event",{}]',
        "430[true]",
    ],
)
def test_what_the_page_says_is_readable(text: str) -> None:
    assert is_readable(text)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "x",
        "9",
        "4",
        "42",
        "42{",
        "42[",
        "42[]",
        "42[1]",
        '42["event"]',
        '42["event",null]',
        '42["event",{"text":"\\ud800"}]',
        "40[1]",
        "43{}",
        "44{}",
        '451-["event",{}]',
        "bAAA",
        f"42{'9' * 50}[1]",
        '42["event",' + "[" * 5000,
        '42["event",' + "[" * 5000 + "]" * 5000 + "]",
    ],
)
def test_what_no_page_says_is_not(text: str | None) -> None:
    assert not is_readable(text)


def test_the_first_unreadable_message_ends_the_connection() -> None:
    came = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "40"}]
    came += [{"type": "websocket.receive", "text": '42["event",'}] * 2
    sent: list[Any] = []

    async def receive() -> Any:
        return came.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def talk() -> list[str]:
        browser = CheckedSocket(receive, send)
        await browser.send({"type": "websocket.accept"})
        kinds = [(await browser.receive())["type"] for _ in range(4)]
        await browser.send({"type": "websocket.send", "text": "2"})
        return kinds

    gone = "websocket.disconnect"
    assert asyncio.run(talk()) == ["websocket.connect", "websocket.receive", gone, gone]
    assert [item["type"] for item in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1007


@pytest.mark.parametrize(
    ("parts", "fine"),
    [
        (['40\x1e42["ack",', '{"next_message_id":1}]'], True),
        (["3"], True),
        ([""], False),
        (["42{"], False),
        (["3\x1ex"], False),
        (["\udcff"], False),
        (["3" * LONGEST_POST_BYTES, "3"], False),
    ],
)
def test_messages_that_are_posted(parts: list[str], fine: bool) -> None:
    bodies = [part.encode("utf-8", "surrogateescape") for part in parts]
    came = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    came[-1]["more_body"] = False
    came.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return came.pop(0)

    async def read() -> list[Any] | None:
        posted = await checked_post(receive)
        return None if posted is None else [await posted(), await posted()]

    whole = {"type": "http.request", "body": b"".join(bodies), "more_body": False}
    assert asyncio.run(read()) == ([whole, {"type": "http.disconnect"}] if fine else None)
