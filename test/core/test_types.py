"""Checks of the dataclasses that flow between the stages."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.checks import is_known
from ppcr_ros.core.errors import InvalidFrameError, PromptParseError, SegmentationError
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.types import (
    Frame,
    Intent,
    MaskCandidates,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
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


def test_a_confidence_that_is_not_known_is_not_a_number() -> None:
    assert not is_known(SemanticPrompt("", "mug", confidence=float("nan")).confidence)


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
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


@pytest.mark.parametrize("enum", [Intent])
def test_intent_numbers_are_those_of_the_message(enum: type[Intent]) -> None:
    message = Path(__file__).parents[2] / "msg" / "SemanticPrompt.msg"
    if not message.exists():
        pytest.skip("msg/SemanticPrompt.msg is not beside the tests")
    found = re.findall(r"^uint8 (\w+)\s*=\s*(\d+)", message.read_text(encoding="utf-8"), re.M)
    assert {name: int(number) for name, number in found} == {i.name: i.value for i in enum}


def test_one_box_is_all_the_boxes() -> None:
    prompt = SpatialPrompt("", BOX)
    assert prompt.boxes_xyxy_px.tolist() == [BOX.tolist()]
    moved = replace(prompt, box_xyxy_px=BOX + 1)
    assert moved.boxes_xyxy_px.tolist() == [(BOX + 1).tolist()]


def test_each_of_several_boxes_is_checked_and_had_alone() -> None:
    both = np.stack([BOX, BOX + 1])
    prompt = SpatialPrompt("", BOX, boxes_xyxy_px=both, box_words=("mug", "bowl"), confidence=0.5)
    second = prompt.of_box(1)
    assert (second.box_xyxy_px.tolist(), second.box_words) == ((BOX + 1).tolist(), ("bowl",))
    assert second.confidence == 0.5
    with pytest.raises(PromptParseError, match="box 2 of 2 is"):
        SpatialPrompt("", BOX, boxes_xyxy_px=np.stack([BOX, BOX[::-1]]))
    with pytest.raises(PromptParseError, match="first of the boxes"):
        SpatialPrompt("", BOX + 1, boxes_xyxy_px=both)
    with pytest.raises(PromptParseError, match="2 boxes have 1 names"):
        SpatialPrompt("", BOX, boxes_xyxy_px=both, box_words=("mug",))
    with pytest.raises(PromptParseError, match="destination's box"):
        SpatialPrompt("", BOX, destination_box_xyxy_px=BOX[::-1].copy())


def test_several_instances_make_one_segmentation() -> None:
    left, right = np.zeros((4, 6), np.bool_), np.zeros((4, 6), np.bool_)
    left[1, 0], right[2, 5] = True, True
    parts = [
        replace(Segmentation.from_mask(mask, score), evidence=Evidence(score)).instances[0]
        for mask, score in ((left, 0.9), (right, 0.4))
    ]
    found = Segmentation.union(tuple(parts))
    assert found.score == 0.4, "a union is no surer than its least sure part"
    assert found.evidence == Evidence(0.4)
    assert found.box_xyxy_px.tolist() == [0, 1, 6, 3]
    assert (found.mask == (left | right)).all()
    assert [instance.score for instance in found.instances] == [0.9, 0.4]
    with pytest.raises(SegmentationError, match="no instance"):
        Segmentation.union(())


def test_a_score_that_is_replaced_is_its_only_instances_too() -> None:
    mask = np.ones((4, 6), np.bool_)
    scored = replace(Segmentation.from_mask(mask, 0.5), score=0.7)
    assert [instance.score for instance in scored.instances] == [0.7]


def test_how_many_are_asked_for() -> None:
    assert not SemanticPrompt("", "mug").several
    assert SemanticPrompt("", "mug", quantity=2).several
    assert SemanticPrompt("", "mug", quantity=None).several
    assert SemanticPrompt("", "mug", targets=("red mug", "bowl")).phrase == "red mug and bowl"
    assert SemanticPrompt("", "mug", ("red",)).phrase == "red mug"
    with pytest.raises(PromptParseError, match="quantity is 0"):
        SemanticPrompt("", "mug", quantity=0)
