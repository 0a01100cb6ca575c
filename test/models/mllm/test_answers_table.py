# ruff: noqa: E501 - an answer stands on one line
"""Answers of the shapes that real checkpoints write, and what each of them means.

A box is told in thousandths of the image, whatever the family's own scale. ``NONE`` is NOT_FOUND,
``BAD`` is an answer that is asked for again.
"""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.errors import PromptParseError, TargetNotFound
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.mllm.gemma4 import FAMILY as GEMMA
from ppcr_ros.models.mllm.idefics3 import FAMILY as IDEFICS3
from ppcr_ros.models.mllm.paligemma import FAMILY as PALIGEMMA
from ppcr_ros.models.mllm.qwen2_5_vl import FAMILY as QWEN2_5
from ppcr_ros.models.mllm.qwen3_5 import FAMILY as QWEN3_5
from ppcr_ros.models.mllm.qwen3_vl import FAMILY as QWEN3

NONE, BAD = "not found", "asked again"
Expected = str | tuple[int, ...]

GRID: list[tuple[str, Expected]] = [
    # Whole answers, as asked for and nearly so.
    ('{"location": "left", "extent": "all", "bbox_2d": [54, 112, 318, 400], "point_2d": [180, 250]}',
     (54, 112, 318, 400)),
    ('{"bbox_2d": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    (' {"bbox_2d": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('```json\n{"bbox_2d": [54, 112, 318, 400]}\n```', (54, 112, 318, 400)),
    ('```json\n[\n\t{"bbox_2d": [54, 112, 318, 400], "label": "red mug"}\n]\n```', (54, 112, 318, 400)),
    ('[{"bbox_2d": [54, 112, 318, 400], "label": "red mug"}]', (54, 112, 318, 400)),
    ('{"bbox_2d": [[54, 112, 318, 400]]}', (54, 112, 318, 400)),
    ('{"bbox_2d": [[54, 112], [318, 400]]}', (54, 112, 318, 400)),
    ('{"bbox_2d": "54, 112, 318, 400"}', (54, 112, 318, 400)),
    ('{"bbox_2d": "[54, 112, 318, 400]"}', (54, 112, 318, 400)),
    ('{"bbox_2d": ["54", "112", "318", "400"]}', (54, 112, 318, 400)),
    ('{"bbox_2d": [54.0, 112.0, 318.0, 400.0]}', (54, 112, 318, 400)),
    ('{"bbox_2d": [318, 400, 54, 112]}', (54, 112, 318, 400)),
    ('{"bbox_2d": [318, 112, 54, 400]}', (54, 112, 318, 400)),
    ("{'bbox_2d': [54, 112, 318, 400]}", (54, 112, 318, 400)),
    ("{'location': 'it\\'s left', 'bbox_2d': [54, 112, 318, 400]}", (54, 112, 318, 400)),
    ('{bbox_2d: [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('{“bbox_2d”: [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('Sure! Here it is: {"bbox_2d": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('{"bbox_2d": [54, 112, 318, 400]} The mug is red.', (54, 112, 318, 400)),
    ('The mug [see below] is: {"bbox_2d": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('[54, 112, 318, 400]', (54, 112, 318, 400)),
    ('54, 112, 318, 400', (54, 112, 318, 400)),
    ('(54, 112), (318, 400)', (54, 112, 318, 400)),
    ('<box>(54,112),(318,400)</box>', (54, 112, 318, 400)),
    ('{"bbox": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('{"box": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('{"bounding_box": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('{"coordinates": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('{"bbox": {"x1": 54, "y1": 112, "x2": 318, "y2": 400}}', (54, 112, 318, 400)),
    ('{"bbox": {"xmin": 54, "ymin": 112, "xmax": 318, "ymax": 400}}', (54, 112, 318, 400)),
    ('{"bbox": {"x_min": 54, "y_min": 112, "x_max": 318, "y_max": 400}}', (54, 112, 318, 400)),
    ('{"bbox": {"left": 54, "top": 112, "right": 318, "bottom": 400}}', (54, 112, 318, 400)),
    ('{"bbox": {"x": 54, "y": 112, "width": 264, "height": 288}}', (54, 112, 318, 400)),
    ('{"bbox": {"x": 54, "y": 112, "w": 264, "h": 288}}', (54, 112, 318, 400)),
    ('{"bbox": {"left": 54, "top": 112, "width": 264, "height": 288}}', (54, 112, 318, 400)),
    ('{"x1": 54, "y1": 112, "x2": 318, "y2": 400}', (54, 112, 318, 400)),
    ('{"red mug": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('{"objects": [{"label": "mug", "bbox_2d": [54, 112, 318, 400]}]}', (54, 112, 318, 400)),
    ('{"detections": [{"box": [54, 112, 318, 400], "score": 0.9}]}', (54, 112, 318, 400)),
    ('{"answer": {"bbox_2d": [54, 112, 318, 400]}}', (54, 112, 318, 400)),
    ('{"bbox_2d": [54, 112, 318, 400], "bbox_2d": [500, 500, 600, 600]}', (54, 112, 318, 400)),
    ("{'bbox_2d': [54, 112, 318, 400], 'bbox_2d': [500, 500, 600, 600]}", (54, 112, 318, 400)),
    ('{"bbox_2d": [0.054, 0.112, 0.318, 0.4]}', (54, 112, 318, 400)),
    ('<think>left one? [1, 2, 3, 4]</think>{"bbox_2d": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    ('it may be [1, 2, 3, 4]</think>\n\n{"bbox_2d": [54, 112, 318, 400]}', (54, 112, 318, 400)),
    # Small overshoots are cut off; another scale is asked again.
    ('{"bbox_2d": [900, 900, 1040, 1030]}', (900, 900, 1000, 1000)),
    ('{"bbox_2d": [-8, 20, 300, 300]}', (0, 20, 300, 300)),
    ('{"bbox_2d": [700, 300, 1300, 700]}', BAD),
    ('{"bbox_2d": [100, 100, 1280, 720]}', BAD),
    ('{"bbox_2d": [-300, 100, 400, 400]}', BAD),
    ('{"bbox_2d": [1200, 1200, 1500, 1500]}', BAD),
    ('{"bbox_2d": [54, 112, 318, 40000000]}', BAD),
    # No such object.
    ('{"bbox_2d": null}', NONE),
    ('{"bbox_2d": []}', NONE),
    ('{"bbox_2d": {}}', NONE),
    ('{"bbox_2d": ""}', NONE),
    ('{"bbox_2d": "null"}', NONE),
    ('{"bbox_2d": "not visible"}', NONE),
    ('{"bbox_2d": None}', NONE),
    ('{"bbox_2d": [0, 0, 0, 0]}', NONE),
    ('{"bbox_2d": [0.0, 0.0, 0.0, 0.0]}', NONE),
    ('{"bbox_2d": [-1, -1, -1, -1]}', NONE),
    ('{"bbox_2d": [null, null, null, null]}', NONE),
    ('{"bbox_2d": [null]}', NONE),
    ('{"location": "left", "extent": "all", "bbox_2d": [0, 0, 0, 0], "point_2d": [0, 0]}', NONE),
    ('{"present": false}', NONE),
    ('{"present": "no", "bbox_2d": null}', NONE),
    ('[]', NONE),
    ('```json\n[]\n```', NONE),
    ('[0, 0, 0, 0]', NONE),
    ('none', NONE),
    ('None.', NONE),
    ('The image does not contain a red mug.', NONE),
    ("The image doesn't contain any mug.", NONE),
    ('The picture does not show a mug.', NONE),
    ('There is no red mug in the image.', NONE),
    ("There's no mug here.", NONE),
    ('There are no mugs visible.', NONE),
    ('I cannot see a red mug.', NONE),
    ("I don't see a mug in this picture.", NONE),
    ('I was unable to locate the mug.', NONE),
    ('No red mug is visible in the image.', NONE),
    ('No such object can be seen.', NONE),
    ('The red mug is not present in the image.', NONE),
    ('The mug is not visible.', NONE),
    ('图中没有红色的杯子。', NONE),
    ('图像中不存在红色杯子', NONE),
    ('未找到红色的杯子。', NONE),
    ('无法找到该物体。', NONE),
    ('我看不到红色的杯子。', NONE),
    ('图片不包含杯子', NONE),
    ('Auf dem Bild ist keine rote Tasse zu sehen.', NONE),
    ('Es gibt keine rote Tasse.', NONE),
    ('Das Bild enthält keine Tasse.', NONE),
    ('Die rote Tasse ist nicht sichtbar.', NONE),
    ('Die Tasse ist nicht im Bild.', NONE),
    ("Il n'y a pas de tasse rouge.", NONE),
    ('No hay ninguna taza roja en la imagen.', NONE),
    ('{"location": "The image does not contain a red mug.", "extent": ""}', NONE),
    # Not to be read.
    ('', BAD),
    ('the red mug', BAD),
    ('It is on the left.', BAD),
    ('左边的杯子', BAD),
    ('Kein Problem, sie steht links.', BAD),
    ('{"bbox_2d": [54, 112, 318]}', BAD),
    ('{"bbox_2d": [54, 112, 318, 400, 5]}', BAD),
    ('{"bbox_2d": [54, 112, 54, 400]}', BAD),
    ('{"bbox_2d": [54, 112, 318, "x"]}', BAD),
    ('{"bbox_2d": [54, 112, 318, NaN]}', BAD),
    ('{"bbox_2d": [54, 112, 318, Infinity]}', BAD),
    ('{"bbox_2d": [54, 112, 31', BAD),
    ('{"location": "left", "bbox_2d": [54, 112, 318, 4', BAD),
    ('{"point_2d": [180, 250]}', BAD),
    ('{"color": [54, 112, 318, 400]}', BAD),
    ('{"box_2d": [112, 54, 400, 318]}', BAD),
    ('<think>it may be [54, 112, 318, 400] or so', BAD),
    ('{"location": "left", "extent": "all"}', BAD),
    ('true', BAD),
]  # fmt: skip

QWEN2_5_PIXELS: list[tuple[str, Expected]] = [
    # The model sees 448 x 448 pixels.
    ('{"bbox_2d": [0, 0, 448, 448]}', (0, 0, 1000, 1000)),
    ('{"bbox_2d": [112, 224, 336, 448]}', (250, 500, 750, 1000)),
    ('{"bbox_2d": [112, 224, 476, 448]}', (250, 500, 1000, 1000)),
    ('```json\n[\n\t{"bbox_2d": [112, 224, 336, 448], "label": "mug"}\n]\n```', (250, 500, 750, 1000)),
    ('{"bbox_2d": [700, 300, 900, 700]}', BAD),
    ('{"bbox_2d": [0, 0, 0, 0]}', NONE),
    ('none', NONE),
]  # fmt: skip

GEMMA_Y_FIRST: list[tuple[str, Expected]] = [
    ('{"box_2d": [112, 54, 400, 318]}', (54, 112, 318, 400)),
    ('```json\n[\n  {"box_2d": [112, 54, 400, 318], "label": "red mug"}\n]\n```', (54, 112, 318, 400)),
    ('[{"box_2d": [112, 54, 400, 318], "label": "a"}, {"box_2d": [1, 2, 3, 4], "label": "b"}]',
     (54, 112, 318, 400)),
    ('{"location": "left", "extent": "all", "box_2d": [112, 54, 400, 318]}', (54, 112, 318, 400)),
    ('{"box_2d": null}', NONE),
    ('{"box_2d": [0, 0, 0, 0]}', NONE),
    ('{"box_2d": []}', NONE),
    ('{"box_2d": [112, 54, 1400, 318]}', BAD),
    ('{"box_2d": [112, 54, 400]}', BAD),
    ('The image does not contain a red mug.', NONE),
]  # fmt: skip

LOC = "<loc0112><loc0054><loc0400><loc0318>"
PALIGEMMA_BINS: list[tuple[str, Expected]] = [
    (f"{LOC} red mug", (53, 109, 311, 391)),
    (LOC, (53, 109, 311, 391)),
    (f"{LOC} red mug ; <loc0001><loc0001><loc0009><loc0009> red mug", (53, 109, 311, 391)),
    (f"{LOC}<seg001><seg002> red mug", (53, 109, 311, 391)),
    ("<loc0000><loc0000><loc1023><loc1023> table", (0, 0, 1000, 1000)),
    ("<loc0400><loc0318><loc0112><loc0054> red mug", (53, 109, 311, 391)),
    ("", NONE),
    ("none", NONE),
    ("There is no mug.", NONE),
    ("<loc0112><loc0054><loc0400> red mug", BAD),
    ("<loc0112><loc0054><loc0112><loc0318> red mug", BAD),
    ("red mug", BAD),
]

ROWS = [
    *(
        pytest.param(family, text, expected, id=f"{family.name}-{number}")
        for family in (QWEN3, QWEN3_5, IDEFICS3)
        for number, (text, expected) in enumerate(GRID)
    ),
    *(
        pytest.param(QWEN2_5, text, expected, id=f"qwen2_5_vl-{number}")
        for number, (text, expected) in enumerate(QWEN2_5_PIXELS)
    ),
    *(
        pytest.param(GEMMA, text, expected, id=f"gemma4-{number}")
        for number, (text, expected) in enumerate(GEMMA_Y_FIRST)
    ),
    *(
        pytest.param(PALIGEMMA, text, expected, id=f"paligemma-{number}")
        for number, (text, expected) in enumerate(PALIGEMMA_BINS)
    ),
]


@pytest.mark.parametrize(("family", "text", "expected"), ROWS)
@pytest.mark.parametrize("size", [(1000, 1000), (1920, 1080), (480, 640)])
def test_an_answer_is_read_for_what_it_says(
    family: MllmFamily, text: str, expected: Expected, size: tuple[int, int]
) -> None:
    answer = Answer(text, (text,), np.ones(1, np.float32), image_size_px=(448, 448))
    kwargs = {"width_px": size[0], "height_px": size[1]}
    if expected == NONE:
        with pytest.raises(TargetNotFound):
            family.parse_spatial(answer, **kwargs)
    elif expected == BAD:
        with pytest.raises(PromptParseError):
            family.parse_spatial(answer, **kwargs)
    else:
        prompt = family.parse_spatial(answer, **kwargs)
        shares = prompt.box_xyxy_px / np.array([*size, *size]) * 1000
        np.testing.assert_allclose(shares, expected, atol=1.0)


SEMANTIC: list[tuple[str, str]] = [
    ('{"intent": "find", "present": true, "unique": true, "category": "mug", "attributes": ["red"], '
     '"relations": [], "description": "the red mug"}', "mug"),
    (' {"present": true, "category": "mug"}', "mug"),
    ('```json\n{"present": true, "category": "mug"}\n```', "mug"),
    ("{'present': True, 'category': 'mug'}", "mug"),
    ('{"category": "mug"}', "mug"),
    ('{"object": "mug"}', "mug"),
    ('{"label": "mug"}', "mug"),
    ('{"name": "mug", "colour": "red"}', "mug"),
    ('[{"category": "mug"}]', "mug"),
    ('{"category": ["mug"]}', "mug"),
    ('Here you go: {"category": "mug"} Anything else?', "mug"),
    ('<think>hmm {"category": "bowl"}</think>{"category": "mug"}', "mug"),
    ('so {"category": "bowl"} no</think>{"category": "mug"}', "mug"),
    ('{"present": true, "category": "杯子", "attributes": ["红色"]}', "杯子"),
    ('{"present": true, "category": "Tasse"}', "Tasse"),
    ('{"present": false, "category": "mug"}', NONE),
    ('{"present": "no", "category": "mug"}', NONE),
    ('{"present": false}', NONE),
    ('{"present": false, "category": null}', NONE),
    ('The image does not contain a mug.', NONE),
    ('图中没有杯子。', NONE),
    ('Auf dem Bild ist keine Tasse zu sehen.', NONE),
    ('There is no mug.', NONE),
    ('none', NONE),
    ('', BAD),
    ('the red mug', BAD),
    ('{"category": ""}', BAD),
    ('{"category": "mu', BAD),
    ('<think>the person may mean {"category": "mug"}', BAD),
    ('{"colour": "red"}', BAD),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SEMANTIC)
@pytest.mark.parametrize("family", [QWEN3, QWEN2_5, QWEN3_5, IDEFICS3, GEMMA])
def test_a_semantic_answer_is_read_for_what_it_says(
    family: MllmFamily, text: str, expected: str
) -> None:
    answer = Answer(text, (text,), np.ones(1, np.float32))
    if expected == BAD:
        with pytest.raises(PromptParseError):
            family.parse_semantic(answer)
    elif expected == NONE:
        assert not family.parse_semantic(answer).present
    else:
        prompt = family.parse_semantic(answer)
        assert prompt.present
        assert prompt.category == expected


THOUGHTS = (
    "Let me look at the image. The person wants a red mug. On the left there is a mug, and its box "
    "could be about (54, 112), (318, 400). But wait, there is another one, {examples}, so that"
)


@pytest.mark.parametrize(
    "examples",
    ["", '{"bbox_2d": [54, 112, 318, 400]}', "[54, 112, 318, 400]", '{"category": "mug"}'],
)
@pytest.mark.parametrize("family", [QWEN3, QWEN2_5, QWEN3_5, IDEFICS3, GEMMA])
def test_thoughts_that_were_cut_off_are_no_answer(family: MllmFamily, examples: str) -> None:
    text = THOUGHTS.replace("{examples}", examples)
    answer = Answer(text, (text,), np.ones(1, np.float32), (448, 448), truncated=True)
    with pytest.raises(PromptParseError, match="cut off"):
        family.parse_spatial(answer, width_px=640, height_px=480)
    with pytest.raises(PromptParseError, match="cut off"):
        family.parse_semantic(answer)


def test_thoughts_may_be_long() -> None:
    text = "x" * 30_000 + '</think>{"bbox_2d": [54, 112, 318, 400]}'
    prompt = QWEN3.parse_spatial(Answer(text), width_px=1000, height_px=1000)
    assert prompt.box_xyxy_px.tolist() == [54, 112, 318, 400]


def test_there_are_at_least_150_cases() -> None:
    assert len(ROWS) + len(SEMANTIC) >= 150
