"""Measures the width of thin boxes, books and packets in a stereo camera's depth.

``python -m ppcr_lab.evaluation.thin_boxes`` prints the table of docs/grasping.md. Depth is worked
out by formula; then come the faults of a stereo camera: errors of 1 % of the distance that reach
over neighbouring pixels, disparity in eighths of a pixel, whole millimetres, holes along edges.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np

from ppcr_ros.core.grasp.grasping import grasp_target
from ppcr_ros.core.grasp.mask_cleaning import grown
from ppcr_ros.core.types import Array, Status

_WIDTH_PX, _HEIGHT_PX, _FOCAL_PX = 640, 480, 600.0
_MATRIX = np.array([[_FOCAL_PX, 0, 319.5], [0, _FOCAL_PX, 239.5], [0, 0, 1.0]])
_BASELINE_M, _STEPS_OF_DISPARITY = 0.05, 8.0
_ERROR, _ERROR_REACH_PX = 0.01, 2.0
_EDGE_M = 0.04

Size = tuple[float, float, float]


@dataclass(frozen=True)
class Kind:
    """A kind of thing: how its length, width and height are drawn, and from where it is seen."""

    size_m: Callable[[np.random.Generator], Size]
    round: bool = False
    wall_m: float = 0.0
    """How thick walls and floor are of what is open above; 0 for what is full."""
    elevation_deg: tuple[float, float] = (20.0, 55.0)


def _cube(rng: np.random.Generator) -> Size:
    side = rng.uniform(0.05, 0.09)
    return side, side * rng.uniform(0.9, 1.0), side


def _cylinder(rng: np.random.Generator) -> Size:
    diameter = rng.uniform(0.05, 0.09)
    return diameter, diameter, rng.uniform(0.06, 0.14)


def _within(*bounds: tuple[float, float]) -> Callable[[np.random.Generator], Size]:
    def draw_size(rng: np.random.Generator) -> Size:
        length, width, height = (rng.uniform(*item) for item in bounds)
        return length, width, height

    return draw_size


KINDS = {
    "thin box": Kind(_within((0.08, 0.16), (0.03, 0.05), (0.12, 0.20))),
    "book": Kind(_within((0.14, 0.20), (0.018, 0.035), (0.18, 0.25))),
    "packet": Kind(_within((0.07, 0.11), (0.035, 0.06), (0.09, 0.15))),
    "book lying": Kind(_within((0.18, 0.25), (0.12, 0.17), (0.018, 0.035))),
    "tray": Kind(_within((0.16, 0.22), (0.12, 0.15), (0.02, 0.035)), wall_m=0.006),
    "cube": Kind(_cube),
    "cylinder": Kind(_cylinder, round=True),
}


@dataclass(frozen=True)
class ThingOnTable:
    """One thing on a table.

    Attributes:
        depth_m: (H, W) float64, without errors.
        mask: (H, W) bool, the thing.
        matrix: (3, 3) intrinsics.
        table_r_camera: (3, 3) rotation of the camera's optical frame into the table's.
        size_m: (3,) length, width, height.
        yaw_rad: how the length is turned from the table's x.
    """

    depth_m: Array
    mask: Array
    matrix: Array
    table_r_camera: Array
    size_m: Array
    yaw_rad: float


@dataclass(frozen=True)
class SizeError:
    """Relative errors; negative where the thing comes out too small."""

    width: float
    length: float
    height: float


def draw(kind: Kind, rng: np.random.Generator) -> ThingOnTable:
    """A thing of a kind, anywhere near the table's middle, seen from 0.5 to 0.9 m."""
    size_m = np.array(kind.size_m(rng))
    elevation, distance_m = np.radians(rng.uniform(*kind.elevation_deg)), rng.uniform(0.5, 0.9)
    eye_m = distance_m * np.array([0.0, -np.cos(elevation), np.sin(elevation)])
    forward = -eye_m / distance_m
    right = np.cross(forward, [0.0, 0.0, 1.0]) / np.cos(elevation)
    turn = np.stack([right, np.cross(forward, right), forward], axis=1)
    columns, rows = np.meshgrid(np.arange(_WIDTH_PX), np.arange(_HEIGHT_PX))
    pixels = np.stack([columns, rows, np.ones(columns.shape)], axis=-1)
    rays = pixels @ np.linalg.inv(_MATRIX).T @ turn.T
    yaw_rad, place_m = rng.uniform(0.0, np.pi), rng.uniform(-0.08, 0.08, 2)
    start_m = eye_m - np.array([*place_m, 0.0])
    if kind.round:
        thing_m = _meet_cylinder(start_m, rays, size_m)
    else:
        thing_m = _meet_box(start_m, rays, size_m, yaw_rad, kind.wall_m)
    table_m = -eye_m[2] / rays[..., 2]
    table_m = np.where(table_m > 0, table_m, 3.0)
    mask = thing_m < table_m
    return ThingOnTable(np.where(mask, thing_m, table_m), mask, _MATRIX, turn, size_m, yaw_rad)


def _meet_box(eye_m: Array, rays: Array, size_m: Array, yaw_rad: float, wall_m: float) -> Array:
    """Distances to a box that stands at the origin, open above or full; inf where there is none."""
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    own = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    half, up = size_m / 2.0, np.array([0.0, 0.0, size_m[2] / 2.0])
    start, along = own @ eye_m - up, rays @ own.T
    along = np.where(np.abs(along) < 1e-12, 1e-12, along)
    near, far = _passes(start, along, half)
    met: Array = np.where(near < far, near, np.inf)
    if wall_m:  # through the opening: what is seen then is where the line leaves the hollow
        hollow = half - np.array([wall_m, wall_m, wall_m / 2.0])
        entry, leave = _passes(start - up * wall_m / size_m[2], along, hollow)
        met = np.where((entry < leave) & (entry <= met + 1e-9), leave, met)
    return met


def _passes(start: Array, along: Array, half: Array) -> tuple[Array, Array]:
    """Where lines enter and leave the box from -``half`` to ``half``, in their own lengths."""
    one, other = (-half - start) / along, (half - start) / along
    return np.minimum(one, other).max(axis=-1), np.maximum(one, other).min(axis=-1)


def _meet_cylinder(eye_m: Array, rays: Array, size_m: Array) -> Array:
    """Distances to a cylinder that stands at the origin; inf where there is none."""
    radius, height = size_m[0] / 2.0, size_m[2]
    flat, start = rays[..., :2], eye_m[:2]
    a, b = (flat**2).sum(-1), flat @ start
    root = b * b - a * (start @ start - radius**2)
    wall = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0.0))) / a, np.inf)
    with np.errstate(invalid="ignore"):
        z = eye_m[2] + wall * rays[..., 2]
    wall = np.where((z >= 0) & (z <= height), wall, np.inf)
    top = (height - eye_m[2]) / rays[..., 2]
    inside = ((start + top[..., None] * flat) ** 2).sum(-1) < radius**2
    nearest: Array = np.minimum(wall, np.where(inside & (top > 0), top, np.inf))
    return nearest


def seen_by_stereo(depth_m: Array, rng: np.random.Generator, error_share: float = _ERROR) -> Array:
    """(H, W) float32 metres as a stereo camera gives them; 0 where it finds nothing.

    Args:
        depth_m: (H, W) float, metres, without errors.
        rng: what the errors are drawn from.
        error_share: their standard deviation, as a share of the distance.
    """
    error = cv2.GaussianBlur(rng.normal(size=depth_m.shape), (0, 0), _ERROR_REACH_PX)
    seen_m = depth_m * (1.0 + error_share * error / error.std())
    disparity = _FOCAL_PX * _BASELINE_M / seen_m
    disparity = np.round(disparity * _STEPS_OF_DISPARITY) / _STEPS_OF_DISPARITY
    seen_m = _FOCAL_PX * _BASELINE_M / np.maximum(disparity, 1e-6)
    low, high = cv2.erode(depth_m, np.ones((5, 5))), cv2.dilate(depth_m, np.ones((5, 5)))
    seen_m[high - low > _EDGE_M] = 0.0
    in_millimetres: Array = np.round(seen_m * 1000.0).astype(np.float32) / np.float32(1000.0)
    return in_millimetres


def measure(kind: Kind, *, count: int, seed: int, grown_px: int = 0) -> list[SizeError]:
    """The errors of ``count`` things of a kind, masks ``grown_px`` too large."""
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(count):
        scene = draw(kind, rng)
        mask = grown(scene.mask, grown_px) if grown_px else scene.mask
        depth_m = seen_by_stereo(scene.depth_m, rng)
        target = grasp_target(mask, depth_m, scene.matrix, score=1.0, status=Status.OK)
        if target.box is None:
            errors.append(SizeError(-1.0, -1.0, -1.0))
            continue
        sides, true = np.sort(target.box.size_m[:2]), np.sort(scene.size_m[:2])
        width, length = sides / true - 1.0
        height = target.box.size_m[2] / scene.size_m[2] - 1.0
        errors.append(SizeError(float(width), float(length), float(height)))
    return errors


def to_markdown(count: int, seed: int) -> str:
    """One row for each kind: how often the width is within a quarter, and medians."""
    lines = [
        "| thing | width within 25 % | width | length | height | the same, masks 2 px too large |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, kind in KINDS.items():
        found = measure(kind, count=count, seed=seed)
        wide = measure(kind, count=count, seed=seed, grown_px=2)
        good = [sum(abs(item.width) < 0.25 for item in some) for some in (found, wide)]
        medians = (
            median(getattr(item, part) for item in found) for part in ("width", "length", "height")
        )
        cells = [
            name,
            f"{good[0]} of {count}",
            *(f"{value:+.0%}" for value in medians),
            f"{good[1]} of {count}, {median(item.width for item in wide):+.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ppcr_lab.evaluation.thin_boxes")
    parser.add_argument("--count", type=int, default=60, help="of each kind; default: 60")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    print(to_markdown(args.count, args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
