"""The renderer: labels, depth and colour must tell the same story as the scene."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ppcr_ros.sim import renderer as renderer_module
from ppcr_ros.sim.geometry import visible_boxes_px
from ppcr_ros.sim.renderer import Rendering, TabletopRenderer
from ppcr_ros.sim.scene import COLOURS, Camera, ObjectSpec, Scene, sample_scene, scene_rng

WIDTH_PX, HEIGHT_PX = 160, 120
SCENES = [sample_scene(scene_rng("test", index)) for index in range(20)]
CAMERA = Camera(position_m=(0.0, -0.6, 0.6), look_at_m=(0.0, 0.0, 0.02), fov_y_deg=43.0)


@pytest.fixture(scope="module")
def renderer() -> Iterator[TabletopRenderer]:
    with open_renderer() as opened:
        yield opened


@pytest.fixture(scope="module")
def renderings(renderer: TabletopRenderer) -> list[Rendering]:
    return [renderer.render(scene) for scene in SCENES]


def open_renderer(width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> TabletopRenderer:
    """Return a renderer, or skip the test, saying whether MuJoCo or OpenGL is missing."""
    try:
        return TabletopRenderer(width_px, height_px)
    except RuntimeError as error:
        pytest.skip(str(error))


def ball(x: float, y: float, colour: str = "red") -> ObjectSpec:
    return ObjectSpec("ball", colour, "large", (x, y, 0.04), 0.0, COLOURS[colour], (0.04,) * 3)


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


def test_every_object_is_seen_and_nothing_else(renderings: list[Rendering]) -> None:
    for scene, rendering in zip(SCENES, renderings, strict=True):
        values, counts = np.unique(rendering.instance, return_counts=True)
        assert values.tolist() == [-1, *range(len(scene.objects))]
        assert counts.min() > 25


def test_no_object_touches_the_image_border(renderings: list[Rendering]) -> None:
    for scene, rendering in zip(SCENES, renderings, strict=True):
        for box in visible_boxes_px(rendering.instance, len(scene.objects)):
            assert box is not None
            assert box.min() > 0
            assert box[2] < WIDTH_PX
            assert box[3] < HEIGHT_PX


def test_the_pixel_of_an_objects_centre_shows_it(renderings: list[Rendering]) -> None:
    for scene, rendering in zip(SCENES, renderings, strict=True):
        for index, spec in enumerate(scene.objects):
            centre = scene.camera.project_px(np.array([spec.position_m]), WIDTH_PX, HEIGHT_PX)
            column, row = np.rint(centre[0]).astype(int)
            assert rendering.instance[row, column] == index


def test_depth_puts_the_table_at_zero_and_objects_in_their_boxes(
    renderings: list[Rendering],
) -> None:
    for scene, rendering in zip(SCENES, renderings, strict=True):
        points = table_points_m(rendering, scene.camera)
        near = (np.abs(points[..., 0]) < 0.5) & (np.abs(points[..., 1]) < 0.4)
        assert points[near & (rendering.instance < 0), 2] == pytest.approx(0.0, abs=1e-4)
        for index, spec in enumerate(scene.objects):
            seen = points[rendering.instance == index] - np.array(spec.position_m)
            assert np.abs(seen[:, 2]).max() <= spec.half_extent_m[2] + 1e-3
            reach = math.hypot(spec.half_extent_m[0], spec.half_extent_m[1])
            assert np.hypot(seen[:, 0], seen[:, 1]).max() <= reach + 1e-3


def test_a_capsule_lies_along_its_yaw(renderer: TabletopRenderer) -> None:
    for yaw in (0.0, 0.6, -1.2):
        capsule = ObjectSpec(
            "capsule", "blue", "large", (0.0, 0.0, 0.04), yaw, COLOURS["blue"], (0.09, 0.04, 0.04)
        )
        rendering = renderer.render(scene_of(capsule))
        seen = table_points_m(rendering, CAMERA)[rendering.instance == 0]
        along = seen[:, 0] * math.cos(yaw) + seen[:, 1] * math.sin(yaw)
        across = seen[:, 1] * math.cos(yaw) - seen[:, 0] * math.sin(yaw)
        assert np.abs(across).max() <= 0.041
        assert np.ptp(along) > 0.14


def test_depth_of_the_looked_at_point_is_its_distance(renderer: TabletopRenderer) -> None:
    camera = replace(CAMERA, look_at_m=(0.0, 0.0, 0.0))
    rendering = renderer.render(replace(scene_of(), camera=camera))
    assert rendering.depth_m is not None
    rows, columns = HEIGHT_PX // 2, WIDTH_PX // 2
    middle = rendering.depth_m[rows - 1 : rows + 1, columns - 1 : columns + 1].mean()
    assert middle == pytest.approx(math.hypot(0.6, 0.6), abs=1e-3)


def test_left_is_left_and_far_is_up(renderer: TabletopRenderer) -> None:
    scene = scene_of(ball(-0.15, 0.0), ball(0.15, 0.0, "blue"), ball(0.0, 0.15, "green"))
    rendering = renderer.render(scene)
    left, right, far = visible_boxes_px(rendering.instance, 3)
    assert left is not None
    assert right is not None
    assert far is not None
    assert left[2] < far[0] < far[2] < right[0]
    assert far[3] < left[3]


def test_colour_agrees_with_the_labels_in_rgb_order(renderer: TabletopRenderer) -> None:
    for index, name in enumerate(("red", "green", "blue")):
        rendering = renderer.render(scene_of(ball(0.1, -0.05, name)))
        seen = rendering.rgb[rendering.instance == 0].astype(int)
        strongest = seen.argmax(axis=1) == index
        assert strongest.mean() > 0.99
        table = rendering.rgb[rendering.instance < 0].astype(int)
        coloured = np.ptp(table, axis=1) > 40
        # Smoothed colour spills over the outline by less than one pixel.
        assert coloured.sum() < 60


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
    with open_renderer(90, 130) as tall:
        assert tall.render(SCENES[0]).rgb.shape == (130, 90, 3)
        assert (renderer.render(SCENES[0]).rgb == before.rgb).all()


def test_shadows_darken_the_table_and_leave_the_labels(renderer: TabletopRenderer) -> None:
    scene = replace(scene_of(ball(0.0, 0.0)), light_position_m=(0.9, 0.0, 1.2))
    plain = renderer.render(scene)
    with TabletopRenderer(WIDTH_PX, HEIGHT_PX, shadows=True) as shadowing:
        shadowed = shadowing.render(scene)
    assert (plain.instance == shadowed.instance).all()
    table = plain.instance < 0
    darker = plain.rgb[table].astype(int).sum(axis=1) - shadowed.rgb[table].sum(axis=1)
    assert (darker > 60).sum() > 20


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


def test_without_mujoco_the_module_imports_and_the_renderer_names_the_fix() -> None:
    code = (
        "import importlib.util\n"
        "import ppcr_ros.sim.renderer as renderer\n"
        "importlib.util.find_spec = lambda name: None\n"
        "try:\n"
        "    renderer.TabletopRenderer(8, 8)\n"
        "except RuntimeError as error:\n"
        "    assert 'pip install mujoco' in str(error), error\n"
        "else:\n"
        "    raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_opengl_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer_module, "_PROBE", "raise SystemExit('no library')")
    with pytest.raises(RuntimeError, match=r"osmesa: no library.*apt-get install libosmesa6"):
        renderer_module._working_gl()
