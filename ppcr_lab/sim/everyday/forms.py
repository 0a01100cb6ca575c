"""The families of forms: ten makers, one a category, each drawing another form every time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ppcr_lab.sim.everyday.shapes import (
    FittedForm,
    Parts,
    at,
    block,
    coat,
    disc_stack,
    fitted,
    merged,
    patch,
    smooth,
    squared,
    tube,
)
from ppcr_lab.sim.meshes import Floats, Mesh, curve, joined, lid, line, ring_band, rounded, turned

Rng = np.random.Generator
_COAT = 0.015
_LYING = {"bottle": 0.22, "mug": 0.12, "cylinder": 0.25, "cone": 0.12, "capsule": 0.75}
_UPSIDE_DOWN = {"bowl": 0.12, "mug": 0.08, "plate": 0.06}


def draw_form(category: str, rng: Rng) -> FittedForm:
    """Return a form of ``category``, in a pose that it can rest in."""
    parts, width = _MAKERS[category](rng)
    draw = rng.random()
    lying, over = _LYING.get(category, 0.0), _UPSIDE_DOWN.get(category, 0.0)
    pose = "lying" if draw < lying else "upside down" if draw > 1.0 - over else "standing"
    return fitted(parts, pose, width)


def _cube(rng: Rng) -> tuple[Parts, float | None]:
    """A cube, a box, a brick with studs, a slab on its edge."""
    x, y, z = (float(v) for v in rng.uniform(0.75, 1.25, 3))
    way = rng.random()
    if way < 0.35:
        x = y = z = 1.0
    elif way < 0.6:  # a long block
        x, y, z = float(rng.uniform(1.3, 2.6)), float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.5, 1.0))
    elif way < 0.75:  # a tall one
        x, y, z = float(rng.uniform(0.7, 1.0)), float(rng.uniform(0.5, 1.0)), float(rng.uniform(1.2, 1.8))
    edge = float(rng.uniform(0.02, 0.2)) * min(x, y, z)
    body = block((x, y, z), edge)
    if rng.random() < 0.35:
        body = joined(body, _studs(rng, x, y, z))
    low = float(rng.uniform(-0.6, 0.2)) * z
    band = float(rng.uniform(0.15, 0.4)) * z
    trim = at(block((x + _COAT, y + _COAT, band), 0.01), (0.0, 0.0, low))
    print_z = float(rng.uniform(0.25, 0.6)) * z
    label = at(block((x + 1.5 * _COAT, float(rng.uniform(0.3, 0.8)) * y, print_z), 0.005), (0, 0, 0))
    return Parts(body, trim, label), 1.15 * math.sqrt(x * y)


def _studs(rng: Rng, x: float, y: float, z: float) -> Mesh:
    """Round knobs on top, in a row or two."""
    pitch = float(rng.uniform(0.55, 0.95))
    columns, rows = max(1, round(2 * x / pitch / 1.0)), max(1, round(2 * y / pitch))
    radius = 0.36 * min(2 * x / columns, 2 * y / rows)
    high = radius * float(rng.uniform(0.4, 1.2))
    if rng.random() < 0.5:
        turn = np.linspace(0.0, 0.5 * math.pi, 6)
        knob = turned([curve(radius * np.cos(turn), high * np.sin(turn))])
    else:
        knob = disc_stack([(radius, 0.0), (radius, high), (0.0, high)], 0.02)
    xs = (np.arange(columns) + 0.5) * 2 * x / columns - x
    ys = (np.arange(rows) + 0.5) * 2 * y / rows - y
    return joined(*(at(knob, (float(i), float(j), z)) for i in xs for j in ys))


def _ball(rng: Rng) -> tuple[Parts, float | None]:
    angles = np.linspace(-0.5 * math.pi, 0.5 * math.pi, 20)
    body = turned([curve(np.cos(angles), np.sin(angles))])
    low = float(rng.uniform(-0.9, 0.4))
    band = np.linspace(low, low + float(rng.uniform(0.4, 1.0)), 8)
    outline = curve(np.cos(angles), np.sin(angles))
    trim = turned([curve(1.01 * np.cos(band), 1.01 * np.sin(band))])
    if rng.random() < 0.5:  # a belt that stands upright
        trim = Mesh(trim.vertices[:, [2, 0, 1]], trim.normals[:, [2, 0, 1]], trim.faces)
    size = float(rng.uniform(0.15, 0.45))
    label = patch(outline, -size, size, 0.012, (0.0, float(rng.uniform(0.5, 1.5))))
    return Parts(body, trim, label), None


def _cylinder(rng: Rng) -> tuple[Parts, float | None]:
    """A can with or without rims, a roll, a drum, a disc, a candle."""
    half = float(np.exp(rng.uniform(np.log(0.55), np.log(2.2))))
    edge = float(rng.uniform(0.02, 0.12))
    if rng.random() < 0.45:  # the seams of a can
        rim, groove = float(rng.uniform(0.03, 0.08)), float(rng.uniform(0.03, 0.1))
        points = [
            (0.0, -half), (1.0, -half), (1.0, rim - half), (1.0 - groove, 2 * rim - half),
            (1.0 - groove, half - 2 * rim), (1.0, half - rim), (1.0, half),
            (0.92, half), (0.90, half - rim), (0.0, half - rim),
        ]  # fmt: skip
        outline = np.array(points[1:7])
    else:
        points = [(0.0, -half), (1.0, -half), (1.0, half), (0.0, half)]
        outline = np.array(points[1:3])
    body = disc_stack(points, edge)
    if rng.random() < 0.4:  # a lid
        trim = turned(
            rounded([(1.03, half * float(rng.uniform(0.55, 0.85))), (1.03, half + 0.03), (0.0, half + 0.03)], 0.04)
        )
    else:
        low = float(rng.uniform(-0.7, 0.3)) * half
        trim = coat(outline, low, low + float(rng.uniform(0.2, 0.6)) * half, _COAT)
    return Parts(body, trim, _label(rng, outline)), None


def _label(rng: Rng, outline: Floats, within: tuple[float, float] | None = None) -> Mesh:
    """A print around a part of a turned side."""
    low, high = within or (float(outline[:, 1].min()), float(outline[:, 1].max()))
    tall = high - low
    share = float(rng.uniform(0.25, 0.6))
    start = low + tall * float(rng.uniform(0.08, 0.92 - share))
    arc = 2.0 * math.pi * float(rng.choice([1.0, rng.uniform(0.2, 0.6)]))
    turn = float(rng.uniform(0.0, 2.0 * math.pi))
    return patch(outline, start, start + share * tall, 1.6 * _COAT, (turn, turn + arc))


def _capsule(rng: Rng) -> tuple[Parts, float | None]:
    half = float(rng.uniform(1.5, 2.8))
    angles = np.linspace(0.0, 0.5 * math.pi, 12)
    low = curve(np.sin(angles), -half + 1.0 - np.cos(angles))
    high = curve(np.cos(angles), half - 1.0 + np.sin(angles))
    body = turned([low, line((1.0, 1.0 - half), (1.0, half - 1.0)), high])
    outline = np.concatenate([low, high])
    if rng.random() < 0.5:  # half and half, as pills are
        grown = high * np.array([1.02, 1.0]) + np.array([0.0, 0.01])
        trim = turned([line((1.02, 0.0), (1.02, half - 1.0)), grown])
    else:
        middle = float(rng.uniform(-0.3, 0.3)) * half
        trim = coat(outline, middle - 0.2 * half, middle + 0.2 * half, _COAT)
    return Parts(body, trim, _label(rng, outline, (1.0 - half, half - 1.0))), None


def _cone(rng: Rng) -> tuple[Parts, float | None]:
    """A plain cone, one with a blunt tip, one that stands on a plate."""
    tall = float(rng.uniform(0.8, 1.8))
    tip = float(rng.choice([0.03, rng.uniform(0.03, 0.25)]))
    bulge = float(rng.uniform(-0.12, 0.12))
    side = smooth([(1.0, -tall), (0.5 * (1 + tip) + bulge, 0.0), (tip, tall)])
    parts = [turned([line((0.0, -tall), (1.0, -tall)), side, line((tip, tall), (0.0, tall))])]
    if rng.random() < 0.3:
        foot = float(rng.uniform(1.1, 1.4))
        if rng.random() < 0.5:
            parts.append(at(block((foot, foot, 0.06), 0.02), (0.0, 0.0, 0.06 - tall)))
        else:
            parts.append(disc_stack([(0.0, -tall), (foot, -tall), (foot, 0.1 - tall), (0.9, 0.1 - tall)]))
    low = float(rng.uniform(-0.6, 0.1)) * tall
    trim = coat(side, low, low + float(rng.uniform(0.2, 0.45)) * tall, _COAT)
    return Parts(merged(*parts), trim, _label(rng, side, (-0.8 * tall, 0.2 * tall))), 1.0


def _mug(rng: Rng) -> tuple[Parts, float | None]:
    """A mug or cup: straight, conical or round; its handle of any shape, or none."""
    tall = float(rng.uniform(0.8, 1.5))
    foot = float(rng.uniform(0.6, 1.0)) if rng.random() < 0.6 else 1.0
    belly = 0.5 * (foot + 1.0) + float(rng.uniform(-0.1, 0.15))
    wall = float(rng.uniform(0.03, 0.12))
    side = smooth([(foot, -tall), (belly, 0.0), (1.0, tall)])
    if rng.random() < 0.4:
        side = np.array([(foot, -tall), (0.5 * (foot + 1.0), 0.0), (1.0, tall)])
    inside = np.stack([np.maximum(side[:, 0] - wall, 0.05), side[:, 1]], axis=1)[::-1]
    floor = 0.12 - tall
    inside = inside[inside[:, 1] >= floor]
    body = turned(
        [
            line((0.0, -tall), (foot, -tall)),
            side,
            line((1.0, tall), (1.0 - wall, tall)),
            inside,
            line((float(inside[-1, 0]), float(inside[-1, 1])), (0.0, floor)),
        ]
    )
    power = float(rng.uniform(2.5, 4.0)) if rng.random() < 0.12 else 2.0
    body = squared(body, power) if power > 2.0 else body
    label = _label(rng, side)
    rim = coat(side, tall * float(rng.uniform(0.5, 0.85)), tall, _COAT)
    if rng.random() < 0.25:  # a cup has none
        return Parts(body, rim, label), 1.0
    handle, thick = _handle(rng, side, tall)
    trim = merged(rim, thick) if rng.random() < 0.5 else thick
    return Parts(joined(body, handle), trim, label), 1.0


def _handle(rng: Rng, side: Floats, tall: float) -> tuple[Mesh, Mesh]:
    """A mug's handle, and the same a little thicker."""
    top = tall * float(rng.uniform(0.45, 0.85))
    bottom = -tall * float(rng.uniform(0.2, 0.8))
    reach = float(rng.uniform(0.35, 0.75))
    power = float(rng.uniform(1.6, 4.0))  # from an ear to a right angle
    turn = np.linspace(-0.5 * math.pi, 0.5 * math.pi, 22)
    cos, sin = np.cos(turn), np.sin(turn)
    out = np.abs(cos) ** (2.0 / power)
    up = np.sign(sin) * np.abs(sin) ** (2.0 / power)
    heights = 0.5 * (top + bottom) + 0.5 * (top - bottom) * up
    droop = float(rng.uniform(-0.15, 0.15))
    base = np.interp(heights, side[:, 1], side[:, 0]) - 0.05
    xs = base + out * (reach + droop * up)
    path = np.stack([xs, np.zeros_like(xs), heights], axis=1)
    radius = float(rng.uniform(0.06, 0.14))
    flat = float(rng.uniform(1.0, 2.0))
    scale = (1.0, flat, 1.0)
    return at(tube(path, radius), (0, 0, 0), scale), at(tube(path, 1.12 * radius), (0, 0, 0), scale)


def _bowl(rng: Rng) -> tuple[Parts, float | None]:
    """A deep or shallow bowl; round, conical, with a foot, a wide rim or nearly square."""
    deep = float(rng.uniform(0.28, 0.75))
    foot = float(rng.uniform(0.35, 0.7))
    belly = foot + (1.0 - foot) * float(rng.uniform(0.5, 0.95))
    wall = float(rng.uniform(0.02, 0.08))
    side = smooth([(foot, -deep), (belly, -0.1 * deep), (1.0, deep)])
    floor = -deep + float(rng.uniform(0.06, 0.2)) * deep + wall
    inside = (side - np.array([wall, 0.0]))[::-1]
    inside = inside[inside[:, 1] > floor]
    flat = max(foot - 1.5 * wall, 0.2)
    rim = 1.005 + (float(rng.uniform(0.05, 0.2)) if rng.random() < 0.15 else 0.0)
    body = turned(
        [
            line((0.0, -deep), (foot, -deep)),
            side,
            line((1.0, deep), (rim, deep)),
            line((rim, deep), (rim, deep + 0.02)),
            line((rim, deep + 0.02), (1.0 - wall, deep + 0.02)),
            inside,
            line((float(inside[-1, 0]), float(inside[-1, 1])), (flat, floor)),
            line((flat, floor), (0.0, floor)),
        ]
    )
    low = deep * float(rng.uniform(-0.3, 0.6))
    trim = merged(coat(side, low, deep, _COAT), turned([line((rim + 0.01, deep + 0.03), (0.98 - wall, deep + 0.03))]))
    label = _label(rng, side)
    if rng.random() < 0.15:
        power = float(rng.uniform(2.6, 4.5))
        body, trim = squared(body, power), squared(trim, power)
        label = squared(label, power)
    return Parts(body, trim, label, (0.85 * flat, 0.85 * flat, floor)), None


def _bottle(rng: Rng) -> tuple[Parts, float | None]:
    """A wine, water, squeeze or medicine bottle, a flask, a jug with a narrow neck."""
    tall = float(rng.uniform(1.5, 3.4))
    neck = float(rng.uniform(0.22, 0.5))
    shoulder = tall * float(rng.uniform(-0.1, 0.6))
    neck_at = min(shoulder + float(rng.uniform(0.25, 0.9)), tall * 0.82)
    waist = 1.0 - (float(rng.uniform(0.0, 0.25)) if rng.random() < 0.4 else 0.0)
    foot = float(rng.uniform(0.8, 1.0))
    base = -tall
    side = smooth(
        [(foot, base), (1.0, base + 0.15 * tall), (waist, 0.5 * (base + shoulder)), (1.0, shoulder),
         (neck, neck_at)]
    )  # fmt: skip
    cap = _cap(rng, neck, tall, neck_at)
    upper = line((neck, neck_at), (neck, tall))
    body = turned([line((0.0, base), (foot, base)), side, upper, *cap])
    low, high = base + 0.12 * tall, shoulder
    trim = turned([c * np.array([1.05, 1.0]) + np.array([0.005, 0.005]) for c in cap])
    if rng.random() < 0.35:
        trim = merged(trim, coat(side, low, low + 0.5 * (high - low), _COAT))
    label = _label(rng, side, (low, high))
    if rng.random() < 0.3:  # flat, as squeeze bottles are
        slim = float(rng.uniform(0.5, 0.85))
        body, trim, label = (at(m, (0, 0, 0), (1.0, slim, 1.0)) for m in (body, trim, label))
    elif rng.random() < 0.2:
        power = float(rng.uniform(2.6, 4.0))
        body, trim, label = (squared(m, power) for m in (body, trim, label))
    return Parts(body, trim, label), 1.25


def _cap(rng: Rng, neck: float, tall: float, neck_at: float) -> list[Floats]:
    """The outline of a cap: a cylinder, a cone, a nozzle, a ball."""
    low = tall - float(rng.uniform(0.15, 0.5)) * (tall - neck_at) - 0.08
    wide = neck * float(rng.uniform(1.05, 1.5))
    way = rng.random()
    if way < 0.5:
        return rounded([(neck, low), (wide, low), (wide, tall), (0.0, tall)], 0.05)
    if way < 0.8:  # a nozzle
        tip = float(rng.uniform(0.05, 0.15))
        return [line((neck, low), (wide, low)), smooth([(wide, low), (0.6 * wide, low + 0.3), (tip, tall + 0.25)]),
                line((tip, tall + 0.25), (0.0, tall + 0.25))]  # fmt: skip
    turn = np.linspace(-0.4 * math.pi, 0.5 * math.pi, 10)
    return [curve(wide * np.cos(turn), low + wide * (1.0 + np.sin(turn)))]


def _plate(rng: Rng) -> tuple[Parts, float | None]:
    """A flat or deep plate, round, oval or nearly square."""
    high = float(rng.uniform(0.06, 0.17))
    foot, rim = float(rng.uniform(0.5, 0.75)), float(rng.uniform(0.0, 0.3))
    flat = foot + float(rng.uniform(-0.05, 0.1))
    floor = high * float(rng.uniform(-0.7, -0.2))
    thick = 0.03
    body = turned(
        [
            line((0.0, -high), (foot, -high)),
            smooth([(foot, -high), (1.0 - 0.6 * rim, 0.5 * high), (1.0, high)]),
            line((1.0, high), (1.0 - thick, high + 0.01)),
            smooth([(1.0 - thick, high + 0.01), (1.0 - rim - thick, 0.3 * high), (flat, floor)]),
            line((flat, floor), (0.0, floor)),
        ]
    )
    inner_rim = 1.0 - thick - float(rng.uniform(0.05, 0.25))
    trim = turned([line((1.01, high + 0.02), (inner_rim, high + 0.02))])
    label = turned([line((float(rng.uniform(0.15, 0.4)), floor + 0.012), (0.0, floor + 0.012))])
    if rng.random() < 0.2:
        power = float(rng.uniform(2.6, 5.0))
        body, trim, label = (squared(m, power) for m in (body, trim, label))
    slim = float(rng.uniform(0.65, 0.9)) if rng.random() < 0.12 else 1.0
    parts = (at(m, (0, 0, 0), (1.0, slim, 1.0)) for m in (body, trim, label))
    inner = (0.9 * flat, 0.9 * flat * slim, floor)
    return Parts(*parts, inner=inner), 1.0


def _tray(rng: Rng) -> tuple[Parts, float | None]:
    """A tray of any shape of rectangle, low or high, steep or flat, with or without handles."""
    y, high = float(rng.uniform(0.5, 0.95)), float(rng.uniform(0.06, 0.2))
    slope, wall = float(rng.uniform(0.0, 0.12)), float(rng.uniform(0.02, 0.07))
    corner = float(rng.uniform(0.03, 0.25))
    floor = high * float(rng.uniform(-0.8, -0.4))
    rings = [
        (1.0 - slope, y - slope, -high),
        (1.0, y, high),
        (1.0 - wall, y - wall, high),
        (1.0 - wall - slope, y - wall - slope, floor),
    ]
    sides = [ring_band(a, b, corner) for a, b in zip(rings, rings[1:], strict=False)]
    body = joined(*sides, lid(rings[0], corner, up=False), lid(rings[-1], corner, up=True))
    if rng.random() < 0.3:
        grip = tube(
            np.stack([1.0 + 0.15 * np.sin(np.linspace(0, math.pi, 12)), np.linspace(-0.3, 0.3, 12) * y,
                      np.full(12, 0.8 * high)], axis=1), 0.03)  # fmt: skip
        mirrored = Mesh(grip.vertices * np.array([-1.0, -1.0, 1.0]), grip.normals * np.array([-1.0, -1.0, 1.0]), grip.faces)
        body = joined(body, grip, mirrored)
    top = high + 0.015
    edge = [(1.015, y + 0.015, 0.2 * high), (1.015, y + 0.015, top), (1.0 - wall - 0.02, y - wall - 0.02, top)]
    trim = joined(*(ring_band(a, b, corner) for a, b in zip(edge, edge[1:], strict=False)))
    inner = (1.0 - wall - slope - 0.03, y - wall - slope - 0.03, floor)
    size = float(rng.uniform(0.2, 0.5))
    label = lid((size, size * y, floor + 0.01), 0.5 * size * y, up=True)
    return Parts(body, trim, label, inner), 1.0


Maker = Callable[[Rng], tuple[Parts, float | None]]
_MAKERS: dict[str, Maker] = {
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
