"""The families of forms: ten makers, one a category, each drawing another form every time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ppcr_lab.sim.everyday.shapes import (
    COAT,
    FittedForm,
    Parts,
    Rng,
    at,
    block,
    coat,
    disc_stack,
    draw_label,
    fitted,
    merged,
    patch,
    smooth,
)
from ppcr_lab.sim.everyday.vessels import draw_bottle, draw_bowl, draw_mug, draw_plate, draw_tray
from ppcr_lab.sim.meshes import Mesh, curve, joined, line, rounded, turned

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
        x, y, z = (
            float(rng.uniform(1.3, 2.6)),
            float(rng.uniform(0.6, 1.0)),
            float(rng.uniform(0.5, 1.0)),
        )
    elif way < 0.75:  # a tall one
        x, y, z = (
            float(rng.uniform(0.7, 1.0)),
            float(rng.uniform(0.5, 1.0)),
            float(rng.uniform(1.2, 1.8)),
        )
    edge = float(rng.uniform(0.02, 0.2)) * min(x, y, z)
    body = block((x, y, z), edge)
    if rng.random() < 0.35:
        body = joined(body, _studs(rng, x, y, z))
    low = float(rng.uniform(-0.6, 0.2)) * z
    band = float(rng.uniform(0.15, 0.4)) * z
    trim = at(block((x + COAT, y + COAT, band), 0.01), (0.0, 0.0, low))
    print_z = float(rng.uniform(0.25, 0.6)) * z
    label = at(block((x + 1.5 * COAT, float(rng.uniform(0.3, 0.8)) * y, print_z), 0.005), (0, 0, 0))
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
            (0.0, -half),
            (1.0, -half),
            (1.0, rim - half),
            (1.0 - groove, 2 * rim - half),
            (1.0 - groove, half - 2 * rim),
            (1.0, half - rim),
            (1.0, half),
            (0.92, half),
            (0.90, half - rim),
            (0.0, half - rim),
        ]
        outline = np.array(points[1:7])
    else:
        points = [(0.0, -half), (1.0, -half), (1.0, half), (0.0, half)]
        outline = np.array(points[1:3])
    body = disc_stack(points, edge)
    if rng.random() < 0.4:  # a lid
        trim = turned(
            rounded(
                [
                    (1.03, half * float(rng.uniform(0.55, 0.85))),
                    (1.03, half + 0.03),
                    (0.0, half + 0.03),
                ],
                0.04,
            )
        )
    else:
        low = float(rng.uniform(-0.7, 0.3)) * half
        trim = coat(outline, low, low + float(rng.uniform(0.2, 0.6)) * half, COAT)
    return Parts(body, trim, draw_label(rng, outline)), None


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
        trim = coat(outline, middle - 0.2 * half, middle + 0.2 * half, COAT)
    return Parts(body, trim, draw_label(rng, outline, (1.0 - half, half - 1.0))), None


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
            parts.append(
                disc_stack([(0.0, -tall), (foot, -tall), (foot, 0.1 - tall), (0.9, 0.1 - tall)])
            )
    low = float(rng.uniform(-0.6, 0.1)) * tall
    trim = coat(side, low, low + float(rng.uniform(0.2, 0.45)) * tall, COAT)
    return Parts(merged(*parts), trim, draw_label(rng, side, (-0.8 * tall, 0.2 * tall))), 1.0


Maker = Callable[[Rng], tuple[Parts, float | None]]
_MAKERS: dict[str, Maker] = {
    "cube": _cube,
    "ball": _ball,
    "cylinder": _cylinder,
    "capsule": _capsule,
    "cone": _cone,
    "mug": draw_mug,
    "bowl": draw_bowl,
    "bottle": draw_bottle,
    "plate": draw_plate,
    "tray": draw_tray,
}
