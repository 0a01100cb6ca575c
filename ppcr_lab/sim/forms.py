"""The forms of the ten categories, made by formula.

Each form fills the box from -1 to 1 along every axis, to be scaled by an object's half extents. It
has a body, and a trim: the part that a two-tone object has in its second colour, lying close
around the body.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from ppcr_lab.sim.meshes import (
    Floats,
    Mesh,
    between,
    box,
    curve,
    grid,
    joined,
    laid,
    lid,
    line,
    moved,
    ring_band,
    rounded,
    turned,
)
from ppcr_lab.sim.objects import INNER_FLOOR

_ARC = 12
_COAT = 0.012
"""How far a trim lies outside the body, of the half extent."""
_MUG_AXIS_X = -0.22
_MUG_RADIUS = 0.78
"""A mug's body along x: its extent holds the handle too (as wide as 1 along y)."""


@dataclass(frozen=True)
class Form:
    """Meshes of a category: always the body, and the trim where there is one."""

    body: Mesh
    trim: Mesh


def forms() -> dict[str, Form]:
    """Return the form of each category."""
    return {
        "cube": _cube(),
        "ball": _ball(),
        "cylinder": _cylinder(),
        "capsule": _capsule(),
        "cone": _cone(),
        "mug": _mug(),
        "bowl": _bowl(),
        "bottle": _bottle(),
        "plate": _plate(),
        "tray": _tray(),
    }


def _cube() -> Form:
    band = 1.0 + _COAT
    return Form(box((1.0, 1.0, 1.0), 0.06), box((band, band, 0.30), 0.02))


def _ball() -> Form:
    angles = np.linspace(-0.5 * math.pi, 0.5 * math.pi, 2 * _ARC)
    band = np.linspace(-0.28, 0.28, 7)
    coat = 1.0 + _COAT
    return Form(
        turned([curve(np.cos(angles), np.sin(angles))]),
        turned([curve(coat * np.cos(band), coat * np.sin(band))]),
    )


def _cylinder() -> Form:
    edge = 0.05
    outline = rounded([(0.0, -1.0), (1.0, -1.0), (1.0, 1.0), (0.0, 1.0)], edge)
    return Form(turned(outline), turned([line((1 + _COAT, -0.28), (1 + _COAT, 0.28))]))


def _capsule() -> Form:
    """Return a capsule along x whose ends are round where it is 1.85 times as long as wide."""
    cap = 1.0 / 1.85
    angles = np.linspace(0.0, 0.5 * math.pi, _ARC)
    low = curve(np.sin(angles), -1.0 + cap * (1.0 - np.cos(angles)))
    high = curve(np.cos(angles), 1.0 - cap * (1.0 - np.sin(angles)))
    side = line((1.0, cap - 1.0), (1.0, 1.0 - cap))
    band = line((1 + _COAT, -0.16), (1 + _COAT, 0.16))
    return Form(*(laid(turned(outline)) for outline in ([low, side, high], [band])))


def _cone() -> Form:
    tip = 0.04
    side = line((1.0, -1.0), (tip, 1.0 - tip))
    top = line((tip, 1.0 - tip), (0.0, 1.0))
    at = [between((1.0, -1.0), (0.0, 1.0), share) for share in (0.30, 0.52)]
    band = line(*((r + 1.5 * _COAT, z) for r, z in at))
    return Form(turned([line((0.0, -1.0), (1.0, -1.0)), side, top]), turned([band]))


def _mug() -> Form:
    wall = 0.88
    outline = [
        *rounded([(0.0, -1.0), (1.0, -1.0), (1.0, 1.0), (wall, 1.0), (wall, -0.85)], 0.05),
        line((wall, -0.85), (0.0, -0.85)),
    ]
    shift = np.array([_MUG_AXIS_X, 0.0, 0.0])
    scale = np.array([_MUG_RADIUS, 1.0, 1.0])
    body = moved(turned(outline), scale, shift)
    handle = _handle()
    band = moved(turned([line((1 + _COAT, 0.55), (1 + _COAT, 0.85))]), scale, shift)
    # The handle is drawn twice where it is trim, the second one a little thicker.
    return Form(joined(body, handle), joined(band, _handle(1.08)))


def _handle(thickness: float = 1.0) -> Mesh:
    """Return half a ring at the side of a mug."""
    along, around = 20, 12
    start = _MUG_AXIS_X + _MUG_RADIUS - 0.06
    radius_x, radius_z = thickness * 0.085, thickness * 0.115
    reach_x, reach_z = 1.0 - 0.085 - start, 0.55
    bend = np.linspace(-0.5 * math.pi, 0.5 * math.pi, along)[:, None]
    turn = np.linspace(0.0, 2.0 * math.pi, around + 1)[None, :]
    out_x, out_z = np.cos(bend), np.sin(bend)
    vertices = np.stack(
        np.broadcast_arrays(
            start + reach_x * out_x + radius_x * np.cos(turn) * out_x,
            thickness * 0.13 * np.sin(turn),
            reach_z * out_z + radius_z * np.cos(turn) * out_z,
        ),
        axis=-1,
    )
    normals = np.stack(
        np.broadcast_arrays(np.cos(turn) * out_x, np.sin(turn), np.cos(turn) * out_z), axis=-1
    )
    return grid(vertices, normals)


def _bowl() -> Form:
    flat, _, floor = INNER_FLOOR["bowl"]
    turn = np.linspace(0.0, 0.5 * math.pi, _ARC)
    outside = curve(0.50 + 0.50 * np.sin(turn), 1.0 - 2.0 * np.cos(turn))
    inside = curve(0.94 - (0.94 - flat) * (1.0 - np.cos(turn)), 1.0 - (1.0 - floor) * np.sin(turn))
    rim = rounded([(1.0, 0.9), (1.0, 1.0), (0.94, 1.0), (0.94, 0.9)], 0.02)[1:-1]
    outline = [line((0.0, -1.0), (0.50, -1.0)), outside, *rim, inside]
    outline.append(line((flat, floor), (0.0, floor)))
    coat = _COAT
    trim = [
        line((1.0 + coat - 0.03, 0.55), (1.0 + coat, 1.0 + coat)),
        line((1.0 + coat, 1.0 + coat), (0.94 - coat, 1.0 + coat)),
        line((0.94 - coat, 1.0 + coat), (0.94 - 0.025, 0.60)),
    ]
    return Form(turned(outline), turned(trim))


def _bottle() -> Form:
    neck, shoulder, cap = 0.36, 0.15, 0.74
    turn = np.linspace(0.0, 0.5 * math.pi, _ARC)
    # The shoulder bends outward, then inward, into the neck.
    swing = np.linspace(0.0, math.pi, 2 * _ARC)
    heights: Floats = shoulder + 0.42 * np.arange(2.0 * _ARC) / (2 * _ARC - 1)
    bend = curve(neck + (1.0 - neck) * 0.5 * (1.0 + np.cos(swing)), heights)
    foot = curve(1.0 - 0.12 * (1.0 - np.sin(turn)), -1.0 + 0.05 * (1.0 - np.cos(turn)))
    outline = [
        line((0.0, -1.0), (0.88, -1.0)),
        foot,
        line((1.0, -0.95), (1.0, shoulder)),
        bend,
        line((neck, 0.57), (neck, cap)),
        *rounded([(0.44, cap), (0.44, 1.0), (0.0, 1.0)], 0.04),
    ]
    trim = rounded(
        [(neck, cap - 0.01), (0.47, cap - 0.01), (0.47, 1.0 + _COAT), (0.0, 1.0 + _COAT)], 0.04
    )
    return Form(turned(outline), turned(trim))


def _plate() -> Form:
    flat, _, floor = INNER_FLOOR["plate"]
    outline = [
        line((0.0, -1.0), (0.60, -1.0)),
        line((0.60, -1.0), (1.0, 0.75)),
        *rounded([(1.0, 0.75), (1.0, 1.0), (0.96, 1.0)], 0.02),
        line((0.96, 1.0), (0.70, 0.25)),
        line((0.70, 0.25), (flat, floor)),
        line((flat, floor), (0.0, floor)),
    ]
    lift = 0.06
    trim = [
        line((1.0 + _COAT, 0.75), (1.0 + _COAT, 1.0 + lift)),
        line((1.0 + _COAT, 1.0 + lift), (0.96, 1.0 + lift)),
        line((0.96, 1.0 + lift), (0.80, 0.54 + lift)),
    ]
    return Form(turned(outline), turned(trim))


def _tray() -> Form:
    inner_x, inner_y, floor = INNER_FLOOR["tray"]
    rim_x, rim_y = 0.94, 0.92
    corner = 0.10
    rings = [
        (0.93, 0.90, -1.0),
        (1.0, 1.0, 1.0),
        (rim_x, rim_y, 1.0),
        (inner_x, inner_y, floor),
    ]
    lift = 0.05
    trim = [
        (1.0 - 0.02 + _COAT, 1.0 - 0.03 + _COAT, 0.40),
        (1.0 + _COAT, 1.0 + _COAT, 1.0 + lift),
        (rim_x - _COAT, rim_y - _COAT, 1.0 + lift),
        (rim_x - 0.02, rim_y - 0.03, 0.30),
    ]
    body = [ring_band(low, high, corner) for low, high in itertools.pairwise(rings)]
    body += [lid(rings[0], corner, up=False), lid(rings[-1], corner, up=True)]
    bands = [ring_band(low, high, corner) for low, high in itertools.pairwise(trim)]
    return Form(joined(*body), joined(*bands))
