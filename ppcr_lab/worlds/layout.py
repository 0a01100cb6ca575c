"""Layout of a world's scene: its things, and the camera that looks at it.

Table frame as in `sim.scene`: the table top is z = 0, x right, y away from the camera, metres.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.objects import CATEGORIES, COLOURS, SIZES, Float3, ObjectSpec
from ppcr_lab.sim.scene import Scene
from ppcr_lab.worlds.profile_meshes import Points
from ppcr_lab.worlds.thing_forms import Shape, make_shape

SHADES: dict[str, tuple[Float3, ...]] = {
    "red": ((0.78, 0.07, 0.07), (0.62, 0.04, 0.06), (0.88, 0.14, 0.10)),
    "orange": ((0.98, 0.48, 0.05), (0.93, 0.40, 0.08), (1.00, 0.55, 0.15)),
    "yellow": ((0.95, 0.83, 0.12), (0.98, 0.90, 0.30), (0.88, 0.76, 0.06)),
    "green": ((0.10, 0.52, 0.17), (0.20, 0.62, 0.22), (0.06, 0.38, 0.14), (0.42, 0.66, 0.16)),
    "blue": ((0.08, 0.22, 0.78), (0.06, 0.15, 0.52), (0.16, 0.42, 0.86)),
    "purple": ((0.42, 0.12, 0.60), (0.32, 0.08, 0.46), (0.54, 0.26, 0.72)),
    "pink": ((0.98, 0.54, 0.70), (0.94, 0.42, 0.62), (0.98, 0.68, 0.78)),
    "brown": ((0.38, 0.22, 0.12), (0.30, 0.17, 0.09), (0.47, 0.29, 0.17)),
    "black": ((0.04, 0.04, 0.04), (0.07, 0.07, 0.08)),
    "white": ((0.93, 0.93, 0.93), (0.90, 0.89, 0.85)),
    "grey": ((0.45, 0.45, 0.46), (0.54, 0.55, 0.55), (0.36, 0.36, 0.37)),
}
"""Shades of each colour word, sRGB 0..1."""

_AREA_M = (0.62, 0.46)
_GAP_M = 0.015
_TRIES = 60
_MARGIN = 0.025
_LEAST_SEEN = 0.6
_GRID = (72, 96)
_TWO_TONE = 0.22
_RIDERS = {"plate": ("cube", "ball", "cylinder", "cone", "mug", "capsule"),
           "tray": ("cube", "ball", "cylinder", "cone", "mug", "capsule", "bottle"),
           "bowl": ("ball", "cylinder", "cone", "cube")}  # fmt: skip
_RIDE = 0.55


@dataclass(frozen=True)
class Setting:
    """A scene and the form of each of its things.

    Attributes:
        scene: what is true of it: objects, camera, seed. Its light and table are nobody's.
        shapes: by object, in the object's own frame, standing on z = 0.
    """

    scene: Scene
    shapes: tuple[Shape, ...]

    def stand(self, index: int) -> Float3:
        """Where the origin of shape ``index`` is, table frame, metres."""
        spec = self.scene.objects[index]
        x, y, z = spec.position_m
        return x, y, z - spec.half_extent_m[2]


def draw_setting(
    rng: np.random.Generator, *, num_objects: tuple[int, int], aspect: float
) -> Setting:
    """Draw things, places and camera; ``aspect`` is the image's width over its height."""
    seed = int(rng.integers(2**62))
    rng = np.random.default_rng(seed)
    while True:
        count = int(rng.integers(num_objects[0], num_objects[1] + 1))
        spread = 0.72 + 0.04 * count
        camera = _draw_camera(rng, spread)
        placed = _draw_things(rng, count, spread)
        if placed is None:
            continue
        specs, shapes = placed
        if _all_seen(specs, camera, aspect):
            return Setting(bare_scene(tuple(specs), camera, seed), tuple(shapes))


def bare_scene(objects: tuple[ObjectSpec, ...], camera: Camera, seed: int) -> Scene:
    """A `Scene` for what is true of it alone: how it looks is up to the world's own renderer."""
    return Scene(
        objects=objects,
        camera=camera,
        light_position_m=(0.0, 0.0, 1.5),
        light_intensity=1.0,
        table_rgb=(0.5, 0.5, 0.5),
        floor_rgb=(0.5, 0.5, 0.5),
        seed=seed,
    )


def _draw_camera(rng: np.random.Generator, spread: float) -> Camera:
    fov_y_deg = float(rng.uniform(34.0, 60.0))
    elevation = math.radians(rng.uniform(28.0, min(66.0, 84.0 - fov_y_deg / 2.0)))
    distance = spread * rng.uniform(0.26, 0.40) / math.tan(math.radians(fov_y_deg) / 2.0)
    azimuth = math.radians(rng.uniform(-20.0, 20.0))
    at = (float(rng.uniform(-0.04, 0.04)), float(rng.uniform(-0.04, 0.03)), 0.03)
    return Camera.around(at, distance, elevation, azimuth, fov_y_deg=fov_y_deg)


def _draw_things(
    rng: np.random.Generator, count: int, spread: float
) -> tuple[list[ObjectSpec], list[Shape]] | None:
    kinds = _draw_kinds(rng, count)
    shapes = [make_shape(category, size, rng) for category, _, size in kinds]
    specs: dict[int, ObjectSpec] = {}
    for index in sorted(range(count), key=lambda i: -max(shapes[i].half_extent_m[:2])):
        host = _host_for(index, kinds, shapes, specs, rng)
        spec = _look(rng, kinds[index], shapes[index])
        for _ in range(_TRIES):
            x, y, z = _a_place(rng, spread, None if host is None else specs[host], shapes, host)
            spec = replace(
                spec,
                position_m=(x, y, z + spec.half_extent_m[2]),
                yaw_rad=float(rng.uniform(-math.pi, math.pi)),
                support=host,
            )
            if host is not None or _apart(spec, specs.values()):
                specs[index] = spec
                break
        else:
            return None
    return [specs[index] for index in range(count)], shapes


def _draw_kinds(rng: np.random.Generator, count: int) -> list[tuple[str, str, str]]:
    """Distinct (category, colour, size), of few categories or few colours in some scenes."""
    categories = [CATEGORIES[i] for i in rng.permutation(len(CATEGORIES))]
    colours = [list(COLOURS)[i] for i in rng.permutation(len(COLOURS))]
    if rng.random() < 0.6:
        categories = categories[: int(rng.integers(2, 6))]
    if rng.random() < 0.5:
        colours = colours[: int(rng.integers(3, 7))]
    kinds: dict[tuple[str, str, str], None] = {}
    flat = 0
    while len(kinds) < count:
        category = categories[int(rng.integers(len(categories)))]
        if category in ("plate", "tray"):
            if flat >= 2:
                category = CATEGORIES[int(rng.integers(8))]
            flat += category in ("plate", "tray")
        colour = colours[int(rng.integers(len(colours)))]
        kinds[category, colour, SIZES[int(rng.integers(2))]] = None
    return list(kinds)


def _look(rng: np.random.Generator, kind: tuple[str, str, str], shape: Shape) -> ObjectSpec:
    category, colour, size = kind
    trim = None
    if shape.trim is not None and rng.random() < _TWO_TONE:
        others = [name for name in COLOURS if name != colour]
        trim = others[int(rng.integers(len(others)))]
    return ObjectSpec(
        category=category,
        colour=colour,
        trim_colour=trim,
        size=size,
        position_m=(0.0, 0.0, 0.0),
        yaw_rad=0.0,
        rgb=_shade(rng, colour),
        trim_rgb=None if trim is None else _shade(rng, trim),
        half_extent_m=shape.half_extent_m,
    )


def _shade(rng: np.random.Generator, colour: str) -> Float3:
    shades = SHADES[colour]
    shade = np.array(shades[int(rng.integers(len(shades)))])
    red, green, blue = np.clip(shade + rng.uniform(-0.03, 0.03, 3), 0.02, 1.0)
    return float(red), float(green), float(blue)


def _host_for(
    index: int,
    kinds: list[tuple[str, str, str]],
    shapes: list[Shape],
    specs: dict[int, ObjectSpec],
    rng: np.random.Generator,
) -> int | None:
    """A placed thing that still is empty and on or in which this one has room; often None."""
    taken = {spec.support for spec in specs.values()}
    half = max(shapes[index].half_extent_m[:2])
    for host, spec in specs.items():
        floor = shapes[host].floor
        if floor is None or host in taken or spec.support is not None:
            continue
        if kinds[index][0] in _RIDERS[spec.category] and half <= floor[0]:
            return host if rng.random() < _RIDE else None
    return None


def _a_place(
    rng: np.random.Generator,
    spread: float,
    host: ObjectSpec | None,
    shapes: list[Shape],
    index: int | None,
) -> Float3:
    if host is None or index is None:
        x, y = (float(rng.uniform(-side, side)) * spread / 2.0 for side in _AREA_M)
        return x, y, 0.0
    floor = shapes[index].floor or (0.0, 0.0)
    x, y, z = host.position_m
    return x, y, z - host.half_extent_m[2] + floor[1]


def _apart(spec: ObjectSpec, others: Iterable[ObjectSpec]) -> bool:
    radius = _radius(spec)
    for other in others:
        if other.support is not None:
            continue
        gap = math.dist(spec.position_m[:2], other.position_m[:2]) - radius - _radius(other)
        if gap < _GAP_M:
            return False
    return True


def _radius(spec: ObjectSpec) -> float:
    wide, deep = spec.half_extent_m[:2]
    return max(wide, deep) if spec.is_round else 0.92 * math.hypot(wide, deep)


def _all_seen(specs: list[ObjectSpec], camera: Camera, aspect: float) -> bool:
    """Whether all are in the image, and no other's box hides much of one's."""
    rows, columns = _GRID
    boxes = [_box_on_grid(_corners(spec), camera, aspect) for spec in specs]
    for x1, y1, x2, y2 in boxes:
        if min(x1, y1) < _MARGIN or max(x2, y2) > 1.0 - _MARGIN:
            return False
    away = [float(camera.to_optical_m(np.array([s.position_m]))[0, 2]) for s in specs]
    for index, box in enumerate(boxes):
        grid = np.zeros((rows, columns), bool)
        for other, hiding in enumerate(boxes):
            rides = specs[other].support == index or specs[index].support == other
            if other != index and away[other] < away[index] and not rides:
                grid[_cells(hiding)] = True
        if 1.0 - grid[_cells(box)].mean() < _LEAST_SEEN:
            return False
    return True


def _corners(spec: ObjectSpec) -> Points:
    """The (8, 3) corners of its box; what is round may lie, so that its yaw counts as well."""
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    turned = (signs * np.asarray(spec.half_extent_m)) @ spec.table_r_object().T
    corners: Points = turned + np.asarray(spec.position_m)
    return corners


def _box_on_grid(corners: Points, camera: Camera, aspect: float) -> tuple[float, ...]:
    """The box x1, y1, x2, y2 of the corners as shares of the image."""
    height = 100
    width = round(height * aspect)
    shares = camera.project_px(corners, width, height) / (width, height)
    return (*map(float, shares.min(axis=0)), *map(float, shares.max(axis=0)))


def _cells(box: tuple[float, ...]) -> tuple[slice, slice]:
    rows, columns = _GRID
    x1, y1, x2, y2 = box
    return (
        slice(int(y1 * rows), max(math.ceil(y2 * rows), int(y1 * rows) + 1)),
        slice(int(x1 * columns), max(math.ceil(x2 * columns), int(x1 * columns) + 1)),
    )
