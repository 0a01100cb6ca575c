"""The pipeline with parts of PPCR left out, as ``ppcr eval --ablate`` runs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import MaskSegmenter, ReplyMllm
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, PipelineConfig, config_from_flat
from ppcr_ros.core.errors import ConfigError, SegmentationError
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Result, StageSeconds, Status

SEMANTIC, SPATIAL = "red mug", "4 4 12 12"
REPLIES: dict[Guidance, list[Any]] = {
    Guidance.PROGRESSIVE: [SEMANTIC, SPATIAL],
    Guidance.NO_ADAPTER: [SEMANTIC, SPATIAL],
    Guidance.SPATIAL_ONLY: [SEMANTIC, SPATIAL],
    Guidance.SEMANTIC_ONLY: [SEMANTIC],
    Guidance.DIRECT: [SPATIAL],
}
"""What the MLLM is made to say, and so what it is asked, in each way."""


def _run(
    mllm: Any, segmenter: Any, frame: Frame, guidance: Guidance, **options: Any
) -> tuple[Result, list[Any]]:
    config = Config(pipeline=PipelineConfig(guidance=guidance.value, **options))
    outputs: list[Any] = []
    with PPCRPipeline(mllm, segmenter, config) as pipeline:
        return pipeline.run(frame, "the red mug", on_stage=outputs.append), outputs


def test_direct_grounding_has_no_semantic_stage(frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(["4 4 12 12"]), MaskSegmenter()
    result, outputs = _run(mllm, segmenter, frame, Guidance.DIRECT)
    assert result.status is Status.OK
    assert [turn for turn, _ in mllm.turns] == ["where at once? the red mug"]
    assert result.semantic is None
    assert result.seconds.semantic == 0.0
    assert outputs == [result.spatial, result.segmentation]
    assert segmenter.prompts[0][1] is None


@pytest.mark.parametrize(
    ("answer", "status"), [("none", Status.NOT_FOUND), ("several", Status.AMBIGUOUS)]
)
def test_direct_grounding_may_find_none_or_several(
    answer: str, status: Status, frame: Frame
) -> None:
    result, outputs = _run(ReplyMllm([answer]), MaskSegmenter(), frame, Guidance.DIRECT)
    assert result.status is status
    assert outputs == []


def test_a_family_without_a_direct_question_is_told_so(frame: Frame) -> None:
    mllm = ReplyMllm()
    mllm.dialect.direct = False
    result, _ = _run(mllm, MaskSegmenter(), frame, Guidance.DIRECT)
    assert result.status is Status.ERROR
    assert "pipeline.guidance is 'direct', and scripted-mllm cannot be asked" in result.message
    assert "its dialect, ReplyDialect, has no such question" in result.message
    assert "Set pipeline.guidance to 'progressive'" in result.message


def test_the_semantic_prompt_alone_leaves_stage_two_out(frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(["red mug"]), MaskSegmenter(scores=(0.6,))
    result, outputs = _run(mllm, segmenter, frame, Guidance.SEMANTIC_ONLY)
    assert result.status is Status.OK
    assert [turn for turn, _ in mllm.turns] == ["what? the red mug"]
    assert segmenter.prompts == [(("embedding", 42), result.semantic, None)]
    assert outputs == [result.semantic, result.segmentation]
    assert result.segmentation is not None
    assert result.segmentation.score == pytest.approx((0.6 * 0.9) ** 0.5)


def test_the_spatial_prompt_alone_still_needs_both_stages(frame: Frame) -> None:
    segmenter = MaskSegmenter()
    result, outputs = _run(ReplyMllm(), segmenter, frame, Guidance.SPATIAL_ONLY)
    assert outputs == [result.semantic, result.spatial, result.segmentation]
    assert segmenter.prompts[0][1] is None
    assert np.array_equal(segmenter.prompts[0][2].box_xyxy_px, [4, 4, 12, 12])


def test_without_the_adapter_the_mllm_judges_the_candidates(frame: Frame) -> None:
    boxes = ((4, 4, 12, 12), (4, 4, 12, 11))
    mllm = ReplyMllm(yes={"is [4, 4, 12, 12] of 32x24 it?": 0.1})
    segmenter = MaskSegmenter(boxes=boxes, scores=(0.9, 0.9))
    result, _ = _run(mllm, segmenter, frame, Guidance.NO_ADAPTER)
    assert len(mllm.verifications) == 2
    assert result.segmentation is not None
    assert result.segmentation.box_xyxy_px.tolist() == [4, 4, 12, 11]
    _run(mllm, MaskSegmenter(boxes=boxes, scores=(0.9, 0.9)), frame, Guidance.PROGRESSIVE)
    assert len(mllm.verifications) == 2


def test_what_must_not_guide_the_mask_does_not_rank_it_either(frame: Frame) -> None:
    mllm = ReplyMllm()
    options = {"verify_with_mllm": True}
    _run(mllm, MaskSegmenter(), frame, Guidance.SPATIAL_ONLY, **options)
    assert mllm.verifications == []
    _run(mllm, MaskSegmenter(), frame, Guidance.PROGRESSIVE, **options)
    assert len(mllm.verifications) == 1


@pytest.mark.parametrize("guidance", [g for g in Guidance if g is not Guidance.DIRECT])
def test_an_unsure_semantic_stage_lowers_the_score(guidance: Guidance, frame: Frame) -> None:
    scores = []
    for confidence in (0.9, 0.3):
        mllm = ReplyMllm(REPLIES[guidance])
        parse = mllm.dialect.parse_semantic
        mllm.dialect.parse_semantic = lambda answer, parse=parse, sure=confidence: replace(
            parse(answer), confidence=sure
        )
        result, _ = _run(mllm, MaskSegmenter(), frame, guidance)
        assert result.segmentation is not None
        scores.append(result.segmentation.score)
    assert scores[1] < scores[0]


@pytest.mark.parametrize("guidance", Guidance)
def test_every_way_is_told_stage_by_stage_and_timed(
    guidance: Guidance, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def spend(seconds: float, text: str = "") -> Any:
        def work(*_: Any) -> str:
            clock[0] += seconds
            return text

        return work

    monkeypatch.setattr("ppcr_ros.core.pipeline.time.perf_counter", lambda: clock[0])
    spent = {SEMANTIC: 1.0, SPATIAL: 2.0}
    mllm = ReplyMllm([spend(spent[reply], reply) for reply in REPLIES[guidance]])
    segmenter = MaskSegmenter(on_encode=spend(4.0), on_segment=spend(8.0))
    result, outputs = _run(mllm, segmenter, frame, guidance, overlap_encoding="never")
    assert result.status is Status.OK
    assert len(mllm.turns) == len(REPLIES[guidance])
    prompts = [prompt for prompt in (result.semantic, result.spatial) if prompt is not None]
    assert len(prompts) == len(REPLIES[guidance])
    assert outputs == [*prompts, result.segmentation]
    semantic, spatial = (spent[reply] * (reply in REPLIES[guidance]) for reply in spent)
    assert result.seconds == StageSeconds(semantic, spatial, 4.0, 8.0, semantic + spatial + 12.0)


@pytest.mark.parametrize("guidance", Guidance)
def test_every_way_stops_within_an_answer_and_after_it(guidance: Guidance, frame: Frame) -> None:
    def stop(cancel: CancelToken) -> str:
        cancel.cancel("a newer command came")
        return str(REPLIES[guidance][-1])

    config = Config(pipeline=PipelineConfig(guidance=guidance.value))
    mllm, segmenter = ReplyMllm([*REPLIES[guidance][:-1], stop]), MaskSegmenter()
    with PPCRPipeline(mllm, segmenter, config) as pipeline:
        result = pipeline.run(frame, "the mug", cancel=CancelToken())
        assert (result.status, result.message) == (Status.CANCELLED, "a newer command came")
        assert result.segmentation is None

        mllm.replies, cancel, heard = REPLIES[guidance], CancelToken(), list[Any]()

        def listen(output: Any) -> None:
            heard.append(output)
            if len(heard) == len(REPLIES[guidance]):
                cancel.cancel("stop")

        result = pipeline.run(frame, "the mug", on_stage=listen, cancel=cancel)
    assert (result.status, result.message) == (Status.CANCELLED, "stop")
    assert heard == [p for p in (result.semantic, result.spatial) if p is not None]
    assert segmenter.prompts == []


@pytest.mark.parametrize("guidance", Guidance)
def test_every_way_ends_below_the_floor_as_low_confidence(guidance: Guidance, frame: Frame) -> None:
    mllm, segmenter = ReplyMllm(REPLIES[guidance]), MaskSegmenter(scores=(0.001,))
    result, _ = _run(mllm, segmenter, frame, guidance, min_confidence=0.9)
    assert result.status is Status.LOW_CONFIDENCE
    assert result.segmentation is not None


@pytest.mark.parametrize("guidance", Guidance)
def test_every_way_repairs_an_answer_once(guidance: Guidance, frame: Frame) -> None:
    bad = "" if REPLIES[guidance][-1] == SEMANTIC else "somewhere"
    before, last = REPLIES[guidance][:-1], REPLIES[guidance][-1]
    repaired = ReplyMllm([*before, bad, last])
    assert _run(repaired, MaskSegmenter(), frame, guidance)[0].status is Status.OK
    assert repaired.turns[-1][0].startswith("again: ")
    hopeless = ReplyMllm([*before, bad, bad])
    result, _ = _run(hopeless, MaskSegmenter(), frame, guidance)
    assert result.status is Status.PARSE_FAILED


def test_a_segmenter_that_needs_a_box_says_so(frame: Frame) -> None:
    def refuse() -> None:
        raise SegmentationError("this segmenter needs a box.")

    segmenter = MaskSegmenter(on_segment=refuse)
    result, outputs = _run(ReplyMllm(), segmenter, frame, Guidance.SEMANTIC_ONLY)
    assert (result.status, result.message) == (Status.ERROR, "this segmenter needs a box.")
    assert outputs == [result.semantic]


def test_an_unknown_way_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"guidance is 'both'; expected one of progr"):
        config_from_flat({"pipeline.guidance": "both"})


@pytest.mark.parametrize("guidance", [g for g in Guidance if g is not Guidance.DIRECT])
def test_several_is_asked_back_in_every_way_with_a_semantic_stage(
    guidance: Guidance, frame: Frame
) -> None:
    segmenter = MaskSegmenter()
    result, outputs = _run(ReplyMllm(["several mug"]), segmenter, frame, guidance)
    assert result.status is Status.AMBIGUOUS
    assert "several objects that fit" in result.message
    assert "Say which" in result.message
    assert outputs == [result.semantic]
    assert (result.spatial, result.segmentation) == (None, None)
    assert segmenter.prompts == []


def test_guidance_changes_between_two_runs(frame: Frame) -> None:
    mllm = ReplyMllm()
    with PPCRPipeline(mllm, MaskSegmenter()) as pipeline:
        assert pipeline.run(frame, "the mug").semantic is not None
        pipeline.configuration = LiveConfig(Config(pipeline=PipelineConfig(guidance="direct")))
        mllm.replies = ["4 4 12 12"]
        assert pipeline.run(frame, "the mug").semantic is None
