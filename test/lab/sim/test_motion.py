"""Scenes in motion: smooth, bounded, without collisions, and the same at the same time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ppcr_lab.sim.motion import (
    MotionLimits,
    MovingScene,
    ObjectMotion,
    Swing,
    render_motion,
    sample_moving_scene,
)
from ppcr_lab.sim.placement import footprints_apart
from ppcr_lab.sim.renderer import TabletopRenderer
from ppcr_lab.sim.textures import VARIANTS

SEEDS = range(6)
STEP_SEC = 0.05


def moving(seed: int, limits: MotionLimits | None = None) -> MovingScene:
    return sample_moving_scene(np.random.default_rng(seed), limits=limits)


def test_the_same_seed_gives_the_same_motion() -> None:
    assert moving(3) == moving(3)
    assert moving(3).at(2.5) == moving(3).at(2.5)
    assert moving(3).at(2.5) != moving(4).at(2.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_speeds_are_bounded_and_something_moves(seed: int) -> None:
    scene, limits = moving(seed), MotionLimits()
    turn = limits.camera_turn_rad_s * math.hypot(1.0, 1.0 / 3.0)
    fastest = 0.0
    for time_sec in np.arange(0.0, 10.0, STEP_SEC):
        before, after = scene.at(float(time_sec)), scene.at(float(time_sec) + STEP_SEC)
        for item, later in zip(before.objects, after.objects, strict=True):
            speed = math.dist(item.position_m, later.position_m) / STEP_SEC
            if item.support is None:
                assert speed <= limits.object_speed_m_s * 1.001
                assert item.position_m[2] == later.position_m[2]
            fastest = max(fastest, speed)
            turned = abs(later.yaw_rad - item.yaw_rad) / STEP_SEC
            assert turned <= limits.object_turn_rad_s * 1.001
        pan = math.dist(before.camera.look_at_m, after.camera.look_at_m) / STEP_SEC
        assert pan <= limits.camera_pan_m_s * 1.001
        arms = [np.subtract(s.camera.position_m, s.camera.look_at_m) for s in (before, after)]
        length = np.linalg.norm(arms[0])
        assert np.linalg.norm(arms[1]) == pytest.approx(length)
        assert np.linalg.norm(arms[1] - arms[0]) / length / STEP_SEC <= turn * 1.001
    assert fastest > 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_runs_into_anything(seed: int) -> None:
    scene = moving(seed)
    for time_sec in np.arange(0.0, 10.0, 0.2):
        objects = [item for item in scene.at(float(time_sec)).objects if item.support is None]
        for index, item in enumerate(objects):
            assert footprints_apart(item, objects[:index])


def test_it_begins_as_the_scene_and_keeps_the_tables_pattern() -> None:
    scene = moving(0)
    begun, later = scene.at(0.0), scene.at(4.2)
    for item, first in zip(scene.scene.objects, begun.objects, strict=True):
        assert first.position_m == pytest.approx(item.position_m)
    assert begun.camera.position_m == pytest.approx(scene.scene.camera.position_m)
    assert begun.seed != later.seed  # other noise
    assert begun.seed % VARIANTS == later.seed % VARIANTS == scene.scene.seed % VARIANTS


def test_what_stands_on_another_is_carried_and_turned_with_it() -> None:
    carried = 0
    for seed in range(40):
        drawn = moving(seed)
        quarter = Swing(math.pi / 4, 4.0, -math.pi / 2)  # a quarter turn after half the period
        turning = ObjectMotion((1.0, 0.0), Swing(0.05, 4.0, -math.pi / 2), quarter)
        scene = replace(drawn, objects=(turning,) * len(drawn.objects))
        before, after = scene.scene.objects, scene.at(2.0).objects
        for index, item in enumerate(before):
            if item.support is None:
                continue
            carried += 1
            host, moved_host = before[item.support], after[item.support]
            x, y, z = np.subtract(item.position_m, host.position_m)
            away = np.subtract(after[index].position_m, moved_host.position_m)
            assert away == pytest.approx([-y, x, z])
            assert after[index].yaw_rad - item.yaw_rad == pytest.approx(math.pi / 2)
            assert moved_host.position_m[0] - host.position_m[0] == pytest.approx(0.1)
    assert carried > 3


def test_still_limits_leave_everything_in_its_place() -> None:
    still = MotionLimits(0.0, 0.0, 0.0, 0.0)
    scene = moving(1, still)
    assert scene.at(5.0).camera.position_m == pytest.approx(scene.scene.camera.position_m)
    for item, later in zip(scene.scene.objects, scene.at(5.0).objects, strict=True):
        assert later.position_m == pytest.approx(item.position_m)
    with pytest.raises(ValueError, match="speeds of 0 or more"):
        MotionLimits(object_speed_m_s=-1.0)


def test_the_truth_of_a_frame_is_where_the_object_is_seen() -> None:
    try:
        renderer = TabletopRenderer(160, 120, shadows=False)
    except RuntimeError as error:
        pytest.skip(str(error))
    scene = moving(1)
    with renderer:
        frames = list(render_motion(renderer, scene, frames=3, rate_hz=1.0))
    assert [frame.time_sec for frame in frames] == [0.0, 1.0, 2.0]
    for frame in frames:
        shown = scene.at(frame.time_sec)
        total = np.zeros((120, 160), int)
        for index, item in enumerate(shown.objects):
            truth = frame.truth(index)
            total += truth
            if item.category == "tray" and truth.any():  # flat, so that it lies around its middle
                rows, columns = np.nonzero(truth)
                place = np.array([item.position_m])
                (centre,) = shown.camera.project_px(place, 160, 120)
                assert abs(columns.mean() - centre[0]) < 6
                assert abs(rows.mean() - centre[1]) < 6
        assert total.max() == 1
