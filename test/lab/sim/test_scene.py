"""The random scenes, without rendering them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from ppcr_lab.sim.objects import INNER_FLOOR
from ppcr_lab.sim.scene import (
    CATEGORIES,
    COLOURS,
    MAX_OBJECTS,
    SIZES,
    SPLITS,
    SUPPORTS,
    TEXTURES,
    ObjectSpec,
    Scene,
    sample_scene,
    scene_rng,
)

SCENES = [sample_scene(scene_rng("train", index)) for index in range(240)]
SPECS = [spec for scene in SCENES for spec in scene.objects]


def kinds_of(scene: Scene) -> list[tuple[str, str, str]]:
    return [(spec.category, spec.colour, spec.size) for spec in scene.objects]


def test_the_same_split_and_index_give_the_same_scene() -> None:
    assert sample_scene(scene_rng("val", 3)) == sample_scene(scene_rng("val", 3))


def test_no_two_scenes_of_any_split_are_the_same() -> None:
    seeds = {sample_scene(scene_rng(split, i)).seed for split in SPLITS for i in range(10)}
    assert len(seeds) == 10 * len(SPLITS)


def test_an_unknown_split_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'testing', expected one of train, val, test, demo"):
        scene_rng("testing", 0)


def test_a_negative_index_is_refused() -> None:
    with pytest.raises(ValueError, match="index is -1"):
        scene_rng("train", -1)


def test_the_number_of_objects_spans_the_range_asked_for() -> None:
    assert {len(scene.objects) for scene in SCENES} == set(range(3, MAX_OBJECTS + 1))
    for count in (1, 2, MAX_OBJECTS):
        scene = sample_scene(scene_rng("train", 0), num_objects=(count, count))
        assert len(scene.objects) == count


@pytest.mark.parametrize("num_objects", [(0, 3), (4, 3), (3, 13)])
def test_an_impossible_number_of_objects_is_refused(num_objects: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="num_objects"):
        sample_scene(scene_rng("train", 0), num_objects=num_objects)


def test_no_two_objects_read_the_same_but_for_a_pair_of_look_alikes() -> None:
    with_pair = 0
    for scene in SCENES:
        extra = [kind for kind, number in Counter(kinds_of(scene)).items() if number > 1]
        with_pair += len(extra)
        assert len(extra) <= 1
        assert len(set(kinds_of(scene))) >= len(scene.objects) - 1
        for kind in extra:
            alike = [spec for spec in scene.objects if kind == kinds_of_one(spec)]
            assert len({spec.trim_colour for spec in alike}) == 1
    assert 0.04 < with_pair / len(SCENES) < 0.18


def kinds_of_one(spec: ObjectSpec) -> tuple[str, str, str]:
    return spec.category, spec.colour, spec.size


def test_every_category_colour_and_size_turns_up_often() -> None:
    for names, values in (
        (CATEGORIES, [spec.category for spec in SPECS]),
        (tuple(COLOURS), [spec.colour for spec in SPECS]),
        (SIZES, [spec.size for spec in SPECS]),
    ):
        counts = Counter(values)
        assert set(counts) == set(names)
        assert min(counts.values()) > 0.5 * len(SPECS) / len(names)


def test_about_a_quarter_is_two_tone_in_another_colour() -> None:
    two_tone = [spec for spec in SPECS if spec.trim_colour is not None]
    assert 0.18 < len(two_tone) / len(SPECS) < 0.32
    assert all(spec.trim_colour != spec.colour for spec in two_tone)


def test_words_repeat_within_scenes() -> None:
    repeats = [len({s.category for s in scene.objects}) < len(scene.objects) for scene in SCENES]
    assert np.mean(repeats) > 0.75
    both_sizes = [
        any(
            (a.category, a.colour) == (b.category, b.colour) and a.size != b.size
            for a, b in combinations(scene.objects, 2)
        )
        for scene in SCENES
    ]
    assert np.mean(both_sizes) > 0.3


def test_things_stand_on_the_table_or_on_what_holds_them() -> None:
    held = 0
    for scene in SCENES:
        riders = [spec for spec in scene.objects if spec.support is not None]
        held += bool(riders)
        assert len(riders) <= 2
        for spec in scene.objects:
            bottom = spec.position_m[2] - spec.half_extent_m[2]
            if spec.support is None:
                assert bottom == pytest.approx(0.0)
                continue
            host = scene.objects[spec.support]
            inner = np.asarray(INNER_FLOOR[host.category]) * host.half_extent_m
            assert host.support is None
            assert host.category in SUPPORTS
            assert (spec.size, host.size) == ("small", "large")
            assert bottom == pytest.approx(host.position_m[2] + inner[2])
            offset = np.subtract(spec.position_m, host.position_m) @ host.table_r_object()
            assert (np.abs(offset[:2]) < inner[:2]).all()
    assert 0.25 < held / len(SCENES) < 0.45


def test_all_kinds_of_supports_hold_something() -> None:
    hosts = {
        scene.objects[spec.support].category
        for scene in SCENES
        for spec in scene.objects
        if spec.support is not None
    }
    assert hosts == set(SUPPORTS)


def test_things_on_one_surface_are_apart() -> None:
    for scene in SCENES:
        for a, b in combinations(scene.objects, 2):
            if a.support == b.support:
                gap = math.dist(a.position_m[:2], b.position_m[:2])
                assert gap > min(a.half_extent_m[:2]) + min(b.half_extent_m[:2])


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_large_one_is_clearly_wider_than_any_small_one(category: str) -> None:
    widths: dict[str, list[float]] = {"small": [], "large": []}
    for spec in SPECS:
        if spec.category == category:
            widths[spec.size].append(2.0 * spec.half_extent_m[1])
    assert max(widths["small"]) * 1.3 < min(widths["large"])
    assert np.mean(widths["small"]) * 1.4 < np.mean(widths["large"])


def test_each_colour_is_nearest_to_its_own_name() -> None:
    names = list(COLOURS)
    palette = np.array(list(COLOURS.values()))
    for spec in SPECS:
        for rgb, name in ((spec.rgb, spec.colour), (spec.trim_rgb, spec.trim_colour)):
            if rgb is not None:
                distance = np.linalg.norm(palette - np.array(rgb), axis=1)
                assert names[int(distance.argmin())] == name


def test_the_table_is_like_no_object() -> None:
    palette = np.array(list(COLOURS.values()))
    for scene in SCENES:
        assert np.linalg.norm(palette - np.array(scene.table_rgb), axis=1).min() > 0.2


def test_all_objects_are_inside_a_4_to_3_image() -> None:
    for scene in SCENES:
        for spec in scene.objects:
            pixels = scene.camera.project_px(spec.corners_m(), 320, 240)
            assert pixels.min() >= 0
            assert (pixels.max(axis=0) <= (319, 239)).all()


def test_views_tables_and_light_vary() -> None:
    offsets = np.array([np.subtract(s.camera.position_m, s.camera.look_at_m) for s in SCENES])
    elevation = np.degrees(np.arctan2(offsets[:, 2], np.hypot(offsets[:, 0], offsets[:, 1])))
    assert elevation.min() < 38 < 60 < elevation.max()
    fovs = [scene.camera.fov_y_deg for scene in SCENES]
    assert min(fovs) < 40 < 53 < max(fovs)
    textures = Counter(scene.table_texture for scene in SCENES)
    assert set(textures) == set(TEXTURES)
    assert 0.25 < textures["plain"] / len(SCENES) < 0.55
    for values in (
        [scene.light_rgb[0] / scene.light_rgb[2] for scene in SCENES],
        [scene.light_intensity for scene in SCENES],
        [scene.shadow_strength for scene in SCENES],
        [scene.shadow_softness_m for scene in SCENES],
        [scene.noise for scene in SCENES],
        [scene.blur for scene in SCENES],
    ):
        assert np.std(values) > 0.05 * np.mean(values)


def test_more_objects_than_a_scene_holds_are_refused() -> None:
    spec = replace(SCENES[0].objects[0], support=None)
    with pytest.raises(ValueError, match="got 13 objects"):
        replace(SCENES[0], objects=(spec,) * 13)
    assert replace(SCENES[0], objects=()).objects == ()


def test_an_unknown_texture_is_refused() -> None:
    with pytest.raises(ValueError, match="table_texture is 'lava', expected one of plain, wood"):
        replace(SCENES[0], table_texture="lava")


@pytest.mark.parametrize("support", [0, 5])
def test_a_support_that_holds_nothing_is_refused(support: int) -> None:
    ball = next(spec for spec in SPECS if spec.category == "ball" and spec.support is None)
    with pytest.raises(ValueError, match=f"object 1 has support {support}"):
        replace(SCENES[0], objects=(ball, replace(ball, support=support)))
