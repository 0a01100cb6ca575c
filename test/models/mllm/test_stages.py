"""Stages 1 and 2 on the real model classes, whose language heads are made to say real answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import PromptParseError, TargetNotFound
from ppcr_ros.core.stages.asking import AnswerLimits
from ppcr_ros.core.stages.direct import ground_directly
from ppcr_ros.core.stages.semantic import understand
from ppcr_ros.core.stages.spatial import ground
from ppcr_ros.core.types import Frame, SemanticPrompt, SpatialPrompt

LoadTiny = Callable[[str], Any]
END = {"qwen2_5_vl": "<|im_end|>", "qwen3_vl": "<|im_end|>", "qwen3_5": "<|im_end|>",
       "smolvlm": "<end_of_utterance>",
       "idefics3": "<end_of_utterance>", "paligemma": "<eos>"}  # fmt: skip
BALL = (
    '{"present": true, "category": "ball", "attributes": ["green"], '
    '"relations": ["left of the cube"], "description": "the green ball"}'
)


@contextmanager
def saying(mllm: Any, kind: str, *answers: str) -> Iterator[list[int]]:
    """Have the model give ``answers``; yields a list that counts its forward passes."""
    tokenizer = mllm.processor.tokenizer
    script = [
        id_
        for answer in answers
        for id_ in tokenizer(answer + END[kind], add_special_tokens=False)["input_ids"]
    ]
    passes: list[int] = []

    def speak(_: object, args: object, logits: torch.Tensor) -> torch.Tensor:
        forced = torch.zeros_like(logits)
        forced[..., script[len(passes)]] = 20.0
        passes.append(1)
        return forced

    hook = mllm.engine.model.lm_head.register_forward_hook(speak)
    mllm.look_up = False  # one pass for each token of the script
    try:
        yield passes
    finally:
        hook.remove()
        mllm.look_up = True
    assert len(passes) == len(script), "not all of the answers were given"


def run(mllm: Any, frame: Frame, *, tries: int = 1) -> tuple[SemanticPrompt, SpatialPrompt]:
    conversation = mllm.open(frame)
    limits, dialect, cancel = AnswerLimits(400, tries), mllm.dialect, CancelToken()
    semantic = understand(dialect, conversation, "grab the green ball please", limits, cancel)
    return semantic, ground(dialect, conversation, semantic, frame, limits, cancel)


@pytest.mark.parametrize(
    ("kind", "box", "expected"),
    [
        # A 90 x 60 frame is seen as 84 x 56 by Qwen2.5-VL; the others count to 1000.
        ("qwen2_5_vl", "[42, 14, 84, 28]", [45, 15, 90, 30]),
        ("qwen3_vl", "[500, 250, 1000, 500]", [45, 15, 90, 30]),
        ("idefics3", "[500, 250, 1000, 500]", [45, 15, 90, 30]),
        ("smolvlm", "[500, 250, 1000, 500]", [45, 15, 90, 30]),
    ],
)
def test_from_the_image_to_a_box_in_its_pixels(
    kind: str, box: str, expected: list[float], load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    place = f'```json\n{{"location": "right", "extent": "all", "bbox_2d": {box}}}\n```'
    with saying(mllm, kind, BALL, place):
        semantic, spatial = run(mllm, frame)
    assert (semantic.category, semantic.attributes) == ("ball", ("green",))
    assert semantic.embedding is not None
    assert semantic.embedding.shape[1] == 64
    np.testing.assert_allclose(spatial.box_xyxy_px, expected)
    assert spatial.text == "right; all"
    assert semantic.confidence > 0.99
    assert spatial.confidence > 0.99


def test_paligemma_from_the_image_to_a_box(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("paligemma")
    place = "<loc0256><loc0512><loc0512><loc1023> green ball"
    with saying(mllm, "paligemma", "the green ball left of the cube", place):
        semantic, spatial = run(mllm, frame)
    assert (semantic.category, semantic.relations) == ("ball", ("left of the cube",))
    np.testing.assert_allclose(spatial.box_xyxy_px, [45, 15, 90, 30], atol=0.1)


@pytest.mark.parametrize("kind", ["qwen3_vl", "smolvlm"])
def test_a_bad_answer_is_repaired_in_the_same_conversation(
    kind: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    good = '{"bbox_2d": [500, 250, 1000, 500]}'
    with saying(mllm, kind, "the ball?", BALL, '{"bbox_2d": [1, 2]}', good):
        _, spatial = run(mllm, frame)
    np.testing.assert_allclose(spatial.box_xyxy_px, [45, 15, 90, 30])


def test_a_bad_answer_is_asked_otherwise_where_turns_stand_alone(
    load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny("paligemma")
    place = "<loc0256><loc0512><loc0512><loc1023><seg001> ball"
    with saying(mllm, "paligemma", "unanswerable", "green ball", "green", place):
        semantic, spatial = run(mllm, frame)
    assert semantic.attributes == ("green",)
    np.testing.assert_allclose(spatial.box_xyxy_px, [45, 15, 90, 30], atol=0.1)


def test_after_the_last_try_the_answer_is_an_error(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("qwen3_vl")
    with (
        saying(mllm, "qwen3_vl", BALL, "left", "still left"),
        pytest.raises(PromptParseError, match="bbox_2d") as caught,
    ):
        run(mllm, frame)
    assert caught.value.answer == "still left"


def test_an_invisible_object_is_not_asked_for_again(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("qwen3_vl")
    with saying(mllm, "qwen3_vl", BALL, '{"bbox_2d": null}'), pytest.raises(TargetNotFound):
        run(mllm, frame)


def direct(mllm: Any, frame: Frame, *, tries: int = 1) -> SpatialPrompt:
    limits, said = AnswerLimits(400, tries), "Grab the green ball; please"
    return ground_directly(mllm.dialect, mllm.open(frame), said, frame, limits, CancelToken())


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("qwen2_5_vl", '{"bbox_2d": [42, 14, 84, 28]}'),
        ("qwen3_vl", '{"bbox_2d": [500, 250, 1000, 500]}'),
        ("idefics3", '{"bbox_2d": [500, 250, 1000, 500]}'),
        ("smolvlm", '{"bbox_2d": [500, 250, 1000, 500]}'),
        ("paligemma", "<loc0256><loc0512><loc0512><loc1023> green ball"),
    ],
)
def test_straight_from_the_command_to_a_box_in_the_images_pixels(
    kind: str, answer: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    with saying(mllm, kind, answer):
        spatial = direct(mllm, frame)
    np.testing.assert_allclose(spatial.box_xyxy_px, [45, 15, 90, 30], atol=0.1)
    assert spatial.confidence > 0.99
    assert spatial.embedding is not None


@pytest.mark.parametrize(("kind", "answer"), [("qwen3_vl", '{"bbox_2d": null}'), ("paligemma", "")])
def test_straight_from_the_command_there_may_be_no_such_object(
    kind: str, answer: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    with saying(mllm, kind, answer), pytest.raises(TargetNotFound):
        direct(mllm, frame)


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("smolvlm", '{"bbox_2d": [1, 2]}', '{"bbox_2d": [500, 250, 1000, 500]}'),
        ("paligemma", "<loc0256> ball", "<loc0256><loc0512><loc0512><loc1023><seg001> ball"),
    ],
)
def test_a_direct_answer_is_repaired_too(
    kind: str, bad: str, good: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    with saying(mllm, kind, bad, good):
        spatial = direct(mllm, frame)
    np.testing.assert_allclose(spatial.box_xyxy_px, [45, 15, 90, 30], atol=0.1)


def test_several_that_fit_are_told_by_the_real_model_classes(
    load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny("smolvlm")
    several = BALL.replace('"category"', '"unique": false, "category"')
    limits = AnswerLimits(400)
    with saying(mllm, "smolvlm", several):
        semantic = understand(
            mllm.dialect, mllm.open(frame), "the green ball", limits, CancelToken()
        )
    assert (semantic.present, semantic.ambiguous, semantic.category) == (True, True, "ball")
