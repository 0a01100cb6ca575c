"""Choice and score of a mask among a segmenter's candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import MaskSegmenter
from ppcr_ros.core.errors import TargetNotFound
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.stages.segmentation import segment_instance, spatial_agreement
from ppcr_ros.core.types import Array, Segmentation, SemanticPrompt, SpatialPrompt

MUG = SemanticPrompt("the mug", "mug", confidence=1.0)
MakeMask = Callable[[int, int, int, int], Array]


def _spatial(
    *box: float, points: Any = (), labels: Any = (), confidence: float = 1.0
) -> SpatialPrompt:
    return SpatialPrompt(
        "",
        np.array(box, np.float32),
        np.array(points, np.float32).reshape(-1, 2),
        np.array(labels, np.int32),
        confidence,
    )


def test_agreement_is_the_iou_of_the_boxes(make_mask: MakeMask) -> None:
    assert spatial_agreement(make_mask(4, 4, 12, 12), _spatial(4, 4, 12, 12)) == 1.0
    assert spatial_agreement(make_mask(4, 4, 12, 8), _spatial(4, 4, 12, 12)) == 0.5
    assert spatial_agreement(make_mask(4, 4, 12, 12), _spatial(20, 4, 30, 12)) == 0.0
    assert spatial_agreement(make_mask(4, 4, 4, 4), _spatial(4, 4, 12, 12)) == 0.0


def test_agreement_counts_the_points_on_the_right_side(make_mask: MakeMask) -> None:
    mask, box = make_mask(4, 4, 12, 12), (4, 4, 12, 12)
    inside, outside = (5.5, 5.5), (20, 20)
    for points, labels, expected in [
        ([inside, outside], [1, 0], 1.0),
        ([inside, outside], [0, 0], 0.5),
        ([inside, outside], [0, 1], 0.0),
        ([inside, (999, -999)], [1, 0], 1.0),
    ]:
        assert spatial_agreement(mask, _spatial(*box, points=points, labels=labels)) == expected


def test_the_box_outweighs_the_segmenters_own_favourite(make_mask: MakeMask) -> None:
    segmenter = MaskSegmenter(boxes=((0, 0, 32, 24), (4, 4, 12, 12)), scores=(0.95, 0.6))
    chosen = segment_instance(segmenter, "embedding", MUG, _spatial(4, 4, 12, 12))
    assert np.array_equal(chosen.mask, make_mask(4, 4, 12, 12))
    assert chosen.box_xyxy_px.tolist() == [4, 4, 12, 12]


def test_the_score_is_the_geometric_mean_of_the_evidence() -> None:
    segmenter = MaskSegmenter(boxes=((4, 4, 12, 8),), scores=(0.8,))
    stage = partial(segment_instance, segmenter)
    mug, spatial = replace(MUG, confidence=0.6), _spatial(4, 4, 12, 12, confidence=0.7)
    chosen = stage("", mug, spatial)
    assert chosen.score == pytest.approx((0.8 * 0.5 * 0.6 * 0.7) ** (1 / 4))
    verified = stage("", mug, spatial, verify=lambda _: 0.25)
    assert verified.score == pytest.approx((0.8 * 0.5 * 0.25 * 0.6 * 0.7) ** (1 / 5))
    assert stage("", None, spatial).score == pytest.approx((0.8 * 0.5 * 0.7) ** (1 / 3))
    assert stage("", mug, None).score == pytest.approx((0.8 * 0.6) ** (1 / 2))


def test_a_mllm_that_cannot_be_asked_neither_ranks_nor_scores() -> None:
    stage, spatial = partial(segment_instance, MaskSegmenter()), _spatial(4, 4, 12, 12)
    plain, unasked = stage("", MUG, spatial), stage("", MUG, spatial, verify=lambda _: None)
    assert unasked.score == plain.score


@pytest.mark.parametrize(
    ("guidance", "sees_semantic", "sees_spatial", "sees_states"),
    [
        (Guidance.PROGRESSIVE, True, True, True),
        (Guidance.NO_ADAPTER, True, True, False),
        (Guidance.SPATIAL_ONLY, False, True, False),
        (Guidance.SEMANTIC_ONLY, True, True, True),
        (Guidance.DIRECT, False, True, False),
    ],
)
def test_guidance_decides_what_the_segmenter_is_shown(
    guidance: Guidance, sees_semantic: bool, sees_spatial: bool, sees_states: bool
) -> None:
    segmenter = MaskSegmenter()
    states = np.ones((3, 8), np.float32)
    semantic = replace(MUG, embedding=states)
    spatial = replace(_spatial(4, 4, 12, 12), embedding=states)
    segment_instance(segmenter, "", semantic, spatial, guidance=guidance)
    ((_, *shown),) = segmenter.prompts
    assert [prompt is not None for prompt in shown] == [sees_semantic, sees_spatial]
    assert {prompt.embedding is not None for prompt in shown if prompt} == {sees_states}


def test_empty_masks_for_a_phrase_name_the_phrase() -> None:
    segmenter = MaskSegmenter(boxes=((0, 0, 0, 0),), scores=(1.0,))
    stage = partial(segment_instance, segmenter, guidance=Guidance.SEMANTIC_ONLY)
    with pytest.raises(TargetNotFound, match="nothing at the prompt 'the mug': its 1 masks are"):
        stage("", MUG, None)


def test_the_verifier_can_turn_the_choice() -> None:
    segmenter = MaskSegmenter(boxes=((4, 4, 12, 12), (4, 4, 12, 11)), scores=(0.9, 0.9))
    stage, spatial = partial(segment_instance, segmenter), _spatial(4, 4, 12, 12)
    asked: list[list[float]] = []

    def verify(candidate: Segmentation) -> float:
        asked.append(candidate.box_xyxy_px.tolist())
        return 0.1 if candidate.box_xyxy_px[3] == 12 else 0.9

    assert stage("", MUG, spatial).box_xyxy_px.tolist() == [4, 4, 12, 12]
    assert stage("", MUG, spatial, verify=verify).box_xyxy_px.tolist() == [4, 4, 12, 11]
    assert asked == [[4, 4, 12, 12], [4, 4, 12, 11]]


def test_a_prompt_without_confidence_still_ranks_the_masks() -> None:
    segmenter = MaskSegmenter(boxes=((20, 4, 30, 12), (4, 4, 12, 12)), scores=(0.9, 0.8))
    chosen = segment_instance(segmenter, "", MUG, _spatial(4, 4, 12, 12, confidence=0.0))
    assert chosen.box_xyxy_px.tolist() == [4, 4, 12, 12]
    assert chosen.score == 0.0


def test_empty_candidates_are_passed_over() -> None:
    segmenter = MaskSegmenter(boxes=((0, 0, 0, 0), (4, 4, 12, 12)), scores=(1.0, 0.1))
    chosen = segment_instance(segmenter, "", MUG, _spatial(4, 4, 12, 12))
    assert chosen.mask.sum() == 64


def test_only_empty_candidates_are_nothing_found() -> None:
    segmenter = MaskSegmenter(boxes=((0, 0, 0, 0), (5, 5, 5, 5)), scores=(1.0, 1.0))
    with pytest.raises(
        TargetNotFound,
        match=r"nothing at the box \[4.0, 4.0, 12.0, 12.0\]: its 2 masks are empty",
    ):
        segment_instance(segmenter, "", MUG, _spatial(4, 4, 12, 12))


@pytest.mark.parametrize(("given", "expected"), [(1.7, 1.0), (-0.5, 0.0)])
def test_a_segmenters_score_beyond_its_range_is_cut(given: float, expected: float) -> None:
    segmenter = MaskSegmenter(scores=(given,))
    chosen = segment_instance(segmenter, "", MUG, _spatial(4, 4, 12, 12))
    assert chosen.score == pytest.approx(expected)


def test_both_prompts_and_the_embedding_reach_the_segmenter() -> None:
    segmenter, spatial = MaskSegmenter(), _spatial(4, 4, 12, 12)
    segment_instance(segmenter, "embedding", MUG, spatial)
    assert segmenter.prompts == [("embedding", MUG, spatial)]
