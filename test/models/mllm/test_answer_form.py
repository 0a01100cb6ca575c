"""The form of an answer: what it allows, what it forces, and a model that is kept to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ppcr_ros.core.answer_form import NUMBER, TEXT, TEXTS, TRUTH, AnswerForm
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import Frame, SemanticPrompt
from ppcr_ros.models.mllm.constrained_decoding import NOTHING_FORCED, FixedWords, FormGuide
from ppcr_ros.models.mllm.json_turns import DIRECT_FORM, SEMANTIC_FORM, SPATIAL_FORM

LoadTiny = Callable[[str], Any]
JSON_KINDS = ["qwen2_5_vl", "qwen3_vl", "idefics3", "smolvlm", "gemma4"]
SEMANTIC = (
    '{"intent": "find", "present": true, "unique": false, "category": "ball", '
    '"attributes": ["small", "gr\\"een"], '
    '"relations": [], "description": "the größe ball, left"}'
)
BALL = '{"intent": "find", "present": true, "unique": false, "category": "ball'
SPATIAL = (
    '{"location": "left", "extent": "all of it", "bbox_2d": [1, 22, 333, 4444], "point_2d": [5, 6]}'
)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (SEMANTIC_FORM, SEMANTIC),
        (SPATIAL_FORM, SPATIAL),
        (SPATIAL_FORM, '{"bbox_2d": null}'),
        (DIRECT_FORM, '{"bbox_2d": [1, 2, 3, 4]}'),
        (DIRECT_FORM, '{"bbox_2d": null}'),
    ],
)
def test_every_beginning_of_an_answer_is_allowed(form: AnswerForm, text: str) -> None:
    json.loads(text)
    for end in range(len(text)):
        assert form.rests(text[:end]).allowed, text[:end]
        assert not form.rests(text[:end]).complete
        assert text.startswith(text[:end] + form.rests(text[:end]).forced)
    assert form.rests(text).allowed
    assert form.rests(text).complete
    assert form.rests(text).forced == ""


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (SEMANTIC_FORM, "```json"),
        (SEMANTIC_FORM, '{"intent": "find", "present": maybe'),
        (SEMANTIC_FORM, '{"intent": "find", "present": true, "category"'),
        (SEMANTIC_FORM, SEMANTIC + " "),
        (SEMANTIC_FORM, '{"intent": "find", "present": true, "unique": true, "category": "a\nb'),
        (SPATIAL_FORM, '{"location": "a", "extent": "b", "bbox_2d": [1, 2, x'),
        (DIRECT_FORM, '{"bbox_2d": [1, 2, 3]'),
        (DIRECT_FORM, '{"bbox_2d": [123456'),
    ],
)
def test_what_does_not_fit_is_not_allowed(form: AnswerForm, text: str) -> None:
    assert not form.rests(text).allowed
    assert not form.rests(text).complete


@pytest.mark.parametrize(
    ("form", "text", "forced"),
    [
        (SEMANTIC_FORM, "", '{"intent": "'),
        (SEMANTIC_FORM, '{"intent": "f', 'ind", "present": '),
        (SEMANTIC_FORM, '{"intent": "find", "present": t', 'rue, "unique": '),
        (SEMANTIC_FORM, '{"intent": "find", "present": true, "unique": false', ', "category": "'),
        (SEMANTIC_FORM, BALL + '"', ', "attributes": ['),
        (SEMANTIC_FORM, BALL, ""),
        (SPATIAL_FORM, "", '{"'),
        (SPATIAL_FORM, '{"b', 'box_2d": null}'),
        (SPATIAL_FORM, '{"loc', 'ation": "'),
        (DIRECT_FORM, "", '{"bbox_2d": '),
        (DIRECT_FORM, '{"bbox_2d": ', ""),
        (DIRECT_FORM, '{"bbox_2d": [1,', " "),
    ],
)  # fmt: skip
def test_what_must_follow_is_known(form: AnswerForm, text: str, forced: str) -> None:
    assert form.rests(text).forced == forced


def test_a_list_may_hold_the_sign_that_ends_it() -> None:
    form = AnswerForm((("[", TEXTS, "]", TRUTH, '"', TEXT, '"', NUMBER, "!"),))
    assert form.rests('["a]b", "c"]tr').allowed
    assert form.rests('["a]b"]false"x"1.5!').complete


@pytest.mark.parametrize("written", ["-1", "01", "\uff11", "\u0661", "1.", "123456", "+1", "1e3"])
def test_a_number_is_spelt_as_json_spells_places_in_an_image(written: str) -> None:
    form = AnswerForm((("[", NUMBER, "]"),))
    assert not form.rests(f"[{written}]").allowed
    assert form.rests("[0]").complete
    assert form.rests("[10.25]").complete


def test_the_questions_of_the_json_families_have_forms(load_tiny: LoadTiny) -> None:
    family = load_tiny("qwen3_vl").family
    semantic = SemanticPrompt("the ball", "ball", confidence=1.0)
    turns = [family.semantic_turn("x"), family.spatial_turn(semantic), family.direct_turn("x")]
    forms = [turn.form for turn in turns]
    assert forms == [SEMANTIC_FORM, SPATIAL_FORM, DIRECT_FORM]


def constrained(mllm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mllm, "constrain_answers", True)


@pytest.mark.parametrize("kind", JSON_KINDS)
def test_a_random_model_answers_in_the_form(
    kind: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)
    constrained(mllm, monkeypatch)
    turn = mllm.family.direct_turn("the ball")
    answer = mllm.open(frame).ask(turn, max_new_tokens=200, cancel=CancelToken())
    assert set(json.loads(answer.text)) == {"box_2d" if kind == "gemma4" else "bbox_2d"}
    assert not answer.truncated
    assert len(answer.tokens) == len(answer.probabilities) == len(answer.hidden_states)


def one_by_one(mllm: Any, frame: Frame, turn: Turn, limit: int) -> list[int]:
    """The same choice by going through the whole vocabulary, reading every token by itself."""
    guide = mllm.guide(turn)
    conversation = mllm.open(frame)
    state, step = conversation.read_turn(turn)
    ids: list[int] = []
    while len(ids) < limit and not guide.complete(ids):
        queue = list(guide.forced(ids).certain[:1])
        if not queue:
            order = step.logits.argsort(descending=True).tolist()
            queue = [next(id_ for id_ in order if guide.allows([*ids, id_]))]
        ids += queue
        step = mllm.engine.read(state, queue)
    return ids


@pytest.mark.parametrize("kind", JSON_KINDS)
@pytest.mark.parametrize("stage", ["semantic", "direct"])
def test_words_filled_in_at_once_are_those_read_one_by_one(
    kind: str, stage: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)
    constrained(mllm, monkeypatch)
    turn = getattr(mllm.family, f"{stage}_turn")("the ball")
    with torch.inference_mode():
        ids = one_by_one(mllm, frame, turn, 90)
    head_runs: list[int] = []
    hook = mllm.engine.model.lm_head.register_forward_hook(lambda *_: head_runs.append(1))
    answer = mllm.open(frame).ask(turn, max_new_tokens=90, cancel=CancelToken())
    hook.remove()
    text = mllm.processor.tokenizer.decode(
        ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    assert answer.text == text
    assert len(answer.tokens) == len(ids)
    assert len(head_runs) < len(ids)  # what is forced does not cost a pass each


def test_a_forced_tokens_probability_is_the_models_own(
    load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny("qwen3_vl")
    constrained(mllm, monkeypatch)
    turn = mllm.family.direct_turn("the ball")
    answer = mllm.open(frame).ask(turn, max_new_tokens=3, cancel=CancelToken())
    assert answer.truncated
    ids = mllm.processor.tokenizer('{"bbox_2d": ', add_special_tokens=False)["input_ids"][:3]
    with torch.inference_mode():
        state, step = mllm.open(frame).read_turn(turn)
        for place, id_ in enumerate(ids):
            expected = float(torch.softmax(step.logits, -1)[id_])
            assert answer.probabilities[place] == pytest.approx(expected, abs=1e-4)
            step = mllm.engine.read(state, [id_])


def test_the_conversation_goes_on_after_a_kept_form(
    load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny("qwen3_vl")
    turn = mllm.family.direct_turn("the ball")
    constrained(mllm, monkeypatch)
    conversation = mllm.open(frame)
    first = conversation.ask(turn, max_new_tokens=200, cancel=CancelToken())
    later = conversation.ask(Turn("and now?"), max_new_tokens=6, cancel=CancelToken())
    with torch.inference_mode():
        afresh = mllm.open(frame)
        state, _ = afresh.read_turn(turn)
        tokenizer = mllm.processor.tokenizer
        written = tokenizer(first.text, add_special_tokens=False)["input_ids"]
        step = mllm.engine.read(state, [*written, *mllm.turn_ids("and now?")])
        assert tokenizer.decode([int(step.logits.argmax())]) == later.tokens[0]


def test_nothing_is_forced_unless_it_is_wanted(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("qwen3_vl")
    turn = mllm.family.direct_turn("the ball")
    assert mllm.guide(turn) is None
    plain = mllm.open(frame).ask(Turn(turn.text), max_new_tokens=5, cancel=CancelToken())
    asked = mllm.open(frame).ask(turn, max_new_tokens=5, cancel=CancelToken())
    assert asked.tokens == plain.tokens


def test_where_no_token_fits_the_likeliest_is_taken(load_tiny: LoadTiny) -> None:
    mllm = load_tiny("qwen3_vl")
    tokenizer = mllm.processor.tokenizer
    guide = FormGuide(AnswerForm((("x",),)), FixedWords(tokenizer, range(len(tokenizer))))
    logits = torch.zeros(len(tokenizer))
    logits[5] = 1.0
    assert guide.choose(logits, [], CancelToken()) == 5
    assert guide.forced([]) == NOTHING_FORCED
