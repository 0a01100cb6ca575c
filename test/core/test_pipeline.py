"""The three stages together: from command to mask, and the encoder beside the MLLM."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import MaskSegmenter, ReplyMllm, run_scripted
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, MllmConfig, PipelineConfig
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import (
    Frame,
    ModelNames,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    Status,
)

TIMEOUT_SEC = 180


@pytest.mark.parametrize("overlap", ["always", "never"])
def test_from_command_to_mask(overlap: str, frame: Frame, make_mask: Any) -> None:
    mllm, segmenter = ReplyMllm(), MaskSegmenter()
    outputs: list[Any] = []
    with PPCRPipeline(
        mllm, segmenter, Config(pipeline=PipelineConfig(overlap_encoding=overlap))
    ) as pipeline:
        result = pipeline.run(
            frame, "  the\tred mug ", on_stage=outputs.append, command_id="command-7"
        )
    assert result.status is Status.OK
    assert result.message == ""
    assert result.command == "the red mug"
    assert (result.command_id, result.stamp_ns, result.frame_id) == ("command-7", 42, "camera")
    assert result.models == ModelNames("scripted-mllm", "scripted-segmenter")
    assert result.semantic is not None
    assert result.semantic.category == "mug"
    assert result.spatial is not None
    assert result.spatial.box_xyxy_px.tolist() == [4, 4, 12, 12]
    assert result.segmentation is not None
    assert np.array_equal(result.segmentation.mask, make_mask(4, 4, 12, 12))
    assert result.segmentation.score == pytest.approx((0.9 * 1.0 * 0.9 * 0.8) ** (1 / 4))
    assert result.segmentation.evidence is not None, "what a calibration is fitted to"
    assert result.segmentation.evidence.terms().keys() >= {"segmenter", "agreement", "spatial"}
    assert result.expected_mask_iou == pytest.approx(0.9)
    assert outputs == [result.semantic, result.spatial, result.segmentation]
    assert [type(output) for output in outputs] == [SemanticPrompt, SpatialPrompt, Segmentation]
    assert mllm.opened == [frame]
    assert segmenter.encoded == [frame]
    assert segmenter.prompts == [(("embedding", 42), result.semantic, result.spatial)]


def test_stages_come_in_order_and_are_told_at_once(frame: Frame) -> None:
    events: list[str] = []

    def say(text: str) -> Callable[[CancelToken], str]:
        def reply(_: CancelToken) -> str:
            events.append(f"writes {text}")
            return text

        return reply

    with PPCRPipeline(
        ReplyMllm([say("red mug"), say("4 4 12 12")]),
        MaskSegmenter(on_segment=lambda: events.append("segments")),
    ) as pipeline:
        pipeline.run(
            frame, "the red mug", on_stage=lambda out: events.append(f"told {type(out).__name__}")
        )
    assert events == [
        "writes red mug",
        "told SemanticPrompt",
        "writes 4 4 12 12",
        "told SpatialPrompt",
        "segments",
        "told Segmentation",
    ]


def test_token_limits_come_from_the_configuration(frame: Frame) -> None:
    mllm = ReplyMllm()
    limits = MllmConfig(max_new_tokens_semantic=11, max_new_tokens_spatial=22)
    run_scripted(mllm, MaskSegmenter(), frame, config=Config(mllm=limits))
    assert [limit for _, limit in mllm.turns] == [11, 22]


def test_one_pipeline_serves_many_frames(frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(), MaskSegmenter()
    with PPCRPipeline(mllm, segmenter) as pipeline:
        stamps = [
            pipeline.run(replace(frame, stamp_ns=stamp), "the mug").stamp_ns for stamp in range(3)
        ]
    assert stamps == [0, 1, 2]
    assert [encoded for encoded, _, _ in segmenter.prompts] == [("embedding", n) for n in range(3)]


def test_encoding_runs_on_another_thread_while_the_mllm_writes(frame: Frame) -> None:
    encoding, writing = threading.Event(), threading.Event()
    threads: list[int] = []

    def encode() -> None:
        threads.append(threading.get_ident())
        encoding.set()
        assert writing.wait(TIMEOUT_SEC)  # the MLLM writes before the encoder may end

    def write(_: CancelToken) -> str:
        assert encoding.wait(TIMEOUT_SEC)  # the encoder works before the MLLM may end
        writing.set()
        return "red mug"

    result = run_scripted(ReplyMllm([write, "4 4 12 12"]), MaskSegmenter(on_encode=encode), frame)
    assert result.status is Status.OK, result.message
    assert threads != [threading.get_ident()]


def test_without_overlap_encoding_comes_after_the_mllm_on_the_callers_thread(frame: Frame) -> None:
    mllm = ReplyMllm()
    seen: list[tuple[int, int]] = []
    segmenter = MaskSegmenter(
        on_encode=lambda: seen.append((threading.get_ident(), len(mllm.turns)))
    )
    assert run_scripted(mllm, segmenter, frame, overlap_encoding="never").status is Status.OK
    assert seen == [(threading.get_ident(), 2)]


@pytest.mark.parametrize(
    ("placement", "overlaps"), [("cpu float32", False), ("cuda:0 bfloat16", True), ("", True)]
)
def test_by_default_a_cpu_does_one_thing_after_the_other(
    placement: str, overlaps: bool, frame: Frame
) -> None:
    segmenter = MaskSegmenter()
    segmenter.placement = placement
    threads: list[str] = []
    encode = segmenter.encode

    def noting(frame: Frame) -> Any:
        threads.append(threading.current_thread().name)
        return encode(frame)

    segmenter.encode = noting
    assert run_scripted(ReplyMllm(), segmenter, frame).status is Status.OK
    assert [name.startswith("ppcr-encode") for name in threads] == [overlaps]


def test_overlap_changes_nothing_but_the_time(frame: Frame) -> None:
    results = [
        run_scripted(ReplyMllm(), MaskSegmenter(), frame, overlap_encoding=overlap)
        for overlap in ("always", "never")
    ]
    first, second = results
    assert first.segmentation is not None
    assert second.segmentation is not None
    assert np.array_equal(first.segmentation.mask, second.segmentation.mask)
    assert first.segmentation.score == second.segmentation.score
    assert first.semantic == second.semantic
    assert (first.status, first.models) == (second.status, second.models)


def test_an_answer_that_needs_no_mask_does_not_wait_for_the_encoder(frame: Frame) -> None:
    encoding, answered = threading.Event(), threading.Event()

    def encode() -> None:
        encoding.set()
        answered.wait(TIMEOUT_SEC)

    def absent(_: CancelToken) -> str:
        assert encoding.wait(TIMEOUT_SEC)
        return "none mug"

    pipeline = PPCRPipeline(ReplyMllm([absent]), MaskSegmenter(on_encode=encode))
    result = pipeline.run(frame, "the mug")
    still_encoding = not answered.is_set()
    answered.set()
    pipeline.close()
    assert result.status is Status.NOT_FOUND
    assert still_encoding
