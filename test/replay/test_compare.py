"""Every bit of a decision counts, and the first stage that differs is named first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.types import Result, Segmentation, SemanticPrompt, SpatialPrompt, Status
from ppcr_ros.replay.compare import differences, mask_iou

MASK = np.zeros((6, 8), np.bool_)
MASK[1:4, 2:5] = True
RESULT = Result(
    Status.OK,
    "the red mug",
    semantic=SemanticPrompt("a red mug", "mug", ("red",), confidence=0.5),
    spatial=SpatialPrompt("there", np.array([1, 2, 3, 4], np.float32), confidence=0.5),
    segmentation=Segmentation.from_mask(MASK, 0.9),
)


def with_part(part: str, **values: Any) -> Result:
    return replace(RESULT, **{part: replace(getattr(RESULT, part), **values)})


def one_pixel_less() -> Result:
    mask = MASK.copy()
    mask[1, 2] = False
    return replace(RESULT, segmentation=Segmentation.from_mask(mask, 0.9))


CASES = {
    "status": replace(RESULT, status=Status.LOW_CONFIDENCE),
    "semantic text": with_part("semantic", text="a red cup"),
    "semantic category": with_part("semantic", category="cup"),
    "semantic attributes": with_part("semantic", attributes=("red", "small")),
    "semantic relations": with_part("semantic", relations=("left of it",)),
    "semantic presence": with_part("semantic", present=False),
    "semantic ambiguity": with_part("semantic", ambiguous=True),
    "semantic confidence": with_part(
        "semantic", confidence=float(np.nextafter(np.float32(0.5), np.float32(1)))
    ),
    "spatial text": with_part("spatial", text="here"),
    "spatial box": with_part(
        "spatial",
        box_xyxy_px=np.array([1, 2, 3, np.nextafter(np.float32(4), np.float32(5))], np.float32),
    ),
    "spatial points": with_part(
        "spatial",
        points_xy_px=np.array([[1, 2]], np.float32),
        point_labels=np.array([1], np.int32),
    ),
    "spatial confidence": with_part("spatial", confidence=0.25),
    "mask": one_pixel_less(),
    "score": with_part("segmentation", score=0.90001),
    "message": replace(RESULT, message="why"),
}


@pytest.mark.parametrize("what", CASES)
def test_each_part_of_a_decision_is_compared(what: str) -> None:
    assert differences(RESULT, CASES[what])[0].what == what
    assert differences(CASES[what], CASES[what]) == []


def test_an_unknown_confidence_is_like_another_one() -> None:
    unknown, other = (with_part("semantic", confidence=float("nan")) for _ in range(2))
    assert differences(unknown, other) == []
    assert differences(unknown, RESULT)[0].what == "semantic confidence"
    negative = with_part("semantic", confidence=float(-np.float64("nan")))
    assert differences(unknown, negative) == []


def test_what_is_no_decision_does_not_count() -> None:
    other = replace(
        RESULT, command_id="other", stamp_ns=5, seconds=replace(RESULT.seconds, total=9.0)
    )
    assert differences(RESULT, other) == []


def test_a_score_that_is_the_same_in_the_message_is_the_same() -> None:
    assert differences(RESULT, with_part("segmentation", score=float(np.float32(0.9)))) == []


def test_a_missing_stage_is_a_difference() -> None:
    found = differences(
        RESULT, replace(RESULT, status=Status.NOT_FOUND, spatial=None, segmentation=None)
    )
    assert [item.what for item in found] == [
        "status", "spatial text", "spatial box", "spatial points", "spatial point labels",
        "spatial confidence", "mask", "score",
    ]  # fmt: skip
    assert str(found[0]) == "status: recorded 'OK', replayed 'NOT_FOUND'"


def test_for_masks_it_is_said_how_much_they_share() -> None:
    (found,) = differences(RESULT, one_pixel_less())
    assert found.recorded == "9 px of 8x6"
    assert found.replayed == "8 px of 8x6 (IoU 0.8889)"
    assert mask_iou(RESULT, replace(RESULT, segmentation=None)) is None
