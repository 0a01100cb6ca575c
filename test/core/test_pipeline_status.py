"""Every way a run can end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import MaskSegmenter, ReplyMllm, run_scripted, scripted_calibration
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, SemanticPrompt, Status


def _config(**options: Any) -> Config:
    return Config(pipeline=PipelineConfig(**options))


def test_not_found_by_stage_one(frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(["none mug"]), MaskSegmenter()
    outputs: list[Any] = []
    with PPCRPipeline(mllm, segmenter) as pipeline:
        result = pipeline.run(frame, "the mug", on_stage=outputs.append)
    assert result.status is Status.NOT_FOUND
    assert result.message == "the MLLM sees no such object: none mug"
    assert result.semantic is not None
    assert not result.semantic.present
    assert (result.spatial, result.segmentation) == (None, None)
    assert outputs == [result.semantic]
    assert segmenter.prompts == []


def test_an_answer_that_contradicts_itself_is_not_found_and_says_why(frame: Frame) -> None:
    mllm = ReplyMllm(["red mug"])

    class Doubting(type(mllm.dialect)):  # type: ignore[misc]
        def parse_semantic(self, answer: Answer) -> SemanticPrompt:
            prompt: SemanticPrompt = super().parse_semantic(answer)
            return replace(prompt, present=False, doubt="the red mug is named twice")

    mllm.dialect = Doubting()
    result = run_scripted(mllm, MaskSegmenter(), frame)
    assert result.status is Status.NOT_FOUND
    assert result.message == ("the MLLM sees no such object: red mug; the red mug is named twice")


def test_not_found_by_stage_two(frame: Frame) -> None:
    segmenter = MaskSegmenter()
    result = run_scripted(ReplyMllm(["red mug", "none"]), segmenter, frame)
    assert result.status is Status.NOT_FOUND
    assert "not there" in result.message
    assert result.semantic is not None
    assert (result.spatial, result.segmentation) == (None, None)
    assert segmenter.prompts == []


def test_a_bad_answer_is_repaired_in_either_stage(frame: Frame) -> None:
    mllm = ReplyMllm(["", "red mug", "somewhere", "4 4 12 12"])
    result = run_scripted(mllm, MaskSegmenter(), frame)
    assert result.status is Status.OK
    assert [turn for turn, _ in mllm.turns] == [
        "what? the red mug",
        "again: expected a noun.",
        "where? mug",
        "again: expected four numbers.",
    ]


@pytest.mark.parametrize("tries", [0, 1, 2])
@pytest.mark.parametrize("good", [[], ["red mug"]])
def test_parse_failed_after_the_allowed_tries(tries: int, good: list[str], frame: Frame) -> None:
    bad = "no idea" if good else ""
    mllm = ReplyMllm([*good, *[bad] * 5])
    result = run_scripted(mllm, MaskSegmenter(), frame, repair_tries=tries)
    assert result.status is Status.PARSE_FAILED
    assert result.message.endswith(f"The MLLM wrote: {bad!r}")
    assert len(mllm.turns) == len(good) + tries + 1
    assert (result.semantic is None) == (not good)
    assert result.segmentation is None


def test_a_long_bad_answer_is_quoted_in_part(frame: Frame) -> None:
    result = run_scripted(ReplyMllm(["red mug", *["x" * 9000] * 2]), MaskSegmenter(), frame)
    assert result.status is Status.PARSE_FAILED
    assert len(result.message) < 400


def test_a_reversed_box_is_a_bad_answer(frame: Frame) -> None:
    result = run_scripted(ReplyMllm(["mug", "12 12 4 4", "12 12 4 4"]), MaskSegmenter(), frame)
    assert result.status is Status.PARSE_FAILED
    assert "expected x1 < x2" in result.message


def test_low_confidence_keeps_the_mask(frame: Frame) -> None:
    outputs: list[Any] = []
    with PPCRPipeline(
        ReplyMllm(), MaskSegmenter(scores=(0.1,)), _config(min_confidence=0.9)
    ) as pipeline:
        result = pipeline.run(frame, "the mug", on_stage=outputs.append)
    assert result.status is Status.LOW_CONFIDENCE
    assert result.segmentation is not None
    assert result.segmentation.mask.any()
    assert outputs[-1] is result.segmentation
    assert "below pipeline.min_confidence 0.90; do not grasp" in result.message


UNSURE = scripted_calibration(-1.0, 0.0)
"""Makes a probability of 0.27 of whatever stands for a mask."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "score 0.27 is below pipeline.min_probability 0.50; do not grasp"),
        ({"min_confidence": 0.8}, "score 0.27 is below pipeline.min_confidence 0.80"),
        ({"min_probability": 0.2}, ""),
    ],
)
def test_what_is_more_likely_wrong_than_right_is_not_ok(
    options: dict[str, float], message: str, frame: Frame
) -> None:
    with PPCRPipeline(ReplyMllm(), MaskSegmenter(), _config(**options), UNSURE) as pipeline:
        result = pipeline.run(frame, "the red mug")
    assert result.segmentation is not None
    assert result.segmentation.score == pytest.approx(0.269, abs=1e-3)
    assert result.status is (Status.LOW_CONFIDENCE if message else Status.OK)
    assert message in result.message
    floors = {"min_confidence": 0.2, "min_probability": 0.5, **options}
    assert result.score_floor == max(floors.values())


def test_doubt_keeps_what_else_is_to_be_said(frame: Frame) -> None:
    with PPCRPipeline(ReplyMllm(), MaskSegmenter(), calibration=UNSURE) as pipeline:
        result = pipeline.run(frame, "the handle of the red mug")
    assert result.status is Status.LOW_CONFIDENCE
    assert "the handle cannot be told apart; score 0.27" in result.message


def test_a_score_that_is_no_probability_needs_no_more_than_the_floor(frame: Frame) -> None:
    """Scores of families without a calibration are lower; nobody knows what they are worth."""
    segmenter = MaskSegmenter(scores=(0.05,))
    other = replace(UNSURE, weights={"segmenter": 0.0})  # fitted to other evidence
    for calibration in (None, other):
        with PPCRPipeline(ReplyMllm(), segmenter, _config(), calibration) as pipeline:
            result = pipeline.run(frame, "the red mug")
        assert result.segmentation is not None
        assert 0.2 < result.segmentation.score < 0.5
        assert result.status is Status.OK


def test_the_floor_itself_is_enough(frame: Frame) -> None:
    config = _config(min_confidence=0.0)
    result = run_scripted(ReplyMllm(), MaskSegmenter(scores=(0.0,)), frame, config=config)
    assert result.segmentation is not None
    assert result.segmentation.score == 0.0
    assert result.status is Status.OK


@pytest.mark.parametrize("command", ["", "...", "\x00\u202e", "\x00" * 100_000])
def test_a_command_without_words_is_an_error_before_any_model_runs(
    command: str, frame: Frame
) -> None:
    mllm, segmenter = ReplyMllm(), MaskSegmenter()
    with PPCRPipeline(mllm, segmenter) as pipeline:
        result = pipeline.run(frame, command, command_id="7")
    assert result.status is Status.ERROR
    assert "has no letter or digit" in result.message
    assert result.command_id == "7"
    assert len(result.command) <= 400
    assert "\x00" not in result.command
    assert (mllm.opened, segmenter.encoded) == ([], [])


def test_the_command_of_a_failed_run_can_be_published(frame: Frame) -> None:
    with PPCRPipeline(ReplyMllm(), MaskSegmenter()) as pipeline:
        result = pipeline.run(frame, "!\ud800?")
    assert result.status is Status.ERROR
    assert result.command.encode("utf-8") == b"!?"


def _raise(*_: Any) -> Any:
    raise RuntimeError("CUDA error: out of memory")


def _raise_named(*_: Any) -> Any:
    raise ModelLoadError("the weights are gone. Fetch them again.")


@pytest.mark.parametrize("overlap", ["always", "never"])
@pytest.mark.parametrize("part", ["open", "stage 1", "stage 2", "encode", "segment", "listener"])
def test_whatever_raises_ends_as_an_error_with_its_words(
    part: str, overlap: str, frame: Frame
) -> None:
    for failure, message in [
        (_raise, "RuntimeError: CUDA error: out of memory"),
        (_raise_named, "the weights are gone. Fetch them again."),
    ]:
        replies: list[Any] = ["red mug", "4 4 12 12"]
        if part.startswith("stage"):
            replies[int(part[-1]) - 1] = failure
        mllm, segmenter = ReplyMllm(replies), MaskSegmenter()
        if part == "open":
            mllm.open = failure
        elif part == "encode":
            segmenter.on_encode = failure
        elif part == "segment":
            segmenter.on_segment = failure
        listener = failure if part == "listener" else None
        with PPCRPipeline(mllm, segmenter, _config(overlap_encoding=overlap)) as pipeline:
            result = pipeline.run(frame, "the mug", on_stage=listener)
            assert result.status is Status.ERROR
            assert result.message == message
            assert result.segmentation is None
            assert (result.spatial is not None) == (part in ("encode", "segment"))


def test_a_pipeline_goes_on_after_an_error(frame: Frame) -> None:
    segmenter = MaskSegmenter(on_encode=_raise)
    with PPCRPipeline(ReplyMllm(), segmenter) as pipeline:
        assert pipeline.run(frame, "the mug").status is Status.ERROR
        segmenter.on_encode = lambda: None
        assert pipeline.run(frame, "the mug").status is Status.OK


def test_only_empty_masks_are_nothing_found_and_never_a_mask(frame: Frame) -> None:
    result = run_scripted(ReplyMllm(), MaskSegmenter(boxes=((0, 0, 0, 0),)), frame)
    assert result.status is Status.NOT_FOUND
    assert "masks are empty" in result.message
    assert result.segmentation is None


@pytest.mark.parametrize(("rgb", "colour"), [((128, 128, 128), "grey"), ((0, 0, 0), "black")])
def test_an_empty_picture_shows_nothing(rgb: tuple[int, int, int], colour: str) -> None:
    noise = np.random.default_rng(0).normal(0, 4, (240, 320, 3))
    frame = Frame(np.clip(np.array(rgb) + noise, 0, 255).astype(np.uint8))
    with PPCRPipeline(ReplyMllm(), MaskSegmenter()) as pipeline:
        result = pipeline.run(frame, "the red mug")
    assert result.status is Status.NOT_FOUND
    assert f"one plain {colour}" in result.message
    assert result.say == "I do not see what you mean."
