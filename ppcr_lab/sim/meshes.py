"""Triangle meshes made by formula: surfaces of revolution, boxes, and bands between rings."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

_AROUND = 40


@dataclass(frozen=True)
class Mesh:
    """Triangles, anticlockwise seen from outside.

    Attributes:
        vertices: (n, 3) points, -1..1.
        normals: (n, 3) unit normals.
        faces: (m, 3) indices of vertices.
    """

    vertices: Floats
    normals: Floats
    faces: Ints


def curve(radii: Floats, heights: Floats) -> Floats:
    """Return an outline (n, 2) of radius and height: up the outside, inward at the top."""
    return np.stack([radii, heights], axis=1)


def line(start: tuple[float, float], end: tuple[float, float]) -> Floats:
    """Return an outline (2, 2) from one point (radius, height) to another."""
    return np.array([start, end], dtype=np.float64)


def between(
    start: tuple[float, float], end: tuple[float, float], share: float
) -> tuple[float, float]:
    """Return the point at ``share`` of the way."""
    return (
        start[0] + share * (end[0] - start[0]),
        start[1] + share * (end[1] - start[1]),
    )


def rounded(points: list[tuple[float, float]], radius: float) -> list[Floats]:
    """Return the lines through points, with a small curve at each inner corner."""
    corners = np.array(points, dtype=np.float64)
    curves: list[Floats] = []
    start = corners[0]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        into = corner + radius * (before - corner) / np.linalg.norm(before - corner)
        out = corner + radius * (after - corner) / np.linalg.norm(after - corner)
        curves.append(np.stack([start, into]))
        share = np.linspace(0.0, 1.0, 5)[:, None]
        curves.append((1 - share) ** 2 * into + 2 * share * (1 - share) * corner + share**2 * out)
        start = out
    curves.append(np.stack([start, corners[-1]]))
    return curves


def turned(curves: list[Floats]) -> Mesh:
    """Return the surface that curves sweep about the z axis; between two curves is a crease."""
    turn = np.linspace(0.0, 2.0 * math.pi, _AROUND + 1)
    cos, sin = np.cos(turn), np.sin(turn)
    parts = []
    for curve in curves:
        along = np.gradient(curve, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
        out, up = along[:, 1], -along[:, 0]
        radii, heights = curve[:, 0], curve[:, 1]
        vertices = np.stack(
            [np.outer(radii, cos), np.outer(radii, sin), np.outer(heights, np.ones_like(cos))],
            axis=-1,
        )
        normals = np.stack(
            [np.outer(out, cos), np.outer(out, sin), np.outer(up, np.ones_like(cos))], axis=-1
        )
        parts.append(grid(vertices, normals))
    return joined(*parts)


def grid(vertices: Floats, normals: Floats) -> Mesh:
    """Return the mesh of a (rows, columns, 3) net of points, without its empty triangles."""
    rows, columns = vertices.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    flat = vertices.reshape(-1, 3)
    unit = normals.reshape(-1, 3)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    corners = flat[faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = (facing * unit[faces].sum(axis=1)).sum(axis=1) < 0.0
    faces[inward] = faces[inward][:, ::-1]
    area = np.linalg.norm(facing, axis=1)
    return Mesh(flat, unit, faces[area > 1e-9].astype(np.int32))


def joined(*parts: Mesh) -> Mesh:
    """Return several meshes as one."""
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate(
            [part.faces + offset for part, offset in zip(parts, offsets, strict=False)]
        ).astype(np.int32),
    )


def moved(mesh: Mesh, scale: Floats, shift: Floats) -> Mesh:
    """Return a mesh stretched by ``scale`` (3,), then moved by ``shift`` (3,)."""
    normals = mesh.normals / scale
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Mesh(mesh.vertices * scale + shift, normals, mesh.faces)


def laid(mesh: Mesh) -> Mesh:
    """Return a mesh whose z axis has become x."""
    turn = [2, 0, 1]
    return Mesh(mesh.vertices[:, turn], mesh.normals[:, turn], mesh.faces)


def box(half: tuple[float, float, float], edge: float) -> Mesh:
    """Return a box with chamfered edges."""
    extent = np.array(half)
    parts = []
    signs = (-1.0, 1.0)
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for sign in signs:
            corners = np.zeros((4, 3))
            corners[:, axis] = sign * extent[axis]
            corners[:, u] = np.array([-1, 1, 1, -1]) * (extent[u] - edge)
            corners[:, v] = np.array([-1, -1, 1, 1]) * (extent[v] - edge)
            parts.append(_facet(corners, np.eye(3)[axis] * sign))
        for sign_u in signs:
            for sign_v in signs:
                corners = np.zeros((4, 3))
                corners[:, axis] = np.array([-1, 1, 1, -1]) * (extent[axis] - edge)
                corners[:, u] = sign_u * (extent[u] - edge * np.array([0, 0, 1, 1]))
                corners[:, v] = sign_v * (extent[v] - edge * np.array([1, 1, 0, 0]))
                parts.append(_facet(corners, np.eye(3)[u] * sign_u + np.eye(3)[v] * sign_v))
    for outward in itertools.product(signs, repeat=3):
        facet: Floats = np.array(outward) * (extent - edge * (1.0 - np.eye(3)))
        parts.append(_facet(facet, np.array(outward)))
    return joined(*parts)


def _facet(corners: Floats, outward: Floats) -> Mesh:
    """Return a flat convex polygon that faces ``outward``."""
    normal = outward / np.linalg.norm(outward)
    if np.dot(np.cross(corners[1] - corners[0], corners[2] - corners[0]), normal) < 0:
        corners = corners[::-1]
    count = len(corners)
    faces = np.array([[0, i, i + 1] for i in range(1, count - 1)], dtype=np.int32)
    return Mesh(corners, np.tile(normal, (count, 1)), faces)


def _ring(size: tuple[float, float, float], corner: float) -> tuple[Floats, Floats]:
    """Return a rectangle with round corners: (n, 3) points, anticlockwise, and normals (n, 2)."""
    x, y, z = size
    turn = np.linspace(0.0, 0.5 * math.pi, 6)
    points, normals = [], []
    for quarter, (sign_x, sign_y) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        angle = turn + 0.5 * math.pi * quarter
        out = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points.append(np.array([sign_x * (x - corner), sign_y * (y - corner)]) + corner * out)
        normals.append(out)
    flat = np.concatenate(points)
    flat, out = np.concatenate([flat, flat[:1]]), np.concatenate([*normals, normals[0][:1]])
    return np.column_stack([flat, np.full(len(flat), z)]), out


def ring_band(
    low: tuple[float, float, float], high: tuple[float, float, float], corner: float
) -> Mesh:
    """Return the surface between two rings; anticlockwise rings have their outside on the right."""
    (first, out), (second, _) = _ring(low, corner), _ring(high, corner)
    rise, run = high[2] - low[2], high[0] - low[0]
    normals = np.column_stack([out * rise, np.full(len(out), -run)])
    vertices = np.stack([first, second])
    return grid(vertices, np.stack([normals, normals]))


def lid(size: tuple[float, float, float], corner: float, up: bool) -> Mesh:
    """Return the flat inside of a ring (half length, half width, height) with round corners."""
    points, _ = _ring(size, corner)
    return _facet(points[:-1], np.array([0.0, 0.0, 1.0 if up else -1.0]))
