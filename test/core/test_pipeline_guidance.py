"""The pipeline with parts of PPCR left out, as ``ppcr eval --ablate`` runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Result, Status


def _run(
    mllm: Any, segmenter: Any, frame: Frame, guidance: Guidance, **options: Any
) -> tuple[Result, list[Any]]:
    config = Config(pipeline=PipelineConfig(guidance=guidance.value, **options))
    outputs: list[Any] = []
    with PPCRPipeline(mllm, segmenter, config) as pipeline:
        return pipeline.run(frame, "the red mug", on_stage=outputs.append), outputs


def test_direct_grounding_has_no_semantic_stage(
    scripted_mllm: Any, scripted_segmenter: Any, frame: Frame
) -> None:
    mllm, segmenter = scripted_mllm(["4 4 12 12"]), scripted_segmenter()
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
    answer: str, status: Status, scripted_mllm: Any, scripted_segmenter: Any, frame: Frame
) -> None:
    result, outputs = _run(scripted_mllm([answer]), scripted_segmenter(), frame, Guidance.DIRECT)
    assert result.status is status
    assert outputs == []


def test_a_family_without_a_direct_question_is_told_so(
    scripted_mllm: Any, scripted_segmenter: Any, frame: Frame
) -> None:
    mllm = scripted_mllm()
    mllm.dialect.direct = False
    result, _ = _run(mllm, scripted_segmenter(), frame, Guidance.DIRECT)
    assert result.status is Status.ERROR
    assert "pipeline.guidance is 'direct'" in result.message
    assert "set pipeline.guidance to 'progressive'" in result.message


def test_the_semantic_prompt_alone_leaves_stage_two_out(
    scripted_mllm: Any, scripted_segmenter: Any, frame: Frame
) -> None:
    mllm, segmenter = scripted_mllm(["red mug"]), scripted_segmenter(scores=(0.6,))
    result, outputs = _run(mllm, segmenter, frame, Guidance.SEMANTIC_ONLY)
    assert result.status is Status.OK
    assert [turn for turn, _ in mllm.turns] == ["what? the red mug"]
    assert segmenter.prompts == [(("embedding", 42), result.semantic, None)]
    assert outputs == [result.semantic, result.segmentation]
    assert result.segmentation is not None
    assert result.segmentation.score == pytest.approx((0.6 * 0.9) ** 0.5)


def test_the_spatial_prompt_alone_still_needs_both_stages(
    scripted_mllm: Any, scripted_segmenter: Any, frame: Frame
) -> None:
    segmenter = scripted_segmenter()
    result, outputs = _run(scripted_mllm(), segmenter, frame, Guidance.SPATIAL_ONLY)
    assert outputs == [result.semantic, result.spatial, result.segmentation]
    assert segmenter.prompts[0][1] is None
    assert np.array_equal(segmenter.prompts[0][2].box_xyxy_px, [4, 4, 12, 12])


def test_without_the_adapter_the_mllm_judges_the_candidates(
    scripted_mllm: Any, scripted_segmenter: Any, frame: Frame
) -> None:
    boxes = ((4, 4, 12, 12), (4, 4, 12, 11))
    mllm = scripted_mllm(yes={"is [4, 4, 12, 12] of 32x24 it?": 0.1})
    segmenter = scripted_segmenter(boxes=boxes, scores=(0.9, 0.9))
    result, _ = _run(mllm, segmenter, frame, Guidance.NO_ADAPTER)
    assert len(mllm.verifications) == 2
    assert result.segmentation is not None
    assert result.segmentation.box_xyxy_px.tolist() == [4, 4, 12, 11]
    _run(mllm, scripted_segmenter(boxes=boxes, scores=(0.9, 0.9)), frame, Guidance.PROGRESSIVE)
    assert len(mllm.verifications) == 2


@pytest.mark.parametrize("guidance", [g for g in Guidance if g is not Guidance.DIRECT])
def test_several_is_asked_back_in_every_way_with_a_semantic_stage(
    guidance: Guidance, scripted_mllm: Any, scripted_segmenter: Any, frame: Frame
) -> None:
    segmenter = scripted_segmenter()
    result, outputs = _run(scripted_mllm(["several mug"]), segmenter, frame, guidance)
    assert result.status is Status.AMBIGUOUS
    assert "several objects that fit" in result.message
    assert "Say which" in result.message
    assert outputs == [result.semantic]
    assert (result.spatial, result.segmentation) == (None, None)
    assert segmenter.prompts == []


def test_guidance_changes_between_two_runs(
    scripted_mllm: Any, scripted_segmenter: Any, frame: Frame
) -> None:
    mllm = scripted_mllm()
    with PPCRPipeline(mllm, scripted_segmenter()) as pipeline:
        assert pipeline.run(frame, "the mug").semantic is not None
        pipeline.configure(Config(pipeline=PipelineConfig(guidance="direct")))
        mllm.replies = ["4 4 12 12"]
        assert pipeline.run(frame, "the mug").semantic is None
