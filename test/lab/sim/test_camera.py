"""The pinhole camera: frames and projection."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ppcr_lab.sim.camera import Camera


def test_it_projects_right_far_and_up_as_its_frame_says() -> None:
    camera = Camera(position_m=(0.0, -0.6, 0.6), look_at_m=(0.0, 0.0, 0.0), fov_y_deg=45.0)
    points = np.array([[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
    middle, right, far, up = camera.project_px(points, 320, 240)
    assert middle == pytest.approx((159.5, 119.5))
    assert right[0] > middle[0]
    assert right[1] == pytest.approx(middle[1])
    assert far[1] < middle[1]
    assert up[1] < middle[1]
    assert camera.to_optical_m(points)[0] == pytest.approx((0.0, 0.0, math.hypot(0.6, 0.6)))
    rotation = camera.table_r_optical()
    assert rotation @ rotation.T == pytest.approx(np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_a_view_from_straight_above_is_refused() -> None:
    camera = Camera(position_m=(0.0, 0.0, 1.0), look_at_m=(0.0, 0.0, 0.0), fov_y_deg=45.0)
    with pytest.raises(ValueError, match="straight"):
        camera.table_r_optical()
