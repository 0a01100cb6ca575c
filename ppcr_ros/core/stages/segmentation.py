"""Stage 3, Instance Segmentation: both prompts jointly choose the mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ppcr_ros.core.boxes import box_iou
from ppcr_ros.core.checks import is_known
from ppcr_ros.core.errors import TargetNotFound
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.interfaces import Segmenter
from ppcr_ros.core.scoring import ScoreCalibration, score_of
from ppcr_ros.core.types import (
    Array,
    MaskCandidates,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
)

Verifier = Callable[[Segmentation], float | None]
"""The MLLM's probability 0..1 that a candidate shows what the semantic prompt says; None where it
cannot be asked."""


def spatial_agreement(mask: Array, spatial: SpatialPrompt) -> float:
    """How well ``mask`` (H, W) bool fits the spatial prompt, 0..1.

    The IoU of the mask's tight box with the prompt's box, times the share of the prompt's points
    that the mask takes the right side on.
    """
    if not mask.any():
        return 0.0
    tight = Segmentation.from_mask(mask, 0.0).box_xyxy_px
    agreement = box_iou(tight, spatial.box_xyxy_px)
    if len(spatial.point_labels):
        height, width = mask.shape
        columns = np.clip(spatial.points_xy_px[:, 0].astype(np.int64), 0, width - 1)
        rows = np.clip(spatial.points_xy_px[:, 1].astype(np.int64), 0, height - 1)
        agreement *= float(np.mean(mask[rows, columns] == (spatial.point_labels == 1)))
    return agreement


def segment_instance(
    segmenter: Segmenter,
    encoded: Any,
    semantic: SemanticPrompt | None,
    spatial: SpatialPrompt | None,
    *,
    guidance: Guidance = Guidance.PROGRESSIVE,
    calibration: ScoreCalibration | None = None,
    verify: Verifier | None = None,
    kind: float | None = None,
) -> Segmentation:
    """The best mask for both prompts, or for the one that there is.

    A candidate's rank is the product of what speaks for it: the segmenter's own score, its
    agreement with the spatial prompt and, with ``verify``, the MLLM's yes on the semantic
    prompt. The score that is published is made of these, of the confidences of the prompts, so that
    a stage that was unsure lowers it, and of ``kind``; see `score_of` and `Evidence`.

    Raises:
        TargetNotFound: when every candidate is empty.
        SegmentationError: when the segmenter cannot work from the prompts that it is shown.
    """
    candidates = segmenter.segment(encoded, *guidance.shown(semantic, spatial))
    judged = [
        (_evidence(segmentation, spatial, verify), segmentation)
        for segmentation in _non_empty(candidates)
    ]
    if not judged:
        raise TargetNotFound(
            f"{segmenter.name} sees nothing at {_describe_prompts(semantic, spatial)}: its "
            f"{len(candidates.masks)} masks are empty. The MLLM may point at plain background."
        )
    # The prompts' confidence is the same for all and must not rank them: it may be 0.
    evidence, best = max(judged, key=lambda item: item[0].rank())
    evidence = replace(
        evidence,
        spatial=_confidence_of(spatial),
        semantic=_confidence_of(semantic),
        kind=kind,
    )
    score = score_of(evidence, guidance, calibration)
    return replace(best, score=score, evidence=evidence)


def _confidence_of(prompt: SemanticPrompt | SpatialPrompt | None) -> float | None:
    """The confidence of a prompt; None where there is none or nobody tells it."""
    return None if prompt is None or not is_known(prompt.confidence) else prompt.confidence


def _non_empty(candidates: MaskCandidates) -> Iterator[Segmentation]:
    """The candidates that have a pixel, with the segmenter's own score."""
    for mask, score in zip(candidates.masks, candidates.scores, strict=True):
        if mask.any():
            yield Segmentation.from_mask(mask, float(np.clip(score, 0.0, 1.0)))


def _evidence(
    candidate: Segmentation, spatial: SpatialPrompt | None, verify: Verifier | None
) -> Evidence:
    """What speaks for ``candidate`` among its like."""
    return Evidence(
        segmenter=candidate.score,
        agreement=None if spatial is None else spatial_agreement(candidate.mask, spatial),
        verified=None if verify is None else verify(candidate),
    )


def _describe_prompts(semantic: SemanticPrompt | None, spatial: SpatialPrompt | None) -> str:
    """What was asked for, for a message."""
    if spatial is not None:
        return f"the box {spatial.box_xyxy_px.round(1).tolist()}"
    return f"the prompt {semantic.text!r}" if semantic is not None else "no prompt"
