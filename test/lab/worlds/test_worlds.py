"""The worlds as data sets: pictures and truth agree, commands are many and of all kinds."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppcr_lab.evaluation.referring_files import DataSetError
from ppcr_lab.evaluation.samples import open_data_set
from ppcr_lab.sim.relations import TableLayout
from ppcr_lab.worlds import bullet, effects, lamps
from ppcr_lab.worlds.layout import draw_setting
from ppcr_lab.worlds.views import WorldView
from ppcr_lab.worlds.world_samples import COMMANDS_A_SCENE, commands_about
from ppcr_ros.core.types import Array


@pytest.fixture(scope="module")
def lamp_view() -> WorldView:
    try:
        return lamps.view(3)
    except RuntimeError as error:  # MuJoCo or OpenGL is missing, which it names
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bullet_view() -> WorldView:
    pytest.importorskip("pybullet", reason="worlds:bullet needs PyBullet: pip install pybullet")
    return bullet.view(3)


def test_lamps_are_true_to_their_scene(
    lamp_view: WorldView, check_view: Callable[[WorldView], None]
) -> None:
    check_view(lamp_view)


def test_bullet_is_true_to_its_scene(
    bullet_view: WorldView, check_view: Callable[[WorldView], None]
) -> None:
    check_view(bullet_view)


def test_commands_about_a_scene_differ(lamp_view: WorldView) -> None:
    commands = commands_about(lamp_view, 3)
    assert len({command.text for command in commands}) == COMMANDS_A_SCENE
    assert commands == commands_about(lamp_view, 3)


def test_a_missing_renderer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name == "pybullet":
            raise ImportError("No module named 'pybullet'")
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    samples, _ = open_data_set("worlds:bullet", limit=1)
    with pytest.raises(DataSetError, match="pip install pybullet"):
        next(samples)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("worlds:moon", "expected one of lamps, raytraced, bullet"),
        ("worlds:photos", "name it: --root"),
    ],
)
def test_a_world_that_is_not_there_is_refused_at_once(name: str, message: str) -> None:
    with pytest.raises(DataSetError, match=message):
        open_data_set(name, limit=None)


@pytest.mark.parametrize("name", effects.EFFECTS)
def test_an_effect_changes_the_picture_and_stays_a_picture(name: str) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(40, 220, (60, 80, 3), dtype=np.uint8)
    rgb[20:40, 20:40] = (200, 30, 30)
    things = np.zeros((60, 80), np.bool_)
    things[20:40, 20:40] = True
    found = effects.changed(rgb, things, effects.EFFECTS[name])
    assert found.shape == rgb.shape
    assert found.dtype == np.uint8
    assert np.array_equal(found, rgb) == (name == "unchanged")
    assert np.array_equal(found, effects.changed(rgb, things, effects.EFFECTS[name]))


def test_another_table_leaves_the_things_as_they_are() -> None:
    rgb: Array = np.full((8, 8, 3), 120, np.uint8)
    things = np.zeros((8, 8), np.bool_)
    things[2:4, 2:4] = True
    found = effects.changed(rgb, things, effects.EFFECTS["table green"])
    assert (found[things] == 120).all()
    red, green, blue = found[0, 0].tolist()
    assert green > red == blue


def test_effects_show_one_scene_after_the_other(lamp_view: WorldView) -> None:
    count = len(effects.EFFECTS)
    samples, total = open_data_set("worlds:effects", limit=4, start=count - 2)
    found = list(samples)
    assert total == 4
    names = list(effects.EFFECTS)
    assert [sample.kind for sample in found] == [*names[-2:], *names[:2]]
    assert found[0].command == found[1].command != found[2].command
    assert len({sample.sample_id for sample in found}) == 4


def test_nothing_is_between_a_plate_and_what_stands_in_its_middle() -> None:
    setting = next(
        setting
        for setting in (
            draw_setting(np.random.default_rng(seed), num_objects=(5, 9), aspect=4 / 3)
            for seed in range(100)
        )
        if any(item.support is not None for item in setting.scene.objects)
    )
    objects = setting.scene.objects
    rider = next(index for index, item in enumerate(objects) if item.support is not None)
    host = objects[rider].support
    assert host is not None
    instance = np.repeat(np.arange(len(objects), dtype=np.int8), 40).reshape(-1, 20)
    others = [index for index in range(len(objects)) if index not in (rider, host)]
    layout = TableLayout(setting.scene, instance)
    assert layout.related("between", (rider, host), others) is None
