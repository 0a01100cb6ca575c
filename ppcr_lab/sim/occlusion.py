"""Estimates without rendering how much of each object is seen.

Every object stands for a box about as big as its silhouette. Rays from the camera through a grid
over an object that reach the box of another one first do not see it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.objects import ObjectSpec

_GRID = 7
_IMAGE_ASPECT = 4.0 / 3.0
_FILL = {
    "cube": (1.0, 1.0, 1.0),
    "ball": (0.886, 0.886, 0.886),
    "cylinder": (0.886, 0.886, 1.0),
    "capsule": (0.95, 0.886, 0.886),
    "cone": (0.55, 0.55, 1.0),
    "mug": (0.85, 0.886, 1.0),
    "bowl": (0.84, 0.84, 0.5),
    "bottle": (0.75, 0.75, 1.0),
    "plate": (0.886, 0.886, 1.0),
    "tray": (1.0, 1.0, 1.0),
}
"""The box that stands for an object, as a share of its own extents; it keeps the bottom."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Visibility:
    """The objects that a camera sees so far, and how much of each.

    Boxes are normalised: xyxy in a 4:3 image whose sides run from -1 to 1.
    """

    def __init__(self, camera: Camera) -> None:
        slope = math.tan(math.radians(camera.fov_y_deg) / 2.0)
        self._origin = np.asarray(camera.position_m)
        self._rotation = camera.table_r_optical()
        self._slopes = np.array([slope * _IMAGE_ASPECT, slope])
        self._shapes: Floats = np.empty((0, 8))
        self._boxes: Floats = np.empty((0, 4))
        self._rays: Floats = np.empty((0, _GRID**2, 3))
        self._reach: Floats = np.empty((0, _GRID**2))
        self._seen: Bools = np.empty((0, _GRID**2), dtype=np.bool_)

    def box(self, spec: ObjectSpec) -> Floats:
        """Return the (4,) normalised box around the corners of ``spec``."""
        points = (spec.corners_m() - self._origin) @ self._rotation
        image = points[:, :2] / points[:, 2:] / self._slopes
        return np.concatenate([image.min(axis=0), image.max(axis=0)])

    def add(self, spec: ObjectSpec, box: Floats, least_share: float) -> bool:
        """Add an object with its box; False, changing nothing, where too little would be seen.

        ``least_share`` is the smallest share that must be seen of it and of all others.
        """
        shape = _shape(spec)
        rays = self._rays_through(box)
        reach = self._entry(rays, shape)
        hit = np.isfinite(reach)
        touching = np.flatnonzero(
            np.all(self._boxes[:, :2] < box[2:], axis=1)
            & np.all(self._boxes[:, 2:] > box[:2], axis=1)
        )
        seen = hit
        if touching.size:
            first = self._entry(rays[None], self._shapes[touching, None]).min(axis=0)
            seen = hit & (reach < first)
            if seen.sum() < least_share * hit.sum():
                return False
            others = self._seen[touching] & (
                self._entry(self._rays[touching], shape) > self._reach[touching]
            )
            whole = np.isfinite(self._reach[touching]).sum(axis=1)
            if np.any(others.sum(axis=1) < least_share * whole):
                return False
            self._seen[touching] = others
        self._shapes = np.concatenate([self._shapes, shape[None]])
        self._boxes = np.concatenate([self._boxes, box[None]])
        self._rays = np.concatenate([self._rays, rays[None]])
        self._reach = np.concatenate([self._reach, reach[None]])
        self._seen = np.concatenate([self._seen, seen[None]])
        return True

    def shares(self) -> Floats:
        """Return (n,): which share of each object is seen, in the order of adding."""
        shares: Floats = self._seen.sum(axis=1) / np.isfinite(self._reach).sum(axis=1)
        return shares

    def _rays_through(self, box: Floats) -> Floats:
        """Return (rays, 3) directions, table frame, through a grid of points in a box."""
        steps = (np.arange(_GRID) + 0.5) / _GRID
        across = (box[0] + (box[2] - box[0]) * steps) * self._slopes[0]
        down = (box[1] + (box[3] - box[1]) * steps) * self._slopes[1]
        optical = np.ones((_GRID, _GRID, 3))
        optical[..., 0] = across
        optical[..., 1] = down[:, None]
        rays: Floats = optical.reshape(-1, 3) @ self._rotation.T
        return rays

    def _entry(self, rays: Floats, shapes: Floats) -> Floats:
        """Return where rays (..., 3) enter boxes (..., 8), in lengths of the ray, else inf."""
        cos, sin = shapes[..., 6], shapes[..., 7]
        offset = self._origin - shapes[..., :3]
        start = _turned(offset, cos, sin)
        # A ray that runs along a face: any tiny slope gives the same answer.
        along = _turned(rays, cos, sin)
        along = np.where(np.abs(along) < 1e-12, 1e-12, along)
        one = (-shapes[..., 3:6] - start) / along
        other = (shapes[..., 3:6] - start) / along
        near = np.minimum(one, other).max(axis=-1)
        far = np.maximum(one, other).min(axis=-1)
        entry: Floats = np.where(near < far, near, np.inf)
        return entry


def _shape(spec: ObjectSpec) -> Floats:
    """Return (8,): centre, half extents, cosine and sine of the yaw of the box for an object."""
    fill = _FILL[spec.category]
    half = np.asarray(spec.half_extent_m) * fill
    x, y, z = spec.position_m
    bottom = z - spec.half_extent_m[2]
    return np.array([x, y, bottom + half[2], *half, math.cos(spec.yaw_rad), math.sin(spec.yaw_rad)])


def _turned(vectors: Floats, cos: Floats, sin: Floats) -> Floats:
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    across = cos * x + sin * y
    return np.stack([across, cos * y - sin * x, np.broadcast_to(z, across.shape)], axis=-1)
