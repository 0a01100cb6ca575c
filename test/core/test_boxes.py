"""Boxes: IoU, order of corners, clipping."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.boxes import box_iou, clip_box, ordered_box


def _box(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (50, 50, 60, 60), 0.0),
        ((0, 0, 10, 10), (2, 2, 4, 4), 0.04),
        ((5, 5, 5, 5), (5, 5, 5, 5), 0.0),
    ],
)
def test_iou(a: tuple[float, ...], b: tuple[float, ...], expected: float) -> None:
    assert box_iou(_box(*a), _box(*b)) == pytest.approx(expected)
    assert box_iou(_box(*b), _box(*a)) == pytest.approx(expected)


def test_iou_never_exceeds_one_by_rounding() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        x, y, w, h = rng.uniform(1, 2000, 4)
        box = _box(x, y, x + w, y + h)
        nudged = np.nextafter(box, box + rng.choice([-1, 1], 4)).astype(np.float32)
        assert box_iou(box, nudged) <= 1.0


def test_ordered_box_takes_corners_in_any_order() -> None:
    for corners in ((1, 2, 8, 9), (8, 9, 1, 2), (1, 9, 8, 2), (8, 2, 1, 9)):
        box = ordered_box(*corners)
        assert box.dtype == np.float32
        assert box.tolist() == [1, 2, 8, 9]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((2, 3, 8, 9), [2, 3, 8, 9]),
        ((-5, -5, 200, 200), [0, 0, 100, 50]),
        ((90, 40, 500, 500), [90, 40, 100, 50]),
        ((10.25, 10.25, 10.5, 10.5), [10.25, 10.25, 11.25, 11.25]),
        ((99.75, 49.75, 99.9, 49.9), [99, 49, 100, 50]),
        ((-3, 0, 0.5, 1), [0, 0, 1, 1]),
    ],
)
def test_clip_keeps_at_least_a_pixel(box: tuple[float, ...], expected: list[float]) -> None:
    clipped = clip_box(_box(*box), width_px=100, height_px=50)
    assert clipped is not None
    assert clipped.dtype == np.float32
    assert clipped.tolist() == expected


@pytest.mark.parametrize(
    "box",
    [
        (100, 0, 120, 20),
        (0, 50, 20, 60),
        (-9, 0, 0, 20),
        (0, -9, 20, 0),
        (np.nan, 0, 20, 20),
        (0, 0, np.inf, 20),
    ],
)
def test_clip_says_where_nothing_is_inside(box: tuple[float, ...]) -> None:
    assert clip_box(_box(*box), width_px=100, height_px=50) is None
