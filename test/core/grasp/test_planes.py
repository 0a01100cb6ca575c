"""Thin boxes, books and packets as a stereo camera sees them: their sides are what is measured."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest

pytest.importorskip("ppcr_lab.evaluation.thin_boxes", reason="needs the laboratory's package")

from ppcr_lab.evaluation.thin_boxes import KINDS, Kind, draw, measure, seen_by_stereo
from ppcr_ros.core.grasp.grasping import grasp_target
from ppcr_ros.core.types import Status

THIN = ("thin box", "book", "packet")


@pytest.mark.parametrize("name", THIN)
def test_nine_of_ten_thin_things_have_their_width(name: str) -> None:
    errors = measure(KINDS[name], count=10, seed=1)
    assert sum(abs(error.width) < 0.25 for error in errors) >= 9
    assert abs(median(error.width for error in errors)) < 0.06
    assert abs(median(error.length for error in errors)) < 0.06
    assert abs(median(error.height for error in errors)) < 0.06


@pytest.mark.parametrize("name", ["book lying", "cube"])
def test_other_boxes_are_measured_as_well(name: str) -> None:
    errors = measure(KINDS[name], count=6, seed=1)
    assert abs(median(error.width for error in errors)) < 0.06
    assert abs(median(error.height for error in errors)) < 0.15


def test_a_cylinder_is_no_box() -> None:
    """It is completed by the half turn, as it was."""
    errors = measure(KINDS["cylinder"], count=5, seed=1)
    assert all(abs(error.width) < 0.25 for error in errors)


def test_a_mask_that_reaches_two_pixels_over_makes_it_little_wider() -> None:
    for name in ("packet", "thin box"):
        errors = measure(KINDS[name], count=6, seed=1, grown_px=2)
        assert abs(median(error.width for error in errors)) < 0.06


def test_the_floor_of_a_tray_is_not_its_upper_side() -> None:
    errors = measure(KINDS["tray"], count=8, seed=1)
    assert min(error.height for error in errors) > -0.3


def test_the_turn_of_a_thin_box_is_found() -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        scene = draw(KINDS["thin box"], rng)
        depth_m = seen_by_stereo(scene.depth_m, rng)
        target = grasp_target(scene.mask, depth_m, scene.matrix, score=1.0, status=Status.OK)
        assert target.box is not None
        x = scene.table_r_camera @ target.box.camera_r_box[:, 0]
        off = np.degrees(np.arctan2(x[1], x[0]) - scene.yaw_rad) % 180.0
        assert min(off, 180.0 - off) < 5.0


def test_a_box_of_which_one_side_is_seen_is_not_guessed() -> None:
    """Straight from the front nothing tells how deep it is: the half turn's guess stays."""
    kind = Kind(lambda rng: (0.12, 0.04, 0.15), elevation_deg=(1.0, 2.0))
    scene = draw(kind, np.random.default_rng(0))
    target = grasp_target(scene.mask, scene.depth_m, scene.matrix, score=1.0, status=Status.OK)
    assert target.box is None or target.box.size_m.max() < 0.3
