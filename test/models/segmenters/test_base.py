"""Prompts cut to the frame, and the sizes between frame and encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.errors import SegmentationError


def test_points_outside_are_left_out_with_their_labels(sams: Any) -> None:
    from ppcr_ros.models.segmenters.base import BoxAndPoints

    spatial = sams.prompt(
        (-5, 2, 30, 300), ((0, 0), (-1, 5), (39.9, 29.9), (40, 5), (5, 30)), (1, 1, 0, 1, 0)
    )
    prompts = BoxAndPoints.within(spatial, height_px=30, width_px=40)
    assert prompts.box_xyxy_px.tolist() == [0, 2, 30, 30]
    assert prompts.points_xy_px.tolist() == [[0, 0], [pytest.approx(39.9), pytest.approx(29.9)]]
    assert prompts.point_labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (480, 640, (768, 1024)),
        (640, 480, (1024, 768)),
        (1080, 1920, (576, 1024)),
        (333, 777, (439, 1024)),
        (1, 1, (1024, 1024)),
        (1, 2048, (1, 1024)),
    ],
)
def test_fitted_size_is_that_of_segment_anything(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    from segment_anything.utils.transforms import ResizeLongestSide

    from ppcr_ros.models.segmenters.base import fitted_size

    assert fitted_size(height, width, 1024) == expected
    assert ResizeLongestSide.get_preprocess_shape(height, width, 1024) == expected


def test_fitted_size_refuses_what_would_vanish() -> None:
    from ppcr_ros.models.segmenters.base import fitted_size

    with pytest.raises(SegmentationError, match="the frame is 3000x1 pixels"):
        fitted_size(1, 3000, 1024)


def test_coordinates_follow_the_resize_of_each_side() -> None:
    from ppcr_ros.models.segmenters.base import EncodedFrame

    encoded = EncodedFrame(None, frame_size_px=(100, 200), input_size_px=(32, 64))
    points = encoded.to_input(np.array([[200, 100], [50, 25]], np.float32))
    assert points.dtype == np.float32
    assert points.tolist() == [[64, 32], [16, 8]]
    stretched = EncodedFrame(None, frame_size_px=(100, 200), input_size_px=(64, 64))
    assert stretched.to_input(np.array([200.0, 100.0])).tolist() == [64, 64]
