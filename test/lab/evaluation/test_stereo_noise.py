"""Grasps in a stereo camera's noise, counted."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_lab.evaluation.camera_scenes import View
from ppcr_lab.evaluation.stereo_noise import NoiseRow, measure, to_markdown
from ppcr_ros.core.types import Array

MATRIX = np.array([[600.0, 0.0, 159.5], [0.0, 600.0, 119.5], [0.0, 0.0, 1.0]])
EYE_M = np.array([0.0, -0.5, 0.5])
TABLE_R_CAMERA = np.array([[1, 0, 0], [0, -(0.5**0.5), 0.5**0.5], [0, -(0.5**0.5), -(0.5**0.5)]])
RADIUS_M = 0.04


def ball() -> View:
    """A ball on a table, seen at 45 degrees."""
    columns, rows = np.meshgrid(np.arange(320), np.arange(240))
    camera = np.stack([(columns - 159.5) / 600.0, (rows - 119.5) / 600.0, np.ones(rows.shape)], -1)
    rays: Array = camera @ TABLE_R_CAMERA.T
    start = EYE_M - [0.0, 0.0, RADIUS_M]
    a, b = (rays**2).sum(-1), rays @ start
    root = b**2 - a * (start @ start - RADIUS_M**2)
    ball_m = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
    table_m = -EYE_M[2] / rays[..., 2]
    mask = ball_m < table_m
    middle_m = TABLE_R_CAMERA.T @ (np.array([0.0, 0.0, RADIUS_M]) - EYE_M)
    depth_m = np.where(mask, ball_m, table_m).astype(np.float32)
    return View(np.zeros((240, 320, 3), np.uint8), depth_m, mask, MATRIX, middle_m)


@pytest.mark.parametrize("share", [0.0, 0.005, 0.01])
def test_in_common_noise_the_middle_stays_where_it_is(share: float) -> None:
    row = measure([ball()] * 4, share)
    assert (row.pictures, len(row.graspable_errors_m), row.wrong) == (4, 4, 0)


def test_in_much_noise_nothing_is_graspable() -> None:
    assert measure([ball()] * 3, 0.03).graspable_errors_m == ()


def test_the_table_counts_what_may_be_grasped_and_is_off() -> None:
    row = NoiseRow(0.01, 4, (0.001, 0.002, 0.03))
    assert to_markdown([row]).splitlines()[-1] == "| 1.00% | 3 of 4 | 1 | 2.0 mm | 24.4 mm |"
    assert "nan mm" in to_markdown([NoiseRow(0.02, 4, ())])
