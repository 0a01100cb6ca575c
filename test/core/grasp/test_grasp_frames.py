"""Grasp targets in another frame, and the gripper's axes at one."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.grasp.grasp_frames import Transform, gripper_rotation
from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox

CAMERA_LOOKING_DOWN = Transform.from_quaternion(
    np.array([0.5, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0])
)
"""1 m above the origin of the base, half a metre ahead: its z points at the floor."""


def target(centre_m: tuple[float, float, float]) -> GraspTarget:
    axes = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]])
    box = OrientedBox(np.array(centre_m), axes, np.array([0.1, 0.05, 0.2]))
    return GraspTarget(
        True, box=box, centroid_m=np.array(centre_m), approach=-axes[:, 2], valid_depth_pixels=9
    )


def test_a_target_below_the_camera_lies_below_it_in_the_base() -> None:
    moved = CAMERA_LOOKING_DOWN.moves(target((0.1, 0.2, 0.9)))
    assert moved.box is not None
    assert moved.centroid_m == pytest.approx([0.6, -0.2, 0.1])
    assert moved.box.centre_m == pytest.approx([0.6, -0.2, 0.1])
    assert moved.approach == pytest.approx([0.0, 0.0, -1.0]), "from above"
    assert moved.box.camera_r_box[:, 2] == pytest.approx([0.0, 0.0, 1.0])
    assert moved.box.size_m.tolist() == [0.1, 0.05, 0.2]
    assert (moved.graspable, moved.valid_depth_pixels) == (True, 9)


@pytest.mark.parametrize("seed", range(5))
def test_a_quaternion_of_any_length_turns_and_keeps_lengths(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    transform = Transform.from_quaternion(numbers.normal(size=3), 3 * numbers.normal(size=4))
    assert transform.rotation @ transform.rotation.T == pytest.approx(np.eye(3))
    assert np.linalg.det(transform.rotation) == pytest.approx(1.0)


def test_a_quarter_turn_about_z() -> None:
    half = np.sqrt(0.5)
    turn = Transform.from_quaternion(np.zeros(3), np.array([0.0, 0.0, half, half]))
    assert turn.rotation @ [1.0, 0.0, 0.0] == pytest.approx([0.0, 1.0, 0.0])


@pytest.mark.parametrize("nothing", [[0.0, 0, 0, 0], [np.nan, 0, 0, 1]])
def test_what_is_no_rotation_is_refused(nothing: list[float]) -> None:
    with pytest.raises(ValueError, match="expected one of length 1"):
        Transform.from_quaternion(np.zeros(3), np.array(nothing))


def test_a_target_without_a_box_stays_as_it_is() -> None:
    nothing = GraspTarget(False, "no depth")
    assert CAMERA_LOOKING_DOWN.moves(nothing) is nothing


def test_the_gripper_comes_along_the_approach_and_closes_on_the_shorter_side() -> None:
    found = target((0.0, 0.0, 1.0))
    assert found.box is not None
    axes = gripper_rotation(found.box)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert axes[:, 2] == pytest.approx(found.approach)
    assert axes[:, 1] == pytest.approx(found.box.camera_r_box[:, 1])
