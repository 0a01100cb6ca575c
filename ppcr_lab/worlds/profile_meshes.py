"""Meshes from profiles: turned, lofted and bent. Lengths are metres, z points up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Triangles = NDArray[np.int64]

_SMOOTH_BELOW_DEG = 38.0
_CORNER_STEPS = 5


@dataclass(frozen=True)
class TriangleMesh:
    """A surface of triangles.

    Attributes:
        vertices: (n, 3) float64, metres.
        faces: (m, 3) int64, counter-clockwise seen from outside.
    """

    vertices: Points
    faces: Triangles

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> TriangleMesh:
        """This mesh at another place."""
        return TriangleMesh(self.vertices + np.array([x, y, z]), self.faces)

    def turned(self, rotation: Points) -> TriangleMesh:
        """This mesh turned by a (3, 3) rotation."""
        return TriangleMesh(self.vertices @ rotation.T, self.faces)


def joined(*meshes: TriangleMesh) -> TriangleMesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return TriangleMesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
    )


def turn(profile: list[tuple[float, float]], steps: int = 40) -> TriangleMesh:
    """``profile``, points (radius, z) from bottom to top along the outside, turned about z."""
    angles = np.linspace(0.0, 2.0 * math.pi, steps, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings = [np.column_stack([radius * circle, np.full(steps, z)]) for radius, z in profile]
    return _between(rings)


def loft(rings: list[tuple[float, float, float, float]]) -> TriangleMesh:
    """Rounded rectangles (half x, half y, corner radius, z) joined in their order, both ends shut.

    Begins at the outside's bottom; a ring may lie inside the one before, for a floor.
    """
    outlines = [_rounded(*ring, _CORNER_STEPS) for ring in rings]
    first, last = (np.repeat(o.mean(axis=0)[None], len(o), 0) for o in (outlines[0], outlines[-1]))
    return _between([first, *outlines, last])


def tube(path: Points, half_wide: float, half_thick: float, steps: int = 10) -> TriangleMesh:
    """An oval tube along ``path`` (n, 3), which lies in the plane y = 0."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.cross(along, [0.0, 1.0, 0.0])
    angles = np.linspace(0.0, 2.0 * math.pi, steps, endpoint=False)
    rings = [
        point
        + half_thick * np.outer(np.cos(angles), side)
        - half_wide * np.outer(np.sin(angles), [0.0, 1.0, 0.0])
        for point, side in zip(path, aside, strict=True)
    ]
    return _between([np.repeat(path[:1], steps, 0), *rings, np.repeat(path[-1:], steps, 0)])


def with_normals(mesh: TriangleMesh) -> tuple[Points, Points, Triangles]:
    """Vertices (k, 3), unit normals (k, 3) and faces (m, 3), smooth but across sharp edges.

    Each corner of a triangle is a vertex of its own, so that a sharp edge may have two normals.
    """
    corners = mesh.vertices[mesh.faces]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(crossed, axis=1)
    kept = areas > 1e-14
    corners, crossed, areas = corners[kept], crossed[kept], areas[kept]
    flat = np.repeat(crossed / areas[:, None], 3, axis=0)
    weighed = np.repeat(crossed, 3, axis=0)
    places = np.unique(np.round(corners.reshape(-1, 3), 7), axis=0, return_inverse=True)[1]
    order = np.argsort(places.ravel(), kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(places.ravel()[order])) + 1)
    normals = np.empty_like(flat)
    least = math.cos(math.radians(_SMOOTH_BELOW_DEG))
    for group in groups:
        alike = flat[group] @ flat[group].T >= least
        normals[group] = alike @ weighed[group]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return corners.reshape(-1, 3), normals, np.arange(3 * len(corners)).reshape(-1, 3)


def _rounded(half_x: float, half_y: float, corner: float, z: float, steps: int) -> Points:
    corner = min(corner, half_x, half_y)
    angles = np.linspace(0.0, math.pi / 2.0, steps)
    points = []
    for quarter, (sign_x, sign_y) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        turned = angles + quarter * math.pi / 2.0
        points.append(
            np.stack(
                [
                    sign_x * (half_x - corner) + corner * np.cos(turned),
                    sign_y * (half_y - corner) + corner * np.sin(turned),
                    np.full(steps, z),
                ],
                axis=1,
            )
        )
    return np.concatenate(points)


def _between(rings: list[Points]) -> TriangleMesh:
    """Triangles between each ring of points and the next; all rings are as long."""
    count = len(rings[0])
    here = np.arange(count)
    there = np.roll(here, -1)
    faces = []
    for ring in range(len(rings) - 1):
        low, high = ring * count, (ring + 1) * count
        faces.append(np.stack([low + here, low + there, high + there], axis=1))
        faces.append(np.stack([low + here, high + there, high + here], axis=1))
    return TriangleMesh(np.concatenate(rings), np.concatenate(faces).astype(np.int64))
