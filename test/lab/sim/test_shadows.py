"""Soft shadows from a lamp's view that is made by hand: a disc above the table."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.shadows import LAMP_PX, lamp_view, shadow_image

WIDTH_PX, HEIGHT_PX = 160, 120
CAMERA = Camera((0.0, -0.7, 0.7), (0.0, 0.0, 0.0), 45.0)
LAMP = lamp_view((0.6, 0.0, 1.4))


def lamp_image(height_m: float = 0.08) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """What the lamp sees of object 0, a disc of radius 0.05 m, and of nothing else."""
    (centre,) = LAMP.project_px(np.array([[0.0, 0.0, height_m]]), LAMP_PX, LAMP_PX)
    rows, columns = np.indices((LAMP_PX, LAMP_PX))
    radius_px = 0.05 * LAMP.matrix(LAMP_PX, LAMP_PX)[0, 0] / np.linalg.norm(LAMP.position_m)
    disc = np.hypot(columns - centre[0], rows - centre[1]) < radius_px
    instance = np.where(disc, 0, -1).astype(np.int8)
    depth = LAMP.to_optical_m(np.array([[0.0, 0.0, height_m]]))[0, 2]
    return instance, np.where(disc, depth, 2.0).astype(np.float32)


def shadow(
    softness_m: float = 0.02,
    height_m: float = 0.08,
    instance: NDArray[np.int8] | None = None,
) -> NDArray[np.float32]:
    if instance is None:
        instance = np.full((HEIGHT_PX, WIDTH_PX), -1, dtype=np.int8)
    rows, columns = np.indices((HEIGHT_PX, WIDTH_PX))
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).astype(float)
    rays = pixels @ np.linalg.inv(CAMERA.matrix(WIDTH_PX, HEIGHT_PX)).T
    down = (rays @ CAMERA.table_r_optical().T)[..., 2]
    depth_m = (-CAMERA.position_m[2] / down).astype(np.float32)  # all pixels show the table's plane
    return shadow_image(CAMERA, instance, depth_m, LAMP, *lamp_image(height_m), softness_m)


def edge_width_px(image: NDArray[np.float32]) -> int:
    row = image[int(image.max(axis=1).argmax())]
    return int(((row > 0.1) & (row < 0.9)).sum())


def test_a_shadow_falls_away_from_the_lamp() -> None:
    image = shadow()
    assert image.shape == (HEIGHT_PX, WIDTH_PX)
    assert image.dtype == np.float32
    assert image.min() >= 0.0
    assert image.max() == pytest.approx(1.0, abs=0.05)
    # The lamp is at x = 0.6, 1.4 up: a disc 0.08 up throws its shadow 0.036 to the left.
    centre = np.array([[-0.6 * 0.08 / (1.4 - 0.08), 0.0, 0.0]])
    expected = CAMERA.project_px(centre, WIDTH_PX, HEIGHT_PX)[0]
    rows, columns = np.nonzero(image > 0.5)
    assert (columns.mean(), rows.mean()) == pytest.approx(expected, abs=1.5)


def test_a_bigger_softness_makes_wider_edges() -> None:
    assert edge_width_px(shadow(0.04)) > edge_width_px(shadow(0.01)) > 0


def test_a_caster_close_to_the_table_has_sharper_edges() -> None:
    assert edge_width_px(shadow(0.04, height_m=0.01)) < edge_width_px(shadow(0.04))


def test_other_objects_are_shaded_and_the_caster_is_not() -> None:
    hit = shadow() > 0.95
    instance = np.full((HEIGHT_PX, WIDTH_PX), -1, dtype=np.int8)
    for owner, expected in ((1, 1.0), (0, 0.0)):
        instance[hit] = owner
        assert shadow(0.005, instance=instance)[hit].mean() == pytest.approx(expected, abs=0.1)


def test_a_lamp_straight_above_has_a_view() -> None:
    lamp = lamp_view((0.0, 0.0, 1.5))
    centre = lamp.project_px(np.zeros((1, 3)), LAMP_PX, LAMP_PX)[0]
    assert centre == pytest.approx(((LAMP_PX - 1) / 2.0,) * 2)
