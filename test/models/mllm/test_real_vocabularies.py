"""Forms in the vocabularies of real checkpoints, and with the real weights of a small one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.answer_form import AnswerForm
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import SemanticPrompt
from ppcr_ros.models.mllm.json_turns import DIRECT_FORM, SEMANTIC_FORM, SPATIAL_FORM
from ppcr_ros.models.mllm.qwen3_vl import FAMILY

torch = pytest.importorskip("torch", reason="torch is not installed")

from ppcr_ros.models.mllm.answer_builder import AnswerBuilder  # noqa: E402
from ppcr_ros.models.mllm.constrained_decoding import FixedWords, FormGuide  # noqa: E402
from ppcr_ros.models.mllm.decoder import AnswerRules, DraftDecoder  # noqa: E402
from ppcr_ros.models.mllm.prompt_lookup import PromptLookup  # noqa: E402
from ppcr_ros.models.mllm.token_engine import Engine, NextToken, SequenceState  # noqa: E402
from ppcr_ros.models.mllm.tokens import decode_pieces  # noqa: E402

VOCABULARIES = ["qwen3", "gemma3"]

SEMANTIC_ANSWERS = [
    f'{{"intent": "find", "present": {present}, "unique": {unique}, "category": "{category}", '
    f'"attributes": [{attributes}], "relations": [{relations}], "description": "{description}"}}'
    for present, unique, category, attributes, relations, description in (
        ("true", "true", "mug", '"red"', '"left of the plate"', "the red mug left of the plate"),
        ("false", "true", "", "", "", ""),
        ("true", "false", "Dose", '"grün", "klein"', "", "die kleine grüne Dose"),
        ("true", "true", "杯子", '"红色"', '"在盘子左边"', "盘子左边的红色杯子"),
        ("true", "true", "USB-C hub", '"small", "grey", "4-port"', '"in front"', "(grey) hub"),
        ("true", "true", "1 l bottle", '"-"', '"next to the \\"X\\""', "a 1 l bottle"),
    )
]
SPATIAL_ANSWERS = [
    '{"location": "left", "extent": "all of it", "bbox_2d": [54, 112, 318, 400], '
    '"point_2d": [180, 250]}',
    '{"location": "", "extent": "", "bbox_2d": [0, 0, 1000, 7], "point_2d": [0, 1]}',
    '{"location": "左边", "extent": "整个", "bbox_2d": [1.5, 2, 3.25, 4], "point_2d": [2, 3]}',
    '{"bbox_2d": null}',
]
DIRECT_ANSWERS = ['{"bbox_2d": [54, 112, 318, 400]}', '{"bbox_2d": null}']
ANSWERS = [
    *((SEMANTIC_FORM, text) for text in SEMANTIC_ANSWERS),
    *((SPATIAL_FORM, text) for text in SPATIAL_ANSWERS),
    *((DIRECT_FORM, text) for text in DIRECT_ANSWERS),
]


class ScriptedEngine:
    """A model that wants to write given tokens, and counts its passes."""

    def __init__(self, n_tokens: int, script: Sequence[int]) -> None:
        self._n_tokens, self._script, self._place, self.passes = n_tokens, list(script), 0, 0

    def reads_several_as_one(self, state: SequenceState) -> bool:
        return True

    def can_forget(self, state: SequenceState) -> bool:
        return True

    def forget(self, state: SequenceState, n: int) -> None:
        self._place -= n

    def read_all(
        self, state: SequenceState, ids: Sequence[int], *, last: int = 0
    ) -> list[NextToken]:
        self.passes += 1
        places = range(self._place + 1, self._place + 1 + len(ids))
        self._place += len(ids)
        return [self.step(place) for place in places][-last if last else 0 :]

    def step(self, place: int = 0) -> NextToken:
        logits = torch.zeros(self._n_tokens)
        if place < len(self._script):
            logits[self._script[place]] = 20.0
        return NextToken(logits, torch.zeros(4))


def encoded(tokenizer: Any, text: str) -> list[int]:
    return [int(id_) for id_ in tokenizer(text, add_special_tokens=False)["input_ids"]]


@pytest.mark.parametrize("lead", ["", " "])
@pytest.mark.parametrize(("form", "text"), ANSWERS)
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_a_filled_in_answer_has_the_tokens_that_the_model_would_have_written(
    vocabulary: str, form: AnswerForm, text: str, lead: str, real_tokenizer: Callable[[str], Any]
) -> None:
    tokenizer = real_tokenizer(vocabulary)
    wanted = encoded(tokenizer, lead + text)
    words, passes = FixedWords(tokenizer, []), {}
    for fill_in in (False, True):
        engine: Any = ScriptedEngine(len(tokenizer), wanted)
        builder = AnswerBuilder(lambda token: [token])
        guide = FormGuide(form.led_by(lead), words)
        rules = AnswerRules(
            200, frozenset(), lambda ids: False, guide, looks_up=False, fills_in=fill_in
        )
        decoder = DraftDecoder(engine, SequenceState(None), PromptLookup(), builder, rules)
        assert decoder.write(engine.step(), CancelToken())
        assert builder.ids == wanted
        passes[fill_in] = engine.passes
    assert passes[True] < 0.75 * passes[False]


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_nothing_is_forced_that_is_one_token_with_what_follows(
    vocabulary: str, real_tokenizer: Callable[[str], Any]
) -> None:
    tokenizer = real_tokenizer(vocabulary)
    guide = FormGuide(DIRECT_FORM, FixedWords(tokenizer, []))
    assert tokenizer.decode(guide.forced([]).certain) == '{"bbox_2d":'
    assert tokenizer.decode(guide.forced(encoded(tokenizer, '{"bbox_2d": [')).certain) == ""
    assert tokenizer.decode(guide.forced(encoded(tokenizer, '{"bbox_2d": [54,')).certain) == " "
    guide = FormGuide(SEMANTIC_FORM, FixedWords(tokenizer, []))
    assert tokenizer.decode(guide.forced([]).certain) == '{"intent": "'
    forced = guide.forced(encoded(tokenizer, '{"intent": "find", "present": true'))
    assert tokenizer.decode(forced.certain) == ', "unique":'
    assert tokenizer.decode(forced.likely) == " "


def guided(
    engine: Engine, tokenizer: Any, prompt: list[int], form: AnswerForm, *, fill_in: bool
) -> Answer:
    """The answer of real weights to ``prompt``."""
    state = engine.start()
    state.unread = list(prompt)
    builder = AnswerBuilder(lambda token: [token])
    guide = FormGuide(form, FixedWords(tokenizer, tokenizer.all_special_ids))
    rules = AnswerRules(
        100, frozenset(), lambda ids: False, guide, looks_up=fill_in, fills_in=fill_in
    )
    with torch.inference_mode():
        decoder = DraftDecoder(engine, state, PromptLookup(), builder, rules)
        whole = decoder.write(None, CancelToken())
    pieces = decode_pieces(tokenizer, builder.ids, lambda id_: False)
    return Answer("".join(pieces), tuple(pieces), builder.probabilities(), truncated=not whole)


COMMANDS = [
    "the red mug",
    "gib mir bitte die blaue Dose links",
    "pick up the second bottle from the right",
]


def test_a_model_says_true_or_false_where_it_is_shown_whole_tokens(
    smollm2: tuple[Any, Any],
) -> None:
    model, tokenizer = smollm2
    turn = FAMILY.semantic_turn(COMMANDS[0])
    messages = [{"role": "user", "content": turn.text}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    guide = FormGuide(turn.form, FixedWords(tokenizer, []))
    written = encoded(tokenizer, '{"intent": "find')
    certain = [*written, *guide.forced(written).certain]
    left = {}
    for name, more in (("whole", certain), ("with a space", [*certain, *encoded(tokenizer, " ")])):
        with torch.inference_mode():
            logits = model(torch.tensor([encoded(tokenizer, text) + more])).logits[0, -1]
        share = torch.softmax(logits.float(), -1)
        lead = " " if name == "whole" else ""
        ids = [encoded(tokenizer, lead + word)[0] for word in ("true", "false")]
        left[name] = float(share[ids].sum())
    assert left["whole"] > 10 * left["with a space"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("stage", ["semantic", "spatial", "direct"])
def test_with_real_weights_filled_in_and_step_by_step_agree(
    stage: str, command: str, smollm2: tuple[Any, Any]
) -> None:
    model, tokenizer = smollm2
    turns = {
        "semantic": FAMILY.semantic_turn(command),
        "spatial": FAMILY.spatial_turn(SemanticPrompt(command, "ball", confidence=1.0)),
        "direct": FAMILY.direct_turn(command),
    }
    turn: Turn = turns[stage]
    assert turn.form is not None
    messages = [{"role": "user", "content": turn.text}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    prompt, engine = encoded(tokenizer, text), Engine(model)
    by_step = guided(engine, tokenizer, prompt, turn.form, fill_in=False)
    filled = guided(engine, tokenizer, prompt, turn.form, fill_in=True)
    assert filled.tokens == by_step.tokens
    assert filled.truncated == by_step.truncated
    np.testing.assert_allclose(filled.probabilities, by_step.probabilities, atol=1e-3)
    if stage == "semantic" and not filled.truncated:
        theirs = FAMILY.parse_semantic(by_step).confidence
        assert FAMILY.parse_semantic(filled).confidence == pytest.approx(theirs, abs=1e-3)
