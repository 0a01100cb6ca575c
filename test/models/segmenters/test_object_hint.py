"""Sightings of stage 1 as the segmenter takes them beside the box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ppcr_ros.core.types import Seen, SemanticPrompt
from ppcr_ros.models.segmenters.object_hint import NO_HINT, ObjectHint
from ppcr_ros.models.segmenters.region import Region

SIZE_PX = (480, 640)
BOX = np.array([100, 100, 200, 180], np.float32)
RED = Seen("small red ball", 150 / 640, 140 / 480)
GREEN = Seen("large green bowl", 500 / 640, 300 / 480)
SECOND = SemanticPrompt("ball second from left: ...", "ball", ("small", "red"), seen=(GREEN, RED))


def test_the_target_is_the_last_that_was_pointed_at() -> None:
    told = ObjectHint.of(SECOND, BOX, SIZE_PX)
    assert told.words == "small red ball"
    np.testing.assert_allclose(told.point_xy_px, [150, 140])


def test_of_several_it_is_the_one_at_the_box() -> None:
    several = replace(SECOND, seen=(RED, GREEN), ambiguous=True)
    assert ObjectHint.of(several, BOX, SIZE_PX).words == "small red ball"
    around_green = np.array([450, 250, 560, 350], np.float32)
    assert ObjectHint.of(several, around_green, SIZE_PX).words == "large green bowl"
    all_that_fit = replace(SECOND, seen=(RED, GREEN), quantity=None)
    assert ObjectHint.of(all_that_fit, BOX, SIZE_PX).words == "small red ball"


def test_without_a_box_the_target_has_its_place() -> None:
    np.testing.assert_allclose(ObjectHint.of(SECOND, None, SIZE_PX).point_xy_px, [150, 140])


def test_a_point_far_from_the_box_is_left_out() -> None:
    """The stages speak of different things: the words of the prompt stay."""
    elsewhere = replace(SECOND, seen=(GREEN,))
    told = ObjectHint.of(elsewhere, BOX, SIZE_PX)
    assert told == ObjectHint("small red ball")


def test_a_family_that_points_at_nothing_tells_its_words() -> None:
    assert ObjectHint.of(replace(SECOND, seen=()), BOX, SIZE_PX) == ObjectHint("small red ball")
    assert ObjectHint.of(None, BOX, SIZE_PX) is not None
    assert ObjectHint.of(None, BOX, SIZE_PX) == NO_HINT


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((150, 140), (100, 100, 200, 180)),  # in the middle: the box itself
        ((190, 140), (100, 100, 240, 180)),
        ((130, 100), (80, 60, 200, 180)),
    ],
)
def test_what_is_looked_at_holds_the_box_and_one_like_it_at_the_point(
    point: tuple[float, float], expected: tuple[float, ...]
) -> None:
    around = ObjectHint("", np.array(point, np.float32)).surroundings(BOX)
    np.testing.assert_allclose(around, expected)
    np.testing.assert_array_equal(NO_HINT.surroundings(BOX), BOX)


def test_in_a_region_the_point_has_the_region_s_pixels() -> None:
    region = Region(50, 60, 320, 240)
    told = ObjectHint("ball", np.array([150, 140], np.float32))
    np.testing.assert_allclose(told.seen_in(region).point_xy_px, [100, 80])
    np.testing.assert_allclose(told.scaled(np.array([2.0, 0.5])).point_xy_px, [300, 70])
    outside = ObjectHint("ball", np.array([10, 10], np.float32)).seen_in(region)
    assert outside == ObjectHint("ball")
