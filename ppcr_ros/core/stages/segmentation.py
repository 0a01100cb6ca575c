"""Stage 3, Instance Segmentation: both prompts jointly choose the mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ppcr_ros.core.boxes import box_iou
from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.interfaces import Segmenter
from ppcr_ros.core.types import (
    Array,
    MaskCandidates,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
)

Verifier = Callable[[Segmentation], float]
"""The MLLM's probability 0..1 that a candidate shows what the semantic prompt says."""


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


@dataclass(frozen=True)
class InstanceSegmentation:
    """The segmenter answers to both prompts; its candidates are ranked by both as well."""

    segmenter: Segmenter

    def run(
        self,
        encoded: Any,
        semantic: SemanticPrompt,
        spatial: SpatialPrompt,
        verify: Verifier | None = None,
    ) -> Segmentation:
        """The best mask for both prompts.

        A candidate's rank is the product of the segmenter's own score, its agreement with the
        spatial prompt and, with ``verify``, the MLLM's yes on the semantic prompt. The score that
        is published is the geometric mean of that evidence and the spatial prompt's confidence.

        Raises:
            SegmentationError: when every candidate is empty.
        """
        candidates = self.segmenter.segment(encoded, semantic, spatial)
        ranked = sorted(
            _evidence(candidates, spatial, verify), key=lambda item: item[0], reverse=True
        )
        if not ranked:
            raise SegmentationError(
                f"{self.segmenter.name} gave {len(candidates.masks)} empty masks for the box "
                f"{spatial.box_xyxy_px.round(1).tolist()}; expected the object's pixels. The box "
                "may lie on plain background: look at the overlay."
            )
        evidence, segmentation = ranked[0]
        return Segmentation(
            mask=segmentation.mask, score=evidence, box_xyxy_px=segmentation.box_xyxy_px
        )


def _evidence(
    candidates: MaskCandidates, spatial: SpatialPrompt, verify: Verifier | None
) -> list[tuple[float, Segmentation]]:
    """Each non-empty candidate with the geometric mean of all that speaks for it, 0..1."""
    found: list[tuple[float, Segmentation]] = []
    for mask, score in zip(candidates.masks, candidates.scores, strict=True):
        if not mask.any():
            continue
        segmentation = Segmentation.from_mask(mask, float(np.clip(score, 0.0, 1.0)))
        terms = [segmentation.score, spatial_agreement(mask, spatial), spatial.confidence]
        if verify is not None:
            terms.append(verify(segmentation))
        found.append((float(np.prod(terms)) ** (1.0 / len(terms)), segmentation))
    return found
