"""Guessing what comes next from what was said: fewer passes, and the same greedy answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models.mllm import conversation as conversations
from ppcr_ros.models.mllm.prompt_lookup import LONGEST_GUESS, PromptLookup

LoadTiny = Callable[[str], Any]
KINDS = ["qwen2_5_vl", "qwen3_vl", "idefics3", "smolvlm", "paligemma"]
TURNS = tuple(map(Turn, ("find the small green ball", "where is it in the image", "say it again")))
TOKENS = 24


def test_what_followed_before_is_guessed_to_follow_again() -> None:
    lookup = PromptLookup()
    lookup.extend([1, 2, 3, 4, 5, 6])
    assert lookup.guess(9) == []
    lookup.extend([9, 2, 3])
    assert lookup.guess(9) == []  # two in a row are too few
    lookup.extend([4])
    assert lookup.guess(9) == [5, 6, 9, 2, 3, 4]
    assert lookup.guess(2) == [5, 6]
    assert lookup.guess(0) == lookup.guess(-1) == []


def test_the_last_time_counts() -> None:
    lookup = PromptLookup()
    lookup.extend([1, 2, 3, 7, 1, 2, 3, 8, 1, 2, 3])
    assert lookup.guess(1) == [8]


def test_a_guess_is_not_long_and_may_run_into_itself() -> None:
    lookup = PromptLookup()
    lookup.extend(range(40))
    lookup.extend([3, 4, 5])
    assert lookup.guess(99) == list(range(6, 6 + LONGEST_GUESS))
    again = PromptLookup()
    again.extend([5, 5, 5, 5])
    assert again.guess(3) == [5]


class Recorder(PromptLookup):
    """Guesses nothing, and keeps what was said."""

    said: ClassVar[list[list[int]]] = []

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[int] = []
        self.said.append(self.ids)

    def extend(self, ids: Iterable[int]) -> None:
        self.ids += ids

    def guess(self, limit: int) -> list[int]:
        return []


class HalfRight(Recorder):
    """Guesses three tokens as they came the time before, and one that did not."""

    before: ClassVar[list[list[int]]] = []

    def guess(self, limit: int) -> list[int]:
        known, place = self.before[len(self.said) - 1], len(self.ids)
        return [*known[place : place + 3], known[0]][:limit]


@pytest.mark.parametrize("kind", KINDS)
def test_right_guesses_save_passes_and_wrong_ones_change_nothing(
    kind: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)

    def talk(lookup: type[Recorder]) -> tuple[list[Answer], int, list[list[int]]]:
        passes: list[int] = []
        lookup.said = []
        monkeypatch.setattr(conversations, "PromptLookup", lookup)
        hook = mllm.engine.model.register_forward_pre_hook(lambda *_: passes.append(1))
        conversation = mllm.open(frame)
        answers = [
            conversation.ask(turn, max_new_tokens=TOKENS, cancel=CancelToken()) for turn in TURNS
        ]
        hook.remove()
        return answers, len(passes), lookup.said

    plain, plain_passes, HalfRight.before = talk(Recorder)
    guessing, passes, said = talk(HalfRight)
    assert said == HalfRight.before
    for expected, found in zip(plain, guessing, strict=True):
        assert found.tokens == expected.tokens
        assert found.truncated == expected.truncated
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-4)
        assert found.hidden_states is not None
        assert expected.hidden_states is not None
        np.testing.assert_allclose(found.hidden_states, expected.hidden_states, atol=1e-3)
    if not mllm.engine.reads_several_as_one(mllm.engine.start()):  # a sliding window never forgets
        assert passes == plain_passes
        return
    assert passes < 0.6 * plain_passes
    mllm.look_up = False
    try:
        assert talk(HalfRight)[1] == plain_passes
    finally:
        mllm.look_up = True


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 9])
def test_no_answer_gets_longer_than_it_may(limit: int, load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("qwen3_vl")
    whole = mllm.open(frame).ask(TURNS[0], max_new_tokens=TOKENS, cancel=CancelToken())
    part = mllm.open(frame).ask(TURNS[0], max_new_tokens=limit, cancel=CancelToken())
    assert len(part.tokens) == limit
    np.testing.assert_allclose(part.probabilities, whole.probabilities[:limit], atol=1e-4)
    assert part.truncated


def test_a_small_model_on_a_cpu_reads_token_by_token(load_tiny: LoadTiny, frame: Frame) -> None:
    engine = load_tiny("llava").engine
    assert not engine.reads_several_as_one(engine.start())
    engine = load_tiny("qwen3_vl").engine
    assert engine.reads_several_as_one(engine.start())
