"""The figures of referring segmentation, and by which rules they are counted.

Targets that are in the frame ("present"):

- A run that ends without a mask, be it NOT_FOUND, PARSE_FAILED or ERROR, counts with IoU 0.
- A LOW_CONFIDENCE mask counts like any other: the floor is about grasping, not about seeing.
- ``miou`` is the mean of the masks' IoU; ``oiou`` (also called cIoU) is the sum of all
  intersections over the sum of all unions; ``p_at_50`` is the share with IoU of at least 0.5.
- Where the truth is a box alone (photographs), the tight box of the answer's mask is held against
  it, and that IoU stands for the masks'.
- ``box_p_at_50`` is the share of spatial prompts whose box has IoU of at least 0.5 with the
  truth's tight box; a run that published no spatial prompt counts 0.

Targets that are not in the frame ("absent") enter none of these, unlike in gRefCOCO's gIoU, so
that a model which always says "not there" gains nothing. They enter ``no_target_accuracy`` only:
the share that ended as NOT_FOUND; a failure is not an answer and counts 0. Commands that several
objects fit ("ambiguous") enter ``ambiguous_accuracy`` only: the share that ended as AMBIGUOUS.

``giou`` is gRefCOCO's (GRES, Liu et al., CVPR 2023): the mean IoU over all samples that are not
ambiguous, where an absent target counts 1 if no mask was given, else 0. ``ciou`` is its cIoU: all
intersections over all unions of the same samples, where a mask for an absent target adds to the
unions; of several targets the union of their masks is the truth, and that of all instances the
answer. ``target_accuracy`` is the T-acc of the same paper: the share of present targets for which
some mask was given.

``n`` counts all samples. A figure over no sample is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ppcr_ros.core.boxes import box_iou
from ppcr_ros.core.types import Array, Result, StageSeconds, Status

ECE_BINS = 15
CORRECT_IOU = 0.5
"""A mask counts as correct, for precision and calibration, from this IoU on."""


@dataclass(frozen=True)
class SampleOutcome:
    """Judgement of one run.

    Attributes:
        expected: how it should have ended: OK, NOT_FOUND or AMBIGUOUS.
        status: how the run ended.
        intersection_px: pixels that both the predicted and the true mask hold.
        union_px: pixels that either holds.
        box_iou: IoU 0..1 of the spatial prompt's box with the truth's; 0 where one is missing.
        score: the published score 0..1; None where there is no mask.
        seconds: wall-clock seconds by stage.
    """

    expected: Status
    status: Status
    intersection_px: int
    union_px: int
    box_iou: float
    score: float | None
    seconds: StageSeconds

    @property
    def present(self) -> bool:
        """Whether the frame holds the one target."""
        return self.expected is Status.OK

    @property
    def iou(self) -> float:
        """IoU 0..1 of the masks; 0 where either is missing."""
        return self.intersection_px / self.union_px if self.union_px else 0.0

    @property
    def correct(self) -> bool:
        """Whether the answer is right: the right object, or rightly none or several."""
        if not self.present:
            return self.status is self.expected
        return self.iou >= CORRECT_IOU


@dataclass(frozen=True)
class Figures:
    """The figures over a set of outcomes; see the module for their rules. Shares are 0..1.

    ``ece`` is the expected calibration error of the score over all published masks, in 15 bins of
    equal width; a mask for an absent target is a wrong one. ``seconds_p50`` and ``seconds_p90``
    are of the whole run, ``stage_seconds_p50`` of the runs that reached the stage.
    """

    n: int
    n_present: int
    n_absent: int
    n_ambiguous: int
    miou: float | None
    oiou: float | None
    p_at_50: float | None
    p_at_70: float | None
    p_at_90: float | None
    box_miou: float | None
    box_p_at_50: float | None
    no_target_accuracy: float | None
    ambiguous_accuracy: float | None
    giou: float | None
    ciou: float | None
    target_accuracy: float | None
    ece: float | None
    seconds_p50: float | None
    seconds_p90: float | None
    stage_seconds_p50: dict[str, float | None]


def outcome_of(
    result: Result,
    true_mask: Array | None,
    true_box_xyxy_px: Array | None,
    expected: Status | None = None,
) -> SampleOutcome:
    """Weigh ``result`` against the truth.

    Args:
        result: what came.
        true_mask: (H, W) bool; None where there is no one target, or only its box is known.
        true_box_xyxy_px: its box (4,); None where there is no one target.
        expected: how the run should end; by default OK, or NOT_FOUND without any truth.

    Raises:
        ValueError: when the true mask is empty, of another size than the predicted one, or does
            not go with what is expected.
    """
    segmentation, spatial = result.segmentation, result.spatial
    known = true_mask is not None or true_box_xyxy_px is not None
    if expected is None:
        expected = Status.OK if known else Status.NOT_FOUND
    if (expected is Status.OK) != known:
        raise ValueError(
            f"{expected.name} is expected and the true mask is "
            f"{'given' if known else 'None'}; they exclude each other."
        )
    if true_mask is not None and not true_mask.any():
        raise ValueError("the true mask is empty; expected None for a target that is not there.")
    predicted = None if segmentation is None else segmentation.mask
    if true_mask is None and true_box_xyxy_px is not None:
        given = None if segmentation is None else segmentation.box_xyxy_px
        intersection, union = _boxes_overlap_px(given, true_box_xyxy_px)
    else:
        intersection, union = _overlap_px(predicted, true_mask)
    boxes_iou = 0.0
    if spatial is not None and true_box_xyxy_px is not None:
        boxes_iou = box_iou(spatial.box_xyxy_px, true_box_xyxy_px)
    return SampleOutcome(
        expected=expected,
        status=result.status,
        intersection_px=intersection,
        union_px=union,
        box_iou=boxes_iou,
        score=None if segmentation is None else segmentation.score,
        seconds=result.seconds,
    )


def mask_iou(a: Array, b: Array) -> float:
    """Intersection over union, 0..1, of two masks (H, W) bool; 0 where both are empty."""
    intersection, union = _overlap_px(a, b)
    return intersection / union if union else 0.0


def _overlap_px(a: Array | None, b: Array | None) -> tuple[int, int]:
    if a is not None and b is not None:
        if a.shape != b.shape:
            raise ValueError(f"masks are {a.shape} and {b.shape}; expected the same size.")
        return int(np.count_nonzero(a & b)), int(np.count_nonzero(a | b))
    only = a if a is not None else b
    return 0, 0 if only is None else int(np.count_nonzero(only))


def _boxes_overlap_px(given: Array | None, true: Array) -> tuple[int, int]:
    area = float(np.prod(true[2:] - true[:2]))
    if given is None:
        return 0, round(area)
    sides = np.minimum(given[2:], true[2:]) - np.maximum(given[:2], true[:2])
    shared = float(np.prod(np.maximum(sides, 0.0)))
    return round(shared), round(area + float(np.prod(given[2:] - given[:2])) - shared)


def expected_calibration_error(
    scores: Sequence[float], correct: Sequence[bool], bins: int = ECE_BINS
) -> float | None:
    """The mean distance, 0..1, of score and share correct over ``bins`` bins of equal width.

    Each bin weighs as much as it holds; the last one includes a score of 1. None for no score.
    """
    if not scores:
        return None
    score, right = np.asarray(scores, np.float64), np.asarray(correct, np.float64)
    place = np.minimum((score * bins).astype(np.int64), bins - 1)
    held = np.bincount(place, minlength=bins)
    gaps = np.abs(
        np.bincount(place, weights=score, minlength=bins)
        - np.bincount(place, weights=right, minlength=bins)
    )
    # gap / held is a bin's distance and held / n its weight.
    return float(gaps.sum() / held.sum())


def figures(outcomes: Sequence[SampleOutcome]) -> Figures:
    """The figures over ``outcomes``, which may be none."""
    present = [outcome for outcome in outcomes if outcome.present]
    absent = [outcome for outcome in outcomes if outcome.expected is Status.NOT_FOUND]
    ambiguous = [outcome for outcome in outcomes if outcome.expected is Status.AMBIGUOUS]
    ious = [outcome.iou for outcome in present]
    unions_px = sum(outcome.union_px for outcome in present)
    one_or_none = [*present, *absent]
    all_unions_px = sum(outcome.union_px for outcome in one_or_none)
    masked = [(outcome.score, outcome.correct) for outcome in outcomes if outcome.score is not None]
    totals = [outcome.seconds.total for outcome in outcomes]
    return Figures(
        n=len(outcomes),
        n_present=len(present),
        n_absent=len(absent),
        n_ambiguous=len(ambiguous),
        miou=_mean(ious),
        oiou=sum(o.intersection_px for o in present) / unions_px if unions_px else None,
        p_at_50=_share_from(ious, 0.5),
        p_at_70=_share_from(ious, 0.7),
        p_at_90=_share_from(ious, 0.9),
        box_miou=_mean([outcome.box_iou for outcome in present]),
        box_p_at_50=_share_from([outcome.box_iou for outcome in present], 0.5),
        no_target_accuracy=_mean([float(outcome.correct) for outcome in absent]),
        ambiguous_accuracy=_mean([float(outcome.correct) for outcome in ambiguous]),
        giou=_mean([*ious, *(float(outcome.score is None) for outcome in absent)]),
        ciou=sum(o.intersection_px for o in one_or_none) / all_unions_px if all_unions_px else None,
        target_accuracy=_mean([float(outcome.score is not None) for outcome in present]),
        ece=expected_calibration_error([s for s, _ in masked], [right for _, right in masked]),
        seconds_p50=_percentile(totals, 50),
        seconds_p90=_percentile(totals, 90),
        stage_seconds_p50={
            item.name: _percentile(
                [value for o in outcomes if (value := getattr(o.seconds, item.name)) > 0.0], 50
            )
            for item in fields(StageSeconds)
            if item.name != "total"
        },
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _share_from(values: Sequence[float], threshold: float) -> float | None:
    return _mean([float(value >= threshold) for value in values])


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values else None
