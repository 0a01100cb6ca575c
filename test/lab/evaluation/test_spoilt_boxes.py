"""Boxes of stage 2 that are spoilt on purpose."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from ppcr_lab.evaluation.spoilt_boxes import SpoiltDialect, spoil_boxes, spoilt_box
from ppcr_lab.scripted_models import KeywordPipelines
from ppcr_ros.core.config import Config
from ppcr_ros.core.interfaces import Answer, Dialect
from ppcr_ros.core.types import Frame, SpatialPrompt, Status

BOX = np.array([200, 150, 300, 250], np.float32)


@pytest.mark.parametrize("most", [0.1, 0.4, 1.0])
def test_a_box_moves_and_grows_within_bounds(most: float) -> None:
    rng = np.random.default_rng(0)
    moves = []
    for _ in range(200):
        low = rng.uniform(0, 300, 2)
        box = np.concatenate([low, low + rng.uniform(8, 180, 2)]).astype(np.float32)
        found = spoilt_box(box, most, 640, 480)
        assert found.dtype == np.float32
        assert np.all(found[2:] > found[:2])
        assert np.all(found >= 0)
        assert np.all(found <= (640, 480, 640, 480))
        size = box[2:] - box[:2]
        moves.append(np.abs((found[2:] + found[:2]) - (box[2:] + box[:2])) / 2 / size)
    assert np.max(moves) <= 1.5 * most  # at the image's edge a box is cut as well
    assert np.max(moves) > 0.7 * most


def test_the_same_box_is_spoilt_in_the_same_way_and_another_in_another() -> None:
    again = spoilt_box(BOX.copy(), 0.4, 640, 480)
    assert np.array_equal(spoilt_box(BOX, 0.4, 640, 480), again)
    moved = spoilt_box(BOX + 1, 0.4, 640, 480) - (BOX + 1)
    assert not np.allclose(moved, again - BOX)
    assert np.allclose(spoilt_box(BOX, 0.0, 640, 480), BOX)


def test_of_several_boxes_each_is_spoilt() -> None:
    boxes = np.array([BOX, BOX / 2, BOX + 50], np.float32)

    class Three:
        def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
            return SpatialPrompt(answer.text, boxes[0], boxes_xyxy_px=boxes)

    dialect = SpoiltDialect(cast(Dialect, Three()), 0.4)
    read = dialect.parse_spatial(Answer("three"), width_px=640, height_px=480)
    expected = [spoilt_box(box, 0.4, 640, 480) for box in boxes]
    assert np.array_equal(read.boxes_xyxy_px, expected)
    assert np.array_equal(read.box_xyxy_px, expected[0])


def test_a_pipeline_segments_the_spoilt_box(scripted: KeywordPipelines) -> None:
    frame = Frame(np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8))
    pipeline = scripted.build(Config())
    before = pipeline.run(frame, "the mug")
    spoil_boxes(pipeline, 0.4)
    after = pipeline.run(frame, "the mug")
    assert before.status is after.status is Status.OK
    assert before.spatial is not None
    assert after.spatial is not None
    expected = spoilt_box(before.spatial.box_xyxy_px, 0.4, 640, 480)
    assert np.array_equal(after.spatial.box_xyxy_px, expected)
