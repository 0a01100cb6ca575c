"""Engines that refuse one parameter of a request: that one is left out, and the others are sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.answer_form import AnswerForm
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.interfaces import Conversation, Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models import factory
from ppcr_ros.models.served.errors import EngineRefused

FRAME = Frame(rgb=np.zeros((60, 90, 3), np.uint8))
ALL = {
    "repetition_penalty", "repeat_penalty", "min_p", "logprobs", "skip_special_tokens",
}  # fmt: skip


@pytest.fixture
def refusing(engine: Any, behaviours: Any) -> Callable[..., Conversation]:
    """A conversation with an engine that refuses requests, with the words it has for it."""

    def make(refusal: Callable[[dict[str, Any]], str], **more: Any) -> Conversation:
        def behave(scripted: Any, handler: Any, request: dict[str, Any]) -> None:
            said = refusal(request)
            act = behaviours.refuses(400, said) if said else behaviours.says("yes")
            act(scripted, handler, request)

        engine.behaviours = [behave]
        options = {"served_family": "paligemma", "retries": 0, **more}
        config = MllmConfig(family="served", endpoint=engine.url, model="m", **options)
        return factory.load_served(config).open(FRAME)

    return make


def ask(conversation: Conversation) -> None:
    answer = conversation.ask(Turn("x"), max_new_tokens=8, cancel=CancelToken())
    assert answer.text == "yes"


@pytest.mark.parametrize("said", ["`top_logprobs` must be <= 5", "at most 5 logprobs", "no"])
def test_fewer_of_the_likeliest_tokens_are_asked_for_first(
    engine: Any, refusing: Any, said: str
) -> None:
    conversation = refusing(lambda request: said if request.get("top_logprobs", 0) > 5 else "")
    conversation.yes_probability(Turn("y"), cancel=CancelToken())
    assert [request["top_logprobs"] for request in engine.requests] == [20, 5]
    ask(conversation)
    assert set(engine.requests[-1]) >= ALL
    conversation.yes_probability(Turn("y"), cancel=CancelToken())
    assert len(engine.requests) == 4
    assert engine.requests[-1]["top_logprobs"] == 5


@pytest.mark.parametrize("said", ["`top_logprobs` is unknown", "no"])
def test_then_none_of_them(engine: Any, refusing: Any, said: str) -> None:
    conversation = refusing(lambda request: said if "top_logprobs" in request else "")
    conversation.yes_probability(Turn("y"), cancel=CancelToken())
    assert [request.get("top_logprobs") for request in engine.requests] == [20, 5, None]
    assert set(engine.requests[-1]) >= ALL


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_a_refusal_names_is_left_out_alone(
    engine: Any, refusing: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    conversation = refusing(lambda request: f"body.{name}: unknown" if name in request else "")
    with caplog.at_level(logging.WARNING):
        ask(conversation)
        ask(conversation)
    assert len(engine.requests) == 3
    assert ALL - set(engine.requests[-1]) == {name}
    told = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert len(told) == 1
    assert name in told[0]
    assert engine.url in told[0]


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_was_not_to_blame_is_given_back(engine: Any, refusing: Any, name: str) -> None:
    conversation = refusing(lambda request: "no" if name in request else "")
    for _ in range(len(ALL)):
        ask(conversation)
    assert ALL - set(engine.requests[-1]) == {name}
    sent = len(engine.requests)
    ask(conversation)
    assert len(engine.requests) == sent + 1


def test_a_refusal_for_another_cause_costs_nothing_for_good(engine: Any, refusing: Any) -> None:
    cause = ["the image is too large"]
    conversation = refusing(lambda request: cause[0])
    for _ in range(2):
        with pytest.raises(EngineRefused, match="too large"):
            ask(conversation)
    assert len(engine.requests) == len(ALL) + 2  # the second time it is known
    cause[0] = ""
    ask(conversation)
    assert set(engine.requests[-1]) >= ALL


def test_an_engine_without_this_kind_of_json_is_asked_without(
    engine: Any, refusing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    said = "'response_format.type' must be 'json_schema' or 'text'"
    conversation = refusing(
        lambda request: said if "response_format" in request else "",
        served_family="qwen3_vl",
        constrain_answers=True,
    )
    turn = Turn("x", form=AnswerForm(()))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            conversation.ask(turn, max_new_tokens=8, cancel=CancelToken())
    assert len(engine.requests) == 3
    assert "repetition_penalty" in engine.requests[-1]
    assert [record.getMessage().count("response_format") for record in caplog.records] == [2]
