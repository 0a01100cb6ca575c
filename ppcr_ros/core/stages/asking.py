"""Asking the MLLM for something that can be read, with a bounded number of repair tries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import PromptParseError
from ppcr_ros.core.interfaces import Answer, Conversation, Turn

T = TypeVar("T")


@dataclass(frozen=True)
class AnswerLimits:
    """Limits of what an MLLM may write for one stage.

    Attributes:
        max_new_tokens: of one answer.
        repair_tries: how often it is asked again after an answer that cannot be read.
    """

    max_new_tokens: int
    repair_tries: int = 1


def ask_until_read(
    conversation: Conversation,
    turn: Turn,
    *,
    read: Callable[[Answer], T],
    repair_turn: Callable[[Turn, str], Turn],
    limits: AnswerLimits,
    cancel: CancelToken,
) -> T:
    """Ask ``turn`` and ``read`` the answer; on a bad answer say what was wrong and ask again.

    Raises:
        PromptParseError: when the last allowed answer could not be read either.
        Cancelled: when ``cancel`` was raised.
    """
    for tries_left in range(limits.repair_tries, -1, -1):
        cancel.raise_if_cancelled()
        answer = conversation.ask(turn, max_new_tokens=limits.max_new_tokens, cancel=cancel)
        try:
            return read(answer)
        except PromptParseError as error:
            if not tries_left:
                raise
            turn = repair_turn(turn, str(error))
    raise AssertionError("repair_tries is not negative")
