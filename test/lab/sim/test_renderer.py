"""The renderer: labels, depth and colour must tell the same story as the scene."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ppcr_lab.sim.geometry import visible_boxes_px
from ppcr_lab.sim.renderer import Rendering, TabletopRenderer
from ppcr_lab.sim.scene import (
    CATEGORIES,
    COLOURS,
    TEXTURES,
    Camera,
    ObjectSpec,
    Scene,
    sample_scene,
    scene_rng,
)

WIDTH_PX, HEIGHT_PX = 160, 120
SCENES = [sample_scene(scene_rng("test", index)) for index in range(12)]
CAMERA = Camera(position_m=(0.0, -0.6, 0.6), look_at_m=(0.0, 0.0, 0.02), fov_y_deg=43.0)
HALF_EXTENT_M = {
    "capsule": (0.08, 0.043, 0.043),
    "mug": (0.064, 0.05, 0.054),
    "bowl": (0.07, 0.07, 0.03),
    "bottle": (0.04, 0.04, 0.1),
    "plate": (0.095, 0.095, 0.0105),
    "tray": (0.098, 0.07, 0.013),
}


@pytest.fixture(scope="module")
def renderer() -> Iterator[TabletopRenderer]:
    with open_renderer() as opened:
        yield opened


@pytest.fixture(scope="module")
def renderings(renderer: TabletopRenderer) -> list[Rendering]:
    return [renderer.render(scene) for scene in SCENES]


def open_renderer(
    width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX, shadows: bool = True
) -> TabletopRenderer:
    """Return a renderer, or skip the test, saying whether MuJoCo or OpenGL is missing."""
    try:
        return TabletopRenderer(width_px, height_px, shadows=shadows)
    except RuntimeError as error:
        pytest.skip(str(error))


def thing(
    category: str, x: float = 0.0, y: float = 0.0, colour: str = "red", trim: str | None = None
) -> ObjectSpec:
    """Return a large object on the table."""
    half_extent_m = HALF_EXTENT_M.get(category, (0.05, 0.05, 0.05))
    trim_rgb = None if trim is None else COLOURS[trim]
    position_m = (x, y, half_extent_m[2])
    return ObjectSpec(
        category, colour, trim, "large", position_m, 0.0, COLOURS[colour], trim_rgb, half_extent_m
    )


def scene_of(*objects: ObjectSpec) -> Scene:
    return Scene(objects, CAMERA, (0.0, 0.0, 1.5), 1.0, (0.5, 0.5, 0.5), (0.4, 0.4, 0.4), 0)


def table_points_m(rendering: Rendering, camera: Camera) -> NDArray[np.float64]:
    """Return (H, W, 3): where each pixel's depth puts it in the table frame."""
    assert rendering.depth_m is not None
    rows, columns = np.indices(rendering.depth_m.shape)
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).astype(np.float64)
    rays = pixels @ np.linalg.inv(rendering.camera_matrix).T
    optical = rays * rendering.depth_m[..., None]
    points: NDArray[np.float64] = optical @ camera.table_r_optical().T + camera.position_m
    return points


def test_arrays_have_the_promised_shapes_and_types(renderings: list[Rendering]) -> None:
    for rendering in renderings:
        assert rendering.rgb.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert rendering.rgb.dtype == np.uint8
        assert rendering.instance.shape == (HEIGHT_PX, WIDTH_PX)
        assert rendering.instance.dtype == np.int8
        assert rendering.depth_m is not None
        assert rendering.depth_m.shape == (HEIGHT_PX, WIDTH_PX)
        assert rendering.depth_m.dtype == np.float32
        assert rendering.camera_matrix.shape == (3, 3)
        for array in (rendering.rgb, rendering.instance, rendering.depth_m):
            assert array.flags["C_CONTIGUOUS"]


def test_every_object_is_seen_and_nothing_else(renderings: list[Rendering]) -> None:
    for scene, rendering in zip(SCENES, renderings, strict=True):
        values, counts = np.unique(rendering.instance, return_counts=True)
        assert values.tolist() == [-1, *range(len(scene.objects))]
        assert counts.min() > 15


def test_of_each_object_about_half_or_more_is_seen(
    renderer: TabletopRenderer, renderings: list[Rendering]
) -> None:
    shares = []
    for scene, rendering in zip(SCENES[:8], renderings, strict=False):
        for index, spec in enumerate(scene.objects):
            alone = replace(scene, objects=(replace(spec, support=None),))
            whole = (renderer.render(alone).instance == 0).sum()
            shares.append((rendering.instance == index).sum() / whole)
    assert min(shares) > 0.35
    assert np.mean(np.array(shares) < 0.45) < 0.02
    assert np.mean(np.array(shares) < 0.9) > 0.05, "nothing hides anything"


def test_no_object_touches_the_image_border(renderings: list[Rendering]) -> None:
    for scene, rendering in zip(SCENES, renderings, strict=True):
        for box in visible_boxes_px(rendering.instance, len(scene.objects)):
            assert box is not None
            assert box.min() > 0
            assert box[2] < WIDTH_PX
            assert box[3] < HEIGHT_PX


def test_depth_puts_the_table_at_zero_and_objects_in_their_boxes(
    renderings: list[Rendering],
) -> None:
    for scene, rendering in zip(SCENES, renderings, strict=True):
        points = table_points_m(rendering, scene.camera)
        near = (np.abs(points[..., 0]) < 0.5) & (np.abs(points[..., 1]) < 0.4)
        assert points[near & (rendering.instance < 0), 2] == pytest.approx(0.0, abs=1e-4)
        for index, spec in enumerate(scene.objects):
            seen = points[rendering.instance == index] - np.array(spec.position_m)
            reach = np.abs(seen @ spec.table_r_object()).max(axis=0)
            assert (reach <= np.array(spec.half_extent_m) + 0.0016).all(), spec


@pytest.mark.parametrize("category", CATEGORIES)
def test_an_object_fills_its_extent_at_its_yaw(renderer: TabletopRenderer, category: str) -> None:
    for yaw_rad in (0.0, 0.6, -1.2):
        spec = replace(thing(category), yaw_rad=yaw_rad)
        rendering = renderer.render(scene_of(spec))
        seen = table_points_m(rendering, CAMERA)[rendering.instance == 0] - spec.position_m
        own = seen @ spec.table_r_object()
        assert (np.abs(own).max(axis=0) <= np.array(spec.half_extent_m) + 0.001).all()
        spans = np.ptp(own, axis=0)[:2] / np.array(spec.half_extent_m[:2])
        # From one side, a solid thing shows a little more than half of itself.
        assert spans.min() > (1.85 if category in ("plate", "tray") else 1.1)
        assert own[:, 2].max() == pytest.approx(spec.half_extent_m[2], abs=0.004)


def test_a_mugs_handle_points_along_its_x_axis(renderer: TabletopRenderer) -> None:
    mug = thing("mug")
    for yaw_rad, sign in ((0.0, 1.0), (math.pi, -1.0)):
        rendering = renderer.render(scene_of(replace(mug, yaw_rad=yaw_rad)))
        seen = table_points_m(rendering, CAMERA)[rendering.instance == 0]
        outer = seen[seen[:, 0] * sign > 0.042]
        assert 0 < len(outer) < 0.2 * len(seen)
        assert np.abs(outer[:, 1]).max() < 0.012
        assert np.ptp(outer[:, 2]) < 0.09


def test_depth_shows_how_deep_a_bowl_and_a_mug_are(renderer: TabletopRenderer) -> None:
    steep = replace(CAMERA, position_m=(0.0, -0.35, 0.9))
    for category, depth_m in (("bowl", 0.05), ("mug", 0.09)):
        rendering = renderer.render(replace(scene_of(thing(category)), camera=steep))
        heights = table_points_m(rendering, steep)[rendering.instance == 0, 2]
        assert np.ptp(heights) > depth_m
        assert heights.min() > 0.001


def test_depth_of_the_looked_at_point_is_its_distance(renderer: TabletopRenderer) -> None:
    camera = replace(CAMERA, look_at_m=(0.0, 0.0, 0.0))
    rendering = renderer.render(replace(scene_of(), camera=camera))
    assert rendering.depth_m is not None
    rows, columns = HEIGHT_PX // 2, WIDTH_PX // 2
    middle = rendering.depth_m[rows - 1 : rows + 1, columns - 1 : columns + 1].mean()
    assert middle == pytest.approx(math.hypot(0.6, 0.6), abs=1e-3)


def test_left_is_left_and_far_is_up(renderer: TabletopRenderer) -> None:
    scene = scene_of(
        thing("ball", -0.15), thing("ball", 0.15, colour="blue"), thing("ball", 0.0, 0.15, "green")
    )
    rendering = renderer.render(scene)
    left, right, far = visible_boxes_px(rendering.instance, 3)
    assert left is not None
    assert right is not None
    assert far is not None
    assert left[2] < far[0] < far[2] < right[0]
    assert far[3] < left[3]


def test_colour_agrees_with_the_labels_in_rgb_order(renderer: TabletopRenderer) -> None:
    for index, name in enumerate(("red", "green", "blue")):
        rendering = renderer.render(scene_of(thing("ball", 0.1, -0.05, name)))
        seen = rendering.rgb[rendering.instance == 0].astype(int)
        strongest = seen.argmax(axis=1) == index
        assert strongest.mean() > 0.99
        table = rendering.rgb[rendering.instance < 0].astype(int)
        coloured = np.ptp(table, axis=1) > 40
        # Smoothed colour spills over the outline by less than one pixel.
        assert coloured.sum() < 60


@pytest.mark.parametrize("category", ["ball", "cube", "plate"])
@pytest.mark.parametrize("light_rgb", [(1.07, 1.0, 0.89), (0.93, 1.0, 1.11)])
def test_the_lit_side_is_nearest_to_its_colour_word_in_warm_and_cool_light(
    renderer: TabletopRenderer, category: str, light_rgb: tuple[float, float, float]
) -> None:
    names = list(COLOURS)
    palette = np.array(list(COLOURS.values()))
    for name in names:
        lit = replace(scene_of(thing(category, colour=name)), light_rgb=light_rgb)
        for strength in (0.8, 1.15):
            rendering = renderer.render(replace(lit, light_intensity=strength))
            seen = rendering.rgb[rendering.instance == 0] / 255.0
            distance = np.linalg.norm(palette - np.percentile(seen, 80, axis=0), axis=1)
            assert names[int(distance.argmin())] == name


@pytest.mark.parametrize("category", CATEGORIES)
def test_both_parts_of_a_two_tone_object_are_one_object(
    renderer: TabletopRenderer, category: str
) -> None:
    other = thing("cube", -0.2, 0.1, "grey")
    plain = renderer.render(scene_of(other, thing(category)))
    both = renderer.render(scene_of(other, thing(category, trim="blue")))
    for rendering in (plain, both):
        assert set(np.unique(rendering.instance)) == {-1, 0, 1}
    # The trim lies close around the body: the outline hardly grows.
    assert (plain.instance != both.instance).mean() < 0.004
    seen = both.rgb[both.instance == 1].astype(int)
    blue = (seen.argmax(axis=1) == 2).mean()
    assert 0.04 < blue < 0.75
    assert (plain.rgb[plain.instance == 1].argmax(axis=1) == 2).mean() < 0.01


@pytest.mark.parametrize("texture", TEXTURES)
def test_a_texture_changes_the_table_alone(renderer: TabletopRenderer, texture: str) -> None:
    scene = scene_of(thing("cube"))
    plain, textured = (
        renderer.render(replace(scene, table_texture=name)) for name in ("plain", texture)
    )
    assert (plain.instance == textured.instance).all()
    table = textured.rgb[90:, :, 0].astype(float)
    assert (table.std() > 4.0) == (texture != "plain")
    inside = plain.instance == 0
    inside[1:-1, 1:-1] &= inside[2:, 1:-1] & inside[:-2, 1:-1] & inside[1:-1, 2:]
    inside[1:-1, 1:-1] &= inside[1:-1, :-2]
    assert (plain.rgb[inside] == textured.rgb[inside]).mean() > 0.95


def test_noise_and_blur_leave_labels_and_depth(renderer: TabletopRenderer) -> None:
    clean = replace(SCENES[3], noise=0.0, blur=0.0)
    sharp = renderer.render(clean)
    for changes in ({"noise": 6.0}, {"blur": 0.01}):
        spoilt = renderer.render(replace(clean, **changes))  # type: ignore[arg-type]
        assert (spoilt.rgb != sharp.rgb).mean() > 0.2
        assert (spoilt.instance == sharp.instance).all()
        assert spoilt.depth_m is not None
        assert (spoilt.depth_m == sharp.depth_m).all()


def test_objects_of_an_earlier_scene_are_gone(renderer: TabletopRenderer) -> None:
    renderer.render(SCENES[0])
    assert (renderer.render(scene_of()).instance == -1).all()


def test_the_same_scene_gives_the_same_image(renderer: TabletopRenderer) -> None:
    first = renderer.render(SCENES[1])
    renderer.render(SCENES[2])
    again = renderer.render(SCENES[1])
    assert (first.rgb == again.rgb).all()
    assert (first.instance == again.instance).all()


def test_depth_can_be_left_out(renderer: TabletopRenderer) -> None:
    rendering = renderer.render(SCENES[0], depth=False)
    assert rendering.depth_m is None
    assert (rendering.instance == renderer.render(SCENES[0]).instance).all()


def test_two_renderers_of_other_sizes_do_not_disturb_each_other(
    renderer: TabletopRenderer,
) -> None:
    before = renderer.render(SCENES[0])
    with open_renderer(90, 230) as tall:
        assert tall.render(SCENES[0]).rgb.shape == (230, 90, 3)
        assert (renderer.render(SCENES[0]).rgb == before.rgb).all()


def test_shadows_are_soft_and_only_darken(renderer: TabletopRenderer) -> None:
    scene = replace(
        scene_of(thing("ball")), light_position_m=(0.9, 0.0, 1.2), shadow_softness_m=0.03
    )
    plain = renderer.render(scene)
    shadowed = renderer.render(replace(scene, shadow_strength=0.5))
    assert (plain.instance == shadowed.instance).all()
    darker = plain.rgb.astype(int).sum(axis=2) - shadowed.rgb.astype(int).sum(axis=2)
    assert darker.min() >= 0
    table = plain.instance < 0
    deepest = darker[table].max()
    assert deepest > 100
    dark = darker[table] > 0.8 * deepest
    half_dark = (darker[table] > 0.1 * deepest) & ~dark
    assert dark.sum() > 20
    assert half_dark.sum() > 0.5 * dark.sum()
    # The lamp is on the right, so the shadow is on the left.
    columns = np.nonzero(table & (darker > 0.5 * deepest))[1]
    assert columns.mean() < WIDTH_PX / 2
    assert (darker[~table] == 0).all(), "nothing stands between the lamp and the ball"


def test_what_stands_on_a_tray_throws_its_shadow_on_it(renderer: TabletopRenderer) -> None:
    tray = replace(thing("tray", colour="white"), half_extent_m=(0.15, 0.12, 0.013))
    cube = replace(thing("cube"), position_m=(0.04, 0.0, 0.056), support=0)
    scene = replace(scene_of(tray, cube), light_position_m=(0.9, 0.0, 1.2))
    plain = renderer.render(scene)
    shadowed = renderer.render(replace(scene, shadow_strength=0.5))
    darker = plain.rgb.astype(int).sum(axis=2) - shadowed.rgb.astype(int).sum(axis=2)
    assert (darker[plain.instance == 0] > 100).sum() > 50


def test_without_shadows_none_are_cast(renderer: TabletopRenderer) -> None:
    scene = replace(SCENES[0], shadow_strength=0.5)
    with open_renderer(shadows=False) as flat:
        expected = renderer.render(replace(scene, shadow_strength=0.0))
        assert (flat.render(scene).rgb == expected.rgb).all()


def test_a_closed_renderer_says_so(renderer: TabletopRenderer) -> None:
    short = open_renderer(16, 12)
    short.close()
    short.close()
    with pytest.raises(RuntimeError, match="closed"):
        short.render(SCENES[0])
    assert renderer.render(SCENES[0]).rgb.any()


def test_an_empty_image_is_refused() -> None:
    with pytest.raises(ValueError, match="0 x 12"):
        TabletopRenderer(0, 12)
