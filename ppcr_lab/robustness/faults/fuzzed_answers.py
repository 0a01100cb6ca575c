"""Answers that no MLLM should write, to the parsers of every family: they must give a prompt that
holds what it promises, or raise by name that they cannot.
"""

from __future__ import annotations

import math
import random
import re
import time
import traceback
import unicodedata
from collections.abc import Iterator

import numpy as np

from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.texts import KINDS
from ppcr_ros.core.errors import PromptParseError, TargetAmbiguous, TargetNotFound
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.types import SemanticPrompt, SpatialPrompt
from ppcr_ros.models.mllm import (
    gemma4,
    idefics3,
    paligemma,
    ppcr_tiny,
    qwen2_5_vl,
    qwen3_5,
    qwen3_vl,
)
from ppcr_ros.models.mllm.family import MllmFamily

FAMILIES: tuple[MllmFamily, ...] = (
    ppcr_tiny.FAMILY,
    qwen2_5_vl.FAMILY,
    qwen3_vl.FAMILY,
    qwen3_5.FAMILY,
    gemma4.FAMILY,
    idefics3.FAMILY,
    paligemma.FAMILY,
)
SEEDS = (
    '{"present": true, "unique": true, "category": "ball", "attributes": ["small", "red"], '
    '"relations": ["left of the plate"], "description": "the small red ball"}',
    '{"location": "left", "extent": "all", "bbox_2d": [120, 80, 333, 412], "point_2d": [200, 99]}',
    '```json\n[{"bbox_2d": [1, 2, 30.5, 40], "label": "mug"}]\n```',
    '{"bbox_2d": null}',
    "(12,34),(56,78)",
    "[[10, 20, 30, 40], [50, 60, 70, 80]]",
    "{'xmin': 1, 'ymin': 2, 'xmax': 30, 'ymax': 40}",
    "<loc0012><loc0100><loc0512><loc1023> small red ball ; <loc0001><loc0002><loc0003><loc0004>",
    "small red ball on the left of the plate",
    "front left <loc012><loc080><loc031><loc101>",
    "ball left of large red cube <loc101><loc030>: small green ball <loc044><loc052>",
    "red ball: absent",
    "ball: large red ball <loc020><loc070>, small green ball <loc044><loc052>, several",
    "<think>the red one</think>There is no such object.",
)
_SIZES_PX = ((640, 480), (1, 1), (3, 2000), (4001, 7), (1920, 1080))
_SPLICES = (
    "NaN", "Infinity", "-1e999", "1e308", "99999999999999999999999", "-0", "0x10", "1_000", "٣",
    "null", "true", "\\ud800", "\\u0000", '"', "'", "\\", "[", "]", "{", "}", ",", ":", "<loc9999>",
    "<loc000>", "<loc", "\u201c", "\n", "\x00", "()", "__import__('os')", "1+1", "*", "b''", "1j",
)  # fmt: skip
_TOKENS = re.compile(r"<\w+>|\d|[^\W\d]+|\W", re.S)


def run(plan: Plan) -> FaultOutcome:
    outcome = FaultOutcome("fuzzed_answers")
    ends = {"read": 0, "refused": 0}
    rng = random.Random(plan.seed)
    slowest_sec = 0.0
    for text in mutated(rng, plan.of(10_000, 500)):
        size, answer = rng.choice(_SIZES_PX), answer_of(text, rng)
        outcome.tried += 1
        for family in FAMILIES:
            begun = time.process_time()
            try:
                read = _read(family, answer, size)
                ends["read"] += read
                ends["refused"] += 2 - read
            except Exception:  # noqa: BLE001 - what is looked for
                outcome.crashed += 1
                print(f"{family.name}: {text[:500]!r}: {traceback.format_exc(limit=-3)}")
            slowest_sec = max(slowest_sec, time.process_time() - begun)
    outcome.figures |= {"parsers": 2 * len(FAMILIES), **ends}
    outcome.figures["slowest answer, ms of CPU"] = round(1e3 * slowest_sec, 1)
    return outcome


def mutated(rng: random.Random, count: int) -> Iterator[str]:
    """``count`` answers: real ones with pieces lost, doubled, exchanged and put in; and noise."""
    for _ in range(count):
        if rng.random() < 0.1:
            yield KINDS[rng.choice(list(KINDS))](rng)
            continue
        text = rng.choice(SEEDS)
        for _ in range(rng.randrange(6)):
            start = rng.randrange(len(text) + 1)
            end = min(len(text), start + rng.choice((0, 1, 1, 3, 12)))
            repeated = text[start:end] * rng.choice((2, 50))
            anything = chr(rng.randrange(0xD800))
            piece = rng.choice(("", repeated, rng.choice(_SPLICES), anything))
            text = text[:start] + piece + text[end:]
        if rng.random() < 0.2:
            text = text[: rng.randrange(len(text) + 1)]
        if rng.random() < 0.05:
            text = rng.choice("[{('\"<") * rng.choice((100, 30_000)) + text
        yield text


def answer_of(text: str, rng: random.Random) -> Answer:
    """``text`` as an answer of pieces, of a model that was now sure and now not."""
    tokens = tuple(_TOKENS.findall(text))
    return Answer(
        text=text,
        tokens=tokens,
        probabilities=np.array([rng.random() for _ in tokens], np.float32),
        image_size_px=(rng.choice((28, 1260)), rng.choice((28, 700))),
        truncated=rng.random() < 0.2,
    )


def _read(family: MllmFamily, answer: Answer, size_px: tuple[int, int]) -> int:
    """How many of the two stages could be read from ``answer``; raises for an unsound prompt."""
    read = 0
    width, height = size_px
    try:
        check_semantic(family.parse_semantic(answer))
        read += 1
    except (PromptParseError, TargetNotFound, TargetAmbiguous) as refusal:
        _check_text(str(refusal), "the refusal")
    try:
        spatial = family.parse_spatial(answer, width_px=width, height_px=height)
        check_spatial(spatial, width, height)
        read += 1
    except (PromptParseError, TargetNotFound, TargetAmbiguous) as refusal:
        _check_text(str(refusal), "the refusal")
    return read


def check_semantic(prompt: SemanticPrompt) -> None:
    """Raise ValueError unless the prompt can be published."""
    for text in (prompt.text, prompt.category, *prompt.attributes, *prompt.relations):
        _check_text(text, "the semantic prompt")
    if not prompt.category.strip() or not 0 <= prompt.confidence <= 1:
        raise ValueError(f"an unsound prompt: {prompt}")


def check_spatial(prompt: SpatialPrompt, width_px: int, height_px: int) -> None:
    """Raise ValueError unless the box is one, and lies in the frame."""
    _check_text(prompt.text, "the spatial prompt")
    x1, y1, x2, y2 = prompt.box_xyxy_px.tolist()
    inside = 0 <= x1 < x2 <= width_px and 0 <= y1 < y2 <= height_px
    if not inside or not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError(f"the box {prompt.box_xyxy_px} in {width_px}x{height_px} pixels")
    for x, y in prompt.points_xy_px:
        if not (0 <= x <= width_px and 0 <= y <= height_px):
            raise ValueError(f"the point {x, y} in {width_px}x{height_px} pixels")


def _check_text(text: str, what: str) -> None:
    if any(unicodedata.category(char) == "Cs" or char == "\x00" for char in text):
        raise ValueError(f"{what} cannot be sent as a ROS string: {text!r}")
