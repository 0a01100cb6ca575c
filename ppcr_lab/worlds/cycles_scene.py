"""A world's scene in Blender: things, table, room, lamps and camera, for the Cycles path tracer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ppcr_lab.sim.objects import Float3
from ppcr_lab.worlds import cycles_materials as materials
from ppcr_lab.worlds.layout import Setting
from ppcr_lab.worlds.profile_meshes import TriangleMesh

_TABLE_HIGH_M = 0.74
_SMOOTH_DEG = 40.0


def build(bpy: Any, setting: Setting, rng: np.random.Generator) -> None:
    """Empty the file and fill it with ``setting``; a thing's ``pass_index`` is its number + 1."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _things(bpy, setting, rng)
    _table(bpy, rng)
    _room(bpy, rng)
    _lamps(bpy, rng)
    _camera(bpy, setting, rng)


def _things(bpy: Any, setting: Setting, rng: np.random.Generator) -> None:
    for index, (spec, shape) in enumerate(zip(setting.scene.objects, setting.shapes, strict=True)):
        finish = materials.draw_finish(spec.category, rng)
        parts = [(shape.body, spec.rgb)]
        if shape.trim is not None:
            parts.append((shape.trim, spec.trim_rgb or spec.rgb))
        for mesh, rgb in parts:
            material = materials.of_thing(bpy, rgb, finish, rng)
            thing = _add_mesh(bpy, mesh, material)
            thing.location = setting.stand(index)
            thing.rotation_euler = (0.0, 0.0, spec.yaw_rad)
            thing.pass_index = index + 1


def _table(bpy: Any, rng: np.random.Generator) -> None:
    wide, deep = rng.uniform(1.0, 2.2), rng.uniform(0.8, 1.3)
    top = materials.of_table(bpy, rng)
    _box(bpy, (0.0, 0.1, -0.02), (wide, deep, 0.04), top)
    leg = materials.plain(bpy, _any_colour(rng), 0.5)
    for x in (-1, 1):
        for y in (-1, 1):
            place = (x * (wide / 2 - 0.06), 0.1 + y * (deep / 2 - 0.06), -_TABLE_HIGH_M / 2 - 0.02)
            _box(bpy, place, (0.06, 0.06, _TABLE_HIGH_M - 0.04), leg)


def _room(bpy: Any, rng: np.random.Generator) -> None:
    """Floor and walls, and furniture that is nobody's target, all out of reach."""
    low = -_TABLE_HIGH_M
    _box(bpy, (0.0, 1.0, low - 0.05), (9.0, 9.0, 0.1), materials.of_table(bpy, rng, large=True))
    back = float(rng.uniform(1.2, 3.2))
    wall = materials.of_wall(bpy, rng)
    _box(bpy, (0.0, back, 1.0), (9.0, 0.1, 4.0), wall)
    if rng.random() < 0.5:
        side = float(rng.choice([-1.0, 1.0])) * rng.uniform(1.4, 2.5)
        _box(bpy, (side, 0.0, 1.0), (0.1, 9.0, 4.0), materials.of_wall(bpy, rng))
    for _ in range(int(rng.integers(2, 9))):  # chairs, crates and cabinets, as boxes
        size = rng.uniform(0.15, 0.7, 3)
        x = float(rng.uniform(-2.0, 2.0))
        y = float(rng.uniform(0.95, back - 0.1))
        _box(
            bpy,
            (x, y, low + size[2] / 2),
            (float(size[0]), float(size[1]), float(size[2])),
            materials.plain(bpy, _any_colour(rng), float(rng.uniform(0.2, 0.9))),
            float(rng.uniform(-0.6, 0.6)),
        )
    if rng.random() < 0.5:
        _shelf(bpy, back, rng)


def _shelf(bpy: Any, back: float, rng: np.random.Generator) -> None:
    board = materials.of_table(bpy, rng)
    middle = float(rng.uniform(-0.6, 0.6))
    for level in range(int(rng.integers(2, 4))):
        z = -0.2 + 0.38 * level
        _box(bpy, (middle, back - 0.22, z), (1.5, 0.3, 0.03), board)
        x = middle - 0.7
        while x < middle + 0.65:  # books
            wide, high = float(rng.uniform(0.02, 0.07)), float(rng.uniform(0.15, 0.3))
            if rng.random() < 0.8:
                book = materials.plain(bpy, _any_colour(rng), 0.6)
                _box(bpy, (x, back - 0.22, z + high / 2 + 0.015), (wide, 0.2, high), book)
            x += wide + 0.006


def _lamps(bpy: Any, rng: np.random.Generator) -> None:
    world = bpy.data.worlds.new("surroundings")
    bpy.context.scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*_tint(rng, 0.2), 1.0)
    background.inputs["Strength"].default_value = float(rng.uniform(0.15, 0.7))
    for _ in range(int(rng.integers(1, 4))):
        lamp = bpy.data.lights.new("lamp", "AREA")
        lamp.size = float(np.exp(rng.uniform(math.log(0.05), math.log(1.2))))
        lamp.color = _tint(rng, 0.22)
        around, away = rng.uniform(-math.pi, math.pi), rng.uniform(0.2, 1.6)
        place = np.array([away * math.cos(around), away * math.sin(around), rng.uniform(0.8, 2.4)])
        far = float(np.linalg.norm(place))
        lamp.energy = float(rng.uniform(4.0, 14.0)) * far**2
        thing = bpy.data.objects.new("lamp", lamp)
        thing.location = place
        thing.rotation_euler = _looking(bpy, place, np.zeros(3))
        bpy.context.collection.objects.link(thing)
    if rng.random() < 0.3:
        sun = bpy.data.lights.new("sun", "SUN")
        sun.energy, sun.angle = float(rng.uniform(0.8, 3.0)), float(rng.uniform(0.01, 0.2))
        thing = bpy.data.objects.new("sun", sun)
        thing.rotation_euler = (rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 0.9), 0.0)
        bpy.context.collection.objects.link(thing)


def _camera(bpy: Any, setting: Setting, rng: np.random.Generator) -> None:
    view = setting.scene.camera
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit = "VERTICAL"
    camera.angle = math.radians(view.fov_y_deg)
    camera.clip_start = 0.02
    place, at = np.array(view.position_m), np.array(view.look_at_m)
    if rng.random() < 0.7:  # the room behind the table is out of focus
        camera.dof.use_dof = True
        camera.dof.focus_distance = float(np.linalg.norm(at - place))
        camera.dof.aperture_fstop = float(rng.uniform(4.0, 16.0))
    thing = bpy.data.objects.new("camera", camera)
    thing.location = place
    thing.rotation_euler = _looking(bpy, place, at)
    bpy.context.collection.objects.link(thing)
    bpy.context.scene.camera = thing


def _looking(bpy: Any, place: Any, at: Any) -> Any:
    from mathutils import Vector

    return Vector(np.asarray(at - place).tolist()).to_track_quat("-Z", "Y").to_euler()


def _add_mesh(bpy: Any, mesh: TriangleMesh, material: Any) -> Any:
    data = bpy.data.meshes.new("thing")
    data.from_pydata(mesh.vertices.tolist(), [], mesh.faces.tolist())
    data.validate()
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    data.set_sharp_from_angle(angle=math.radians(_SMOOTH_DEG))
    data.materials.append(material)
    thing = bpy.data.objects.new("thing", data)
    bpy.context.collection.objects.link(thing)
    return thing


def _box(bpy: Any, middle: Float3, size: Float3, material: Any, yaw_rad: float = 0.0) -> None:
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    data = bpy.data.meshes.new("box")
    data.from_pydata([tuple(np.multiply(c, size)) for c in corners], [], faces)
    data.materials.append(material)
    thing = bpy.data.objects.new("box", data)
    thing.location = middle
    thing.rotation_euler = (0.0, 0.0, yaw_rad)
    bpy.context.collection.objects.link(thing)


def _any_colour(rng: np.random.Generator) -> Float3:
    return materials.from_hsv(rng.random(), rng.random() ** 0.7, rng.uniform(0.05, 0.95))


def _tint(rng: np.random.Generator, most: float) -> Float3:
    """A pale colour, warm or cold more often than green or red."""
    hue = float(rng.choice([0.08, 0.12, 0.58, 0.62, rng.random()]))
    return materials.from_hsv(hue, rng.uniform(0.0, most), 1.0)
