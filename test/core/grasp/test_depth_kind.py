"""Depth that is not the distance along the optical axis, told by what is flat in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.grasp.depth_kind import unlike_depth
from ppcr_ros.core.types import Array

MATRIX = np.array([[570.0, 0.0, 319.5], [0.0, 570.0, 239.5], [0.0, 0.0, 1.0]])


def table_m(tilt: float = 1.2) -> Array:
    """(480, 640) depth of a table that rises towards the camera, with a box on it."""
    y = (np.arange(480)[:, None] - 239.5) / 570.0
    depth_m = np.repeat(0.8 / (1.0 + tilt * y), 640, axis=1)
    depth_m[200:280, 260:340] = 0.7
    return depth_m


def lengths() -> Array:
    """(480, 640) of the lines of sight to a distance of 1."""
    rows, columns = np.mgrid[:480, :640]
    rays = np.linalg.inv(MATRIX) @ np.stack([columns, rows, np.ones(rows.shape)]).reshape(3, -1)
    return np.linalg.norm(rays, axis=0).reshape(rows.shape)


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.02])
def test_depth_along_the_optical_axis_is_what_it_is(noise: float) -> None:
    rng = np.random.default_rng(0)
    for tilt in (0.0, 0.5, 1.5):
        seen = table_m(tilt) * (1.0 + noise * rng.standard_normal((480, 640)))
        assert unlike_depth(seen.astype(np.float32), MATRIX) == ""


@pytest.mark.parametrize("tilt", [0.0, 1.2])
def test_distances_along_the_lines_of_sight_are_told(tilt: float) -> None:
    assert "line of sight" in unlike_depth(table_m(tilt) * lengths(), MATRIX)


def test_inverse_depth_is_told_where_the_table_is_seen_at_an_angle() -> None:
    assert "inverse depth or disparity" in unlike_depth(1.0 / table_m(), MATRIX)
    assert "inverse depth or disparity" in unlike_depth(30.0 / table_m(), MATRIX)


def test_where_nothing_is_known_or_flat_nothing_is_said() -> None:
    rng = np.random.default_rng(0)
    assert unlike_depth(np.zeros((48, 64), np.float32), MATRIX) == ""
    assert unlike_depth(np.full((48, 64), np.nan, np.float32), MATRIX) == ""
    assert unlike_depth(rng.uniform(0.5, 2.0, (48, 64)).astype(np.float32), MATRIX) == ""
    assert unlike_depth(np.full((1, 64), 0.8, np.float32), MATRIX) == ""
