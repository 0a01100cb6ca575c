"""The image read before the first turn: the same answers, sooner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Frame

torch = pytest.importorskip("torch", reason="torch is not installed")

LoadTiny = Callable[[str], Any]
KINDS = [
    "qwen2_5_vl", "qwen3_vl", "qwen3_5", "idefics3", "smolvlm", "paligemma", "llava", "gemma3",
    "gemma4",
]  # fmt: skip
CONTINUING = [kind for kind in KINDS if kind != "paligemma"]
CANNOT_GO_BACK = ("qwen3_5", "gemma3", "gemma4")
"""Layers that keep the last tokens only, or a sum of all, cannot go back to the image's end."""
FIRST, SECOND = Turn("find the small green ball"), Turn("where is it in the image")
TOKENS = 10


def ask(conversation: Any, turn: Turn) -> Answer:
    answer: Answer = conversation.ask(turn, max_new_tokens=TOKENS, cancel=CancelToken())
    return answer


def talk(mllm: Any, frame: Frame, *, read: bool) -> list[Answer]:
    conversation = mllm.open(frame)
    if read:
        conversation.read_image()
    return [ask(conversation, turn) for turn in (FIRST, SECOND)]


@contextmanager
def counted_images(mllm: Any) -> Iterator[list[int]]:
    """Counts how often the vision tower begins."""
    base = mllm.engine.model.model
    towers = ("visual", "vision_model", "vision_tower")
    tower = next(getattr(base, name) for name in towers if hasattr(base, name))
    first = (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Linear)
    patches = next(module for module in tower.modules() if isinstance(module, first))
    runs: list[int] = []
    hook = patches.register_forward_hook(lambda *_: runs.append(1))
    yield runs
    hook.remove()


@pytest.mark.parametrize("kind", KINDS)
def test_the_answers_are_the_same(kind: str, load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny(kind)
    plain, ahead = (talk(mllm, frame, read=read) for read in (False, True))
    for ours, theirs in zip(ahead, plain, strict=True):
        assert len(set(theirs.tokens)) > 2  # a model that says one thing only would prove nothing
        assert ours.tokens == theirs.tokens
        assert ours.image_size_px == theirs.image_size_px
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-4)
        np.testing.assert_allclose(ours.hidden_states, theirs.hidden_states, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tower_runs_once_and_before_the_turn(
    kind: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    conversation = mllm.open(frame)
    with counted_images(mllm) as runs:
        conversation.read_image()
        conversation.read_image()
        assert len(runs) == 1
        ask(conversation, FIRST)
        conversation.read_image()
        ask(conversation, SECOND)
    assert len(runs) == 1


@pytest.mark.parametrize("kind", CONTINUING)
def test_the_first_turn_reads_only_what_stands_behind_the_image(
    kind: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)
    conversation = mllm.open(frame)
    conversation.read_image()
    read, lengths = mllm.engine.read_all, []

    def counted(state: Any, ids: list[int], *, last: int) -> Any:
        lengths.append(len(ids))
        return read(state, ids, last=last)

    monkeypatch.setattr(mllm.engine, "read_all", counted)
    conversation.ask(FIRST, max_new_tokens=1, cancel=CancelToken())
    prompt = mllm.family.first_prompt(mllm.processor, FIRST.text)
    text = mllm.processor.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert 0 < lengths[0] < len(text)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "qwen3_vl", "llava"])
def test_a_turn_does_not_process_the_image_again(
    kind: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)
    conversation = mllm.open(frame)
    conversation.read_image()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the image was processed again")

    monkeypatch.setattr(type(mllm.processor), "__call__", never)
    assert ask(conversation, FIRST).tokens


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_another_conversation_about_the_image_reads_it_no_more(
    kind: str, read: bool, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    conversation = mllm.open(frame)
    assert conversation.begin_again() is None, "nothing has been read"
    if read:
        conversation.read_image()
    first = [ask(conversation, FIRST)]
    with counted_images(mllm) as runs:
        again = conversation.begin_again()
        if kind in CANNOT_GO_BACK:
            assert again is None
            return
        other = [ask(again, FIRST), ask(again, SECOND)]
    assert runs == []
    first.append(ask(conversation, SECOND))
    for ours, theirs in zip(other, first, strict=True):
        assert ours.tokens == theirs.tokens
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-4)
    third = again.begin_again()
    assert ask(third, FIRST).tokens == first[0].tokens


@pytest.mark.parametrize("kind", KINDS)
def test_asking_yes_or_no_first_leaves_no_trace(
    kind: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    said, sure = [], []
    for read in (False, True):
        conversation = mllm.open(frame)
        if read:
            conversation.read_image()
        sure.append(conversation.yes_probability(Turn("Is it? yes or no"), cancel=CancelToken()))
        said.append(ask(conversation, FIRST).tokens)
    assert said[0] == said[1]
    assert sure[0] == pytest.approx(sure[1], abs=1e-4)


@pytest.mark.parametrize("kind", CONTINUING)
def test_two_conversations_read_ahead_do_not_disturb_each_other(
    kind: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    tall = Frame(rgb=np.full((140, 40, 3), 90, np.uint8))
    alone = [[answer.tokens for answer in talk(mllm, each, read=False)] for each in (frame, tall)]
    both = [mllm.open(frame), mllm.open(tall)]
    for conversation in both:
        conversation.read_image()
    said: list[list[Any]] = [[], []]
    for turn in (FIRST, SECOND):
        for conversation, tokens in zip(both, said, strict=True):
            tokens.append(ask(conversation, turn).tokens)
    assert said == alone


@pytest.mark.parametrize("kind", ["qwen3_vl", "llava"])
def test_a_prompt_that_begins_otherwise_is_read_whole(
    kind: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)
    render = mllm.family.first_prompt

    def turn_first(processor: Any, turn: str) -> str:
        return f"{turn} {render(processor, turn)}"

    monkeypatch.setattr(mllm.family, "first_prompt", turn_first)
    plain, ahead = (talk(mllm, frame, read=read) for read in (False, True))
    assert [answer.tokens for answer in ahead] == [answer.tokens for answer in plain]


def test_an_image_that_the_processor_refuses_is_a_bad_frame(load_tiny: LoadTiny) -> None:
    thread = Frame(rgb=np.zeros((2, 900, 3), np.uint8))  # Qwen refuses ratios above 200
    with pytest.raises(InvalidFrameError, match="900x2"):
        load_tiny("qwen2_5_vl").open(thread).read_image()
