from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.errors import InvalidFrameError, PromptParseError, SegmentationError
from ppcr_ros.core.types import (
    Frame,
    MaskCandidates,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    Status,
)

RGB = np.zeros((4, 6, 3), np.uint8)
BOX = np.array([1, 2, 5, 4], np.float32)


def test_frame_knows_its_size() -> None:
    frame = Frame(RGB, 7, "camera", np.zeros((4, 6), np.float32), np.eye(3))
    assert (frame.height_px, frame.width_px) == (4, 6)
    with pytest.raises(FrozenInstanceError):
        frame.stamp_ns = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rgb", "message"),
    [
        (np.zeros((4, 6), np.uint8), r"an array of shape \(4, 6\) and dtype uint8; expected"),
        (np.zeros((4, 6, 4), np.uint8), r"shape \(4, 6, 4\)"),
        (np.zeros((4, 6, 3), np.float32), "dtype float32"),
        (np.zeros((0, 6, 3), np.uint8), "the image is 6x0 pixels; expected at least 1x1"),
        (np.zeros((4, 0, 3), np.uint8), "the image is 0x4 pixels"),
        ([[1]], r"rgb is list \[\[1\]\]"),
        (None, "rgb is NoneType None"),
    ],
)
def test_frame_refuses_what_is_no_rgb_image(rgb: Any, message: str) -> None:
    with pytest.raises(InvalidFrameError, match=message):
        Frame(rgb)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"depth_m": np.zeros((4, 6), np.uint16)}, "depth_m is an array .* and dtype uint16"),
        ({"depth_m": np.zeros((2, 3), np.float32)}, r"expected shape \(4, 6\) and dtype float32"),
        ({"camera_matrix": np.zeros(9)}, r"expected shape \(3, 3\)"),
        ({"camera_matrix": [1]}, "camera_matrix is list"),
    ],
)
def test_frame_refuses_depth_and_intrinsics_that_do_not_fit(
    more: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidFrameError, match=message):
        Frame(RGB, **more)


def test_semantic_prompt_needs_a_category() -> None:
    with pytest.raises(PromptParseError, match="names no category") as raised:
        SemanticPrompt("hm", "  ")
    assert raised.value.answer == "hm"


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        SemanticPrompt("", "mug", confidence=confidence)
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        SpatialPrompt("", BOX, confidence=confidence)


@pytest.mark.parametrize(
    "box",
    [
        [1, 2, 3, 4],
        np.array([1, 2, 5, 4]),
        np.array([1, 2, 5], np.float32),
        np.array([5, 2, 1, 4], np.float32),
        np.array([1, 4, 5, 4], np.float32),
        np.array([1, 2, np.nan, 4], np.float32),
        np.array([1, 2, np.inf, 4], np.float32),
    ],
)
def test_spatial_prompt_refuses_what_is_no_box(box: Any) -> None:
    with pytest.raises(PromptParseError, match="the box is") as raised:
        SpatialPrompt("there", box)
    assert raised.value.answer == "there"


def test_spatial_prompt_has_no_points_unless_given() -> None:
    prompt = SpatialPrompt("", BOX)
    assert prompt.points_xy_px.shape == (0, 2)
    assert prompt.point_labels.shape == (0,)


@pytest.mark.parametrize(
    ("points", "labels"), [((2, 2), (1,)), ((1, 3), (1,)), ((0, 2), (1,)), ((2, 2), (2, 1))]
)
def test_points_and_labels_belong_together(
    points: tuple[int, ...], labels: tuple[int, ...]
) -> None:
    with pytest.raises(PromptParseError, match="points are"):
        SpatialPrompt("", BOX, np.zeros(points, np.float32), np.zeros(labels, np.int32))


@pytest.mark.parametrize(
    ("masks", "scores"),
    [
        (np.zeros((4, 6), np.bool_), np.zeros(1, np.float32)),
        (np.zeros((1, 4, 6), np.uint8), np.zeros(1, np.float32)),
        (np.zeros((0, 4, 6), np.bool_), np.zeros(0, np.float32)),
        (np.zeros((2, 4, 6), np.bool_), np.zeros(1, np.float32)),
    ],
)
def test_candidates_are_masks_with_a_score_each(masks: Any, scores: Any) -> None:
    with pytest.raises(SegmentationError, match="expected \\(n, H, W\\) bool"):
        MaskCandidates(masks, scores)


def test_segmentation_has_the_tight_half_open_box() -> None:
    mask = np.zeros((4, 6), np.bool_)
    mask[1, 2] = mask[3, 4] = True
    segmentation = Segmentation.from_mask(mask, 0.5)
    assert segmentation.box_xyxy_px.tolist() == [2, 1, 5, 4]
    assert segmentation.box_xyxy_px.dtype == np.float32
    mask[:] = True
    assert Segmentation.from_mask(mask, 1).box_xyxy_px.tolist() == [0, 0, 6, 4]


def test_an_empty_mask_is_a_failure() -> None:
    with pytest.raises(SegmentationError, match="no pixel set"):
        Segmentation.from_mask(np.zeros((4, 6), np.bool_), 0.5)


@pytest.mark.parametrize("mask", [np.zeros((4, 6), np.uint8), np.zeros((1, 4, 6), np.bool_)])
def test_segmentation_refuses_other_masks(mask: Any) -> None:
    with pytest.raises(SegmentationError, match="expected \\(H, W\\) bool"):
        Segmentation(mask, 0.5, BOX)


def test_status_numbers_are_those_of_the_message() -> None:
    message = Path(__file__).parents[2] / "msg" / "ReferringSegmentation.msg"
    if not message.exists():
        pytest.skip("msg/ReferringSegmentation.msg is not beside the tests")
    found = re.findall(r"^uint8 (\w+)\s*=\s*(\d+)", message.read_text(encoding="utf-8"), re.M)
    assert {name: int(number) for name, number in found} == {s.name: s.value for s in Status}
