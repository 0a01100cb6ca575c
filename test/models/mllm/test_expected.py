"""Expected beginnings of answers, read with the question; the answer stays the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Frame, SemanticPrompt
from ppcr_ros.models.mllm.json_turns import DIRECT_FORM, SEMANTIC_FORM, SPATIAL_FORM
from ppcr_ros.models.mllm.ppcr_tiny import FAMILY

LoadTiny = Callable[[str], Any]
KINDS = [
    "qwen2_5_vl", "qwen3_vl", "qwen3_5", "idefics3", "smolvlm", "paligemma", "llava", "gemma3",
    "gemma4",
]  # fmt: skip
FIRST, SECOND = Turn("find the small green ball"), Turn("where is it in the image")
TOKENS = 12


def ask(conversation: Any, turn: Turn, limit: int = TOKENS) -> Answer:
    answer: Answer = conversation.ask(turn, max_new_tokens=limit, cancel=CancelToken())
    return answer


def same(ours: Answer, theirs: Answer) -> None:
    assert ours.tokens == theirs.tokens
    assert ours.truncated == theirs.truncated
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-4)
    np.testing.assert_allclose(ours.hidden_states, theirs.hidden_states, atol=1e-3)


@contextmanager
def passes(mllm: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many tokens were read each time."""
    lengths: list[int] = []
    read = mllm.engine.read_last

    def counted(state: Any, ids: Any, *, keep: int) -> Any:
        lengths.append(len(ids))
        return read(state, ids, keep=keep)

    with monkeypatch.context() as patch:
        patch.setattr(mllm.engine, "read_last", counted)
        yield lengths


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("right", [0, 1, 3, 5])
@pytest.mark.parametrize("turn", ["first", "later"])
def test_the_answer_is_the_same_however_much_was_expected_rightly(
    kind: str, right: int, turn: str, load_tiny: LoadTiny, frame: Frame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    mllm = load_tiny(kind)
    monkeypatch.setattr(mllm, "look_up", True)
    conversation = mllm.open(frame)
    plain = [ask(conversation, asked) for asked in (FIRST, SECOND)]
    wanted, number = ((FIRST, 0), (SECOND, 1))[turn == "later"]
    written = _ids_of(mllm, frame, number)
    other = next(i for i in range(50, 99) if i not in written and i not in mllm.stop_ids)
    guess = [*written[:right], other, other]
    monkeypatch.setattr(mllm, "expected", lambda turn: guess if turn == wanted else [])
    conversation = mllm.open(frame)
    for asked, theirs in zip((FIRST, SECOND), plain, strict=True):
        same(ask(conversation, asked), theirs)


def _ids_of(mllm: Any, frame: Frame, number: int) -> list[int]:
    """The tokens of the answer to a turn, as the model writes them."""
    from ppcr_ros.models.mllm import conversation as conversations

    kept: list[Any] = []

    class Keeping(conversations.AnswerBuilder):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            kept.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversations, "AnswerBuilder", Keeping)
        conversation = mllm.open(frame)
        ask(conversation, FIRST)
        ask(conversation, SECOND)
    ids: list[int] = kept[number].ids
    return ids


def test_what_was_expected_rightly_saves_its_passes(
    load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny("llava")
    written = _ids_of(mllm, frame, 1)
    lengths = {}
    for right in (0, 5):
        guess = written[:right]
        monkeypatch.setattr(mllm, "expected", lambda turn, g=guess: g if turn == SECOND else [])
        conversation = mllm.open(frame)
        ask(conversation, FIRST)
        with passes(mllm, monkeypatch) as counted:
            ask(conversation, SECOND)
        lengths[right] = counted
    assert len(lengths[0]) - len(lengths[5]) == 5
    assert sum(lengths[0]) == sum(lengths[5])


def test_more_than_may_be_written_is_not(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("llava")
    written = _ids_of(mllm, frame, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mllm, "expected", lambda turn: written)
        answer = ask(mllm.open(frame), FIRST, limit=3)
    assert len(answer.tokens) == 3
    assert answer.truncated


def test_so_many_location_tokens_are_all_of_an_answer(
    load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny("llava")
    ids = mllm.processor.tokenizer.convert_tokens_to_ids([f"<loc{n:03d}>" for n in (9, 8, 7, 6)])
    made: list[int] = []
    real = mllm.engine.read_last

    def only_locations(state: Any, read: Any, *, keep: int) -> Any:
        steps = real(state, read, keep=keep)
        made.append(len(read))
        logits = steps[-1].logits.clone()
        logits[ids[len(made) % 4]] = 1e4
        return [*steps[:-1], steps[-1]._replace(logits=logits)]

    monkeypatch.setattr(mllm.engine, "read_last", only_locations)
    conversation = mllm.open(frame)
    ask(conversation, FIRST, limit=1)
    made.clear()
    answer = ask(conversation, Turn("where", n_locations=4))
    assert len(answer.tokens) == 4 == len(made)
    assert not answer.truncated
    assert conversation.yes_probability(Turn("fits"), cancel=CancelToken()) >= 0.0


def test_each_familys_questions_say_what_to_expect(load_tiny: LoadTiny) -> None:
    family = load_tiny("qwen3_vl").family
    assert family.semantic_turn("x").likely_beginning == '{"intent": "find", "present":'
    assert SEMANTIC_FORM.rests('{"intent": "find", "present":').allowed
    semantic = SemanticPrompt("the ball", "ball", confidence=1.0)
    assert (
        family.spatial_turn(semantic).likely_beginning == SPATIAL_FORM.beginning == '{"location": "'
    )
    assert family.direct_turn("x").likely_beginning == DIRECT_FORM.beginning == '{"bbox_2d": ['


def test_ppcr_tiny_expects_the_target_where_it_was_seen() -> None:
    def expected(text: str) -> str:
        turn = FAMILY.spatial_turn(SemanticPrompt(text, "ball", confidence=1.0))
        assert (turn.text, turn.n_locations) == ("where", 4)
        return turn.expected

    said = "ball left of large red cube at back right: small green ball at middle centre"
    assert expected(said) == "middle centre"
    assert expected("ball: large red ball at front left") == "front left"
    assert expected("ball: large red ball") == ""


def test_nothing_is_expected_where_a_form_is_kept_or_nothing_looked_up(
    load_tiny: LoadTiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny("qwen3_vl")
    turn = mllm.family.semantic_turn("x")
    assert mllm.expected(turn)
    assert mllm.expected(Turn(turn.text)) == []
    monkeypatch.setattr(mllm, "look_up", False)
    assert mllm.expected(turn) == []
