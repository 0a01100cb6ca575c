"""The everyday world: forms, colours, scenes and pictures drawn at random."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from ppcr_lab.sim.drawn_worlds import draw_scene, open_renderer
from ppcr_lab.sim.everyday.colours import draw_colour
from ppcr_lab.sim.everyday.form_families import draw_form
from ppcr_lab.sim.everyday.placement import EverydayObject
from ppcr_lab.sim.everyday.prints import draw_print, draw_surface
from ppcr_lab.sim.everyday.renderer import EverydayRenderer
from ppcr_lab.sim.everyday.scene import EverydayScene, sample_everyday_scene
from ppcr_lab.sim.everyday.surroundings import draw_cable, draw_hand, draw_thing
from ppcr_lab.sim.geometry import visible_boxes_px
from ppcr_lab.sim.objects import CATEGORIES, COLOURS


@pytest.mark.parametrize("category", CATEGORIES)
def test_forms_fill_their_box_and_differ(category: str) -> None:
    rng = np.random.default_rng(0)
    forms = [draw_form(category, rng) for _ in range(25)]
    for form in forms:
        for mesh in (form.body, form.trim, form.label):
            if mesh is not None:
                assert np.isfinite(mesh.vertices).all()
                assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-6)
                assert mesh.faces.min() >= 0
                assert mesh.faces.max() < len(mesh.vertices)
        assert np.allclose(np.abs(form.body.vertices).max(axis=0), 1.0)
        if form.inner is not None:
            assert all(0.0 < share <= 1.0 for share in form.inner[:2])
            assert -1.0 < form.inner[2] < 1.0
    if category != "ball":
        assert len({form.proportions for form in forms}) > 15


def test_things_rest_in_several_poses() -> None:
    rng = np.random.default_rng(1)
    poses = {(name, draw_form(name, rng).pose) for name in CATEGORIES for _ in range(60)}
    assert {("bottle", "lying"), ("mug", "upside down"), ("cylinder", "lying")} <= poses
    assert ("ball", "lying") not in poses


@pytest.mark.parametrize("name", COLOURS)
def test_colours_keep_to_their_word(name: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        _, saturation, value = colorsys.rgb_to_hsv(*draw_colour(name, rng))
        if name in ("white", "grey"):
            assert saturation < 0.2
        if name == "black":
            assert value < 0.15
        if name == "white":
            assert value > 0.8


def test_surfaces_and_prints_are_pictures() -> None:
    rng = np.random.default_rng(3)
    for draw in (draw_surface, draw_print):
        pictures = [draw(rng) for _ in range(20)]
        assert all(p.shape == (256, 256, 3) and p.dtype == np.uint8 for p in pictures)
        assert len({p.tobytes() for p in pictures}) == 20


def test_nameless_things_have_room_and_size() -> None:
    rng = np.random.default_rng(4)
    for _ in range(80):
        pieces, radius = draw_thing(rng, 0.1, 0.2)
        assert pieces
        assert 0.0 < radius < 0.3
    pieces = draw_cable(rng, 0.3) + draw_hand(rng, np.array([0.5, 0.5, 0.2]), np.zeros(3))
    for piece in pieces:
        rotation = np.array(piece.rotation).reshape(3, 3)
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)


def test_a_scene_depends_on_split_and_number_alone() -> None:
    assert sample_everyday_scene("train", 7) == sample_everyday_scene("train", 7)
    assert sample_everyday_scene("train", 7) != sample_everyday_scene("val", 7)
    first, again = draw_scene("everyday", "train", 7), draw_scene("everyday", "train", 7)
    assert first.rng.integers(2**40) == again.rng.integers(2**40)


def test_scenes_vary_in_all_that_a_room_may_change() -> None:
    scenes = [sample_everyday_scene("val", number) for number in range(60)]
    assert {1, 2, 3, 4, 5} <= {len(scene.objects) for scene in scenes}
    heights = [scene.camera.position_m[2] for scene in scenes]
    assert max(heights) > 2.5 * min(heights)
    assert {len(scene.lights) for scene in scenes} == {0, 1, 2, 3}
    assert {scene.shadow_strength == 0.0 for scene in scenes} == {True, False}
    assert any(scene.mirror > 0.0 for scene in scenes)
    assert any(abs(scene.camera.roll_deg) > 3.0 for scene in scenes)
    for scene in scenes:
        assert all(isinstance(item, EverydayObject) for item in scene.objects)


def test_an_unknown_world_is_named() -> None:
    with pytest.raises(ValueError, match="the world is 'moon'"):
        draw_scene("moon", "train", 0)
    with pytest.raises(ValueError, match="the world is 'moon'"):
        open_renderer("moon", 8, 8)


@pytest.fixture(scope="module")
def renderer() -> EverydayRenderer:
    try:
        return EverydayRenderer(160, 120)
    except RuntimeError as error:
        pytest.skip(str(error))


def test_what_is_named_is_seen(renderer: EverydayRenderer) -> None:
    named = seen = 0
    for number in range(12):
        scene = sample_everyday_scene("val", number)
        picture = renderer.render(scene)
        assert picture.rgb.std() > 2.0
        assert picture.depth_m is not None
        boxes = visible_boxes_px(picture.instance, len(scene.objects))
        named += len(boxes)
        seen += sum(box is not None for box in boxes)
    assert seen > 0.95 * named


def test_a_picture_is_the_same_whatever_was_rendered_before(renderer: EverydayRenderer) -> None:
    first = renderer.render(sample_everyday_scene("val", 3))
    renderer.render(sample_everyday_scene("train", 900))
    again = renderer.render(sample_everyday_scene("val", 3))
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.instance, again.instance)


def test_a_rolled_camera_turns_the_picture() -> None:
    scene = sample_everyday_scene("val", 5)
    assert isinstance(scene, EverydayScene)
    rotation = scene.camera.table_r_optical()
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1.0)
