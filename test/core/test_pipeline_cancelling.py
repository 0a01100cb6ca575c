"""A run that is stopped, before and within each stage."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from ppcr_lab.scripted_models import MaskSegmenter, ReplyMllm
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Result, SemanticPrompt, SpatialPrompt, Status

TIMEOUT_SEC = 180


def _cancel(cancel: CancelToken) -> str:
    cancel.cancel("a newer command came")
    return "red mug"


def test_cancelled_before_it_began(frame: Frame) -> None:
    mllm, segmenter, cancel = ReplyMllm(), MaskSegmenter(), CancelToken()
    cancel.cancel("a newer command came")
    with PPCRPipeline(mllm, segmenter) as pipeline:
        result = pipeline.run(frame, "the mug", cancel=cancel)
    assert result.status is Status.CANCELLED
    assert result.message == "a newer command came"
    assert (mllm.opened, segmenter.encoded) == ([], [])


@pytest.mark.parametrize("stage", [1, 2])
def test_cancelled_while_the_mllm_writes(stage: int, frame: Frame) -> None:
    replies: list[Any] = ["red mug", "4 4 12 12"]
    replies[stage - 1] = _cancel
    segmenter, outputs = MaskSegmenter(), list[Any]()
    with PPCRPipeline(ReplyMllm(replies), segmenter) as pipeline:
        result = pipeline.run(frame, "the mug", on_stage=outputs.append, cancel=CancelToken())
    assert result.status is Status.CANCELLED
    assert result.message == "a newer command came"
    assert len(outputs) == stage - 1
    assert result.segmentation is None
    assert segmenter.prompts == []


@pytest.mark.parametrize("after", [SemanticPrompt, SpatialPrompt])
@pytest.mark.parametrize("overlap", ["always", "never"])
def test_cancelled_between_stages(after: type, overlap: str, frame: Frame) -> None:
    mllm, segmenter, cancel = ReplyMllm(), MaskSegmenter(), CancelToken()

    def listen(output: Any) -> None:
        if isinstance(output, after):
            cancel.cancel("stop")

    with PPCRPipeline(
        mllm, segmenter, Config(pipeline=PipelineConfig(overlap_encoding=overlap))
    ) as pipeline:
        result = pipeline.run(frame, "the mug", on_stage=listen, cancel=cancel)
    assert result.status is Status.CANCELLED
    assert len(mllm.turns) == (1 if after is SemanticPrompt else 2)
    assert segmenter.prompts == []
    assert overlap == "always" or segmenter.encoded == []


def test_cancelled_while_waiting_for_the_encoder(frame: Frame) -> None:
    release, cancel = threading.Event(), CancelToken()
    pipeline = PPCRPipeline(
        ReplyMllm(), MaskSegmenter(on_encode=lambda: release.wait(TIMEOUT_SEC) or None)
    )
    grounded = threading.Event()
    results: list[Result] = []

    def listen(output: Any) -> None:
        if isinstance(output, SpatialPrompt):
            grounded.set()

    def work() -> None:
        results.append(pipeline.run(frame, "the mug", on_stage=listen, cancel=cancel))

    worker = threading.Thread(target=work)
    worker.start()
    assert grounded.wait(TIMEOUT_SEC)
    cancel.cancel("stop")
    worker.join(TIMEOUT_SEC)
    ended_first = not release.is_set() and not worker.is_alive()
    release.set()
    pipeline.close()
    assert ended_first
    assert results[0].status is Status.CANCELLED


def test_cancelled_while_segmenting(frame: Frame) -> None:
    cancel, outputs = CancelToken(), list[Any]()
    segmenter = MaskSegmenter(on_segment=lambda: cancel.cancel("stop"))
    with PPCRPipeline(ReplyMllm(), segmenter) as pipeline:
        result = pipeline.run(frame, "the mug", on_stage=outputs.append, cancel=cancel)
    assert result.status is Status.CANCELLED
    assert result.segmentation is None
    assert len(outputs) == 2


def test_a_cancelled_run_leaves_the_next_one_alone(frame: Frame) -> None:
    mllm, segmenter = ReplyMllm([_cancel, "unused"]), MaskSegmenter()
    with PPCRPipeline(mllm, segmenter) as pipeline:
        assert pipeline.run(frame, "the mug").status is Status.CANCELLED
        mllm.replies = ["red mug", "4 4 12 12"]
        newer = replace(frame, stamp_ns=43)
        assert pipeline.run(newer, "the mug").status is Status.OK
    assert [encoded for encoded, _, _ in segmenter.prompts] == [("embedding", 43)]
