"""Tabletop scenes in motion: objects that slide and turn, under a camera that orbits and pans.

A motion is a function of the time alone, so that whoever knows the stamp of an image can render
what was to be seen on it. Speeds are bounded, and no object runs into another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.objects import Float3, ObjectSpec
from ppcr_lab.sim.placement import footprints_apart
from ppcr_lab.sim.renderer import Rendering, TabletopRenderer
from ppcr_lab.sim.scene import Scene, sample_scene
from ppcr_lab.sim.textures import VARIANTS

_CHECKS_PER_SEC = 5.0
_NUM_OBJECTS = (4, 8)
_SHORTENINGS = 6
_AREA_HALF_M = (0.34, 0.27)


@dataclass(frozen=True)
class MotionLimits:
    """Bounds of the speed of things.

    Attributes:
        object_speed_m_s: of an object along the table, at most.
        object_turn_rad_s: of an object about its upright axis, at most.
        camera_turn_rad_s: of the camera about the point that it looks at, at most.
        camera_pan_m_s: of that point along the table, at most.
        moving_share: the share of the objects that move.
    """

    object_speed_m_s: float = 0.10
    object_turn_rad_s: float = 0.8
    camera_turn_rad_s: float = 0.2
    camera_pan_m_s: float = 0.05
    moving_share: float = 0.7

    def __post_init__(self) -> None:
        if min(vars(self).values()) < 0.0 or self.moving_share > 1.0:
            raise ValueError(f"got {self}; expected speeds of 0 or more and a share of 0 to 1.")


@dataclass(frozen=True)
class Swing:
    """A smooth to and fro that begins at 0.

    Attributes:
        reach: how far it goes to either side of its middle; the unit is that of what swings.
        period_sec: how long a full swing takes.
        phase_rad: where in the swing it begins.
    """

    reach: float
    period_sec: float
    phase_rad: float

    def at(self, time_sec: float) -> float:
        """How far it is from where it began."""
        angle = 2.0 * math.pi * time_sec / self.period_sec
        return self.reach * (math.sin(angle + self.phase_rad) - math.sin(self.phase_rad))

    @classmethod
    def drawn(cls, rng: np.random.Generator, top_speed: float) -> Swing:
        """A swing that is never faster than ``top_speed`` a second."""
        period_sec = float(rng.uniform(5.0, 9.0))
        speed = top_speed * float(rng.uniform(0.6, 1.0))
        return cls(speed * period_sec / (2.0 * math.pi), period_sec, _angle(rng))


@dataclass(frozen=True)
class ObjectMotion:
    """Motion of one object: to and fro along a line, turning as it goes."""

    direction_xy: tuple[float, float] = (1.0, 0.0)
    slide_m: Swing | None = None
    turn_rad: Swing | None = None

    def moved(self, item: ObjectSpec, time_sec: float) -> ObjectSpec:
        """``item``, which stands on the table, as it stands at a time."""
        along = 0.0 if self.slide_m is None else self.slide_m.at(time_sec)
        turned = 0.0 if self.turn_rad is None else self.turn_rad.at(time_sec)
        x, y, z = item.position_m
        return replace(
            item,
            position_m=(x + along * self.direction_xy[0], y + along * self.direction_xy[1], z),
            yaw_rad=item.yaw_rad + turned,
        )


@dataclass(frozen=True)
class CameraMotion:
    """Motion of the camera: it orbits and pans."""

    azimuth_rad: Swing
    elevation_rad: Swing
    pan_x_m: Swing
    pan_y_m: Swing

    def moved(self, camera: Camera, time_sec: float) -> Camera:
        """``camera`` as it looks at a time."""
        look_at = np.array(camera.look_at_m)
        back = np.asarray(camera.position_m) - look_at
        flat = math.hypot(float(back[0]), float(back[1]))
        distance_m = math.hypot(flat, float(back[2]))
        azimuth = math.atan2(float(back[1]), float(back[0])) + self.azimuth_rad.at(time_sec)
        elevation = math.atan2(float(back[2]), flat) + self.elevation_rad.at(time_sec)
        elevation = min(max(elevation, math.radians(25.0)), math.radians(75.0))
        look_at += np.array([self.pan_x_m.at(time_sec), self.pan_y_m.at(time_sec), 0.0])
        flat = distance_m * math.cos(elevation)
        arm = flat * math.cos(azimuth), flat * math.sin(azimuth), distance_m * math.sin(elevation)
        eye = look_at + np.array(arm)
        return replace(camera, position_m=_float3(eye), look_at_m=_float3(look_at))


@dataclass(frozen=True)
class MovingScene:
    """A scene and how it moves; `at` is what is to be seen at a time."""

    scene: Scene
    objects: tuple[ObjectMotion, ...]
    camera: CameraMotion | None = None

    def at(self, time_sec: float) -> Scene:
        """The scene at ``time_sec`` from its beginning; the sensor's noise changes with it.

        What stands on another object is carried along and turned with it.
        """
        scene = self.scene
        moved: list[ObjectSpec] = [
            motion.moved(item, time_sec) if item.support is None else item
            for item, motion in zip(scene.objects, self.objects, strict=True)
        ]
        for index, item in enumerate(scene.objects):
            if item.support is not None:
                moved[index] = _carried(item, scene.objects[item.support], moved[item.support])
        camera = scene.camera if self.camera is None else self.camera.moved(scene.camera, time_sec)
        # The seed chooses the table's pattern as well, which has to stay the same.
        seed = scene.seed + VARIANTS * (1 + round(time_sec * 1000.0))
        return replace(scene, objects=tuple(moved), camera=camera, seed=seed)


@dataclass(frozen=True)
class MovingFrame:
    """One image of a moving scene, ``time_sec`` after its beginning."""

    time_sec: float
    rendering: Rendering

    def truth(self, index: int) -> NDArray[np.bool_]:
        """The (H, W) mask of what is seen of object ``index``."""
        seen: NDArray[np.bool_] = self.rendering.instance == index
        return seen


def sample_moving_scene(
    rng: np.random.Generator,
    *,
    duration_sec: float = 10.0,
    limits: MotionLimits | None = None,
) -> MovingScene:
    """Draw a scene and its motion.

    Args:
        rng: where everything comes from.
        duration_sec: how long no object may run into another or leave the table's middle.
        limits: how fast things may become; the defaults where it is None.

    An object that has no room for its slide slides less far, and in the end only turns.
    """
    scene = sample_scene(rng, num_objects=_NUM_OBJECTS)
    return set_in_motion(rng, scene, duration_sec=duration_sec, limits=limits)


def set_in_motion(
    rng: np.random.Generator,
    scene: Scene,
    *,
    duration_sec: float = 10.0,
    limits: MotionLimits | None = None,
) -> MovingScene:
    """Draw a motion for ``scene``; the arguments are those of `sample_moving_scene`."""
    limits = limits or MotionLimits()
    motions = [ObjectMotion() for _ in scene.objects]
    times_sec = np.arange(0.0, duration_sec, 1.0 / _CHECKS_PER_SEC).tolist()
    for index in (int(number) for number in rng.permutation(len(scene.objects))):
        if scene.objects[index].support is not None or rng.random() >= limits.moving_share:
            continue
        motions[index] = _drawn(rng, limits, scene.objects, motions, index, times_sec)
    return MovingScene(scene, tuple(motions), _drawn_camera(rng, limits))


def render_motion(
    renderer: TabletopRenderer,
    moving: MovingScene,
    *,
    frames: int,
    rate_hz: float,
) -> Iterator[MovingFrame]:
    """The first ``frames`` images of ``moving``, ``rate_hz`` of them a second."""
    for number in range(frames):
        time_sec = number / rate_hz
        yield MovingFrame(time_sec, renderer.render(moving.at(time_sec), depth=False))


def _drawn(
    rng: np.random.Generator,
    limits: MotionLimits,
    objects: tuple[ObjectSpec, ...],
    motions: list[ObjectMotion],
    index: int,
    times_sec: list[float],
) -> ObjectMotion:
    """A motion of object ``index`` for which there is room among ``motions``."""
    turn = Swing.drawn(rng, limits.object_turn_rad_s)
    slide = Swing.drawn(rng, limits.object_speed_m_s)
    heading = _angle(rng)
    direction = (math.cos(heading), math.sin(heading))
    for halvings in range(_SHORTENINGS):
        shorter = replace(slide, reach=slide.reach * 0.6**halvings)
        motion = ObjectMotion(direction, shorter, turn)
        if _has_room(objects, motions, index, motion, times_sec):
            return motion
    only_turning = ObjectMotion(direction, None, turn)
    if _has_room(objects, motions, index, only_turning, times_sec):
        return only_turning
    return ObjectMotion()


def _has_room(
    objects: tuple[ObjectSpec, ...],
    motions: list[ObjectMotion],
    index: int,
    motion: ObjectMotion,
    times_sec: list[float],
) -> bool:
    for time_sec in times_sec:
        own = motion.moved(objects[index], time_sec)
        if any(
            abs(place) > half for place, half in zip(own.position_m[:2], _AREA_HALF_M, strict=True)
        ):
            return False
        others = [
            motions[other].moved(item, time_sec)
            for other, item in enumerate(objects)
            if other != index and item.support is None
        ]
        if not footprints_apart(own, others):
            return False
    return True


def _drawn_camera(rng: np.random.Generator, limits: MotionLimits) -> CameraMotion:
    pan = limits.camera_pan_m_s / math.sqrt(2.0)
    return CameraMotion(
        azimuth_rad=Swing.drawn(rng, limits.camera_turn_rad_s),
        elevation_rad=Swing.drawn(rng, limits.camera_turn_rad_s / 3.0),
        pan_x_m=Swing.drawn(rng, pan),
        pan_y_m=Swing.drawn(rng, pan),
    )


def _carried(item: ObjectSpec, host: ObjectSpec, moved: ObjectSpec) -> ObjectSpec:
    """``item``, which stands on ``host``, where the host has moved."""
    turned = moved.yaw_rad - host.yaw_rad
    away = np.subtract(item.position_m, host.position_m)
    cosine, sine = math.cos(turned), math.sin(turned)
    turned_away = cosine * away[0] - sine * away[1], sine * away[0] + cosine * away[1], away[2]
    place = np.add(moved.position_m, turned_away)
    return replace(item, position_m=_float3(place), yaw_rad=item.yaw_rad + turned)


def _float3(values: NDArray[np.float64]) -> Float3:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _angle(rng: np.random.Generator) -> float:
    return float(rng.uniform(-math.pi, math.pi))
