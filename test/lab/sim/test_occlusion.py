"""The estimate of how much of an object is seen."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.objects import COLOURS, ObjectSpec
from ppcr_lab.sim.occlusion import Visibility

CAMERA = Camera((0.0, -0.8, 0.5), (0.0, 0.0, 0.02), 45.0)


def thing(category: str, x: float, y: float, half: tuple[float, float, float]) -> ObjectSpec:
    rgb = COLOURS["red"]
    return ObjectSpec(category, "red", None, "large", (x, y, half[2]), 0.3, rgb, None, half)


SMALL_BALL = (0.03, 0.03, 0.03)
CYLINDER = thing("cylinder", 0.0, 0.0, (0.05, 0.05, 0.065))


def shares_of(*specs: ObjectSpec) -> list[float]:
    visibility = Visibility(CAMERA)
    for spec in specs:
        assert visibility.add(spec, visibility.box(spec), 0.0)
    return visibility.shares().tolist()


def test_things_side_by_side_are_seen_whole() -> None:
    assert shares_of(CYLINDER, thing("ball", 0.12, 0.0, SMALL_BALL)) == [1.0, 1.0]


def test_a_ball_behind_a_cylinder_is_mostly_hidden_in_either_order() -> None:
    ball = thing("ball", 0.0, 0.09, SMALL_BALL)
    in_front, behind = shares_of(CYLINDER, ball)
    assert in_front == 1.0
    assert behind < 0.3
    assert shares_of(ball, CYLINDER) == [behind, 1.0]


def test_a_ball_that_peeps_out_is_partly_hidden() -> None:
    _, share = shares_of(CYLINDER, thing("ball", 0.055, 0.09, SMALL_BALL))
    assert 0.2 < share < 0.9


@pytest.mark.parametrize("hidden_first", [True, False])
def test_what_would_hide_or_be_hidden_too_much_is_not_added(hidden_first: bool) -> None:
    ball = thing("ball", 0.0, 0.09, SMALL_BALL)
    first, second = (ball, CYLINDER) if hidden_first else (CYLINDER, ball)
    visibility = Visibility(CAMERA)
    assert visibility.add(first, visibility.box(first), 0.5)
    assert not visibility.add(second, visibility.box(second), 0.5)
    assert visibility.shares().tolist() == [1.0]


def test_a_ball_in_a_bowl_looks_over_its_edge() -> None:
    bowl = thing("bowl", 0.0, 0.0, (0.07, 0.07, 0.03))
    rgb = COLOURS["blue"]
    ball = ObjectSpec("ball", "blue", None, "small", (0, 0, 0.036), 0.0, rgb, None, SMALL_BALL)
    assert min(shares_of(bowl, ball)) > 0.5


def test_boxes_are_the_projected_corners() -> None:
    pixels = CAMERA.project_px(CYLINDER.corners_m(), 400, 300)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    box = Visibility(CAMERA).box(CYLINDER)
    in_pixels = (box.reshape(2, 2) + 1.0) * (200.0, 150.0) - 0.5
    np.testing.assert_allclose(in_pixels, [low, high], atol=1e-9)
