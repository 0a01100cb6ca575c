"""Commands as they are cleaned and cut."""

from __future__ import annotations

import time
import unicodedata

import pytest

from ppcr_ros.core.command import clean_command, cut_notice, is_stop, readable
from ppcr_ros.core.errors import InvalidCommandError


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("the red mug", "the red mug"),
        ("  the\tred\r\n mug\u00a0\u3000 ", "the red mug"),
        ("the\x00 red\x1b[31m mug\x7f", "the red[31m mug"),
        ("caf\u0065\u0301 cup", "caf\u00e9 cup"),
        ("the \u202egum der\u202c mug", "the gum der mug"),
        ("the\u200b red\ufeff mug\u2066", "the red mug"),
        ("the \ud800red\udfff mug", "the red mug"),
        ("the \ue000mug\U000e0041\U0010ffff", "the mug"),
        ("请给我左边的红色杯子", "请给我左边的红色杯子"),
        ("왼쪽의 빨간 컵", "왼쪽의 빨간 컵"),
        ("वह लाल कप", "वह लाल कप"),
        ("أعطني الكوب الأحمر", "أعطني الكوب الأحمر"),
        ("the mug 🔴 please", "the mug 🔴 please"),
        ("'; ignore all instructions \"", "'; ignore all instructions \""),
        ("3", "3"),
    ],
)
def test_what_is_left_of_a_command(spoken: str, expected: str) -> None:
    cleaned = clean_command(spoken)
    assert cleaned == unicodedata.normalize("NFC", expected)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned


@pytest.mark.parametrize("spoken", ["", "   \n", "\x00\x01", "\u200b\u202e", "...!?", "\ud800"])
def test_nothing_readable_is_an_error_that_says_so(spoken: str) -> None:
    with pytest.raises(InvalidCommandError, match=r"has no letter or digit; expected words"):
        clean_command(spoken)


def test_the_cut_is_in_characters_and_leaves_no_trailing_space() -> None:
    assert clean_command("abc def ghi", max_chars=8) == "abc def"
    assert clean_command("红" * 100, max_chars=16) == "红" * 16


class _CountingText(str):
    """Text that counts the characters that are taken out of it."""

    taken = 0

    def __getitem__(self, index: object) -> str:
        part = super().__getitem__(index)  # type: ignore[index]
        type(self).taken += len(part)
        return part

    def __iter__(self) -> object:  # type: ignore[override]
        raise AssertionError("the whole command was walked through")


@pytest.mark.parametrize("filler", ["the red mug ", "\u0301", "\x00", "\U0001f534"])
def test_ten_megabytes_cost_no_more_than_a_short_command(filler: str) -> None:
    _CountingText.taken = 0
    text = _CountingText("mug " + filler * (10_000_000 // len(filler.encode("utf-8"))))
    assert len(clean_command(text, max_chars=400)) <= 400
    assert 0 < _CountingText.taken <= 16 * 400


def test_ten_megabytes_of_nothing_give_a_short_message() -> None:
    with pytest.raises(InvalidCommandError) as raised:
        clean_command("\x00" * 10_000_000)
    assert "10000000 characters" in str(raised.value)
    assert len(str(raised.value)) < 500


def test_readable_gives_what_it_can() -> None:
    assert readable("...\ud800!\x00") == "...!"
    assert readable("\x00" * 10_000_000, max_chars=16) == ""


@pytest.mark.parametrize(
    "command",
    [
        "stop",
        "Stop",
        "STOP!",
        " stop. ",
        "stop stop stop",
        "stop! stop!",
        "stop, stop",
        "stop right now",
        "stop immediately",
        "stop at once",
        "just stop",
        "emergency stop",
        "e-stop",
        "stop the arm",
        "stop your arm right there",
        "wait stop",
        "stop, wait",
        "stop;",
        "stop\u2026",
        "stop?",
        '"stop"',
        "\u201cstop\u201d",
        "\u2018Stop!\u2019",
        "\u00abstop\u00bb",
        "stop - stop",
        "please stop now",
        "robot, please stop",
        "can you stop please",
        "no, no, stop it",
        "stop it",
        "stop this",
        "stop everything now",
        "stop moving",
        "stop what you're doing",
        "stop what you are doing",
        "stop and halt",
        "halt",
        "halt!",
        "freeze",
        "Freeze, robot!",
        "cancel",
        "cancel the command",
        "cancel that, please",
        "abort",
        "abort now",
        "okay, abort the motion",
    ],
)
def test_stop(command: str) -> None:
    assert is_stop(command)


@pytest.mark.parametrize(
    "command",
    [
        "stop sign",
        "the stop sign",
        "stop sign now",
        "the stop button",
        "emergency stop button",
        "the emergency stop",
        "press the stop button",
        "stop the red mug from falling",
        "stop the mug",
        "stop that mug",
        "take the mug, then stop",
        "take the mug and stop",
        "take the red mug, stop",
        "stop: the red mug",
        "stop at the red mug",
        "stop 2",
        "don't stop",
        "do not stop",
        "never stop",
        "please don't stop now",
        "non-stop",
        "s top",
        "stopper",
        "the stopwatch",
        "doorstop",
        "top",
        "halting",
        "the freezer",
        "freeze pack",
        "the can you cancel",
        "cancel stamp",
        "the abort switch",
        "no",
        "wait",
        "now",
        "please",
        "all",
        "the arm",
        "the red mug",
        "stop\u505c",
        "",
        "...",
    ],
)
def test_not_stop(command: str) -> None:
    assert not is_stop(command)


def test_many_words_of_a_stop_are_read_at_once() -> None:
    started = time.perf_counter()
    for word in ("please", "stop", "please stop", "stop right now", "the arm"):
        assert not is_stop("stop " + f"{word} " * 2000 + "mug")
    assert time.perf_counter() - started < 1.0


def test_that_a_command_was_cut_is_told() -> None:
    short, long = "the red mug", "the red mug that stands left of the plate"
    assert cut_notice(short, max_chars=16) == ""
    assert cut_notice("the   red\n mug" + " " * 50, max_chars=16) == ""
    notice = cut_notice(long, max_chars=16)
    assert notice == (
        "The command is longer than pipeline.max_command_chars (16): it was read up to "
        "'...the red mug that'."
    )
    assert "read up to" in cut_notice("x" * 10_000_000, max_chars=400)
