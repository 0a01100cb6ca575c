"""Random tabletop scenes: what lies on the table, where the camera and the light are.

Table frame: the table top is the plane z = 0, x points right and y points away from the camera,
z points up; the origin is the middle of the area in which objects stand. Lengths are metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.objects import CATEGORIES, COLOURS, SIZES, SUPPORTS, Float3, ObjectSpec
from ppcr_lab.sim.placement import sample_objects
from ppcr_lab.sim.textures import TEXTURES

__all__ = [
    "CATEGORIES",
    "COLOURS",
    "MAX_OBJECTS",
    "SIZES",
    "SPLITS",
    "SUPPORTS",
    "TEXTURES",
    "Camera",
    "Float3",
    "ObjectSpec",
    "Scene",
    "sample_scene",
    "scene_rng",
]

SPLITS = ("train", "val", "test", "demo")

MAX_OBJECTS = 12
"""The most objects a scene may hold."""

_PLAIN_TABLES = 0.4
_TABLE_RGB = (
    (0.70, 0.55, 0.38),
    (0.80, 0.69, 0.53),
    (0.62, 0.46, 0.31),
    (0.60, 0.68, 0.74),
    (0.57, 0.65, 0.54),
    (0.73, 0.66, 0.66),
    (0.22, 0.30, 0.41),
    (0.78, 0.75, 0.66),
)
_FLOOR_RGB = (
    (0.42, 0.40, 0.38),
    (0.52, 0.51, 0.49),
    (0.34, 0.35, 0.37),
    (0.46, 0.41, 0.36),
)


@dataclass(frozen=True)
class Scene:
    """Everything the renderer needs; ``objects`` keep their index in the instance image.

    Attributes:
        objects: at most `MAX_OBJECTS`.
        camera: where it is seen from.
        light_position_m: where the lamp hangs, table frame.
        light_intensity: 1 for a normally lit table.
        table_rgb: the table's colour, 0..1.
        floor_rgb: the colour of the floor around it.
        seed: the number that the whole scene was drawn from, good for naming it in a log; the
            sensor's noise comes from it too.
        light_rgb: the lamp's colour, 1 each for neutral light.
        shadow_strength: the share of light that a full shadow takes away, 0..1.
        shadow_softness_m: how wide the edges of shadows are on the table.
        table_texture: one of `TEXTURES`.
        texture_size_m: how wide the pattern is before it repeats.
        noise: standard deviation of the sensor's noise, of 255.
        blur: standard deviation of the lens's blur, as a share of the image's width.
    """

    objects: tuple[ObjectSpec, ...]
    camera: Camera
    light_position_m: Float3
    light_intensity: float
    table_rgb: Float3
    floor_rgb: Float3
    seed: int
    light_rgb: Float3 = (1.0, 1.0, 1.0)
    shadow_strength: float = 0.0
    shadow_softness_m: float = 0.02
    table_texture: str = "plain"
    texture_size_m: float = 0.5
    noise: float = 0.0
    blur: float = 0.0

    def __post_init__(self) -> None:
        count = len(self.objects)
        if count > MAX_OBJECTS:
            raise ValueError(f"got {count} objects, expected at most {MAX_OBJECTS}")
        if self.table_texture not in TEXTURES:
            raise ValueError(
                f"table_texture is {self.table_texture!r}, expected one of {', '.join(TEXTURES)}"
            )
        for index, spec in enumerate(self.objects):
            held_by = spec.support
            if held_by is None:
                continue
            if not 0 <= held_by < count or self.objects[held_by].category not in SUPPORTS:
                raise ValueError(
                    f"object {index} has support {held_by}, expected the index of one of: "
                    f"{', '.join(SUPPORTS)}"
                )


def scene_rng(split: str, index: int) -> np.random.Generator:
    """Return the generator of scene ``index`` (0 or more) of one of ``SPLITS``.

    No two splits share a seed, so no scene of one is in another.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    if index < 0:
        raise ValueError(f"index is {index}, expected 0 or more")
    return np.random.default_rng(np.random.SeedSequence([SPLITS.index(split), index]))


def sample_scene(
    rng: np.random.Generator, *, num_objects: tuple[int, int] = (3, MAX_OBJECTS)
) -> Scene:
    """Draw a scene with ``num_objects`` = (fewest, most) objects, both included.

    Every (category, colour, size) is unique, while categories and colours alone repeat often;
    about one scene in ten holds one pair of look-alikes instead. All objects lie inside a 4:3
    image, and of each about half or more is seen.
    """
    fewest, most = num_objects
    if not 1 <= fewest <= most <= MAX_OBJECTS:
        raise ValueError(
            f"num_objects is {num_objects}, expected 1 <= fewest <= most <= {MAX_OBJECTS}"
        )
    seed = int(rng.integers(2**63))
    rng = np.random.default_rng(seed)
    count = int(rng.integers(fewest, most + 1))
    objects: tuple[ObjectSpec, ...] | None = None
    while objects is None:
        spread = _spread(count)
        camera = _sample_camera(rng, spread)
        objects = sample_objects(rng, count, camera, spread)
    azimuth = rng.uniform(-math.pi, math.pi)
    radius = rng.uniform(0.15, 0.9)
    warmth = float(rng.uniform(-1.0, 1.0))
    textured = rng.random() >= _PLAIN_TABLES
    texture = TEXTURES[int(rng.integers(1, len(TEXTURES)))] if textured else "plain"
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
        light_rgb=(1.0 + 0.07 * warmth, 1.0, 1.0 - 0.11 * warmth),
        shadow_strength=float(rng.uniform(0.25, 0.55)),
        shadow_softness_m=float(rng.uniform(0.008, 0.035)),
        table_texture=texture,
        texture_size_m=float(rng.uniform(0.35, 0.7)),
        noise=float(rng.uniform(0.0, 6.0)),
        blur=float(rng.uniform(0.0, 0.0025)),
    )


def _spread(count: int) -> float:
    """Return how far things are spread, as a factor: more things need more room."""
    return 0.85 + 0.035 * max(count - 3, 0)


def _sample_camera(rng: np.random.Generator, spread: float) -> Camera:
    fov_y_deg = float(rng.uniform(38.0, 55.0))
    half_view_m = spread * rng.uniform(0.285, 0.345)
    distance = half_view_m / math.tan(math.radians(fov_y_deg) / 2.0)
    # No object is seen from straight above, where a cone would be a disc.
    elevation = math.radians(rng.uniform(35.0, min(65.0, 84.0 - fov_y_deg / 2.0)))
    azimuth = math.radians(rng.uniform(-12.0, 12.0))
    look_at = (float(rng.uniform(-0.02, 0.02)), float(rng.uniform(-0.03, 0.01)), 0.03)
    return Camera.around(look_at, distance, elevation, azimuth, fov_y_deg=fov_y_deg)


def _jittered(rng: np.random.Generator, rgb: Float3, spread: float) -> Float3:
    red, green, blue = np.clip(np.asarray(rgb) + rng.uniform(-spread, spread, 3), 0.0, 1.0)
    return float(red), float(green), float(blue)
