"""Sources of the tabletop camera's views: recorded frames, or MuJoCo.

Both are functions of the scene and the time alone, so that whoever knows the stamp of an image
can tell what was to be seen on it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

import numpy as np

from ppcr_lab.sim.recording import RecordedView, SceneRecording
from ppcr_lab.sim.scene import SPLITS, ObjectSpec, Scene, sample_scene, scene_rng

SWAY_M = 0.004
"""How far each object of a live scene strays from its place, to each side."""
SWAY_PERIOD_SEC = 8.0
MOTION_SEC = 10.0
"""How long the motion of a moving scene lasts before it runs backwards."""


class Views(Protocol):
    """A camera that looks at the scenes of a recording."""

    def view(self, number: int, stamp_ns: int) -> RecordedView:
        """What is seen of scene ``number`` (0 or more, in the recording's order) at that time."""
        ...

    def close(self) -> None: ...


class RecordedViews:
    """The recorded frames: every view of a scene is the same object."""

    def __init__(self, recording: SceneRecording) -> None:
        self._recording = recording

    def view(self, number: int, stamp_ns: int) -> RecordedView:
        return self._recording.scenes[number].view

    def close(self) -> None:
        """Nothing is held."""


class LiveViews:
    """The recording's scenes rendered with MuJoCo, their objects swaying slowly.

    Scenes of other worlds than the tabletop are shown as they were recorded.

    Use it in the thread that made it.

    Args:
        recording: which scenes, and how large the images.
        moving: let objects slide and turn and the camera orbit instead, to and fro between the
            beginning and the end of `MOTION_SEC`.

    Raises:
        RuntimeError: where MuJoCo or OpenGL is missing, with what to install.
    """

    def __init__(self, recording: SceneRecording, *, moving: bool = False) -> None:
        from ppcr_lab.sim.motion import MovingScene, set_in_motion
        from ppcr_lab.sim.renderer import TabletopRenderer
        from ppcr_lab.sim.scene_recorder import view_of

        height, width = recording.scenes[0].view.rgb.shape[:2]
        self._view_of = view_of
        self._recorded = recording.scenes
        self._scenes = {
            number: sample_scene(scene_rng(scene.split, scene.index))
            for number, scene in enumerate(recording.scenes)
            if scene.split in SPLITS
        }
        self._motions: dict[int, MovingScene] = {}
        if moving:
            self._motions = {
                number: set_in_motion(
                    np.random.default_rng(scene.seed), scene, duration_sec=MOTION_SEC
                )
                for number, scene in self._scenes.items()
            }
        self._renderer = TabletopRenderer(width, height)

    def view(self, number: int, stamp_ns: int) -> RecordedView:
        if number not in self._scenes:
            return self._recorded[number].view
        if self._motions:
            scene = self._motions[number].at(to_and_fro_sec(stamp_ns))
        else:
            scene = swayed(self._scenes[number], stamp_ns)
        return self._view_of(self._renderer.render(scene))

    def close(self) -> None:
        self._renderer.close()


def open_views(recording: SceneRecording, *, live: bool, moving: bool = False) -> Views:
    """The views of ``recording``, rendered where ``live`` or ``moving``.

    Raises:
        RuntimeError: where live views are asked for and MuJoCo or OpenGL is missing.
    """
    return LiveViews(recording, moving=moving) if live or moving else RecordedViews(recording)


def to_and_fro_sec(stamp_ns: int) -> float:
    """A time that runs from 0 to `MOTION_SEC` and back again, over and over."""
    passed_sec = (stamp_ns % round(2e9 * MOTION_SEC)) / 1e9
    return min(passed_sec, 2.0 * MOTION_SEC - passed_sec)


def swayed(scene: Scene, stamp_ns: int) -> Scene:
    """``scene`` as it stands at a time: each object slides to and fro in x by `SWAY_M`.

    That is less than the gaps between objects, and too little to change who is left of whom. What
    stands on another object moves with it.
    """
    # Taken modulo as whole nanoseconds: as a float, an epoch's stamp has lost its milliseconds.
    phase = 2.0 * math.pi * (stamp_ns % round(SWAY_PERIOD_SEC * 1e9)) / (SWAY_PERIOD_SEC * 1e9)
    objects = tuple(
        replace(item, position_m=(x + SWAY_M * math.sin(phase + _rests_on(item, index)), y, z))
        for index, item in enumerate(scene.objects)
        for x, y, z in [item.position_m]
    )
    return replace(scene, objects=objects)


def _rests_on(item: ObjectSpec, index: int) -> int:
    """The index of what moves object ``index``: its support, or itself."""
    return index if item.support is None else item.support
