"""Random scenes of the everyday world; the table frame is that of `ppcr_lab.sim.scene`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.everyday.library import BLOCK_SCENES, library_of
from ppcr_lab.sim.everyday.placement import EverydayObject, place_objects, place_things
from ppcr_lab.sim.everyday.surroundings import (
    SURFACES,
    Piece,
    draw_cable,
    draw_hand,
    draw_room,
    draw_table,
)
from ppcr_lab.sim.objects import Float3, ObjectSpec
from ppcr_lab.sim.scene import MAX_OBJECTS, SPLITS, Scene, scene_rng

Rng = np.random.Generator
_COUNTS = (1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 9, 10, 11, 12)
_WORLD = 1_000_000_007
"""Keeps the everyday world's seeds apart from the tabletop's."""


@dataclass(frozen=True)
class Light:
    """A lamp beside the main one: where it is, and its strength in red, green and blue."""

    position_m: Float3
    rgb: Float3


@dataclass(frozen=True)
class EverydayScene(Scene):
    """A scene with what the everyday world adds.

    Attributes:
        library: which block of forms its objects are of: number of the split, number of the block.
        pieces: table, room and nameless things.
        lights: lamps beside the main one.
        ambient: light from everywhere, red, green and blue.
        focus_blur: how much what is far is blurred, as a share of the image's width.
        surfaces: which patterns of the renderer's table, floor and walls have.
        repeats: how often each repeats over one metre.
        tints: (3, 3) what the colours of each are multiplied with.
        exposure: how bright the bright parts of the picture come out, 0..1.
        mirror: share of light that the table mirrors, 0..1.
    """

    library: tuple[int, int] = (0, 0)
    pieces: tuple[Piece, ...] = ()
    lights: tuple[Light, ...] = ()
    ambient: Float3 = (0.4, 0.4, 0.4)
    focus_blur: float = 0.0
    surfaces: tuple[int, int, int] = (0, 1, 2)
    repeats: Float3 = (2.0, 1.3, 0.8)
    tints: tuple[Float3, Float3, Float3] = ((1.0,) * 3, (1.0,) * 3, (1.0,) * 3)
    exposure: float = 0.8
    mirror: float = 0.0


def everyday_rng(split: str, index: int) -> Rng:
    """Return the generator of everyday scene ``index`` of ``split``; no split shares a seed."""
    seed = int(scene_rng(split, index).integers(2**62))
    return np.random.default_rng([_WORLD, seed])


def sample_everyday_scene(split: str, index: int, rng: Rng | None = None) -> EverydayScene:
    """Draw everyday scene ``index`` (0 or more) of ``split``, of one to twelve named things.

    Every (category, colour, size) is unique but for a few look-alikes, as in the tabletop world;
    all named things lie inside a 4:3 image, and of each about half or more is seen.
    """
    rng = everyday_rng(split, index) if rng is None else rng
    seed = int(rng.integers(2**62))
    rng = np.random.default_rng(seed)
    block = (SPLITS.index(split), index // BLOCK_SCENES)
    library = library_of(*block)
    count = _COUNTS[int(rng.integers(len(_COUNTS)))]
    tries = 0
    objects: tuple[EverydayObject, ...] | None = None
    while objects is None:
        tries += 1
        if tries % 6 == 0:
            count = max(1, count - 1)
        spread = (0.55 + 0.075 * min(count, 10)) * float(rng.uniform(0.85, 1.25))
        camera = _camera(rng, spread)
        objects = place_objects(rng, count, camera, spread, library)
    reach = max(math.hypot(*item.position_m[:2]) for item in objects) + 0.09
    pieces = draw_table(rng, reach) + draw_room(rng, reach, camera)
    pieces += place_things(rng, objects, camera, reach)
    if rng.random() < 0.15:
        pieces += draw_cable(rng, reach)
    if rng.random() < 0.10:
        pieces += _hand(rng, objects, reach)
    return _lit(rng, seed, objects, camera, tuple(pieces), block)


def _lit(
    rng: Rng,
    seed: int,
    objects: tuple[ObjectSpec, ...],
    camera: Camera,
    pieces: tuple[Piece, ...],
    block: tuple[int, int],
) -> EverydayScene:
    ambient = float(rng.uniform(0.25, 0.65))
    strength = float(rng.uniform(0.35, 1.3))
    lights = tuple(
        Light(_lamp_position(rng, 0.6, 3.0), _tinted(rng, float(rng.uniform(0.05, 0.5))))
        for _ in range(int(rng.choice([0, 0, 1, 1, 2, 3])))
    )
    shadowless = rng.random() < 0.25
    return EverydayScene(
        objects=objects,
        camera=camera,
        light_position_m=_lamp_position(rng, 1.0, 2.4),
        light_intensity=strength,
        table_rgb=(1.0, 1.0, 1.0),
        floor_rgb=(1.0, 1.0, 1.0),
        seed=seed,
        light_rgb=_tinted(rng, 1.0),
        shadow_strength=0.0 if shadowless else float(rng.uniform(0.15, 0.75)),
        shadow_softness_m=float(np.exp(rng.uniform(np.log(0.003), np.log(0.06)))),
        noise=0.0,
        blur=float(rng.choice([0.0, rng.uniform(0.0, 0.003)])),
        library=block,
        pieces=pieces,
        lights=lights,
        ambient=_tinted(rng, ambient),
        focus_blur=float(rng.choice([0.0, rng.uniform(0.0, 0.015)])),
        surfaces=(_surface(rng), _surface(rng), _surface(rng)),
        repeats=(
            _log_uniform(rng, 0.7, 8.0),
            _log_uniform(rng, 0.4, 4.0),
            _log_uniform(rng, 0.3, 3.0),
        ),
        tints=(_tint(rng), _tint(rng), _tint(rng)),
        exposure=float(rng.uniform(0.5, 1.05)),
        mirror=float(rng.uniform(0.05, 0.4)) if rng.random() < 0.2 else 0.0,
    )


def _camera(rng: Rng, spread: float) -> Camera:
    fov_y_deg = float(rng.uniform(28.0, 65.0))
    half_view_m = spread * float(np.exp(rng.uniform(np.log(0.22), np.log(0.55))))
    distance = half_view_m / math.tan(math.radians(fov_y_deg) / 2.0)
    elevation = math.radians(float(rng.uniform(14.0, 74.0)))
    azimuth = float(rng.uniform(-math.pi, math.pi))
    off = 0.35 * half_view_m
    look_at = (
        float(rng.uniform(-off, off)),
        float(rng.uniform(-off, off)),
        float(rng.uniform(0.0, 0.08)),
    )
    roll_deg = float(rng.normal(0.0, 4.0))
    return Camera.around(
        look_at, distance, elevation, azimuth, fov_y_deg=fov_y_deg, roll_deg=roll_deg
    )


def _surface(rng: Rng) -> int:
    return int(rng.integers(SURFACES))


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _tint(rng: Rng) -> Float3:
    """What a pattern is multiplied with, so that few of them serve many scenes."""
    if rng.random() < 0.4:
        return (1.0, 1.0, 1.0)
    red, green, blue = np.clip(rng.uniform(0.5, 1.6) * (1.0 + rng.uniform(-0.35, 0.35, 3)), 0, 2)
    return float(red), float(green), float(blue)


def _lamp_position(rng: Rng, near_m: float, far_m: float) -> Float3:
    elevation, azimuth = math.radians(rng.uniform(25.0, 88.0)), rng.uniform(-math.pi, math.pi)
    away = float(rng.uniform(near_m, far_m))
    flat = away * math.cos(elevation)
    return (
        float(flat * math.cos(azimuth)),
        float(flat * math.sin(azimuth)),
        away * math.sin(elevation),
    )


def _tinted(rng: Rng, strength: float) -> Float3:
    """Light of a strength, mostly a little warm or cold, seldom coloured."""
    warmth = float(rng.normal(0.0, 0.12))
    tint = np.array([1.0 + warmth, 1.0 + float(rng.normal(0.0, 0.04)), 1.0 - warmth])
    if rng.random() < 0.06:
        tint *= rng.uniform(0.5, 1.2, 3)
    red, green, blue = np.clip(strength * tint, 0.0, 2.0)
    return float(red), float(green), float(blue)


def _hand(rng: Rng, objects: tuple[EverydayObject, ...], reach: float) -> list[Piece]:
    """A hand that comes from outside to somewhere beside the things."""
    angle = float(rng.uniform(-math.pi, math.pi))
    out = np.array([math.cos(angle), math.sin(angle), 0.0])
    entry = out * (reach + 0.35) + np.array([0.0, 0.0, float(rng.uniform(0.05, 0.4))])
    goal = out * reach * float(rng.uniform(0.8, 1.1)) + np.array([0.0, 0.0, 0.05])
    return draw_hand(rng, entry, goal)


__all__ = ["MAX_OBJECTS", "EverydayScene", "Light", "everyday_rng", "sample_everyday_scene"]
