"""A part of a frame: its pixels, and where in the frame that is which is told of it."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.window import WHOLE_FRAME, Window


def test_a_place_in_the_window_is_a_place_in_the_frame() -> None:
    window = Window(0.25, 0.5, 0.75, 1.0)
    assert window.in_frame((0.0, 0.0)).tolist() == [0.25, 0.5]
    assert window.in_frame((0.5, 0.5, 1.0, 1.0)).tolist() == [0.5, 0.75, 0.75, 1.0]
    boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]])
    np.testing.assert_allclose(window.in_window(window.in_frame(boxes)), boxes)
    np.testing.assert_array_equal(WHOLE_FRAME.in_frame(boxes), boxes)


def test_the_pixels_are_those_of_the_place() -> None:
    rgb = np.arange(24 * 32 * 3, dtype=np.uint32).astype(np.uint8).reshape(24, 32, 3)
    window = Window(0.26, 0.5, 0.74, 0.99).on_pixels(32, 24)
    assert window == Window(8 / 32, 0.5, 24 / 32, 1.0), "outwards, to whole pixels"
    assert Window(0.15 - 0.05, 0.0, 1.0, 1.0).on_pixels(640, 480).x1 == 64 / 640, "not of 63.99"
    cut = window.cut(rgb)
    np.testing.assert_array_equal(cut, rgb[12:24, 8:24])
    assert cut.flags.c_contiguous
    assert WHOLE_FRAME.cut(rgb).shape == rgb.shape


def test_a_margin_ends_where_the_frame_ends() -> None:
    assert Window(0.0625, 0.25, 0.5, 0.9375).with_margin(0.125) == Window(0.0, 0.125, 0.625, 1.0)
    assert Window(0.0, 0.0, 0.5, 0.5).area == 0.25


@pytest.mark.parametrize("corners", [(0.5, 0, 0.5, 1), (0, 0, 1.1, 1), (0, 0.6, 1, 0.5)])
def test_what_is_no_part_of_a_frame_is_refused(corners: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected 0 <= x1 < x2 <= 1"):
        Window(*corners)
