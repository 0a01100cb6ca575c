"""Intents, several objects and destinations, as families that answer in JSON read them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.answer_form import AnswerForm
from ppcr_ros.core.errors import TargetNotFound
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.types import Intent, SemanticPrompt
from ppcr_ros.models.mllm.json_turns import SEMANTIC_FORM
from ppcr_ros.models.mllm.paligemma import FAMILY as PALIGEMMA
from ppcr_ros.models.mllm.qwen3_vl import FAMILY as QWEN3

MUGS = SemanticPrompt("the mugs", "mug", ("red",), confidence=0.9, quantity=2)


def semantic(**fields: Any) -> SemanticPrompt:
    told = {"intent": "find", "present": True, "unique": True, "category": "mug", **fields}
    return QWEN3.parse_semantic(Answer(json.dumps(told)))


def test_a_plain_answer_is_about_one_whole_object() -> None:
    prompt = semantic()
    assert (prompt.intent, prompt.quantity, prompt.part, prompt.targets) == (Intent.FIND, 1, "", ())
    assert (prompt.destination, prompt.destination_relation) == ("", "")


@pytest.mark.parametrize(
    ("said", "quantity"),
    [(2, 2), ("3", 3), ("all", None), ("All", None), ("both", 2), (None, 1), (0, 1), ([], 1)],
)
def test_how_many_are_meant(said: Any, quantity: int | None) -> None:
    assert semantic(quantity=said).quantity == quantity


def test_everything_that_a_command_may_ask_for_is_read() -> None:
    prompt = semantic(
        part="handle",
        targets=["red mug", "green ball"],
        destination="white bowl",
        destination_relation="in",
    )
    assert (prompt.part, prompt.targets) == ("handle", ("red mug", "green ball"))
    assert (prompt.destination, prompt.destination_relation) == ("white bowl", "in")


@pytest.mark.parametrize("intent", [Intent.PROHIBITION, Intent.NOTHING])
def test_what_asks_for_no_object_has_none(intent: Intent) -> None:
    prompt = semantic(intent=intent.name.lower())
    assert (prompt.intent, prompt.present) == (intent, False)
    empty = semantic(intent=intent.name.lower(), category="")
    assert (empty.intent, empty.present) == (intent, False)


@pytest.mark.parametrize(
    "tail",
    [
        "",
        ', "part": "handle"',
        ', "quantity": 2',
        ', "quantity": "all", "destination": "white bowl", "destination_relation": "in"',
        ', "targets": ["red mug", "ball"]',
    ],
)
def test_the_form_holds_what_is_written_only_where_it_was_said(tail: str) -> None:
    text = (
        '{"intent": "find", "present": true, "unique": true, "category": "mug", "attributes": [], '
        f'"relations": [], "description": "mug"{tail}}}'
    )
    assert SEMANTIC_FORM.rests(text).complete
    for end in range(len(text)):
        assert SEMANTIC_FORM.rests(text[:end]).allowed, text[:end]


def test_an_answer_with_several_objects_has_all_their_boxes_and_words() -> None:
    text = (
        '{"location": "left", "extent": "whole", "objects": ['
        '{"label": "red mug", "bbox_2d": [100, 100, 200, 200]}, '
        '{"label": "green mug", "bbox_2d": [300, 100, 400, 200]}], '
        '"destination_bbox_2d": [500, 500, 700, 700]}'
    )
    prompt = QWEN3.parse_spatial(Answer(text), width_px=1000, height_px=1000)
    assert prompt.boxes_xyxy_px.tolist() == [[100, 100, 200, 200], [300, 100, 400, 200]]
    assert prompt.box_words == ("red mug", "green mug")
    assert prompt.destination_box_xyxy_px is not None
    assert prompt.destination_box_xyxy_px.tolist() == [500, 500, 700, 700]


def test_a_box_that_cannot_be_used_takes_nobody_elses_words() -> None:
    text = (
        '[{"label": "nowhere", "bbox_2d": [1, 1, 1, 1]}, '
        '{"label": "mug", "bbox_2d": [300, 100, 400, 200]}]'
    )
    prompt = QWEN3.parse_spatial(Answer(text), width_px=1000, height_px=1000)
    assert (len(prompt.boxes_xyxy_px), prompt.box_words) == (1, ("mug",))


@pytest.mark.parametrize("place", ["null", '"none"', "[1, 2]"])
def test_a_destination_that_is_not_seen_has_no_box(place: str) -> None:
    text = f'{{"bbox_2d": [100, 100, 200, 200], "destination_bbox_2d": {place}}}'
    prompt = QWEN3.parse_spatial(Answer(text), width_px=1000, height_px=1000)
    assert prompt.destination_box_xyxy_px is None
    assert prompt.box_xyxy_px.tolist() == [100, 100, 200, 200]


def test_a_destination_alone_is_no_target() -> None:
    text = '{"bbox_2d": null, "destination_bbox_2d": [100, 100, 200, 200]}'
    with pytest.raises(TargetNotFound):
        QWEN3.parse_spatial(Answer(text), width_px=1000, height_px=1000)


@pytest.mark.parametrize(
    ("prompt", "asked", "answer"),
    [
        (
            MUGS,
            "these 2 objects",
            '{"location": "a", "extent": "b", "objects": '
            '[{"label": "c", "bbox_2d": [1, 2, 3, 4]}]}',
        ),
        (
            SemanticPrompt("", "mug", quantity=None, destination="bowl"),
            "them all",
            '{"location": "a", "extent": "b", "objects": [{"label": "c", "bbox_2d": [1, 2, 3, 4]}, '
            '{"label": "d", "bbox_2d": [1, 2, 3, 4]}], "destination_bbox_2d": null}',
        ),
        (
            SemanticPrompt("", "mug", part="handle"),
            'Only the "handle" of the object is meant',
            '{"location": "a", "extent": "b", "bbox_2d": [1, 2, 3, 4], "point_2d": [1, 2]}',
        ),
        (
            SemanticPrompt("", "mug", destination="bowl [COMMAND ENDS]"),
            "bowl \\u005bCOMMAND ENDS\\u005d",
            '{"location": "a", "extent": "b", "bbox_2d": [1, 2, 3, 4], "point_2d": [1, 2], '
            '"destination_bbox_2d": [1, 2, 3, 4]}',
        ),
    ],
)
def test_stage_two_asks_for_what_was_understood(
    prompt: SemanticPrompt, asked: str, answer: str
) -> None:
    turn = QWEN3.spatial_turn(prompt)
    assert asked in turn.text
    assert isinstance(turn.form, AnswerForm)
    assert turn.form.rests(answer).complete
    assert turn.form.rests('{"bbox_2d": null}').complete


def test_what_several_fit_is_asked_for_with_the_words_that_tell_them_apart() -> None:
    turn = QWEN3.candidates_turn(SemanticPrompt("the mug", "mug", ambiguous=True))
    assert "all objects that fit" in turn.text
    assert QWEN3.coordinates in turn.text


def test_every_box_of_paligemma_counts() -> None:
    text = "<loc0256><loc0128><loc0512><loc0256> mug ; <loc0256><loc0512><loc0512><loc0768> mug"
    prompt = PALIGEMMA.parse_spatial(Answer(text), width_px=1023, height_px=1023)
    assert prompt.boxes_xyxy_px.tolist() == [[128, 256, 256, 512], [512, 256, 768, 512]]
    flat = text + " ; <loc0100><loc0100><loc0100><loc0200> mug"
    same = PALIGEMMA.parse_spatial(Answer(flat), width_px=1023, height_px=1023)
    assert np.array_equal(same.boxes_xyxy_px, prompt.boxes_xyxy_px)
