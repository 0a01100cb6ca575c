"""Random tabletop scenes: what lies on the table, where the camera and the light are.

Table frame: the table top is the plane z = 0, x points right and y points away from the camera,
z points up; the origin is the middle of the area in which objects stand. Lengths are metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHAPES = ("cube", "ball", "cylinder", "capsule")
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.80, 0.06, 0.08),
    "orange": (0.98, 0.47, 0.04),
    "yellow": (0.95, 0.86, 0.10),
    "green": (0.10, 0.58, 0.18),
    "blue": (0.08, 0.24, 0.85),
    "purple": (0.52, 0.14, 0.66),
    "white": (0.92, 0.92, 0.92),
    "black": (0.06, 0.06, 0.06),
}
SIZES = ("small", "large")
SPLITS = ("train", "val", "test", "demo")

MAX_OBJECTS = 7
"""The most objects a scene may hold."""
AREA_M = (0.60, 0.42)
"""Extent in x and y of the area in which objects stand."""

_WIDTH_M = {"small": 0.058, "large": 0.098}
_SIZE_JITTER = 0.08
_MIN_GAP_M = 0.012
_MAX_BOX_OVERLAP = 0.25
_IMAGE_ASPECT = 4.0 / 3.0
_IMAGE_MARGIN = 0.03
_TRIES_PER_OBJECT = 60
_TABLE_RGB = (
    (0.52, 0.41, 0.32),
    (0.65, 0.54, 0.43),
    (0.50, 0.50, 0.51),
    (0.38, 0.39, 0.41),
    (0.70, 0.64, 0.54),
    (0.54, 0.63, 0.70),
)
_FLOOR_RGB = (
    (0.42, 0.40, 0.38),
    (0.52, 0.51, 0.49),
    (0.34, 0.35, 0.37),
    (0.46, 0.41, 0.36),
)

Float3 = tuple[float, float, float]


@dataclass(frozen=True)
class ObjectSpec:
    """One object standing (a capsule: lying) on the table.

    ``position_m`` is its centre in the table frame; ``yaw_rad`` turns it about z; ``rgb`` is its
    own colour, 0..1, near ``COLOURS[colour]``; ``half_extent_m`` are half its lengths along its
    own axes (for a capsule the first is half the whole length, round ends included).
    """

    shape: str
    colour: str
    size: str
    position_m: Float3
    yaw_rad: float
    rgb: Float3
    half_extent_m: Float3

    def __post_init__(self) -> None:
        for field, value, allowed in (
            ("shape", self.shape, SHAPES),
            ("colour", self.colour, tuple(COLOURS)),
            ("size", self.size, SIZES),
        ):
            if value not in allowed:
                raise ValueError(f"{field} is {value!r}, expected one of {', '.join(allowed)}")

    def corners_m(self) -> NDArray[np.float64]:
        """Return the (8, 3) corners of the object's own bounding box, in the table frame."""
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        local = _CORNER_SIGNS * np.asarray(self.half_extent_m)
        if self.shape not in ("ball", "cylinder"):
            rotation = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
            local = local @ rotation
        corners: NDArray[np.float64] = local + np.asarray(self.position_m)
        return corners


_CORNER_SIGNS = np.array(
    [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64
)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion or roll, looking from one point at another.

    Pixels follow ``sensor_msgs/CameraInfo``: integer coordinates are pixel centres, x right and
    y down; the optical frame is x right, y down, z forward.
    """

    position_m: Float3
    look_at_m: Float3
    fov_y_deg: float

    def table_r_optical(self) -> NDArray[np.float64]:
        """Return the (3, 3) rotation from the camera's optical frame to the table frame."""
        forward = np.subtract(self.look_at_m, self.position_m)
        forward = forward / math.sqrt(float(forward @ forward))
        flat = math.hypot(float(forward[0]), float(forward[1]))
        if flat < 1e-9:
            raise ValueError("the camera looks straight up or down; expected a slanted view")
        right = np.array([forward[1] / flat, -forward[0] / flat, 0.0])
        down = np.array(
            [
                -forward[2] * right[1],
                forward[2] * right[0],
                forward[0] * right[1] - forward[1] * right[0],
            ]
        )
        return np.stack([right, down, forward], axis=1)

    def matrix(self, width_px: int, height_px: int) -> NDArray[np.float64]:
        """Return the (3, 3) pinhole matrix for an image of this size."""
        focal = 0.5 * height_px / math.tan(math.radians(self.fov_y_deg) / 2.0)
        return np.array(
            [
                [focal, 0.0, (width_px - 1) / 2.0],
                [0.0, focal, (height_px - 1) / 2.0],
                [0.0, 0.0, 1.0],
            ]
        )

    def to_optical_m(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points (n, 3) of the table frame in the optical frame, same shape."""
        optical: NDArray[np.float64] = (
            np.asarray(points_m) - np.asarray(self.position_m)
        ) @ self.table_r_optical()
        return optical

    def project_px(
        self, points_m: NDArray[np.float64], width_px: int, height_px: int
    ) -> NDArray[np.float64]:
        """Return the (n, 2) pixel coordinates of points (n, 3) of the table frame."""
        homogeneous = self.to_optical_m(points_m) @ self.matrix(width_px, height_px).T
        pixels: NDArray[np.float64] = homogeneous[:, :2] / homogeneous[:, 2:]
        return pixels


@dataclass(frozen=True)
class Scene:
    """Everything the renderer needs; ``objects`` keep their index in the instance image.

    ``light_intensity`` is 1 for a normally lit table. ``seed`` is the number the whole scene was
    drawn from, good for naming it in a log.
    """

    objects: tuple[ObjectSpec, ...]
    camera: Camera
    light_position_m: Float3
    light_intensity: float
    table_rgb: Float3
    floor_rgb: Float3
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= len(self.objects) <= MAX_OBJECTS:
            raise ValueError(f"got {len(self.objects)} objects, expected at most {MAX_OBJECTS}")


def scene_rng(split: str, index: int) -> np.random.Generator:
    """Return the generator of scene ``index`` (0 or more) of one of ``SPLITS``.

    No two splits share a seed, so no scene of one is in another.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    if index < 0:
        raise ValueError(f"index is {index}, expected 0 or more")
    return np.random.default_rng(np.random.SeedSequence([SPLITS.index(split), index]))


def sample_scene(rng: np.random.Generator, *, num_objects: tuple[int, int] = (3, 7)) -> Scene:
    """Draw a scene with ``num_objects`` = (fewest, most) objects, both included.

    Every (shape, colour, size) is unique in the scene, while shapes and colours alone repeat
    often. All objects lie inside a 4:3 image and hide little of each other.
    """
    fewest, most = num_objects
    if not 1 <= fewest <= most <= MAX_OBJECTS:
        raise ValueError(f"num_objects is {num_objects}, expected 1 <= fewest <= most <= 7")
    seed = int(rng.integers(2**63))
    rng = np.random.default_rng(seed)
    count = int(rng.integers(fewest, most + 1))
    objects: tuple[ObjectSpec, ...] | None = None
    while objects is None:
        camera = _sample_camera(rng)
        objects = _sample_objects(rng, count, camera)
    azimuth = rng.uniform(-math.pi, math.pi)
    radius = rng.uniform(0.2, 0.9)
    return Scene(
        objects=objects,
        camera=camera,
        light_position_m=(
            float(radius * math.cos(azimuth)),
            float(radius * math.sin(azimuth)),
            float(rng.uniform(1.2, 2.0)),
        ),
        light_intensity=float(rng.uniform(0.8, 1.15)),
        table_rgb=_jittered(rng, _TABLE_RGB[int(rng.integers(len(_TABLE_RGB)))], 0.02),
        floor_rgb=_jittered(rng, _FLOOR_RGB[int(rng.integers(len(_FLOOR_RGB)))], 0.03),
        seed=seed,
    )


def _sample_camera(rng: np.random.Generator) -> Camera:
    distance = rng.uniform(0.75, 0.95)
    elevation = math.radians(rng.uniform(40.0, 60.0))
    azimuth = math.radians(rng.uniform(-12.0, 12.0))
    look_at = (float(rng.uniform(-0.02, 0.02)), float(rng.uniform(-0.03, 0.01)), 0.02)
    flat = distance * math.cos(elevation)
    return Camera(
        position_m=(
            look_at[0] + flat * math.sin(azimuth),
            look_at[1] - flat * math.cos(azimuth),
            look_at[2] + distance * math.sin(elevation),
        ),
        look_at_m=look_at,
        fov_y_deg=float(rng.uniform(40.0, 46.0)),
    )


def _sample_objects(
    rng: np.random.Generator, count: int, camera: Camera
) -> tuple[ObjectSpec, ...] | None:
    """Return ``count`` objects in random order, or None where they did not fit."""
    placed: list[ObjectSpec] = []
    circles: NDArray[np.float64] = np.empty((0, 3))
    boxes: NDArray[np.float64] = np.empty((0, 4))
    # Big footprints first: they find room far more often than they would at the end.
    kinds = sorted(_sample_kinds(rng, count), key=lambda kind: (kind[2], kind[0] != "capsule"))
    for shape, colour, size in kinds:
        for _ in range(_TRIES_PER_OBJECT):
            candidate = _sample_object(rng, shape, colour, size)
            footprint = _footprint(candidate)
            if not _apart(footprint, circles):
                continue
            box = _normalised_box(candidate, camera)
            if _in_view(box) and _overlap(box, boxes) <= _MAX_BOX_OVERLAP:
                break
        else:
            return None
        placed.append(candidate)
        circles = np.concatenate([circles, footprint])
        boxes = np.concatenate([boxes, box[None]])
    return tuple(placed[i] for i in rng.permutation(count))


def _sample_kinds(rng: np.random.Generator, count: int) -> list[tuple[str, str, str]]:
    shapes: list[str] = list(SHAPES)
    colours: list[str] = list(COLOURS)
    if rng.random() < 0.5:
        shapes = [shapes[i] for i in rng.permutation(len(shapes))[:2]]
    if rng.random() < 0.5:
        colours = [colours[i] for i in rng.permutation(len(colours))[: int(rng.integers(3, 6))]]
    kinds = [(shape, colour, size) for shape in shapes for colour in colours for size in SIZES]
    return [kinds[i] for i in rng.permutation(len(kinds))[:count]]


def _sample_object(rng: np.random.Generator, shape: str, colour: str, size: str) -> ObjectSpec:
    half = 0.5 * _WIDTH_M[size] * rng.uniform(1.0 - _SIZE_JITTER, 1.0 + _SIZE_JITTER)
    if shape == "cylinder":
        half_extent = (half, half, half * rng.uniform(1.1, 1.3))
    elif shape == "capsule":
        half_extent = (half * rng.uniform(1.7, 1.9), half, half)
    else:
        half_extent = (half, half, half)
    return ObjectSpec(
        shape=shape,
        colour=colour,
        size=size,
        position_m=(
            float(rng.uniform(-0.5, 0.5) * AREA_M[0]),
            float(rng.uniform(-0.5, 0.5) * AREA_M[1]),
            float(half_extent[2]),
        ),
        yaw_rad=float(rng.uniform(-math.pi, math.pi)),
        rgb=_jittered(rng, COLOURS[colour], 0.03),
        half_extent_m=(float(half_extent[0]), float(half_extent[1]), float(half_extent[2])),
    )


def _footprint(spec: ObjectSpec) -> NDArray[np.float64]:
    """Return circles (n, 3), each x, y, radius, that cover the object seen from above."""
    x, y, _ = spec.position_m
    half_length, half_width, _ = spec.half_extent_m
    if spec.shape == "cube":
        return np.array([[x, y, half_width * math.sqrt(2.0)]])
    if spec.shape == "capsule":
        along = (half_length - half_width) * np.array([-1.0, 0.0, 1.0])
        xs = x + along * math.cos(spec.yaw_rad)
        ys = y + along * math.sin(spec.yaw_rad)
        return np.stack([xs, ys, np.full(3, half_width)], axis=1)
    return np.array([[x, y, half_width]])


def _apart(footprint: NDArray[np.float64], circles: NDArray[np.float64]) -> bool:
    offset = footprint[:, None, :2] - circles[None, :, :2]
    reach = footprint[:, None, 2] + circles[None, :, 2] + _MIN_GAP_M
    return bool(np.all((offset**2).sum(axis=-1) > reach**2))


def _normalised_box(spec: ObjectSpec, camera: Camera) -> NDArray[np.float64]:
    """Return the (4,) xyxy box of the object in a 4:3 image whose sides run from -1 to 1."""
    points = camera.to_optical_m(spec.corners_m())
    slope = math.tan(math.radians(camera.fov_y_deg) / 2.0)
    image = points[:, :2] / points[:, 2:] / (slope * _IMAGE_ASPECT, slope)
    return np.concatenate([image.min(axis=0), image.max(axis=0)])


def _in_view(box: NDArray[np.float64]) -> bool:
    return bool(np.abs(box).max() < 1.0 - _IMAGE_MARGIN)


def _overlap(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> float:
    """Return the largest overlap of a box with others, as a part of the smaller of the two."""
    if not len(boxes):
        return 0.0
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return float((shared / np.minimum(areas, (box[2:] - box[:2]).prod())).max())


def _jittered(rng: np.random.Generator, rgb: Float3, spread: float) -> Float3:
    red, green, blue = np.clip(np.asarray(rgb) + rng.uniform(-spread, spread, 3), 0.0, 1.0)
    return float(red), float(green), float(blue)
