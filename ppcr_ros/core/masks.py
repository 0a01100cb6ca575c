"""The product of stage 3: masks, each object by itself. `ppcr_ros.core.types` hands them on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ppcr_ros.core.checks import Array, check_share, describe
from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.grasp.grasp_target import GraspTarget

NEAR_SHARE = 0.02
"""A point that misses an object by so much of the image's width is still on it."""


@dataclass(frozen=True)
class Instance:
    """One object of a result.

    Attributes:
        mask: (H, W) bool, in the frame's own pixels, with at least one pixel set.
        box_xyxy_px: (4,) float32, the tight, half-open box of the mask.
        score: 0..1, as `Segmentation.score`.
        words: what it is called, where the targets differ; or "".
        grasp: where it is and whether to grasp it; None before that was worked out, and where it is
            alone, for then the result has it.
        evidence: as `Segmentation.evidence`.
    """

    mask: Array
    box_xyxy_px: Array
    score: float
    words: str = ""
    grasp: GraspTarget | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Candidate:
    """One of several objects that fit a command that names one.

    Attributes:
        number: from 1 on, as it is shown to a person.
        box_xyxy_px: (4,) float32, half-open, in the frame's own pixels.
        mask: (H, W) bool; None where none was made.
        words: what sets it apart from the others: ``pink mug at the back left``.
        score: 0..1, of the mask, should this one be meant; 0 where there is no mask.
        evidence: as `Segmentation.evidence`, of the mask.
    """

    number: int
    box_xyxy_px: Array
    mask: Array | None
    words: str
    score: float = 0.0
    evidence: Evidence | None = None

    def as_chosen(self) -> Instance:
        """This object, once a person has chosen it.

        Which of the candidates is meant is then no longer in doubt, and that doubt is most of what
        stage 1 was unsure of. So stage 1's confidence is left out of the score, as it is where
        nobody tells it: what stays is what speaks for the mask. A choice never lowers a score.

        Raises:
            SegmentationError: where it has no mask.
        """
        if self.mask is None:
            raise SegmentationError(f"candidate {self.number} has no mask; expected one.")
        evidence, score = self.evidence, self.score
        if evidence is not None:
            evidence = replace(evidence, semantic=None)
            score = max(score, evidence.geometric_mean())
        found = Segmentation.from_mask(self.mask, score)
        return replace(found.instances[0], words=self.words, evidence=evidence)


@dataclass(frozen=True)
class MaskCandidates:
    """Answer of a segmenter to one joint prompt: several masks to choose from.

    Attributes:
        masks: (n, H, W) bool, n >= 1, in the frame's own pixels.
        scores: (n,) float32, 0..1, the segmenter's own estimate of each mask's IoU.
    """

    masks: Array
    scores: Array

    def __post_init__(self) -> None:
        masks, scores = self.masks, self.scores
        if (
            masks.ndim != 3
            or masks.dtype != np.bool_
            or not len(masks)
            or scores.shape != (len(masks),)
        ):
            raise SegmentationError(
                f"masks are {describe(masks)} and scores {describe(scores)}; expected (n, H, W) "
                "bool and (n,) with n of at least 1."
            )


@dataclass(frozen=True)
class Segmentation:
    """Stage 3's product: the object's pixels.

    Attributes:
        mask: (H, W) bool, in the frame's own pixels, with at least one pixel set.
        score: 0..1, how sure the segmenter and both prompts are of this mask together; for models
            that were calibrated, the probability that it is the right object's.
        box_xyxy_px: (4,) float32, the tight, half-open box of the mask.
        evidence: what the score was made of, that of the least sure instance where there are
            several; None where it is the segmenter's own.
        instances: each object by itself, at least one; ``mask`` is their union, ``score`` the
            least of theirs. Always made of those where there is one alone.
        destination: what the target is to be brought to, where the command says so and it was
            found; it is no part of ``mask``.
    """

    mask: Array
    score: float
    box_xyxy_px: Array
    evidence: Evidence | None = None
    instances: tuple[Instance, ...] = ()
    destination: Instance | None = None

    def __post_init__(self) -> None:
        if self.mask.ndim != 2 or self.mask.dtype != np.bool_:
            raise SegmentationError(f"mask is {describe(self.mask)}; expected (H, W) bool.")
        check_share("score", self.score)
        if len(self.instances) <= 1:  # one may come from a segmentation whose mask was replaced
            words = self.instances[0].words if self.instances else ""
            grasp = self.instances[0].grasp if self.instances else None
            alone = Instance(self.mask, self.box_xyxy_px, self.score, words, grasp, self.evidence)
            object.__setattr__(self, "instances", (alone,))

    @classmethod
    def union(cls, instances: tuple[Instance, ...]) -> Segmentation:
        """The segmentation of ``instances``, at least one, in their order."""
        if not instances:
            raise SegmentationError("there is no instance; expected at least one.")
        mask = np.logical_or.reduce([instance.mask for instance in instances])
        least = min(instances, key=lambda instance: instance.score)
        found = cls.from_mask(mask, least.score)
        return replace(found, instances=instances, evidence=least.evidence)

    @classmethod
    def from_mask(cls, mask: Array, score: float) -> Segmentation:
        """The segmentation of ``mask`` (H, W) bool, with its tight box worked out.

        Raises:
            SegmentationError: when no pixel is set; a failure is never an empty mask.
        """
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            raise SegmentationError("the mask has no pixel set; expected at least one.")
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
        return cls(mask=mask, score=float(score), box_xyxy_px=box)


def iou_of_masks(one: Array, other: Array) -> float:
    """Intersection over union, 0..1, of two masks (H, W) bool with a pixel set in one of them."""
    return float((one & other).sum() / (one | other).sum())


def is_near_mask(mask: Array, point_xy_px: tuple[float, float]) -> bool:
    """Whether a point misses what ``mask`` (H, W) bool shows by so little that it is meant."""
    (x, y), near = point_xy_px, NEAR_SHARE * mask.shape[1]
    top, left = max(0, math.floor(y - near)), max(0, math.floor(x - near))
    rows, columns = np.nonzero(mask[top : math.ceil(y + near) + 1, left : math.ceil(x + near) + 1])
    return bool((np.hypot(columns + left - x, rows + top - y) <= near).any())
