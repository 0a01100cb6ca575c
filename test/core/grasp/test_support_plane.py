"""Support planes beneath an object."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.grasp.support_plane import can_carry, find_support_planes, thinned
from ppcr_ros.core.types import Array

NORMAL = np.array([0.0, -0.8, -0.6])
"""Of a table in front of the camera, towards it."""


def table(count: int = 600, noise_m: float = 0.001, offset_m: float = -0.7) -> Array:
    rng = np.random.default_rng(0)
    across, ahead = np.array([1.0, 0.0, 0.0]), np.array([0.0, -0.6, 0.8])
    steps = rng.uniform(-0.2, 0.2, (count, 2))
    heights = rng.normal(0.0, noise_m, (count, 1)) + offset_m
    points: Array = steps[:, :1] * across + steps[:, 1:] * ahead + heights * NORMAL
    return points


def things(low_m: float, high_m: float) -> Array:
    rng = np.random.default_rng(1)
    return table(200, 0.0) * 0.2 + (0.8 * -0.7 + rng.uniform(low_m, high_m, (200, 1))) * NORMAL


def test_the_table_is_found_among_other_things() -> None:
    clutter = np.random.default_rng(2).uniform((-0.2, -0.2, 0.3), (0.2, 0.2, 0.7), (300, 3))
    plane = find_support_planes(np.concatenate([table(), clutter]), things(0.0, 0.1))[0]
    assert can_carry(plane, things(0.0, 0.1))
    assert plane.normal == pytest.approx(NORMAL, abs=0.02)
    assert plane.height_m(0.7 * -NORMAL[None] + 0.05 * NORMAL) == pytest.approx([0.05], abs=0.003)


@pytest.mark.parametrize(
    ("around", "thing"),
    [
        (table(20), things(0.0, 0.1)),
        (np.random.default_rng(3).uniform(0.3, 0.9, (600, 3)), things(0.0, 0.1)),
        (table(), things(-0.15, 0.1)),
        (table(), things(0.3, 0.35)),
        (table(), things(0.0, 0.1)[:0]),
    ],
    ids=["too few points", "no plane", "reaches through it", "hangs above it", "no object"],
)
def test_where_nothing_can_carry_the_object_there_is_no_plane(around: Array, thing: Array) -> None:
    planes = find_support_planes(around, thing)
    assert not any(can_carry(plane, thing) for plane in planes)


def test_points_are_taken_evenly() -> None:
    assert thinned(np.arange(10), 4).tolist() == [0, 3, 6, 9]
    assert thinned(np.arange(3), 4).tolist() == [0, 1, 2]
