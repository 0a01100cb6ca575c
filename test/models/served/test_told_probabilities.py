"""Probabilities of an engine whose own arithmetic has failed: not told, and never certain."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.interfaces import Conversation, Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models import factory
from ppcr_ros.models.mllm.qwen3_vl import FAMILY as QWEN3

FRAME = Frame(rgb=np.random.default_rng(3).integers(0, 255, (60, 90, 3), np.uint8))
PLACE = '{"location": "left", "extent": "all", "bbox_2d": [100, 200, 500, 700]}'
NOT_TOLD = [
    "NaN", "Infinity", "-Infinity", "1e999", "0.5", "12", "1" + "0" * 400,
    "null", "true", '"x"', "[]", "[-0.1]", "{}",
]  # fmt: skip
"""As JSON."""

Say = Callable[[list[tuple[str, str]]], Conversation]


@pytest.fixture
def conversation_with(engine: Any) -> Say:
    """A conversation with an engine that says tokens with these logarithms, each as JSON."""

    def say(tokens: list[tuple[str, str]], tops: str = "[]") -> Conversation:
        entries = ", ".join(
            f'{{"token": {json.dumps(token)}, "logprob": {told}, "top_logprobs": {tops}}}'
            for token, told in tokens
        )
        delta = json.dumps({"content": "".join(token for token, _ in tokens)})
        choice = f'{{"index": 0, "delta": {delta}, "logprobs": {{"content": [{entries}]}}}}'
        head = '"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"'
        end = '{"index": 0, "delta": {}, "finish_reason": "stop"}'

        def behave(engine: Any, handler: Any, request: Any) -> None:
            handler.send_response(200)
            handler.send_header("content-type", "text/event-stream")
            handler.end_headers()
            for each in (choice, end):
                handler.wfile.write(f'data: {{{head}, "choices": [{each}]}}\n\n'.encode())
            handler.wfile.write(b"data: [DONE]\n\n")

        engine.behaviours = [behave]
        config = MllmConfig(
            family="served", served_family="qwen3_vl", endpoint=engine.url, model="m", retries=0
        )
        return factory.load_served(config).open(FRAME)

    return say


@pytest.mark.parametrize("told", NOT_TOLD)
def test_what_is_no_logprob_makes_an_answer_neither_sure_nor_unreadable(
    told: str, conversation_with: Say
) -> None:
    half = repr(math.log(0.5))
    tokens = [(PLACE[:-8], half), (PLACE[-8:-3], told), (PLACE[-3:], half)]
    conversation = conversation_with(tokens)
    answer = conversation.ask(Turn("where?"), max_new_tokens=8, cancel=CancelToken())
    assert (answer.text, answer.tokens, len(answer.probabilities)) == (PLACE, (), 0)
    found = QWEN3.parse_spatial(answer, width_px=90, height_px=60)
    assert math.isnan(found.confidence), "nobody has told it"


@pytest.mark.parametrize("told", NOT_TOLD)
@pytest.mark.parametrize("word", ["yes", "no"])
def test_a_yes_of_which_half_is_not_told_is_neither_yes_nor_no(
    word: str, told: str, conversation_with: Any
) -> None:
    other = {"yes": "no", "no": "yes"}[word]
    tops = f'[{{"token": "{word}", "logprob": {told}}}, {{"token": "{other}", "logprob": -1.0}}]'
    conversation = conversation_with([(other, "-1.0")], tops=tops)
    assert conversation.yes_probability(Turn("is it?"), cancel=CancelToken()) is None


@pytest.mark.parametrize("told", NOT_TOLD)
def test_another_word_that_is_not_told_does_not_matter(told: str, conversation_with: Any) -> None:
    tops = f'[{{"token": "maybe", "logprob": {told}}}, {{"token": "no", "logprob": -2.0}}]'
    conversation = conversation_with([("yes", "-1.0")], tops=tops)
    expected = math.exp(-1.0) / (math.exp(-1.0) + math.exp(-2.0))
    found = conversation.yes_probability(Turn("is it?"), cancel=CancelToken())
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("told", "expected"), [("0", 1.0), ("1.2e-7", 1.0), ("-0.0", 1.0), ("-9999.0", 0.0),
                           ("-1" + "0" * 400, 0.0), ("-1", math.exp(-1.0))]
)  # fmt: skip
def test_what_is_a_logprob_counts(told: str, expected: float, conversation_with: Say) -> None:
    conversation = conversation_with([("left", told)])
    answer = conversation.ask(Turn("where?"), max_new_tokens=8, cancel=CancelToken())
    assert answer.probabilities.tolist() == pytest.approx([expected])
