"""Findings: their texts, and that each is said once."""

from __future__ import annotations

import pytest

from ppcr_ros.health.finding_catalog import KINDS, MODELS_NOT_LOADED, NO_CAMERA_INFO, NO_PUBLISHER
from ppcr_ros.health.findings import FINE_SEC, Finding, FindingKind, FindingLog, Level, worst_first

KIND = FindingKind(
    "quiet", Level.WARN, "{about} is quiet for {sec:.0f} s", "it should talk", "Poke it."
)


def quiet(about: str = "/image", sec: float = 6.0, level: Level | None = None) -> Finding:
    return KIND.found(about, sec=sec, level=level)


def test_a_finding_reads_as_two_sentences() -> None:
    assert quiet().text == "/image is quiet for 6 s; it should talk. Poke it."
    assert quiet().as_dict() == {
        "code": "quiet",
        "level": "WARN",
        "about": "/image",
        "what": "/image is quiet for 6 s",
        "expected": "it should talk",
        "remedy": "Poke it.",
    }


def test_the_full_stop_of_an_error_is_not_doubled() -> None:
    assert "no folder. Mend" in MODELS_NOT_LOADED.found("models", problem="no folder.").text


def test_braces_in_what_is_filled_in_are_left_alone() -> None:
    text = MODELS_NOT_LOADED.found("models", problem="expected {'a': 1}").text
    assert "expected {'a': 1}. Mend" in text


def test_every_kind_has_a_name_of_its_own_and_whole_sentences() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS) > 25
    for kind in KINDS:
        assert not kind.what.endswith("."), kind.code
        assert not kind.expected.endswith("."), kind.code
        assert kind.remedy.endswith((".", "}", "camera_info")), kind.code


def test_the_level_may_be_overridden() -> None:
    assert NO_CAMERA_INFO.found("/info", argument="x").level is Level.NOTE
    found = NO_CAMERA_INFO.found("/info", argument="x", level=Level.WARN)
    assert found.level is Level.WARN


def test_a_missing_particular_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        NO_PUBLISHER.found("/image")


def test_the_worst_comes_first_and_equals_keep_their_order() -> None:
    note, first, second = (
        quiet("c", level=Level.NOTE),
        quiet("a", level=Level.ERROR),
        quiet("b", level=Level.ERROR),
    )
    assert worst_first([note, first, second]) == [first, second, note]


def test_a_finding_that_lasts_is_said_once_whatever_its_numbers() -> None:
    log = FindingLog()
    begun = [log.look([quiet(sec=6.0 + now)], now).begun for now in range(100)]
    assert [len(item) for item in begun] == [1] + [0] * 99


def test_another_thing_of_the_same_kind_is_said_too() -> None:
    log = FindingLog()
    log.look([quiet("/image")], 0)
    news = log.look([quiet("/image"), quiet("/depth")], 1)
    assert [item.about for item in news.begun] == ["/depth"]


def test_a_finding_that_gets_worse_is_said_again_and_one_that_gets_better_is_not() -> None:
    log = FindingLog()
    assert log.look([quiet(level=Level.NOTE)], 0).begun
    assert log.look([quiet(level=Level.ERROR)], 1).begun
    assert not log.look([quiet(level=Level.WARN)], 2).begun


def test_the_end_is_said_once_and_what_comes_back_is_said_again() -> None:
    log = FindingLog()
    log.look([quiet()], 0)
    assert log.look([], FINE_SEC) == log.look([], FINE_SEC)
    ended = log.look([], FINE_SEC + 1).ended
    assert [item.about for item in ended] == ["/image"]
    assert not log.look([], FINE_SEC + 2).ended
    assert log.look([quiet()], FINE_SEC + 3).begun


def test_what_flickers_is_said_once() -> None:
    log = FindingLog()
    said = ended = 0
    for second in range(0, 200):
        news = log.look([quiet()] if second % 8 < 4 else [], second)
        said, ended = said + len(news.begun), ended + len(news.ended)
    assert (said, ended) == (1, 0)
