"""Seconds, options and the end of a pipeline."""

from __future__ import annotations

import threading
from dataclasses import fields
from typing import Any

import pytest

from ppcr_lab.scripted_models import MaskSegmenter, ReplyMllm, run_scripted
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Result, StageSeconds, Status

TIMEOUT_SEC = 180


def _config(**options: Any) -> Config:
    return Config(pipeline=PipelineConfig(**options))


def test_seconds_of_every_stage_are_recorded(frame: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def spend(seconds: float, text: str = "") -> Any:
        def work(*_: Any) -> Any:
            clock[0] += seconds
            return text

        return work

    monkeypatch.setattr("ppcr_ros.core.pipeline.time.perf_counter", lambda: clock[0])
    mllm = ReplyMllm([spend(1.0, "red mug"), spend(2.0, "4 4 12 12")])
    segmenter = MaskSegmenter(on_encode=spend(4.0), on_segment=spend(8.0))
    result = run_scripted(mllm, segmenter, frame, overlap_encoding="never")
    assert result.seconds == StageSeconds(1.0, 2.0, 4.0, 8.0, 15.0)


def test_seconds_are_kept_of_a_run_that_failed(
    frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def absent(_: CancelToken) -> str:
        clock[0] += 3.0
        return "none"

    monkeypatch.setattr("ppcr_ros.core.pipeline.time.perf_counter", lambda: clock[0])
    result = run_scripted(
        ReplyMllm(["red mug", absent]), MaskSegmenter(), frame, overlap_encoding="never"
    )
    assert result.status is Status.NOT_FOUND
    assert result.seconds == StageSeconds(spatial=3.0, total=3.0)


def test_real_seconds_add_up(frame: Frame) -> None:
    seconds = run_scripted(ReplyMllm(), MaskSegmenter(), frame).seconds
    spent = {item.name: getattr(seconds, item.name) for item in fields(seconds)}
    assert all(value > 0 for value in spent.values())
    assert seconds.total >= seconds.semantic + seconds.spatial + seconds.segmentation


def test_long_commands_are_cut(frame: Frame) -> None:
    mllm = ReplyMllm()
    with PPCRPipeline(mllm, MaskSegmenter(), _config(max_command_chars=16)) as pipeline:
        result = pipeline.run(frame, "the red mug that stands left of the plate")
    assert result.command == "the red mug that"
    assert mllm.turns[0][0] == "what? the red mug that"


def test_verification_ranks_the_masks_as_well(frame: Frame) -> None:
    right = "is [4, 4, 12, 11] of 32x24 it?"

    def run(verify: bool) -> tuple[Result, list[str]]:
        mllm = ReplyMllm(yes={right: 0.95})
        segmenter = MaskSegmenter(boxes=((4, 4, 12, 12), (4, 4, 12, 11)), scores=(0.9, 0.9))
        config = _config(verify_with_mllm=verify)
        return run_scripted(mllm, segmenter, frame, config=config), mllm.verifications

    plain, unasked = run(verify=False)
    verified, asked = run(verify=True)
    assert unasked == []
    assert asked == ["is [4, 4, 12, 12] of 32x24 it?", right]
    assert plain.segmentation is not None
    assert plain.segmentation.box_xyxy_px.tolist() == [4, 4, 12, 12]
    assert verified.segmentation is not None
    assert verified.segmentation.box_xyxy_px.tolist() == [4, 4, 12, 11]


def test_a_family_without_a_verification_turn_changes_nothing(frame: Frame) -> None:
    mllm = ReplyMllm()
    mllm.dialect.verification_turn = lambda *_, **__: None
    plain = run_scripted(mllm, MaskSegmenter(), frame)
    result = run_scripted(mllm, MaskSegmenter(), frame, verify_with_mllm=True)
    assert result.status is Status.OK
    assert mllm.verifications == []
    assert plain.segmentation is not None
    assert result.segmentation is not None
    assert result.segmentation.score == plain.segmentation.score


def test_a_change_holds_from_the_next_run_on(frame: Frame) -> None:
    live, strict = LiveConfig(), _config(min_confidence=1.0)
    with PPCRPipeline(ReplyMllm(), MaskSegmenter(), live) as pipeline:
        running = pipeline.run(frame, "the mug", on_stage=lambda _: live.replace(strict))
        following = pipeline.run(frame, "the mug")
    assert running.status is Status.OK
    assert following.status is Status.LOW_CONFIDENCE


def test_closing_waits_for_the_encoder_and_can_be_repeated(frame: Frame) -> None:
    encoding, release = threading.Event(), threading.Event()
    events: list[str] = []

    def encode() -> None:
        encoding.set()
        assert release.wait(TIMEOUT_SEC)
        events.append("encoded")

    def absent(_: CancelToken) -> str:
        assert encoding.wait(TIMEOUT_SEC)
        return "none mug"

    def close() -> None:
        pipeline.close()
        events.append("closed")

    pipeline = PPCRPipeline(ReplyMllm([absent]), MaskSegmenter(on_encode=encode))
    pipeline.run(frame, "the mug")
    closer = threading.Thread(target=close)
    closer.start()
    release.set()
    closer.join(TIMEOUT_SEC)
    pipeline.close()
    assert events == ["encoded", "closed"]
    assert pipeline.run(frame, "the mug").status is Status.ERROR


def test_closing_frees_the_models(frame: Frame) -> None:
    import gc
    import weakref

    mllm, segmenter = ReplyMllm(), MaskSegmenter()
    references = weakref.ref(mllm), weakref.ref(segmenter)
    pipeline = PPCRPipeline(mllm, segmenter)
    pipeline.run(frame, "the mug")
    pipeline.close()
    del mllm, segmenter
    gc.collect()
    assert [reference() for reference in references] == [None, None]
