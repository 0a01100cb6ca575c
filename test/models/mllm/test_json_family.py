"""The questions and parsers of the families that answer in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppcr_ros.core.errors import PromptParseError, TargetNotFound
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.idefics3 import FAMILY as IDEFICS3
from ppcr_ros.models.mllm.json_family import JsonFamily
from ppcr_ros.models.mllm.qwen2_5_vl import FAMILY as QWEN2_5
from ppcr_ros.models.mllm.qwen3_vl import FAMILY as QWEN3

MakeAnswer = Callable[..., Answer]
GRID_FAMILIES = [pytest.param(QWEN3, id="qwen3_vl"), pytest.param(IDEFICS3, id="idefics3")]


def box_of(text: str, make: MakeAnswer, *, size: tuple[int, int] = (1000, 1000)) -> list[float]:
    prompt = QWEN3.parse_spatial(make(text), width_px=size[0], height_px=size[1])
    return [round(value, 1) for value in prompt.box_xyxy_px.tolist()]


# Stage 1.


@pytest.mark.parametrize(
    "text",
    [
        '{"present": true, "category": "mug", "attributes": ["red", "small"], '
        '"relations": ["left of the plate"], "description": "the small red mug"}',
        '```json\n{"present": true, "category": "mug", "attributes": ["red", "small"], '
        '"relations": ["left of the plate"], "description": "the small red mug"}\n```',
        "Sure, here is the object.\n{'present': True, 'category': 'mug', 'attributes': ['red', "
        "'small'], 'relations': ['left of the plate'], 'description': 'the small red mug'} "
        "Let me know!",
        '{"category": "mug", "attributes": "red, small", "relations": "left of the plate", '
        '"description": "the small red mug"}',
        '[{"label": "mug", "attributes": {"colour": "red", "size": "small"}, "relations": '
        '["left of the plate", "left of the plate"], "description": "the small red mug"}]',
    ],
)
def test_reads_the_semantic_prompt(text: str, answer_of: MakeAnswer) -> None:
    prompt = QWEN3.parse_semantic(answer_of(text))
    assert prompt.category == "mug"
    assert prompt.attributes == ("red", "small")
    assert prompt.relations == ("left of the plate",)
    assert prompt.text == "the small red mug"
    assert prompt.present
    assert prompt.embedding is not None


def test_a_prompt_without_description_is_described_by_its_parts(answer_of: MakeAnswer) -> None:
    text = '{"category": "mug", "attributes": ["red"], "relations": ["near the jug", "on top"]}'
    assert QWEN3.parse_semantic(answer_of(text)).text == "red mug, near the jug, on top"


@pytest.mark.parametrize("nothing", ["[]", "null", '"none"', '[""]', '["n/a"]', "{}"])
def test_empty_cues_are_left_out(nothing: str, answer_of: MakeAnswer) -> None:
    text = f'{{"category": "mug", "attributes": {nothing}, "relations": {nothing}}}'
    prompt = QWEN3.parse_semantic(answer_of(text))
    assert prompt.attributes == prompt.relations == ()


@pytest.mark.parametrize("said", ["false", '"false"', '"no"', "False", "0"])
@pytest.mark.parametrize("category", ['"mug"', '""', "null"])
def test_an_absent_object_is_a_prompt_and_no_error(
    said: str, category: str, answer_of: MakeAnswer
) -> None:
    prompt = QWEN3.parse_semantic(answer_of(f'{{"present": {said}, "category": {category}}}'))
    assert not prompt.present


@pytest.mark.parametrize("said", ["false", '"no"', "False"])
def test_several_that_fit_are_a_prompt_and_no_error(said: str, answer_of: MakeAnswer) -> None:
    text = f'{{"present": true, "unique": {said}, "category": "mug", "attributes": ["red"]}}'
    prompt = QWEN3.parse_semantic(answer_of(text))
    assert prompt.ambiguous
    assert prompt.present
    assert (prompt.category, prompt.attributes) == ("mug", ("red",))
    assert not QWEN3.parse_semantic(answer_of('{"category": "mug"}')).ambiguous
    absent = QWEN3.parse_semantic(answer_of('{"present": false, "unique": false}'))
    assert not absent.ambiguous


@pytest.mark.parametrize("text", ["none", "There is no mug in the image."])
def test_a_denial_in_words_is_an_absent_object(text: str, answer_of: MakeAnswer) -> None:
    prompt = QWEN3.parse_semantic(answer_of(text))
    assert not prompt.present
    assert prompt.text == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no JSON"),
        ("the red mug", "no JSON"),
        ('{"colour": "red"}', "without it"),
        ('{"category": "", "attributes": ["red"]}', "expected a noun"),
        ('{"category": ["a", "b"]}', "expected a noun"),
        ('{"present": true, "category": "mu', "cut off"),
        ('{"present": true, "attributes": ["red"], "rel', "cut off"),
    ],
)
def test_an_unreadable_semantic_answer_says_what_was_expected(
    text: str, told: str, answer_of: MakeAnswer
) -> None:
    with pytest.raises(PromptParseError, match=told) as caught:
        QWEN3.parse_semantic(answer_of(text))
    assert caught.value.answer == text


def test_a_cut_off_answer_names_the_option_to_raise(answer_of: MakeAnswer) -> None:
    with pytest.raises(PromptParseError, match=r"mllm\.max_new_tokens_semantic"):
        QWEN3.parse_semantic(answer_of('{"present": tr', truncated=True))
    with pytest.raises(PromptParseError, match=r"mllm\.max_new_tokens_spatial"):
        QWEN3.parse_spatial(answer_of('{"bbox_2d": [1', truncated=True), width_px=9, height_px=9)


def test_semantic_confidence_is_that_of_the_cues(answer_of: MakeAnswer) -> None:
    text = '{"present": true, "category": "mug", "attributes": ["red"], "description": "it"}'
    scaffold = {"present": 0.01, "category": 0.01, "description": 0.01, '"': 0.1, "it": 0.01}
    assert QWEN3.parse_semantic(answer_of(text, unsure=scaffold)).confidence == pytest.approx(1.0)
    cue = answer_of(text, unsure={"mug": 0.125})
    assert QWEN3.parse_semantic(cue).confidence == pytest.approx(0.5)  # true, mug, red


# Stage 2: shapes of answers. On a 1000 x 1000 frame the grid is the pixels.


@pytest.mark.parametrize(
    "text",
    [
        '{"location": "left", "extent": "whole", "bbox_2d": [100, 200, 300, 400]}',
        '```json\n[\n\t{"bbox_2d": [100, 200, 300, 400], "label": "ball"}\n]\n```',
        '{"bbox_2d": [100, 200, 300, 400]} is where the ball is.',
        "The ball: {'bbox_2d': [100, 200, 300, 400]}",
        '{"bbox_2d": [300, 400, 100, 200]}',
        '{"bbox_2d": [300, 200, 100, 400]}',
        '{"bbox_2d": ["100", "200", "300", "400"]}',
        '{"bbox_2d": "100, 200, 300, 400"}',
        '{"bbox_2d": "[100, 200, 300, 400]"}',
        '{"bbox_2d": [[100, 200, 300, 400]]}',
        '{"bbox_2d": [[100, 200], [300, 400]]}',
        '{"bbox_2d": [[100, 200, 300, 400], [5, 5, 50, 50]]}',
        '{"bbox_2d": {"x1": 100, "y1": 200, "x2": 300, "y2": 400}}',
        '{"bbox": [100.0, 200.0, 300.0, 400.0]}',
        '{"objects": [{"label": "ball", "bbox_2d": [100, 200, 300, 400]}]}',
        '[{"bbox_2d": [100, 200, 300, 400]}, {"bbox_2d": [100, 200, 300, 400]}]',
        '[{"bbox_2d": [100, 200, 300, 400]}, {"bbox_2d": [500, 500, 900, 900]}]',
        '{"bbox_2d": [100, 200, 300, 400]}\n{"bbox_2d": [500, 500, 900, 900]}',
        '[{"bbox_2d": null}, {"bbox_2d": [100, 200, 300, 400]}]',
        '[{"bbox_2d": [1, 2, 3]}, {"bbox_2d": [100, 200, 300, 400]}]',
        '[{"bbox_2d": [100, 200, 300, 400]}, {"bbox_2d": [500, 5',
        '{"location": "left", "bbox_2d": [100, 200, 300, 400], "point_2d": [15',
        "[100, 200, 300, 400]",
        "100, 200, 300, 400",
        "(100,200),(300,400)",
        "the ball (100, 200), (300, 400)",
        "<think>[1, 2, 3, 4] or so</think>[100, 200, 300, 400]",
    ],
)
def test_reads_the_box(text: str, answer_of: MakeAnswer) -> None:
    assert box_of(text, answer_of) == [100.0, 200.0, 300.0, 400.0]


def test_a_box_beyond_the_image_is_cut_off(answer_of: MakeAnswer) -> None:
    text = '{"bbox_2d": [-50, 500, 700, 1090]}'
    assert box_of(text, answer_of, size=(640, 480)) == [0.0, 240.0, 448.0, 480.0]


def test_shares_of_the_image_are_understood(answer_of: MakeAnswer) -> None:
    text = '{"bbox_2d": [0.25, 0.5, 0.75, 1.0]}'
    assert box_of(text, answer_of, size=(640, 480)) == [160.0, 240.0, 480.0, 480.0]


@pytest.mark.parametrize(
    "text",
    [
        '{"bbox_2d": null}',
        '{"bbox_2d": []}',
        '{"bbox_2d": [[]]}',
        '{"bbox_2d": "none"}',
        '{"bbox_2d": "not visible"}',
        '```json\n{"bbox_2d": null}\n```',
        '{"location": "", "extent": "", "bbox_2d": null, "point_2d": null}',
        '{"location": "not visible in the image"}',
        '{"present": false}',
        '{"objects": []}',
        "[]",
        "```json\n[]\n```",
        "none",
        "None.",
        "The ball is not visible in the image.",
        "There is no green ball.",
    ],
)
def test_not_there_is_an_outcome(text: str, answer_of: MakeAnswer) -> None:
    with pytest.raises(TargetNotFound) as caught:
        QWEN3.parse_spatial(answer_of(text), width_px=640, height_px=480)
    assert caught.value.answer == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no JSON"),
        ("It is on the left.", "no JSON"),
        ('{"location": "left"}', "without it"),
        ('{"location": "left", "extent": "its handle is not visible"}', "without it"),
        ('{"point_2d": [5, 5]}', "without it"),
        ('{"location": "left", "relations": []}', "without it"),
        ('{"location": "left", "size": [10, 20, 30, 40]}', "without it"),
        ('{"bbox_2d": [100, 200, 300]}', "3 readable numbers"),
        ('{"bbox_2d": [100, 200, 300, 400, 500]}', "5 readable numbers"),
        ('{"bbox_2d": [100, "left", 300, 400]}', "0 readable numbers"),
        ('{"bbox_2d": [NaN, 200, 300, 400]}', "0 readable numbers"),
        ('{"bbox_2d": [100, Infinity, 300, 400]}', "0 readable numbers"),
        ('{"bbox_2d": [true, 1, 2, 3]}', "0 readable numbers"),
        ('{"bbox_2d": 17}', "0 readable numbers"),
        ('{"bbox_2d": [100, 200, 100, 400]}', "is empty"),
        ('{"bbox_2d": [1100, 200, 1300, 400]}', "outside the image"),
        ('{"bbox_2d": [900, 900, 1900, 1900]}', "another scale"),
        ('{"bbox_2d": [1e300, 0, 2e300, 5]}', "outside the image"),
        ('{"location": "left", "bbox_2d": [100, 200, 30', "cut off"),
        ('{"attributes": [], "bbox_2d": [12, 3', "cut off"),
        ('{"bbox_2d": [', "cut off"),
    ],
)
def test_an_unreadable_spatial_answer_says_what_was_expected(
    text: str, told: str, answer_of: MakeAnswer
) -> None:
    with pytest.raises(PromptParseError, match=told) as caught:
        QWEN3.parse_spatial(answer_of(text), width_px=640, height_px=480)
    assert caught.value.answer == text


def test_a_box_in_another_scale_is_told_the_right_one(answer_of: MakeAnswer) -> None:
    text = '{"bbox_2d": [1500, 900, 1800, 1000]}'
    with pytest.raises(PromptParseError, match="0 to 1000"):
        QWEN3.parse_spatial(answer_of(text), width_px=1920, height_px=1080)


def test_the_text_is_where_and_how_far(answer_of: MakeAnswer) -> None:
    text = '{"location": "front left", "extent": "small", "bbox_2d": [1, 2, 30, 40]}'
    prompt = QWEN3.parse_spatial(answer_of(text), width_px=640, height_px=480)
    assert prompt.text == "front left; small"
    assert prompt.embedding is not None


def test_a_point_in_the_box_is_kept(answer_of: MakeAnswer) -> None:
    text = '{"bbox_2d": [100, 200, 300, 400], "point_2d": [200, 300]}'
    prompt = QWEN3.parse_spatial(answer_of(text), width_px=640, height_px=480)
    np.testing.assert_allclose(prompt.points_xy_px, [[128.0, 144.0]])
    assert prompt.point_labels.tolist() == [1]


@pytest.mark.parametrize(
    "point", ["[500, 300]", "[200]", '"middle"', "null", "[1e300, 300]", "[[200, 300]]"]
)
def test_another_point_is_left_out(point: str, answer_of: MakeAnswer) -> None:
    text = f'{{"bbox_2d": [100, 200, 300, 400], "point_2d": {point}}}'
    prompt = QWEN3.parse_spatial(answer_of(text), width_px=640, height_px=480)
    assert prompt.points_xy_px.shape == (0, 2)
    assert prompt.point_labels.shape == (0,)


def test_spatial_confidence_is_that_of_the_leading_digits(answer_of: MakeAnswer) -> None:
    text = '{"location": "left", "bbox_2d": [123, 234, 345, 456]}'
    scaffold = answer_of(text, unsure={"location": 0.1, "left": 0.1, "6": 0.1, "bbox_": 0.1})
    sure = QWEN3.parse_spatial(scaffold, width_px=640, height_px=480)
    assert sure.confidence == pytest.approx(1.0)
    # 1 stands once among the eight leading digits.
    unsure = answer_of(text, unsure={"1": 1 / 256})
    doubtful = QWEN3.parse_spatial(unsure, width_px=640, height_px=480)
    assert doubtful.confidence == pytest.approx(0.5)


# Coordinates, on odd sizes.

SIZES = [(640, 480), (1920, 1080), (333, 1001), (48, 2000), (3000, 50), (1, 1)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", GRID_FAMILIES)
def test_the_grid_spans_the_frame(
    family: JsonFamily, size: tuple[int, int], answer_of: MakeAnswer
) -> None:
    answer = answer_of('{"bbox_2d": [0, 0, 1000, 1000]}')
    prompt = family.parse_spatial(answer, width_px=size[0], height_px=size[1])
    np.testing.assert_allclose(prompt.box_xyxy_px, [0, 0, *size])


@pytest.mark.parametrize("family", GRID_FAMILIES)
def test_the_grid_is_scaled_by_width_and_by_height(
    family: JsonFamily, answer_of: MakeAnswer
) -> None:
    answer = answer_of('{"bbox_2d": [100, 200, 300, 400]}')
    prompt = family.parse_spatial(answer, width_px=1920, height_px=1080)
    np.testing.assert_allclose(prompt.box_xyxy_px, [192, 216, 576, 432])


@pytest.mark.parametrize(
    ("seen", "frame", "expected"),
    [
        ((644, 476), (640, 480), [99.38, 100.84, 298.14, 201.68]),
        ((1288, 728), (1920, 1080), [149.07, 148.35, 447.2, 296.7]),
        ((308, 1008), (333, 1001), [108.12, 99.31, 324.35, 198.61]),
    ],
)
def test_qwen2_5_answers_in_pixels_of_the_resized_image(
    seen: tuple[int, int],
    frame: tuple[int, int],
    expected: list[float],
    answer_of: MakeAnswer,
) -> None:
    answer = answer_of('{"bbox_2d": [100, 100, 300, 200]}', image_size_px=seen)
    prompt = QWEN2_5.parse_spatial(answer, width_px=frame[0], height_px=frame[1])
    np.testing.assert_allclose(prompt.box_xyxy_px, expected, atol=0.01)


def test_qwen2_5_needs_the_size_of_the_resized_image(answer_of: MakeAnswer) -> None:
    with pytest.raises(PromptParseError, match="resized image"):
        QWEN2_5.parse_spatial(answer_of("[1, 2, 3, 4]"), width_px=640, height_px=480)


# Whatever a model writes.

_SIGNS = st.sampled_from(
    [*"{}[]\"'\\,:.- \n0123456789", "bbox_2d", "category", "present", "null", "NaN", "ball"]
)


@pytest.mark.parametrize("family", [QWEN2_5, QWEN3, IDEFICS3])
@given(text=st.text(max_size=120) | st.lists(_SIGNS, max_size=60).map("".join))
@settings(max_examples=120, deadline=None)
def test_any_answer_is_read_or_refused(family: JsonFamily, text: str) -> None:
    answer = Answer(text=text, image_size_px=(644, 476))
    with suppress(PromptParseError):
        assert family.parse_semantic(answer).category
    with suppress(PromptParseError, TargetNotFound):
        box = family.parse_spatial(answer, width_px=640, height_px=480).box_xyxy_px
        assert 0 <= box[0] < box[2] <= 640
        assert 0 <= box[1] < box[3] <= 480


@given(
    numbers=st.lists(st.integers(0, 1000), min_size=4, max_size=4),
    size=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
)
@settings(max_examples=150, deadline=None)
def test_any_box_on_the_grid_lies_in_the_frame(numbers: list[int], size: tuple[int, int]) -> None:
    answer = Answer(text=json.dumps({"bbox_2d": numbers}))
    if numbers[0] == numbers[2] or numbers[1] == numbers[3] or max(numbers) <= 1:
        with pytest.raises((PromptParseError, TargetNotFound)):
            QWEN3.parse_spatial(answer, width_px=size[0], height_px=size[1])
        return
    box = QWEN3.parse_spatial(answer, width_px=size[0], height_px=size[1]).box_xyxy_px
    assert 0 <= box[0] < box[2] <= size[0]
    assert 0 <= box[1] < box[3] <= size[1]
