"""Questions that are asked again where an answer cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import Cancelled, PromptParseError, TargetNotFound
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.stages.asking import AnswerLimits, ask_until_read


class _Talk:
    def __init__(self, answers: Sequence[str]) -> None:
        self.answers, self.turns = list(answers), list[str]()

    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        self.turns.append(turn.text)
        return Answer(self.answers[len(self.turns) - 1])

    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float:
        raise NotImplementedError


def _number(answer: Answer) -> int:
    if answer.text == "gone":
        raise TargetNotFound("not there", answer.text)
    try:
        return int(answer.text)
    except ValueError as error:
        raise PromptParseError(f"{answer.text} is no number", answer.text) from error


def _ask(talk: _Talk, tries: int, cancel: CancelToken | None = None) -> int:
    return ask_until_read(
        talk,
        Turn("a number?"),
        read=_number,
        repair_turn=lambda turn, error: replace(turn, text=f"sorry, {error}"),
        limits=AnswerLimits(8, tries),
        cancel=cancel or CancelToken(),
    )


def test_a_good_answer_needs_one_turn() -> None:
    talk = _Talk(["7"])
    assert _ask(talk, 1) == 7
    assert talk.turns == ["a number?"]


def test_a_bad_answer_is_told_what_was_wrong() -> None:
    talk = _Talk(["seven", "7"])
    assert _ask(talk, 1) == 7
    assert talk.turns == ["a number?", "sorry, seven is no number"]


@pytest.mark.parametrize("tries", [0, 1, 3])
def test_tries_are_bounded_and_the_last_error_counts(tries: int) -> None:
    talk = _Talk([f"bad{number}" for number in range(9)])
    with pytest.raises(PromptParseError, match=f"bad{tries} is no number") as raised:
        _ask(talk, tries)
    assert raised.value.answer == f"bad{tries}"
    assert len(talk.turns) == tries + 1


def test_not_found_is_an_answer_and_not_asked_again() -> None:
    talk = _Talk(["gone", "7"])
    with pytest.raises(TargetNotFound):
        _ask(talk, 3)
    assert len(talk.turns) == 1


def test_a_cancelled_run_asks_nothing() -> None:
    talk, cancel = _Talk(["7"]), CancelToken()
    cancel.cancel("newer command")
    with pytest.raises(Cancelled, match="newer command"):
        _ask(talk, 1, cancel)
    assert talk.turns == []
