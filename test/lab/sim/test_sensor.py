"""Lens and sensor."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_lab.sim.sensor import Sensor

SENSOR = Sensor(80, 60)
GREY = np.full((60, 80, 3), 120, dtype=np.uint8)


def test_a_perfect_sensor_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    assert (SENSOR.expose(image, None, blur=0.0, noise=0.0, seed=1) == image).all()


def test_noise_is_as_strong_as_asked_for_and_follows_the_seed() -> None:
    noisy = SENSOR.expose(GREY, None, blur=0.0, noise=5.0, seed=1)
    assert noisy.dtype == np.uint8
    assert noisy.std() == pytest.approx(5.0, rel=0.1)
    assert noisy.mean() == pytest.approx(120.0, abs=0.5)
    assert (noisy == SENSOR.expose(GREY, None, blur=0.0, noise=5.0, seed=1)).all()
    assert (noisy != SENSOR.expose(GREY, None, blur=0.0, noise=5.0, seed=2)).mean() > 0.5


def test_noise_does_not_wrap_round_at_black_and_white() -> None:
    for value in (0, 255):
        extreme = np.full((60, 80, 3), value, dtype=np.uint8)
        noisy = SENSOR.expose(extreme, None, blur=0.0, noise=5.0, seed=3)
        assert np.abs(noisy.astype(int) - value).max() < 40


def test_blur_softens_an_edge_and_keeps_the_rest() -> None:
    edge = GREY.copy()
    edge[:, 40:] = 220
    blurred = SENSOR.expose(edge, None, blur=0.02, noise=0.0, seed=0).astype(int)
    assert np.abs(np.diff(blurred[30, :, 0])).max() < 60
    assert (blurred[:, :30] == 120).all()
    assert (blurred[:, 50:] == 220).all()


def test_light_darkens_in_proportion() -> None:
    light = np.ones((60, 80), dtype=np.float32)
    light[:, :40] = 0.5
    shaded = SENSOR.expose(GREY, light, blur=0.0, noise=0.0, seed=0)
    assert (shaded[:, :40] == 60).all()
    assert (shaded[:, 40:] == 120).all()
