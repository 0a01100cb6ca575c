"""Frames that both models read before their command comes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ppcr_lab.scripted_models import MaskSegmenter, ReplyMllm
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.errors import OutOfMemoryError
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Status


def _pipeline(mllm: Any, segmenter: Any, overlap: str = "never", **parts: Any) -> PPCRPipeline:
    config = Config(pipeline=PipelineConfig(overlap_encoding=overlap))
    return PPCRPipeline(mllm, segmenter, config, **parts)


@pytest.mark.parametrize("overlap", ["always", "never"])
def test_a_frame_that_was_read_is_not_read_again(overlap: str, frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(), MaskSegmenter()
    with _pipeline(mllm, segmenter, overlap) as pipeline:
        plain = pipeline.run(frame, "the red mug")
        mllm.opened.clear()
        segmenter.encoded.clear()
        read = pipeline.read(frame)
        assert len(mllm.read) == len(mllm.opened) == len(segmenter.encoded) == 1
        result = pipeline.run(read, "the red mug")
    assert len(mllm.opened) == len(segmenter.encoded) == 1
    assert result.status is Status.OK
    assert result.semantic == plain.semantic
    assert result.spatial is not None
    assert plain.spatial is not None
    assert (result.spatial.box_xyxy_px == plain.spatial.box_xyxy_px).all()
    assert result.segmentation is not None
    assert plain.segmentation is not None
    assert (result.segmentation.mask == plain.segmentation.mask).all()
    assert segmenter.prompts[1][0] == segmenter.prompts[0][0]
    assert result.seconds.encode == 0.0 < plain.seconds.encode


def test_it_serves_one_run(frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(), MaskSegmenter()
    with _pipeline(mllm, segmenter) as pipeline:
        read = pipeline.read(frame)
        for _ in range(2):
            assert pipeline.run(read, "the red mug").status is Status.OK
    assert len(mllm.opened) == len(segmenter.encoded) == 2


def test_another_frame_is_read_for_itself(frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(), MaskSegmenter()
    other = replace(frame, stamp_ns=43)
    with _pipeline(mllm, segmenter) as pipeline:
        read = pipeline.read(frame)
        result = pipeline.run(other, "the red mug")
        assert result.stamp_ns == 43
        assert segmenter.prompts[0][0] == ("embedding", 43)
        assert pipeline.run(read, "the red mug").stamp_ns == 42
    assert [item.stamp_ns for item in segmenter.encoded] == [42, 43]


def test_what_another_pipeline_has_read_is_read_again(frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(), MaskSegmenter()
    with _pipeline(ReplyMllm(), MaskSegmenter()) as other:
        read = other.read(frame)
    with _pipeline(mllm, segmenter) as pipeline:
        assert pipeline.run(read, "the red mug").status is Status.OK
    assert len(mllm.opened) == len(segmenter.encoded) == 1


def test_a_cancelled_run_on_it_ends_as_cancelled(frame: Frame) -> None:
    cancel = CancelToken()

    def stop_after_stage_2(_: CancelToken) -> str:
        cancel.cancel("stop")
        return "4 4 12 12"

    with _pipeline(ReplyMllm(["red mug", stop_after_stage_2]), MaskSegmenter()) as made:
        read = made.read(frame)
        assert made.run(read, "the red mug", cancel=cancel).status is Status.CANCELLED


@pytest.mark.parametrize("overlap", ["always", "never"])
def test_what_fails_is_told_and_leaves_nothing(overlap: str, frame: Frame) -> None:
    released: list[int] = []

    class Memory:
        def report(self) -> None: ...

        def release(self) -> None:
            released.append(1)

    failures = [OutOfMemoryError("too little")]

    def fail_once() -> None:
        if failures:
            raise failures.pop()

    segmenter = MaskSegmenter(on_encode=fail_once)
    with _pipeline(ReplyMllm(), segmenter, overlap, memory=Memory()) as pipeline:
        with pytest.raises(OutOfMemoryError, match="too little"):
            pipeline.read(frame)
        assert released == [1]
        assert pipeline.run(frame, "the red mug").seconds.encode > 0.0
