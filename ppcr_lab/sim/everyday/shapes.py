"""Forms of the ten categories, each drawn from a family: parts in natural proportions.

A form is made standing, its axis along z, in any unit; `fitted` turns it as it rests, and brings it
into the box from -1 to 1 that the renderer stretches to an object's half extents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.meshes import Floats, Mesh, box, curve, grid, joined, moved, rounded, turned
from ppcr_lab.sim.objects import Float3

Rng = np.random.Generator
COAT = 0.015
"""How far a trim lies outside the body."""
_SMOOTH_STEPS = 8


@dataclass(frozen=True)
class Parts:
    """Meshes of an object; parts that it lacks are None.

    Attributes:
        body: in the object's colour.
        trim: in its second colour, where it has one: a band, rim, cap or handle.
        label: a print around its side.
        inner: where something can stand in it: half the length and width of the flat inside, and
            its height, in the parts' own unit.
    """

    body: Mesh
    trim: Mesh | None = None
    label: Mesh | None = None
    inner: Float3 | None = None


@dataclass(frozen=True)
class FittedForm:
    """A form in the box from -1 to 1, as it rests.

    ``proportions`` are its half extents for a half width of 1; ``inner`` is in half extents.
    """

    body: Mesh
    trim: Mesh | None
    label: Mesh | None
    inner: Float3 | None
    proportions: Float3
    pose: str


def fitted(parts: Parts, pose: str, width: float | None = None) -> FittedForm:
    """Return ``parts`` as they rest in ``pose``; ``width`` is the half width of the standing body,
    where a handle makes it wider."""
    turn = {"standing": _same, "lying": _laid_mesh, "upside down": _upside_down}[pose]
    meshes = [
        None if mesh is None else turn(mesh) for mesh in (parts.body, parts.trim, parts.label)
    ]
    body = meshes[0]
    if body is None:
        raise ValueError("a form has no body")
    low, high = body.vertices.min(axis=0), body.vertices.max(axis=0)
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    fit = [None if mesh is None else moved(mesh, 1.0 / half, -middle / half) for mesh in meshes]
    unit = width if width is not None else max(_standing_width(parts.body))
    inner = None
    if parts.inner is not None and pose == "standing":
        flat_x, flat_y, floor = parts.inner
        inner = (flat_x / half[0], flat_y / half[1], (floor - middle[2]) / half[2])
    first = fit[0]
    assert first is not None
    x, y, z = (float(value) / unit for value in half)
    return FittedForm(first, fit[1], fit[2], inner, (x, y, z), pose)


def _standing_width(body: Mesh) -> tuple[float, float]:
    span = np.ptp(body.vertices, axis=0) / 2.0
    return float(span[0]), float(span[1])


def _same(mesh: Mesh) -> Mesh:
    return mesh


def _laid_mesh(mesh: Mesh) -> Mesh:
    """The z axis has become x, as of something that lies on its side."""
    order = [2, 0, 1]
    return Mesh(mesh.vertices[:, order], mesh.normals[:, order], mesh.faces)


def _upside_down(mesh: Mesh) -> Mesh:
    """Turned by half about the x axis."""
    sign = np.array([1.0, -1.0, -1.0])
    return Mesh(mesh.vertices * sign, mesh.normals * sign, mesh.faces)


def smooth(points: list[tuple[float, float]]) -> Floats:
    """Return a smooth outline (n, 2) of radius and height through points (Catmull-Rom)."""
    known = np.array([points[0], *points, points[-1]], dtype=np.float64)
    share = np.linspace(0.0, 1.0, _SMOOTH_STEPS, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(known, known[1:], known[2:], known[3:], strict=False):
        parts.append(
            0.5
            * (
                2 * b
                + (c - a) * share
                + (2 * a - 5 * b + 4 * c - d) * share**2
                + (3 * b - a - 3 * c + d) * share**3
            )
        )
    outline: Floats = np.concatenate([*parts, known[-1:]])
    outline[:, 0] = np.maximum(outline[:, 0], 0.0)
    return outline


def side_radius(outline: Floats, heights: Floats) -> Floats:
    """Return the radius at each of ``heights`` of an outline that only rises."""
    order = np.argsort(outline[:, 1], kind="stable")
    radius: Floats = np.interp(heights, outline[order, 1], outline[order, 0])
    return radius


def coat(outline: Floats, low: float, high: float, thickness: float) -> Mesh:
    """Return a band around a turned side between two heights, a little outside of it."""
    heights: Floats = np.linspace(low, high, 8, dtype=np.float64)
    return turned([curve(side_radius(outline, heights) + thickness, heights)])


def patch(
    outline: Floats, low: float, high: float, thickness: float, arc: tuple[float, float]
) -> Mesh:
    """Return a label: a part of such a band between two angles."""
    heights: Floats = np.linspace(low, high, 8, dtype=np.float64)
    radii = side_radius(outline, heights) + thickness
    turn = np.linspace(*arc, 20)
    cos, sin = np.cos(turn), np.sin(turn)
    vertices = np.stack(
        [np.outer(radii, cos), np.outer(radii, sin), np.outer(heights, np.ones_like(cos))], axis=-1
    )
    normals = np.broadcast_to(np.stack([cos, sin, np.zeros_like(cos)], -1)[None], vertices.shape)
    return grid(vertices, np.array(normals))


def tube(path: Floats, radius: float | Floats, around: int = 10) -> Mesh:
    """Return a tube along points (n, 3), for handles and cables."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    helper = np.array([0.0, 1.0, 0.0])
    side = np.cross(along, helper)
    weak = np.linalg.norm(side, axis=1) < 1e-3
    side[weak] = np.cross(along[weak], np.array([1.0, 0.0, 0.0]))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, along)
    turn = np.linspace(0.0, 2.0 * math.pi, around + 1)
    ring = np.cos(turn)[None, :, None] * side[:, None] + np.sin(turn)[None, :, None] * up[:, None]
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64).reshape(-1, 1, 1), ring.shape)
    return grid(path[:, None] + radii * ring, ring)


def squared(mesh: Mesh, power: float) -> Mesh:
    """Return a turned mesh with a rounder square for its circle; ``power`` 2 changes nothing."""
    x, y = mesh.vertices[:, 0], mesh.vertices[:, 1]
    reach = np.hypot(x, y)
    safe = np.maximum(reach, 1e-9)
    cos, sin = np.abs(x) / safe, np.abs(y) / safe
    grow = 1.0 / np.maximum(cos**power + sin**power, 1e-9) ** (1.0 / power)
    grow[reach < 1e-9] = 1.0
    vertices = mesh.vertices * np.stack([grow, grow, np.ones_like(grow)], axis=1)
    flat = mesh.normals.copy()
    flat[:, 0] = np.sign(x) * cos ** (power - 1.0) * np.abs(np.hypot(*mesh.normals[:, :2].T))
    flat[:, 1] = np.sign(y) * sin ** (power - 1.0) * np.abs(np.hypot(*mesh.normals[:, :2].T))
    inward = (mesh.normals[:, 0] * x + mesh.normals[:, 1] * y) < 0.0
    flat[inward, :2] *= -1.0
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    flat[reach < 1e-6] = mesh.normals[reach < 1e-6]
    return Mesh(vertices, flat, mesh.faces)


def at(mesh: Mesh, shift: tuple[float, float, float], scale: float | Float3 = 1.0) -> Mesh:
    """Return ``mesh`` scaled, then moved."""
    factors: NDArray[np.float64] = np.broadcast_to(np.asarray(scale, np.float64), (3,)).copy()
    return moved(mesh, factors, np.asarray(shift, dtype=np.float64))


def block(half: Float3, edge: float) -> Mesh:
    """Return a box with chamfered edges (`meshes.box`), its half extents given."""
    return box(half, edge)


def disc_stack(points: list[tuple[float, float]], edge: float = 0.03) -> Mesh:
    """Return a turned body through points of radius and height, its corners a little rounded."""
    return turned(rounded(points, edge))


def without(parts: Parts, *, trim: bool = False, label: bool = False) -> Parts:
    """Return ``parts`` without what is named."""
    return replace(
        parts,
        trim=None if trim else parts.trim,
        label=None if label else parts.label,
    )


def merged(*meshes: Mesh | None) -> Mesh:
    """Return those meshes that are there as one."""
    return joined(*(mesh for mesh in meshes if mesh is not None))


def draw_label(rng: Rng, outline: Floats, within: tuple[float, float] | None = None) -> Mesh:
    """A print around a part of a turned side."""
    low, high = within or (float(outline[:, 1].min()), float(outline[:, 1].max()))
    tall = high - low
    share = float(rng.uniform(0.25, 0.6))
    start = low + tall * float(rng.uniform(0.08, 0.92 - share))
    arc = 2.0 * math.pi * float(rng.choice([1.0, rng.uniform(0.2, 0.6)]))
    turn = float(rng.uniform(0.0, 2.0 * math.pi))
    return patch(outline, start, start + share * tall, 1.6 * COAT, (turn, turn + arc))
