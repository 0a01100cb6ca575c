"""Objects: their kinds, and where their corners are."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from ppcr_lab.sim.objects import COLOURS, ObjectSpec

TRAY = ObjectSpec(
    "tray",
    "grey",
    "red",
    "large",
    (0.1, 0.2, 0.013),
    math.pi / 2.0,
    COLOURS["grey"],
    COLOURS["red"],
    (0.1, 0.07, 0.013),
)


@pytest.mark.parametrize("field", ["category", "colour", "trim_colour", "size"])
def test_an_unknown_kind_is_refused_with_the_known_ones(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is 'odd', expected one of"):
        replace(TRAY, **{field: "odd"})  # type: ignore[arg-type]


def test_a_second_colour_without_its_rgb_is_refused() -> None:
    with pytest.raises(ValueError, match=r"trim_colour is 'red' and trim_rgb is None"):
        replace(TRAY, trim_rgb=None)


def test_yaw_turns_its_own_x_axis_from_the_tables() -> None:
    assert TRAY.table_r_object() @ (1.0, 0.0, 0.0) == pytest.approx((0.0, 1.0, 0.0))
    low, high = TRAY.corners_m().min(axis=0), TRAY.corners_m().max(axis=0)
    assert low == pytest.approx((0.03, 0.1, 0.0))
    assert high == pytest.approx((0.17, 0.3, 0.026))


def test_a_round_object_has_the_same_corners_at_every_yaw() -> None:
    plate = replace(TRAY, category="plate", half_extent_m=(0.1, 0.1, 0.01))
    np.testing.assert_array_equal(plate.corners_m(), replace(plate, yaw_rad=0.3).corners_m())


def test_colours_are_well_apart() -> None:
    for (one, first), (two, second) in combinations(COLOURS.items(), 2):
        assert math.dist(first, second) > 0.2, (one, two)
