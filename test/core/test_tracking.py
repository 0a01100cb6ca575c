"""The tracker in a drawn world, with a segmenter of a few lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.tracking import MaskTracker, TrackedTarget, TrackerOptions
from ppcr_ros.core.tracking.flow import GreyImage, moved_mask, target_motion
from ppcr_ros.core.tracking.tracking_prompts import pointed_prompt
from ppcr_ros.core.tracking.windows import parts_touching
from ppcr_ros.core.types import (
    Array,
    Frame,
    MaskCandidates,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
)

HEIGHT_PX, WIDTH_PX, SIDE_PX = 120, 160, 30
RATE_HZ = 15
RED, BLUE = (200, 40, 40), (40, 40, 200)
Place = tuple[float, float]

_noise = np.random.default_rng(0)
GROUND = _noise.integers(90, 150, (HEIGHT_PX, WIDTH_PX, 1)).astype(np.uint8).repeat(3, 2)
PATTERN = _noise.integers(-30, 30, (SIDE_PX, SIDE_PX, 1))


def drawn(*squares: tuple[Place, tuple[int, int, int]]) -> tuple[Array, list[Array]]:
    """An image with patterned squares, the later ones before the earlier, and what is seen."""
    rgb, masks = GROUND.copy(), []
    for (x, y), colour in squares:
        mask = np.zeros((HEIGHT_PX, WIDTH_PX), bool)
        left, top = round(x), round(y)
        rows = slice(max(top, 0), max(min(top + SIDE_PX, HEIGHT_PX), 0))
        columns = slice(max(left, 0), max(min(left + SIDE_PX, WIDTH_PX), 0))
        patch = np.clip(np.array(colour) + PATTERN, 0, 255).astype(np.uint8)
        shape = rgb[rows, columns].shape[:2]
        offset_y, offset_x = max(-top, 0), max(-left, 0)
        rgb[rows, columns] = patch[offset_y : offset_y + shape[0], offset_x : offset_x + shape[1]]
        mask[rows, columns] = True
        masks = [before & ~mask for before in masks] + [mask]
    return rgb, masks


def frame(rgb: Array, number: int) -> Frame:
    return Frame(rgb, stamp_ns=number * 1_000_000_000 // RATE_HZ, frame_id="camera")


def reddish(rgb: Array) -> Array:
    red: Array = rgb[..., 0].astype(int) - rgb[..., 2] > 60
    return red


@dataclass
class ColourSegmenter:
    """Finds what is red inside the box, or what ``answer`` makes of it."""

    name: str = "colour"
    answer: Callable[[Frame, SpatialPrompt], Array] | None = None
    encoded: list[int] = field(default_factory=list)
    prompts: list[tuple[SemanticPrompt | None, SpatialPrompt]] = field(default_factory=list)

    def encode(self, frame: Frame) -> Frame:
        self.encoded.append(frame.stamp_ns)
        return frame

    def segment(
        self, encoded: Frame, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> MaskCandidates:
        assert spatial is not None
        self.prompts.append((semantic, spatial))
        if self.answer is not None:
            mask = self.answer(encoded, spatial)
        else:
            x1, y1, x2, y2 = (int(value) for value in spatial.box_xyxy_px)
            inside = np.zeros(encoded.rgb.shape[:2], bool)
            inside[max(y1 - 3, 0) : y2 + 3, max(x1 - 3, 0) : x2 + 3] = True
            mask = inside & reddish(encoded.rgb)
        return MaskCandidates(mask[None], np.array([0.9], np.float32))


def iou(target: TrackedTarget, truth: Array) -> float:
    if target.segmentation is None:
        return 0.0
    mask = target.segmentation.mask
    return float(np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth))


def started(
    place: Place = (40, 40), segmenter: Any = None, **options: Any
) -> tuple[MaskTracker, Any]:
    segmenter = segmenter or ColourSegmenter()
    tracker = MaskTracker(segmenter, TrackerOptions(**options))
    rgb, (mask,) = drawn((place, RED))
    tracker.start(frame(rgb, 0), Segmentation.from_mask(mask, 0.8))
    return tracker, segmenter


def test_a_sliding_target_is_followed() -> None:
    tracker, segmenter = started()
    for number in range(1, 31):
        rgb, (truth,) = drawn(((40 + 2 * number, 40 + number / 2), RED))
        target = tracker.update(frame(rgb, number))
        assert iou(target, truth) > 0.85, number
        assert not target.lost
        assert target.segmented == (number % 3 == 0)
        assert target.age_sec == pytest.approx(number / RATE_HZ, abs=1e-6)
        assert target.confidence > 0.8
        assert target.segmentation is not None
        assert target.segmentation.score == pytest.approx(0.8 * target.confidence)
    assert len(segmenter.encoded) == 10


def test_flow_alone_carries_the_mask_between_two_askings() -> None:
    tracker, segmenter = started(segment_every=1000)
    for number in range(1, 16):
        rgb, (truth,) = drawn(((40 + 2 * number, 40), RED))
        target = tracker.update(frame(rgb, number))
        assert iou(target, truth) > 0.8, number
    assert not segmenter.encoded


def test_the_same_images_give_the_same_masks() -> None:
    runs = []
    for _ in range(2):
        tracker, _segmenter = started()
        for number in range(1, 8):
            target = tracker.update(frame(drawn(((40 + 3 * number, 40), RED))[0], number))
        assert target.segmentation is not None
        runs.append((target.segmentation.mask.tobytes(), target.confidence))
    assert runs[0] == runs[1]


def test_a_target_that_is_hidden_for_a_second_is_lost_and_not_exchanged() -> None:
    tracker, _ = started((60, 40))
    for number in range(1, 60):
        hider = (min(-30.0 + 6 * number, 60.0), 40.0)
        rgb, (truth, other) = drawn(((60, 40), RED), (hider, BLUE))
        target = tracker.update(frame(rgb, number))
        if target.lost:
            break
        if truth.any() and target.segmentation is not None:
            mask = target.segmentation.mask
            assert np.count_nonzero(mask & other) < 0.6 * SIDE_PX**2
    assert "confidence fell" in target.lost
    assert number < 15 + RATE_HZ  # fully hidden from the 15th image on
    assert not tracker.active


def test_a_neighbour_of_the_same_colour_is_not_taken_in() -> None:
    both = ColourSegmenter(answer=lambda frame, spatial: reddish(frame.rgb))
    tracker, segmenter = MaskTracker(both), both
    rgb, (mask, _) = drawn(((40, 40), RED), ((70, 40), RED))
    tracker.start(frame(rgb, 0), Segmentation.from_mask(mask, 0.8))
    for number in range(1, 13):
        rgb, (truth, _) = drawn(((40 + number, 40), RED), ((70 + number, 40), RED))
        target = tracker.update(frame(rgb, number))
        assert iou(target, truth) > 0.8
    assert target.confidence < 0.8  # the segmenter disagrees
    pointed = segmenter.prompts[1][1]
    assert pointed.point_labels.tolist() == [1, 0]
    (x, y), (other_x, _) = pointed.points_xy_px
    assert truth[int(y), int(x)]
    assert other_x > 70


def test_a_target_that_leaves_the_image_is_lost() -> None:
    tracker, _ = started((100, 40))
    for number in range(1, 60):
        rgb, _masks = drawn(((100 + 3 * number, 40), RED))
        target = tracker.update(frame(rgb, number))
        if target.lost:
            break
    assert "left the image" in target.lost or "at the edge of the image" in target.lost
    assert 10 <= number <= 35


def test_a_cut_to_another_scene_loses_the_target_at_once() -> None:
    tracker, _ = started()
    other = np.random.default_rng(5).integers(0, 90, GROUND.shape).astype(np.uint8)
    confidences = []
    for number in range(1, 10):
        target = tracker.update(frame(other, number))
        confidences.append(target.confidence)
        if target.lost:
            break
    assert target.lost
    assert number <= 8
    assert confidences[0] < 0.1  # what is published meanwhile says so


def test_a_blank_image_is_outlived_and_many_are_not() -> None:
    tracker, _ = started()
    black = np.zeros_like(GROUND)
    flash = tracker.update(frame(black, 1))
    assert (flash.lost, flash.confidence) == ("", 0.0)
    rgb, (truth,) = drawn(((42, 40), RED))
    for number in range(2, 8):
        target = tracker.update(frame(rgb, number))
    assert iou(target, truth) > 0.85
    assert target.confidence > 0.6
    for number in range(8, 30):
        target = tracker.update(frame(black, number))
        if target.lost:
            break
    assert "confidence fell" in target.lost
    assert number < 20


@pytest.mark.parametrize(("side", "small"), [(3, True), (4, False)])
def test_a_target_of_a_few_pixels_is_not_followed(side: int, small: bool) -> None:
    rgb, mask = GROUND.copy(), np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    mask[50 : 50 + side, 70 : 70 + side] = True
    rgb[mask] = RED
    tracker = MaskTracker(ColourSegmenter())
    tracker.start(frame(rgb, 0), Segmentation.from_mask(mask, 0.9))
    target = tracker.update(frame(rgb, 1))
    assert (target.too_small, target.segmentation is None, tracker.active) == (
        small,
        small,
        not small,
    )
    assert ("too small to be followed: it has 9 pixels" in target.lost) == small


def test_stamps_that_stand_still_do_not_keep_a_lost_target() -> None:
    tracker, _ = started()
    for _ in range(200):
        target = tracker.update(frame(np.zeros_like(GROUND), 0))
        if target.lost:
            return
    raise AssertionError("the target was never lost")


def test_another_image_size_and_a_stamp_that_goes_back_lose_the_target() -> None:
    tracker, _ = started()
    wide = np.zeros((HEIGHT_PX, 2 * WIDTH_PX, 3), np.uint8)
    target = tracker.update(frame(wide, 1))
    assert target.lost == "the image is 320x120 now and was 160x120."
    assert target.segmentation is None
    tracker, _ = started()
    rgb, _masks = drawn(((40, 40), RED))
    tracker.update(frame(rgb, 5))
    target = tracker.update(frame(rgb, 2))
    assert target.lost == "the image's stamp went back by 0.200 s."
    assert target.age_sec >= 0.0


def test_a_segmenter_that_finds_nothing_leaves_the_mask_to_the_flow() -> None:
    def nothing(frame: Frame, spatial: SpatialPrompt) -> Array:
        raise SegmentationError("nothing there")

    tracker, segmenter = started((40, 40), ColourSegmenter(answer=nothing))
    for number in range(1, 10):
        rgb, (truth,) = drawn(((40 + number, 40), RED))
        target = tracker.update(frame(rgb, number))
        assert iou(target, truth) > 0.8
    assert len(segmenter.encoded) == 3
    assert 0.3 < target.confidence < 0.8


def test_what_a_tracker_is_started_with_is_checked() -> None:
    tracker = MaskTracker(ColourSegmenter())
    rgb, (mask,) = drawn(((40, 40), RED))
    small = Segmentation.from_mask(mask[:50], 0.8) if mask[:50].any() else None
    assert small is not None
    with pytest.raises(SegmentationError, match="expected the frame's"):
        tracker.start(frame(rgb, 0), small)
    empty = replace(Segmentation.from_mask(mask, 0.8), mask=np.zeros_like(mask))
    with pytest.raises(SegmentationError, match="no pixel set"):
        tracker.start(frame(rgb, 0), empty)
    with pytest.raises(SegmentationError, match="call start first"):
        tracker.update(frame(rgb, 1))
    with pytest.raises(ValueError, match="segment_every"):
        TrackerOptions(segment_every=0)


def test_the_segmenter_is_told_the_words_without_their_hidden_states() -> None:
    segmenter = ColourSegmenter()
    tracker = MaskTracker(segmenter, TrackerOptions(segment_every=1))
    rgb, (mask,) = drawn(((40, 40), RED))
    semantic = SemanticPrompt("red square", "square", embedding=np.ones((2, 3), np.float32))
    tracker.start(frame(rgb, 0), Segmentation.from_mask(mask, 0.8), semantic)
    tracker.update(frame(rgb, 1))
    told, spatial = segmenter.prompts[0]
    assert told is not None
    assert (told.text, told.embedding) == ("red square", None)
    assert spatial.embedding is None
    assert spatial.box_xyxy_px.tolist() == [40, 40, 70, 70]


def test_the_pipeline_makes_a_tracker_on_its_segmenter() -> None:
    segmenter: Any = ColourSegmenter()
    mllm: Any = type("Mllm", (), {"name": "none"})()
    with PPCRPipeline(mllm, segmenter) as pipeline:
        tracker = pipeline.tracker(TrackerOptions(segment_every=1))
        rgb, (mask,) = drawn(((40, 40), RED))
        tracker.start(frame(rgb, 0), Segmentation.from_mask(mask, 0.8))
        assert tracker.update(frame(rgb, 1)).segmented
    assert segmenter.encoded


def test_motion_is_in_the_frames_own_pixels_however_large_it_is() -> None:
    base = np.random.default_rng(2).integers(0, 255, (240, 320)).astype(np.uint8)
    large = base.repeat(6, axis=0).repeat(6, axis=1)[:1200, :1800]
    before = np.stack([large] * 3, axis=2)
    now = np.roll(before, (9, 18), axis=(0, 1))
    inside = np.zeros(large.shape, bool)
    inside[400:800, 600:1000] = True
    grey = GreyImage.of(before)
    assert max(grey.pixels.shape) == 640
    motion = target_motion(grey, GreyImage.of(now), inside)
    assert motion.share > 0.7
    centre = np.array([800.0, 600.0])
    shift = motion.matrix[:, :2] @ centre + motion.matrix[:, 2] - centre
    assert shift == pytest.approx([18, 9], abs=0.5)
    moved = moved_mask(inside, np.array([[1.0, 0, 18], [0, 1, 9]]))
    assert moved[409:809, 618:1018].all()
    assert np.count_nonzero(moved) == 400 * 400


def test_a_mask_that_is_moved_out_of_the_image_is_empty() -> None:
    mask = np.zeros((20, 30), bool)
    mask[5:9, 5:9] = True
    assert not moved_mask(mask, np.array([[1.0, 0, 40], [0, 1, 0]])).any()
    half = moved_mask(mask, np.array([[1.0, 0, 23], [0, 1, 0]]))
    assert np.argwhere(half)[:, 1].tolist() == [28, 29] * 4


def test_specks_and_parts_that_lie_elsewhere_are_dropped() -> None:
    target = np.zeros((40, 60), bool)
    target[10:20, 10:20] = True
    answer = target.copy()
    answer[10:20, 20:23] = True  # grown, and still one part
    expected = answer.copy()
    answer[30:38, 40:50] = True  # another object
    answer[1, 1] = True  # a speck
    np.testing.assert_array_equal(parts_touching(answer, target), expected)
    np.testing.assert_array_equal(parts_touching(target, target), target)
    cut = target.copy()
    cut[:, 14:16] = False  # something thin stands before it
    np.testing.assert_array_equal(parts_touching(cut, target), cut)


def test_a_part_far_off_does_not_stretch_the_next_prompt() -> None:
    def scattered(frame: Frame, spatial: SpatialPrompt) -> Array:
        mask = reddish(frame.rgb)
        mask[100:104, 140:146] = True
        return mask

    tracker, segmenter = started((40, 40), ColourSegmenter(answer=scattered), segment_every=1)
    for number in range(1, 6):
        rgb, (truth,) = drawn(((40 + number, 40), RED))
        assert iou(tracker.update(frame(rgb, number)), truth) > 0.9
    boxes = [spatial.box_xyxy_px for _, spatial in segmenter.prompts]
    assert max(box[2] for box in boxes) < 80


def test_pointed_prompt_points_at_one_and_away_from_the_other() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:30] = True
    more = mask.copy()
    more[10:30, 30:50] = True
    prompt = pointed_prompt(mask, more)
    assert prompt.point_labels.tolist() == [1, 0]
    assert prompt.points_xy_px[0] == pytest.approx([19.5, 19.5], abs=1)
    assert prompt.points_xy_px[1] == pytest.approx([39.5, 19.5], abs=1)
    assert pointed_prompt(mask, mask).point_labels.tolist() == [1]
