"""Answers of odd forms, written by hand to be read wrongly: none may give another object's box.

``odd_answers.json`` has a family (or ``semantic``: stage 1), an answer, and what it means: a box in
thousandths of the image, the category, ``several`` boxes, ``not found``, or ``asked again``.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

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

FAMILIES = {
    "qwen3_vl": QWEN3,
    "qwen2_5_vl": QWEN2_5,
    "idefics3": IDEFICS3,
    "gemma4": GEMMA,
    "paligemma": PALIGEMMA,
}
ROWS = json.loads((Path(__file__).parent / "odd_answers.json").read_text(encoding="utf-8"))
SPATIAL = [
    pytest.param(FAMILIES[name], text, meant, id=f"{name}-{number}")
    for number, (name, text, meant) in enumerate(ROWS)
    if name != "semantic"
]
SEMANTIC = [(text, meant) for name, text, meant in ROWS if name == "semantic"]


def meaning_of_spatial(family: MllmFamily, text: str) -> str | list[int]:
    answer = Answer(text, (text,), np.ones(1, np.float32), image_size_px=(448, 448))
    try:
        prompt = family.parse_spatial(answer, width_px=1000, height_px=1000)
    except TargetNotFound:
        return "not found"
    except PromptParseError:
        return "asked again"
    if len(prompt.boxes_xyxy_px) > 1:
        return "several"
    box: list[int] = np.rint(prompt.box_xyxy_px).astype(int).tolist()
    return box


@pytest.mark.parametrize(("family", "text", "meant"), SPATIAL)
def test_a_place_is_read_for_what_it_says(
    family: MllmFamily, text: str, meant: str | list[int]
) -> None:
    assert meaning_of_spatial(family, text) == meant


@pytest.mark.parametrize("family", [QWEN3_5, IDEFICS3])
def test_a_place_is_read_alike_on_the_same_grid(family: MllmFamily) -> None:
    same = [(text, meant) for name, text, meant in ROWS if name == "qwen3_vl"]
    other = [text for text, meant in same if meaning_of_spatial(family, text) != meant]
    assert other == []


@pytest.mark.parametrize(("text", "meant"), SEMANTIC)
@pytest.mark.parametrize("family", [QWEN3, QWEN2_5, QWEN3_5, IDEFICS3, GEMMA])
def test_an_understanding_is_read_for_what_it_says(
    family: MllmFamily, text: str, meant: str
) -> None:
    answer = Answer(text, (text,), np.ones(1, np.float32))
    try:
        prompt = family.parse_semantic(answer)
    except PromptParseError:
        assert meant == "asked again"
    else:
        assert (prompt.category if prompt.present else "not found") == meant


def test_there_are_more_than_800() -> None:
    assert len(ROWS) > 800


LONG = 19_000


@pytest.mark.parametrize(
    "text",
    [
        " " * LONG,
        "[" * 64 + "/*" * (LONG // 2),
        '{"a' + ',"x' * (LONG // 3) + "}",
        "no " * (LONG // 3),
        "{" * 64 + "\"'" * (LONG // 2),
        "(1, 2), " * (LONG // 8),
        '{"bbox_2d": [1, 2, 30, 40], "label": "' + "is on the " * (LONG // 10) + '"}',
        '{"' + "is on the " * (LONG // 10) + '": [1, 2, 30, 40]}',
        "\uff10" * LONG,
        "is not " * (LONG // 7),
    ],
)
@pytest.mark.parametrize("family", [QWEN3, GEMMA, PALIGEMMA])
def test_an_answer_made_to_be_slow_is_read_in_a_moment(family: MllmFamily, text: str) -> None:
    started = time.process_time()
    meaning_of_spatial(family, text)
    assert time.process_time() - started < 5.0
