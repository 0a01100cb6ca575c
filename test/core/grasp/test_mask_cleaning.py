"""Masks whose rim or overlap with the background is taken off before they are measured."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.grasp.mask_cleaning import grown, own_depth, shrunk, trimmed, window_sum


def square(top: int = 10, bottom: int = 30, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top:bottom, top:bottom] = True
    return mask


def test_window_sums_are_those_of_a_plain_loop() -> None:
    values = np.random.default_rng(0).integers(0, 9, (7, 11))
    padded = np.pad(values, 2)
    expected = [[padded[r : r + 5, c : c + 5].sum() for c in range(11)] for r in range(7)]
    assert (window_sum(values, 2) == expected).all()


def test_growing_and_shrinking_move_the_border() -> None:
    assert (grown(square(), 3) == square(7, 33)).all()
    assert (shrunk(square(), 3) == square(13, 27)).all()
    assert not shrunk(np.ones((9, 9), bool), 1)[0].any()  # what lies outside the image is unknown


def test_depth_that_mixes_with_the_background_at_the_rim_goes() -> None:
    depth_m = np.full((40, 40), 1.5, np.float32)
    depth_m[square()] = 1.0
    depth_m[10, 10:30] = 1.25  # flying pixels
    kept = own_depth(square(), depth_m)
    assert not kept[10].any()
    assert kept[11:30, 10:30].all()


def test_a_mask_that_is_too_large_keeps_the_object_only() -> None:
    depth_m = np.full((40, 40), 1.5, np.float32)
    depth_m[square()] = 1.0
    assert (own_depth(square(7, 33), depth_m) == square()).all()


def test_a_thin_thing_is_not_eroded_away() -> None:
    mask = np.zeros((40, 40), bool)
    mask[18:21, 5:35] = True
    assert (own_depth(mask, np.full((40, 40), 0.7, np.float32)) == mask).all()


def test_unknown_depth_is_nobodys() -> None:
    depth_m = np.full((40, 40), 1.0, np.float32)
    depth_m[15, 15], depth_m[16, 16], depth_m[17, 17] = 0.0, np.nan, np.inf
    kept = own_depth(square(), depth_m)
    assert kept.sum() == square().sum() - 3
    assert not own_depth(square(), np.zeros((40, 40), np.float32)).any()


def seen(gap_px: int) -> np.ndarray:
    """Depth of a square before a wall, with a gap of so many pixels at either side of its edge."""
    depth_m = np.full((40, 40), 1.5, np.float32)
    depth_m[square()] = 1.0
    depth_m[square(10 - gap_px, 30 + gap_px) & ~square(10 + gap_px, 30 - gap_px)] = 0.0
    return depth_m


@pytest.mark.parametrize("over_px", [0, 1, 2, 3])
@pytest.mark.parametrize("gap_px", [0, 1, 2])
def test_a_mask_that_reaches_over_is_trimmed_to_the_object(over_px: int, gap_px: int) -> None:
    mask, depth_m = square(10 - over_px, 30 + over_px), seen(gap_px)
    found = trimmed(mask, own_depth(mask, depth_m), depth_m)
    assert (found == square()).all()


def test_what_is_inside_a_mask_is_not_trimmed() -> None:
    depth_m = seen(1)
    depth_m[18:20, 18:20] = 0.0  # a reflection
    depth_m[22:24, 22:24] = 1.5  # a wrong match
    assert (trimmed(square(), own_depth(square(), depth_m), depth_m) == square()).all()


def test_where_no_depth_is_known_a_mask_is_believed() -> None:
    nothing = np.zeros((40, 40), np.float32)
    assert (trimmed(square(), own_depth(square(), nothing), nothing) == square()).all()
