"""Text from outside, where it must not be more than text."""

from __future__ import annotations

import json

import pytest

from ppcr_ros.core.outside_text import (
    file_name,
    log_text,
    markdown_text,
    printable,
    printable_lines,
)

HOSTILE = "cam\x1b[2J\x1b]0;title\x07\nera\r\t\u202eexe\x9b31m\u200b\x00\ud800\U000e0041 end"


@pytest.mark.parametrize("text", [HOSTILE, "\n", "\x7f", "\u2028", "a\u00a0b"])
def test_one_visible_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown


def test_what_is_printable_stays_as_it_is() -> None:
    text = "camera_color_optical_frame Tür 赤 \U0001f600"
    assert printable(text) is text
    assert printable_lines(f"{text}\n\t{text}") == f"{text}\n\t{text}"


def test_the_escapes_tell_what_stood_there() -> None:
    assert printable("a\x1b[31m\nb\U000e0041") == "a\\u001b[31m\\u000ab\\udb40\\udc41"


def test_json_means_the_same_afterwards() -> None:
    document = {"text": HOSTILE.replace("\ud800", "")}
    text = json.dumps(document, ensure_ascii=False, indent=1)
    assert json.loads(printable_lines(text)) == document


def test_a_line_of_the_log_cannot_be_forged() -> None:
    shown = log_text("frame a\n[INFO] [123.4] [ppcr]: all is well\x1b[1A")
    assert shown == "frame a\n  | [INFO] [123.4] [ppcr]: all is well\\u001b[1A"


def test_markdown_means_nothing_but_itself() -> None:
    shown = markdown_text("a | b\n# <img src=x> [link](x) `code` **bold**")
    assert shown == r"a \| b\\u000a\# \<img src=x\> \[link\](x) \`code\` \*\*bold\*\*"


@pytest.mark.parametrize(
    "text", ["", ".", "..", "../../etc/passwd", "-rf", "/", HOSTILE, "a" * 999]
)
def test_a_file_name_names_a_file_here(text: str) -> None:
    name = file_name(text)
    assert name
    assert len(name) <= 80
    assert "/" not in name
    assert name[0] not in ".-"
    assert name.isascii()
    assert name.isprintable()
