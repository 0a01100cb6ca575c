"""The ten kinds of things once more, each from a family of forms of its own.

None of these forms is one of the training's: they are what the models are measured on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ppcr_lab.worlds.profile_meshes import Points, TriangleMesh, joined, loft, tube, turn

Profile = list[tuple[float, float]]

_HALF_WIDTH_M = {
    "bowl": (0.047, 0.073),
    "plate": (0.062, 0.096),
    "tray": (0.064, 0.099),
}
_USUAL_HALF_WIDTH_M = (0.030, 0.049)
_JITTER = 0.05
_LYING = {"bottle": 0.2, "cylinder": 0.15}
_ON_ITS_SIDE: Points = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])


@dataclass(frozen=True)
class Shape:
    """The form of one thing, standing on z = 0 with its own middle in x and y at the origin.

    Attributes:
        body: what has its main colour.
        trim: what may have a second colour (handle, cap, rim, band); None where there is none.
        half_extent_m: half its lengths along its own axes.
        floor: radius and height in metres of the flat inside on which something may stand; None
            where nothing may.
    """

    body: TriangleMesh
    trim: TriangleMesh | None
    half_extent_m: tuple[float, float, float]
    floor: tuple[float, float] | None = None


@dataclass(frozen=True)
class _ShapeMeshes:
    body: TriangleMesh
    trim: TriangleMesh | None = None
    floor: tuple[float, float] | None = None


def make_shape(category: str, size: str, rng: np.random.Generator) -> Shape:
    """Draw one form of ``category`` in ``size``, ``small`` or ``large``."""
    half_m = _HALF_WIDTH_M.get(category, _USUAL_HALF_WIDTH_M)[size == "large"]
    half_m *= 1.0 + float(rng.uniform(-_JITTER, _JITTER))
    drawn = _MAKERS[category](half_m, rng)
    if rng.random() < _LYING.get(category, 0.0):
        drawn = _lying(drawn)
    parts = [drawn.body] if drawn.trim is None else [drawn.body, drawn.trim]
    whole = np.concatenate([part.vertices for part in parts])
    low, high = whole.min(axis=0), whole.max(axis=0)
    middle = (low + high) / 2.0
    shift = {"x": -float(middle[0]), "y": -float(middle[1]), "z": -float(low[2])}
    x, y, z = (high - low) / 2.0
    return Shape(
        drawn.body.moved(**shift),
        None if drawn.trim is None else drawn.trim.moved(**shift),
        (float(x), float(y), float(z)),
        drawn.floor,
    )


def _cube(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    half *= 0.92
    deep, high = half * rng.uniform(0.85, 1.0), half * rng.uniform(0.85, 1.1)
    edge = half * float(rng.choice([0.03, 0.08, 0.2]))
    body = _block(half, deep, 2.0 * high, edge)
    if rng.random() < 0.2:  # a building block
        studs = [
            turn(_can_profile(0.28 * half, 0.16 * half, 0.02 * half), 20).moved(
                sx * half / 2.0, sy * deep / 2.0, 2.0 * high - 0.01 * half
            )
            for sx in (-1, 1)
            for sy in (-1, 1)
        ]
        body = joined(body, *studs)
    return _ShapeMeshes(body)


def _ball(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    angles = np.linspace(-math.pi / 2.0, math.pi / 2.0, 25)
    profile = [(half * math.cos(a), half * (1.0 + math.sin(a))) for a in angles]
    wide = int(rng.integers(1, 3))
    return _banded(profile, 12 - wide, 12 + wide)


def _cylinder(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    radius = half * rng.uniform(0.72, 0.92)
    high = 2.0 * half * rng.uniform(0.85, 1.25)
    rim = radius * float(rng.choice([0.02, 0.06, 0.12]))
    profile = [(0.0, 0.0), (radius - rim, 0.0), (radius, rim)]
    profile += [(radius, high * share) for share in (0.2, 0.35, 0.65, 0.8)]
    profile += [(radius, high - rim), (radius - rim, high)]
    if rng.random() < 0.4:  # a can: its lid lies lower than its edge
        profile += [(radius - 1.6 * rim, high), (radius - 2.0 * rim, high - 0.5 * rim)]
        profile += [(0.0, high - 0.5 * rim)]
    else:
        profile += [(0.0, high)]
    return _banded(profile, *((4, 5) if rng.random() < 0.5 else (3, 6)))


def _capsule(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    radius = half * rng.uniform(0.5, 0.62)
    straight = half * rng.uniform(1.0, 1.5)
    angles = np.linspace(-math.pi / 2.0, 0.0, 9)
    low = [(radius * math.cos(a), radius * math.sin(a) - straight / 2.0) for a in angles]
    high = [(r, -z) for r, z in reversed(low)]
    profile = [*low, (radius, -straight / 6.0), (radius, straight / 6.0), *high]
    return _lying(_banded(profile, 9, 10))


def _cone(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    radius, high = half * rng.uniform(0.8, 0.95), half * rng.uniform(1.8, 2.5)
    tip = float(rng.choice([0.01, 0.06, 0.12]))
    bulge = rng.uniform(-0.04, 0.06)
    profile = [(0.0, 0.0), (radius, 0.0)]
    for share in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95):
        wide = 1.0 - share * (1.0 - tip) + bulge * math.sin(math.pi * share)
        profile.append((radius * wide, high * share))
    profile += [(radius * tip, high * 0.985), (0.0, high)]
    return _banded(profile, 4, 5)


def _mug(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    radius = half * 0.8
    high = 2.0 * radius * rng.uniform(0.95, 1.4)
    foot = radius * rng.uniform(0.68, 1.0)
    belly = rng.uniform(-0.04, 0.12)
    wall = radius * rng.uniform(0.06, 0.12)

    def outside(share: float) -> float:
        straight = foot + (radius - foot) * share
        return float(straight + belly * radius * math.sin(math.pi * share))

    shares = [0.04, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.985]
    profile = [(0.0, 0.0), (foot * 0.93, 0.0), *((outside(s), high * s) for s in shares)]
    profile += [(outside(1.0) - wall / 2.0, high)]
    profile += [(outside(s) - wall, high * s) for s in reversed(shares[1:])]
    profile += [(0.0, high * 0.1)]
    return _ShapeMeshes(turn(profile), _handle(outside, high, half, rng))


def _handle(
    outside: Callable[[float], float], high: float, half: float, rng: np.random.Generator
) -> TriangleMesh:
    low, top = rng.uniform(0.12, 0.3), rng.uniform(0.72, 0.92)
    reach = half * rng.uniform(0.42, 0.68)
    squareness = float(rng.choice([1.0, 0.7, 0.45]))  # 1 is a half circle, less is squarer
    angles = np.linspace(math.pi / 2.0, -math.pi / 2.0, 17)
    out = np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** squareness
    up = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** squareness
    share = (low + top) / 2.0 + (top - low) / 2.0 * up
    root = np.array([outside(float(s)) for s in share]) - 0.04 * half
    path = np.stack([root + reach * out, np.zeros_like(out), share * high], axis=1)
    return tube(path, half * rng.uniform(0.08, 0.16), half * rng.uniform(0.055, 0.1))


def _bottle(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    form = str(rng.choice(["wine", "squeeze", "water", "jug"]))
    wide = half * {"wine": 0.62, "squeeze": 0.72, "water": 0.66, "jug": 0.82}[form]
    wide *= rng.uniform(0.92, 1.08)
    high = half * {"wine": 3.5, "squeeze": 3.0, "water": 3.1, "jug": 2.6}[form]
    high *= rng.uniform(0.92, 1.08)
    bodies: dict[str, Profile] = {
        "wine": [(1.0, 0.03), (1.0, 0.5), (0.96, 0.56), (0.7, 0.63), (0.42, 0.69), (0.34, 0.8)],
        "squeeze": [(0.96, 0.03), (1.0, 0.2), (0.94, 0.5), (0.84, 0.68), (0.6, 0.75), (0.36, 0.78)],
        "water": [(1.0, 0.03), (1.0, 0.28), (0.86, 0.36), (0.86, 0.46), (1.0, 0.55), (0.9, 0.68),
                  (0.5, 0.79), (0.36, 0.83)],
        "jug": [(0.75, 0.03), (0.95, 0.14), (1.0, 0.3), (0.92, 0.46), (0.66, 0.6), (0.36, 0.7),
                (0.3, 0.8)],
    }  # fmt: skip
    profile = [(0.0, 0.0), (0.9 * wide * bodies[form][0][0], 0.0)]
    profile += [(wide * r, high * z) for r, z in bodies[form]]
    neck, neck_z = profile[-1]
    profile += [(0.0, neck_z)]
    if form == "squeeze":  # a nozzle
        cap = [(0.0, neck_z), (neck * 1.15, neck_z), (neck * 1.1, neck_z + 0.07 * high)]
        cap += [(neck * 0.4, neck_z + 0.1 * high), (neck * 0.25, high), (0.0, high)]
    else:
        lip = neck * rng.uniform(1.05, 1.25)
        cap = [(0.0, neck_z - 0.01 * high), (lip, neck_z - 0.01 * high), (lip, high * 0.99)]
        cap += [(lip * 0.9, high), (0.0, high)]
    return _ShapeMeshes(turn(profile), turn(cap, 28))


def _bowl(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    high = half * rng.uniform(0.72, 1.15)
    power = float(rng.choice([0.42, 0.6, 0.95]))  # round, flat-sided, conical
    foot = rng.uniform(0.42, 0.55)
    wall = half * rng.uniform(0.05, 0.09)
    shares = [0.0, 0.08, 0.2, 0.35, 0.5, 0.65, 0.8, 0.92, 0.985]
    wide = [half * (foot + (1.0 - foot) * share**power) for share in shares]
    outside = [(r, high * s) for r, s in zip(wide, shares, strict=True)]
    inside = [(r - wall, high * s) for r, s in zip(wide, shares, strict=True)][1:]
    floor_z = high * 0.08
    inside = [(r, max(z, floor_z)) for r, z in inside]
    profile = [(0.0, 0.0), *outside, (half - wall / 2.0, high), *reversed(inside), (0.0, floor_z)]
    top = len(outside)
    drawn = _banded(profile, top - 1, top + 3)
    resting = 0.12  # where the things in it touch its sides
    room = half * (foot + (1.0 - foot) * resting**power) - wall
    return _ShapeMeshes(drawn.body, drawn.trim, (0.95 * room, resting * high))


def _plate(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    high = half * rng.uniform(0.13, 0.24)
    flat = half * rng.uniform(0.6, 0.74)
    thick = half * 0.045
    profile = [(0.0, 0.0), (flat * 0.9, 0.0), (flat, 0.18 * high), (0.985 * half, high - thick)]
    profile += [(half, high - thick / 2.0), (0.985 * half, high), (0.9 * half, high * 0.9)]
    profile += [(flat * 1.02, 0.3 * high + thick), (flat * 0.94, thick), (0.0, thick)]
    drawn = _banded(profile, 3, 6)
    return _ShapeMeshes(drawn.body, drawn.trim, (0.9 * flat, thick))


def _tray(half: float, rng: np.random.Generator) -> _ShapeMeshes:
    deep = half * rng.uniform(0.6, 0.8)
    high = half * rng.uniform(0.18, 0.32)
    wall = half * rng.uniform(0.04, 0.07)
    corner = half * float(rng.choice([0.05, 0.15, 0.3]))
    lean = half * rng.uniform(0.0, 0.08)
    floor = wall * 0.8
    low = (half - lean, deep - lean, corner)
    edge = (half, deep, corner)
    inner = (half - wall, deep - wall, max(corner - wall, 0.02 * half))
    inner_low = (low[0] - wall, low[1] - wall, inner[2])
    at = 0.78 * high
    body = loft([(*low, 0.0), (*_mixed(low, edge, 0.78), at), (*_mixed(inner_low, inner, 0.78), at),
                 (*inner_low, floor)])  # fmt: skip
    trim = _ring_of([(*_mixed(low, edge, 0.78), at), (*edge, high), (*inner, high),
                     (*_mixed(inner_low, inner, 0.78), at)])  # fmt: skip
    return _ShapeMeshes(body, trim, (0.95 * inner_low[1], floor))


def _block(half_x: float, half_y: float, high: float, edge: float) -> TriangleMesh:
    rings = []
    for share in np.linspace(0.0, math.pi / 2.0, 4):
        out, up = edge * (1.0 - math.sin(share)), edge * (1.0 - math.cos(share))
        rings.append((half_x - out, half_y - out, edge, up))
    rings += [(x, y, corner, high - z) for x, y, corner, z in reversed(rings)]
    return loft(rings)


def _can_profile(radius: float, high: float, edge: float) -> Profile:
    return [(0.0, 0.0), (radius, 0.0), (radius, high - edge), (radius - edge, high), (0.0, high)]


def _lying(drawn: _ShapeMeshes) -> _ShapeMeshes:
    trim = None if drawn.trim is None else drawn.trim.turned(_ON_ITS_SIDE)
    return _ShapeMeshes(drawn.body.turned(_ON_ITS_SIDE), trim)


def _banded(profile: Profile, start: int, end: int) -> _ShapeMeshes:
    """``profile`` turned, its stretch from point ``start`` to ``end`` as the trim."""
    low, band, high = profile[: start + 1], profile[start : end + 1], profile[end:]
    return _ShapeMeshes(joined(turn(low), turn(high)), turn(band))


def _ring_of(rings: list[tuple[float, float, float, float]]) -> TriangleMesh:
    """`loft` without its two lids."""
    whole = loft(rings)
    per_ring = len(whole.vertices) // (len(rings) + 2)
    lids = 2 * per_ring
    return TriangleMesh(whole.vertices, whole.faces[lids:-lids])


def _mixed(
    one: tuple[float, float, float], other: tuple[float, float, float], share: float
) -> tuple[float, float, float]:
    x, y, corner = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return x, y, corner


_MAKERS: dict[str, Callable[[float, np.random.Generator], _ShapeMeshes]] = {
    "cube": _cube,
    "ball": _ball,
    "cylinder": _cylinder,
    "capsule": _capsule,
    "cone": _cone,
    "mug": _mug,
    "bowl": _bowl,
    "bottle": _bottle,
    "plate": _plate,
    "tray": _tray,
}
