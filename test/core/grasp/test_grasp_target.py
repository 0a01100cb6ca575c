"""Grasp targets and their oriented boxes."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox

QUARTER_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def test_the_corners_are_half_a_side_from_the_centre() -> None:
    box = OrientedBox(np.array([1.0, 2.0, 3.0]), QUARTER_TURN, np.array([0.4, 0.2, 0.6]))
    corners = box.corners_m()
    assert corners.min(axis=0) == pytest.approx([0.9, 1.8, 2.7])
    assert corners.max(axis=0) == pytest.approx([1.1, 2.2, 3.3])
    assert corners[4] - corners[0] == pytest.approx([0.0, 0.4, 0.0])  # along the box's own x


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"centre_m": np.zeros(2)}, "centre_m"),
        ({"size_m": np.array([0.1, np.nan, 0.1])}, "size_m"),
        ({"camera_r_box": 2.0 * np.eye(3)}, "expected a rotation"),
        ({"camera_r_box": np.diag([1.0, 1.0, -1.0])}, "expected a rotation"),
    ],
)
def test_a_box_is_checked(changes: dict[str, np.ndarray], message: str) -> None:
    good = {"centre_m": np.zeros(3), "camera_r_box": np.eye(3), "size_m": np.ones(3)}
    with pytest.raises(ValueError, match=message):
        OrientedBox(**(good | changes))


def test_a_target_is_graspable_or_says_why_not() -> None:
    with pytest.raises(ValueError, match="expected a reason"):
        GraspTarget(False)
    with pytest.raises(ValueError, match="expected a reason"):
        GraspTarget(True, "too wide")
    with pytest.raises(ValueError, match="expected a box"):
        GraspTarget(True)
    assert GraspTarget(False, "no depth").width_m == 0.0
