# ruff: noqa: RUF001 - full-width signs look like others
"""Refusals, failures, doubts and cut answers: none of them says that the object is not there."""

from __future__ import annotations

import json

import pytest

from ppcr_ros.core.errors import PromptParseError, TargetNotFound
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.denials import begins_as_denial, describes_absence, offers_another
from ppcr_ros.models.mllm.gemma4 import FAMILY as GEMMA
from ppcr_ros.models.mllm.paligemma import FAMILY as PALIGEMMA
from ppcr_ros.models.mllm.qwen2_5_vl import FAMILY as QWEN2_5
from ppcr_ros.models.mllm.qwen3_vl import FAMILY as QWEN3
from ppcr_ros.models.mllm.unanswered import says_unable

SIZE = {"width_px": 1000, "height_px": 1000}
BOX = '{"bbox_2d": [54, 112, 318, 400]}'


def refused(text: str, *, truncated: bool = False) -> str:
    with pytest.raises(PromptParseError) as caught:
        QWEN3.parse_spatial(Answer(text, truncated=truncated), **SIZE)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, I can't identify people in images.", "I’m unable to identify real people.",
        "I cannot see any image. Please upload one.", "I can't view images directly.",
        "There is no image attached.", "No image was provided.", "The image could not be loaded.",
        "I do not have access to the image.", "I cannot locate objects without an image.",
        "I can't help with that.", "sorry, as a base VLM i am not trained to answer this question.",
        "Model not found.", "抱歉，我无法识别图中的人物身份。", "我看不到图片，请重新上传。",
        "您没有上传图片。", "抱歉，我不能协助处理这个请求。", "画像が見えません。",
        "画像が添付されていません。", "Ich kann keine Bilder sehen.",
        "Es wurde kein Bild hochgeladen.",
        "Je ne vois pas d'image.", "Je ne peux pas identifier les personnes.",
        "No veo ninguna imagen.", "No puedo identificar a personas.", "이미지를 볼 수 없습니다.",
        "Я не вижу изображения.",
    ],
)  # fmt: skip
def test_who_cannot_look_has_not_found_nothing(text: str) -> None:
    assert says_unable(text)
    refused(text)
    assert "says that it is none" in refused(f'{text}\n{{"bbox_2d": null}}')
    told = json.dumps({"bbox_2d": None, "reason": text}, ensure_ascii=False)
    assert "says that it is none" in refused(told)
    with pytest.raises(PromptParseError):
        QWEN3.parse_semantic(Answer(text))
    absent = json.dumps({"present": False, "category": "mug", "description": text})
    with pytest.raises(PromptParseError, match="says that it is none"):
        QWEN3.parse_semantic(Answer(absent))
    for read in (PALIGEMMA.parse_semantic, lambda answer: PALIGEMMA.parse_spatial(answer, **SIZE)):
        with pytest.raises(PromptParseError):
            read(Answer(text))


@pytest.mark.parametrize(
    "text",
    [
        "I cannot provide a bounding box because there is no red mug in the image.",
        "I cannot see the red mug in the image.", "I cannot find a person in the image.",
        "There is no picture on the wall.", "I don't see a picture frame here.",
        "The provided image does not show any mug.", "我在图片中看不到红色的杯子。",
        "看不到图片中的红色杯子。", "画像の中に赤いマグカップは見えません。",
        "Ich kann auf dem Bild keine rote Tasse erkennen.",
        "Je ne vois pas de personne sur l'image.", "No veo a ninguna persona en la imagen.",
    ],
)  # fmt: skip
def test_who_has_looked_has_found_nothing(text: str) -> None:
    assert not says_unable(text)
    for answer in (text, f'{text}\n{{"bbox_2d": null}}'):
        with pytest.raises(TargetNotFound):
            QWEN3.parse_spatial(Answer(answer), **SIZE)
    assert not QWEN3.parse_semantic(Answer(text)).present
    assert not PALIGEMMA.parse_semantic(Answer(text)).present


@pytest.mark.parametrize(
    "told",
    [
        '"error": "internal error"', '"error": {"message": "out of memory", "code": 500}',
        '"refusal": "no faces, please"', '"status": "error"', '"status": "refused"',
        '"error": "policy", "message": "of the house"',
    ],
)  # fmt: skip
def test_a_failure_that_is_told_in_json_is_not_passed_off_as_nothing(told: str) -> None:
    assert "says that it is none" in refused(f'{{{told}, "bbox_2d": null}}')
    with pytest.raises(PromptParseError, match="says that it is none"):
        QWEN3.parse_semantic(Answer(f'{{{told}, "present": false, "category": "mug"}}'))


@pytest.mark.parametrize(
    "told", ['"error": null', '"error": ""', '"error": "object not found"', '"status": "ok"',
             '"status": "failed", "message": "There is no red mug."'],
)  # fmt: skip
def test_what_is_not_there_may_be_told_as_an_error(told: str) -> None:
    with pytest.raises(TargetNotFound):
        QWEN3.parse_spatial(Answer(f'{{{told}, "bbox_2d": null}}'), **SIZE)


@pytest.mark.parametrize(
    "text",
    [
        "There is no red mug on the left, but wait", "Okay, let me look. I cannot find it yet",
        "thought\nThe plate is [500, 500, 900, 900]", "<think>There is no red mug", "",
        '<think>a</think>{"bbox_2d": [500, 500, 900, 900]}<think>no, that is the plate',
        "<think >It is [500, 500, 900, 900]", "<|START_THINKING|>It is [500, 500, 900, 900]",
        "<unused94>thought\nIt is [500, 500, 900, 900]",
        '{"bbox_2d": null}\nWait, actually there is a red mug at', '{"bbox_2d": [54, 112, 318, 40',
    ],
)  # fmt: skip
def test_an_answer_that_was_cut_off_while_it_weighed_up_is_none(text: str) -> None:
    refused(text, truncated=True)
    with pytest.raises(PromptParseError):
        QWEN3.parse_semantic(Answer(text, truncated=True))


@pytest.mark.parametrize("after", ["Wait, that is the plate.", "Hmm, no.", "Actually, I erred."])
def test_an_answer_that_is_taken_back_is_none(after: str) -> None:
    assert "doubts its box" in refused(f"{BOX}\n{after}")
    assert "takes itself back" in refused(f'{{"bbox_2d": null}}\n{after}')
    with pytest.raises(PromptParseError):
        QWEN3.parse_semantic(Answer(f'{{"present": true, "category": "mug"}}\n{after}'))


def test_the_words_of_the_question_are_no_answer() -> None:
    assert "repeats" in refused('If it is not visible, answer {"bbox_2d": null}.')
    with pytest.raises(PromptParseError, match="repeats"):
        QWEN3.parse_semantic(Answer('If none is visible: {"present": false}'))


def test_an_answer_without_told_tokens_is_measured_in_characters() -> None:
    assert "after 14 characters" in refused('{"bbox_2d": [5', truncated=True)
    answer = Answer('{"bbox_2d": [5', ('{"bbox_2d": ', "[5"), truncated=True)
    with pytest.raises(PromptParseError, match="after 2 tokens"):
        QWEN3.parse_spatial(answer, **SIZE)


def test_nothing_at_the_limit_of_tokens_is_not_nothing_found() -> None:
    assert "think aloud" in refused("", truncated=True)
    with pytest.raises(PromptParseError, match="cut off"):
        PALIGEMMA.parse_spatial(Answer("", truncated=True), **SIZE)


@pytest.mark.parametrize("numbers", ["[5.4, 11.2, 31.8, 40.0]", "[5.4, 11.2, 31.8, 40]"])
def test_broken_numbers_up_to_100_may_be_percent(numbers: str) -> None:
    assert "percent" in refused(f'{{"bbox_2d": {numbers}}}')
    answer = Answer(f'{{"bbox_2d": {numbers}}}', image_size_px=(644, 476))
    with pytest.raises(PromptParseError, match="percent"):
        QWEN2_5.parse_spatial(answer, **SIZE)


@pytest.mark.parametrize(
    ("family", "key", "numbers", "point"),
    [
        (QWEN3, "bbox_2d", [500, 500, 100, 120], [550, 560]),
        (QWEN3, "bbox_2d", [500, 500, 400, 520], [700, 760]),
        (GEMMA, "box_2d", [500, 500, 120, 100], [560, 550]),
    ],
)
def test_swapped_corners_with_the_point_elsewhere_may_be_a_size(
    family: object, key: str, numbers: list[int], point: list[int]
) -> None:
    assert isinstance(family, (type(QWEN3), type(GEMMA)))
    answer = Answer(json.dumps({key: numbers, "point_2d": point}))
    with pytest.raises(PromptParseError, match="swapped"):
        family.parse_spatial(answer, **SIZE)
    swapped = Answer(json.dumps({key: [318, 400, 54, 112], "point_2d": [186, 186]}))
    assert len(family.parse_spatial(swapped, **SIZE).points_xy_px) == 1


@pytest.mark.parametrize(
    "unique", ['"several"', '"multiple"', '"two of them"', "2", '"no, two fit"', '"not unique"']
)
def test_several_that_fit_are_told_in_many_ways(unique: str) -> None:
    text = f'{{"present": true, "unique": {unique}, "category": "mug"}}'
    assert QWEN3.parse_semantic(Answer(text)).ambiguous
    assert QWEN3.parse_semantic(Answer('{"category": "mug", "ambiguous": true}')).ambiguous
    assert not QWEN3.parse_semantic(Answer('{"category": "mug", "unique": "yes"}')).ambiguous


def test_a_name_that_repeats_itself_without_end_is_none() -> None:
    with pytest.raises(PromptParseError, match="expected a noun"):
        QWEN3.parse_semantic(Answer(json.dumps({"category": "mug " * 60})))


@pytest.mark.parametrize(
    "text",
    [
        "closest match: blue mug", "blue mug instead", "I could only find a blue mug",
        "Only a blue mug is visible", "This is not the red mug", "a blue mug, not a red one",
        "it does not match exactly", "The closest object to a red mug is", "blue rather than red",
    ],
)  # fmt: skip
def test_another_object_is_heard(text: str) -> None:
    assert offers_another(text)
    refused(f"{text}: {BOX}")


@pytest.mark.parametrize(
    "text",
    [
        "the red mug, not the blue one", "only a small part is visible", "closest to the camera",
        "the closest object to the robot", "let me know if this is not the one you mean",
        "I could only find one red mug", "the only red mug",
    ],
)  # fmt: skip
def test_the_object_itself_is_not_another(text: str) -> None:
    assert not offers_another(text)
    prompt = QWEN3.parse_spatial(Answer(f"{text}: {BOX}"), **SIZE)
    assert prompt.box_xyxy_px.tolist() == [54, 112, 318, 400]


def test_what_hides_a_part_is_no_denial() -> None:
    assert begins_as_denial("There is no red mug; this is a bowl")
    assert not begins_as_denial("on the left; there is no handle")
    assert describes_absence("keine rote Tasse im Bild")
    assert not describes_absence("the mug without a handle, which is not visible")
