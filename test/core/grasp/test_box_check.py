"""Checks of a box, and of the points it comes of, against the picture."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.grasp.box_check import left_out_share, reached_share
from ppcr_ros.core.grasp.completion import CameraView
from ppcr_ros.core.grasp.grasp_target import OrientedBox
from ppcr_ros.core.grasp.mask_cleaning import grown, own_depth, window_sum
from ppcr_ros.core.grasp.planes import ball_axis_of
from ppcr_ros.core.grasp.support_plane import Plane

MATRIX = np.array([[400.0, 0.0, 159.5], [0.0, 400.0, 119.5], [0.0, 0.0, 1.0]])
SHAPE = (240, 320)
BOX = OrientedBox(np.array([0.0, 0.0, 0.55]), np.eye(3), np.array([0.1, 0.08, 0.1]))


def test_what_lies_far_behind_the_box_is_left_out() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[90:150, 120:200] = True
    depth_m = np.full(SHAPE, 0.52, np.float32)
    assert left_out_share(mask, depth_m, MATRIX, BOX, 0.02) == 0.0
    depth_m[:, 160:] = 0.9
    assert left_out_share(mask, depth_m, MATRIX, BOX, 0.02) == pytest.approx(0.5, abs=0.02)
    depth_m[:, 160:] = np.nan
    assert left_out_share(mask, depth_m, MATRIX, BOX, 0.02) == 0.0


def test_a_mask_that_is_too_thin_leaves_nothing_out() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[118:124, 120:200] = True
    assert left_out_share(mask, np.full(SHAPE, 0.9, np.float32), MATRIX, BOX, 0.02) == 0.0


def test_a_thin_neck_that_the_box_does_not_reach_tells() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[90:150, 120:200] = True
    assert reached_share(mask, MATRIX, BOX) == 1.0
    mask[30:90, 158:162] = True  # few pixels, half of the height
    assert reached_share(mask, MATRIX, BOX) < 0.7


def test_pixels_that_mix_the_object_with_what_lies_behind_are_not_its_own() -> None:
    """A camera that blurs edges makes a ramp from the one to the other."""
    mask = np.zeros(SHAPE, bool)
    mask[80:160, 120:200] = True
    depth_m = np.where(mask, 0.6, 0.9).astype(np.float32)
    blurred = (window_sum(depth_m, 2) / window_sum(np.ones(SHAPE, np.float32), 2)).astype("f4")
    own = own_depth(grown(mask, 3), blurred)
    assert blurred[own].max() < 0.63
    assert own.sum() > 0.85 * mask.sum()


def test_a_steep_but_even_slope_is_no_leap() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[80:160, 120:200] = True
    depth_m = np.broadcast_to(0.6 + 0.005 * np.arange(SHAPE[0])[:, None], SHAPE).astype(np.float32)
    assert own_depth(mask, depth_m).sum() > 0.9 * mask.sum()


def test_the_axis_of_a_ball_comes_of_the_half_that_is_seen() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2000, 3))
    points *= 0.04 / np.linalg.norm(points, axis=1, keepdims=True)
    seen = points[points @ np.array([-0.8, 0.0, 0.6]) > 0.005] + [0.02, -0.01, 0.04]
    axis = ball_axis_of(seen, 0.04)
    assert axis == pytest.approx([0.02, -0.01], abs=1e-4)
    upright = seen * [1.0, 1.0, 4.0]
    assert ball_axis_of(upright, 0.04) is None


def test_behind_a_wall_nothing_is_hidden() -> None:
    wall = Plane(np.array([0.0, 0.0, -1.0]), -0.62)
    depth_m = np.full(SHAPE, 0.6, np.float32)
    points = np.array([[0.0, 0.0, 0.61], [0.0, 0.0, 0.7]])
    assert (CameraView(depth_m, MATRIX).in_front_m(points) < 0).all()
    front = CameraView(depth_m, MATRIX, (wall,)).in_front_m(points)
    assert front[0] < 0.0
    assert front[1] == pytest.approx(0.08)
