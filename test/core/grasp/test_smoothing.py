"""Noise on an object's depth: how much there is, and the depth without most of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ppcr_ros.core.grasp.smoothing import depth_noise_m, smoothed_depth
from ppcr_ros.core.types import Array

ROWS, COLUMNS = np.mgrid[:60, :80].astype(np.float64)
ROUND = (ROWS - 30.0) ** 2 + (COLUMNS - 40.0) ** 2 < 25.0**2


def tilted() -> Array:
    return (0.8 + 0.002 * COLUMNS - 0.001 * ROWS).astype(np.float32)


def ball() -> Array:
    rise = np.sqrt(np.maximum(28.0**2 - (ROWS - 30.0) ** 2 - (COLUMNS - 40.0) ** 2, 0.0))
    return (0.8 - 0.0013 * rise).astype(np.float32)


def test_a_plane_without_noise_stays_as_it_is_up_to_its_border() -> None:
    depth_m = tilted()
    np.testing.assert_allclose(smoothed_depth(ROUND, depth_m, 8), depth_m, atol=2e-6)
    assert depth_noise_m(ROUND, depth_m) < 2e-6


@pytest.mark.parametrize("noise_m", [0.002, 0.01])
@pytest.mark.parametrize("true_m", [tilted(), ball()], ids=["plane", "ball"])
def test_noise_is_measured_and_most_of_it_goes(true_m: Array, noise_m: float) -> None:
    noise = np.random.default_rng(4).normal(0.0, noise_m, true_m.shape)
    noisy_m = (true_m + noise).astype(np.float32)
    assert depth_noise_m(ROUND, noisy_m) == pytest.approx(noise_m, rel=0.2)
    left_m = (smoothed_depth(ROUND, noisy_m, 4) - true_m)[ROUND]
    assert left_m.std() < 0.45 * noise_m
    assert abs(left_m.mean()) < 0.001, "it is drawn neither to the camera nor away"


def test_errors_that_neighbours_share_are_measured_too() -> None:
    errors = cv2.GaussianBlur(np.random.default_rng(4).normal(size=ROUND.shape), (0, 0), 2.0)
    noisy_m = (tilted() + 0.008 * errors / errors.std()).astype(np.float32)
    assert depth_noise_m(ROUND, noisy_m) == pytest.approx(0.008, rel=0.25)


def test_edges_are_no_noise() -> None:
    roof_m = (0.8 - 0.003 * np.abs(COLUMNS - 40.0)).astype(np.float32)
    assert depth_noise_m(ROUND, roof_m) < 1e-4
    steps_m = np.where(ROWS < 30, 0.8, 0.7).astype(np.float32)
    assert depth_noise_m(ROUND, steps_m) < 1e-4


def test_a_round_shape_is_no_noise() -> None:
    assert depth_noise_m(ROUND, ball()) < 0.0005
    stretched_m = 0.8 + 3.0 * (ball() - 0.8)
    assert depth_noise_m(ROUND, stretched_m) < 0.0015


def test_what_is_not_the_objects_is_neither_changed_nor_mixed_in() -> None:
    depth_m = np.where(ROUND, np.float32(0.5), np.float32(np.nan))
    depth_m[:5] = 3.0
    found = smoothed_depth(ROUND, depth_m, 8)
    np.testing.assert_array_equal(found[~ROUND], depth_m[~ROUND])
    np.testing.assert_allclose(found[ROUND], 0.5, atol=1e-6)


def test_a_line_of_pixels_tells_no_plane() -> None:
    own = np.zeros((20, 20), np.bool_)
    own[7, 3:15] = True
    depth_m = np.full((20, 20), 0.7, np.float32)
    found = smoothed_depth(own, depth_m, 4)
    assert (found == depth_m).all()
    assert depth_noise_m(own, depth_m) == 0.0
