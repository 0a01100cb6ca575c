"""The random scenes, without rendering them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from ppcr_ros.sim.geometry import box_of_mask, visible_boxes_px
from ppcr_ros.sim.scene import (
    COLOURS,
    SHAPES,
    SIZES,
    SPLITS,
    Camera,
    Scene,
    sample_scene,
    scene_rng,
)

SCENES = [sample_scene(scene_rng("train", index)) for index in range(60)]


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
    assert {len(scene.objects) for scene in SCENES} == {3, 4, 5, 6, 7}
    two = sample_scene(scene_rng("train", 0), num_objects=(2, 2))
    assert len(two.objects) == 2


@pytest.mark.parametrize("num_objects", [(0, 3), (4, 3), (3, 8)])
def test_an_impossible_number_of_objects_is_refused(num_objects: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="num_objects"):
        sample_scene(scene_rng("train", 0), num_objects=num_objects)


def test_no_two_objects_of_a_scene_read_the_same() -> None:
    for scene in SCENES:
        kinds = [(spec.shape, spec.colour, spec.size) for spec in scene.objects]
        assert len(set(kinds)) == len(kinds)


def test_every_shape_colour_and_size_turns_up() -> None:
    specs = [spec for scene in SCENES for spec in scene.objects]
    assert {spec.shape for spec in specs} == set(SHAPES)
    assert {spec.colour for spec in specs} == set(COLOURS)
    assert {spec.size for spec in specs} == set(SIZES)


def test_shapes_repeat_in_most_scenes() -> None:
    repeats = [len({spec.shape for spec in s.objects}) < len(s.objects) for s in SCENES]
    assert np.mean(repeats) > 0.7


def test_objects_stand_on_the_table_and_apart() -> None:
    for scene in SCENES:
        for spec in scene.objects:
            assert spec.position_m[2] == pytest.approx(spec.half_extent_m[2])
        for a, b in combinations(scene.objects, 2):
            gap = math.dist(a.position_m[:2], b.position_m[:2])
            assert gap > a.half_extent_m[1] + b.half_extent_m[1]


def test_a_large_object_is_clearly_wider_than_a_small_one() -> None:
    widths: dict[str, list[float]] = {"small": [], "large": []}
    for scene in SCENES:
        for spec in scene.objects:
            widths[spec.size].append(2.0 * spec.half_extent_m[1])
    assert max(widths["small"]) * 1.3 < min(widths["large"])


def test_each_colour_is_nearest_to_its_own_name() -> None:
    names = list(COLOURS)
    palette = np.array(list(COLOURS.values()))
    for scene in SCENES:
        for spec in scene.objects:
            distance = np.linalg.norm(palette - np.array(spec.rgb), axis=1)
            assert names[int(distance.argmin())] == spec.colour


def test_the_table_is_like_no_object() -> None:
    palette = np.array(list(COLOURS.values()))
    for scene in SCENES:
        assert np.linalg.norm(palette - np.array(scene.table_rgb), axis=1).min() > 0.3


def test_all_objects_are_inside_a_4_to_3_image() -> None:
    for scene in SCENES:
        for spec in scene.objects:
            pixels = scene.camera.project_px(spec.corners_m(), 320, 240)
            assert pixels.min() >= 0
            assert (pixels.max(axis=0) <= (319, 239)).all()


def test_a_camera_projects_right_far_and_up_as_its_frame_says() -> None:
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


def test_a_camera_straight_above_is_refused() -> None:
    camera = Camera(position_m=(0.0, 0.0, 1.0), look_at_m=(0.0, 0.0, 0.0), fov_y_deg=45.0)
    with pytest.raises(ValueError, match="straight"):
        camera.table_r_optical()


@pytest.mark.parametrize("field", ["shape", "colour", "size"])
def test_an_unknown_kind_of_object_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is 'odd', expected one of"):
        replace(SCENES[0].objects[0], **{field: "odd"})  # type: ignore[arg-type]


def test_more_objects_than_a_scene_holds_are_refused() -> None:
    spec = SCENES[0].objects[0]
    with pytest.raises(ValueError, match="got 8 objects"):
        replace(SCENES[0], objects=(spec,) * 8)
    assert isinstance(replace(SCENES[0], objects=()), Scene)


def test_the_box_of_a_mask_is_tight_and_half_open() -> None:
    mask = np.zeros((6, 9), dtype=bool)
    assert box_of_mask(mask) is None
    mask[2:5, 3:8] = True
    box = box_of_mask(mask)
    assert box is not None
    assert box.dtype == np.float32
    assert box.tolist() == [3, 2, 8, 5]


def test_boxes_of_an_instance_image_are_none_for_what_is_hidden() -> None:
    instance = np.full((4, 5), -1, dtype=np.int8)
    instance[0, 4] = 1
    first, second, third = visible_boxes_px(instance, 3)
    assert first is None
    assert second is not None
    assert second.tolist() == [4, 0, 5, 1]
    assert third is None
