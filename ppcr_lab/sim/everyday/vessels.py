"""The families of what holds something: mugs, bowls, bottles, plates, trays."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ppcr_lab.sim.everyday.shapes import (
    COAT,
    Parts,
    Rng,
    at,
    coat,
    draw_label,
    merged,
    smooth,
    squared,
    tube,
)
from ppcr_lab.sim.meshes import Floats, Mesh, curve, joined, lid, line, ring_band, rounded, turned


def draw_mug(rng: Rng) -> tuple[Parts, float | None]:
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
    label = draw_label(rng, side)
    rim = coat(side, tall * float(rng.uniform(0.5, 0.85)), tall, COAT)
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


def draw_bowl(rng: Rng) -> tuple[Parts, float | None]:
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
    trim = merged(
        coat(side, low, deep, COAT),
        turned([line((rim + 0.01, deep + 0.03), (0.98 - wall, deep + 0.03))]),
    )
    label = draw_label(rng, side)
    if rng.random() < 0.15:
        power = float(rng.uniform(2.6, 4.5))
        body, trim = squared(body, power), squared(trim, power)
        label = squared(label, power)
    return Parts(body, trim, label, (0.85 * flat, 0.85 * flat, floor)), None


def draw_bottle(rng: Rng) -> tuple[Parts, float | None]:
    """A wine, water, squeeze or medicine bottle, a flask, a jug with a narrow neck."""
    tall = float(rng.uniform(1.5, 3.4))
    neck = float(rng.uniform(0.22, 0.5))
    shoulder = tall * float(rng.uniform(-0.1, 0.6))
    neck_at = min(shoulder + float(rng.uniform(0.25, 0.9)), tall * 0.82)
    waist = 1.0 - (float(rng.uniform(0.0, 0.25)) if rng.random() < 0.4 else 0.0)
    foot = float(rng.uniform(0.8, 1.0))
    base = -tall
    side = smooth(
        [
            (foot, base),
            (1.0, base + 0.15 * tall),
            (waist, 0.5 * (base + shoulder)),
            (1.0, shoulder),
            (neck, neck_at),
        ]
    )
    cap = _cap(rng, neck, tall, neck_at)
    upper = line((neck, neck_at), (neck, tall))
    body = turned([line((0.0, base), (foot, base)), side, upper, *cap])
    low, high = base + 0.12 * tall, shoulder
    trim = turned([c * np.array([1.05, 1.0]) + np.array([0.005, 0.005]) for c in cap])
    if rng.random() < 0.35:
        trim = merged(trim, coat(side, low, low + 0.5 * (high - low), COAT))
    label = draw_label(rng, side, (low, high))
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
        return [
            line((neck, low), (wide, low)),
            smooth([(wide, low), (0.6 * wide, low + 0.3), (tip, tall + 0.25)]),
            line((tip, tall + 0.25), (0.0, tall + 0.25)),
        ]
    turn = np.linspace(-0.4 * math.pi, 0.5 * math.pi, 10)
    return [curve(wide * np.cos(turn), low + wide * (1.0 + np.sin(turn)))]


def draw_plate(rng: Rng) -> tuple[Parts, float | None]:
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
    body, trim, label = (at(m, (0, 0, 0), (1.0, slim, 1.0)) for m in (body, trim, label))
    inner = (0.9 * flat, 0.9 * flat * slim, floor)
    return Parts(body, trim, label, inner), 1.0


def draw_tray(rng: Rng) -> tuple[Parts, float | None]:
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
    sides = [ring_band(a, b, corner) for a, b in itertools.pairwise(rings)]
    body = joined(*sides, lid(rings[0], corner, up=False), lid(rings[-1], corner, up=True))
    if rng.random() < 0.3:
        grip = tube(
            np.stack(
                [
                    1.0 + 0.15 * np.sin(np.linspace(0, math.pi, 12)),
                    np.linspace(-0.3, 0.3, 12) * y,
                    np.full(12, 0.8 * high),
                ],
                axis=1,
            ),
            0.03,
        )
        mirrored = Mesh(
            grip.vertices * np.array([-1.0, -1.0, 1.0]),
            grip.normals * np.array([-1.0, -1.0, 1.0]),
            grip.faces,
        )
        body = joined(body, grip, mirrored)
    top = high + 0.015
    edge = [
        (1.015, y + 0.015, 0.2 * high),
        (1.015, y + 0.015, top),
        (1.0 - wall - 0.02, y - wall - 0.02, top),
    ]
    trim = joined(*(ring_band(a, b, corner) for a, b in itertools.pairwise(edge)))
    inner = (1.0 - wall - slope - 0.03, y - wall - slope - 0.03, floor)
    size = float(rng.uniform(0.2, 0.5))
    label = lid((size, size * y, floor + 0.01), 0.5 * size * y, up=True)
    return Parts(body, trim, label, inner), 1.0
