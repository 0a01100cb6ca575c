"""The tabletop world as a data set for referring segmentation: frame, command and true mask.

Sample ``i`` of a split is scene ``i`` of that split with one command, both drawn from the scene's
own generator, so that it is the same on every machine and whatever was drawn before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.types import Array, Frame
from ppcr_ros.sim.commands import ReferringCommand, sample_commands
from ppcr_ros.sim.geometry import box_of_mask
from ppcr_ros.sim.renderer import TabletopRenderer
from ppcr_ros.sim.scene import SPLITS, Scene, sample_scene, scene_rng

FRAME_ID = "camera_color_optical_frame"

_HELD_OUT_SPLITS = ("test", "demo")
"""Splits whose commands are phrased as no command of the training split is."""


@dataclass(frozen=True)
class TabletopSample:
    """One command about one rendered scene, with the truth.

    Attributes:
        frame: the picture, its depth and the camera's intrinsics.
        command: as a person would speak it.
        kind: ``attribute``, ``ordinal``, ``relation`` or ``absent``.
        mask: (H, W) bool, the target's visible pixels; None where it is absent.
        box_xyxy_px: (4,) float32, the tight, half-open box of ``mask``; None where it is absent.
        scene_index: the scene's number in its split.
        sample_id: names the sample in a report: ``tabletop/test/00012``.
    """

    frame: Frame
    command: str
    kind: str
    mask: Array | None
    box_xyxy_px: Array | None
    scene_index: int
    sample_id: str


def iter_tabletop(
    split: str,
    limit: int,
    *,
    width_px: int = 640,
    height_px: int = 480,
    start: int = 0,
) -> Iterator[TabletopSample]:
    """Render ``limit`` samples of ``split``, from scene ``start`` on, each when it is asked for.

    A scene of which nothing can be said, such as one where no object is clearly seen, is passed
    over; the scene's number stays that of its split. All must be drawn in one thread.

    Raises:
        ValueError: for an unknown split, a limit below 1 or a start below 0.
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    if split not in SPLITS:
        raise ValueError(f"the split is {split!r}; expected one of {', '.join(SPLITS)}.")
    if limit < 1 or start < 0:
        raise ValueError(f"limit is {limit} and start {start}; expected at least 1 and 0.")
    return _samples(split, limit, width_px, height_px, start)


def _samples(
    split: str, limit: int, width_px: int, height_px: int, start: int
) -> Iterator[TabletopSample]:
    phrasing = "test" if split in _HELD_OUT_SPLITS else "train"
    with TabletopRenderer(width_px, height_px) as renderer:
        index, found = start, 0
        while found < limit:
            rng = scene_rng(split, index)
            scene = sample_scene(rng)
            sample = _sample(renderer, scene, rng, phrasing, split, index)
            index += 1
            if sample is not None:
                found += 1
                yield sample


def _sample(
    renderer: TabletopRenderer,
    scene: Scene,
    rng: np.random.Generator,
    phrasing: str,
    split: str,
    index: int,
) -> TabletopSample | None:
    picture = renderer.render(scene)
    commands: list[ReferringCommand] = sample_commands(scene, picture.instance, rng, 1, phrasing)
    if not commands:
        return None
    command = commands[0]
    mask = None if command.target is None else picture.instance == command.target
    return TabletopSample(
        frame=Frame(
            rgb=picture.rgb,
            frame_id=FRAME_ID,
            depth_m=picture.depth_m,
            camera_matrix=picture.camera_matrix,
        ),
        command=command.text,
        kind=command.kind,
        mask=mask,
        box_xyxy_px=None if mask is None else box_of_mask(mask),
        scene_index=index,
        sample_id=f"tabletop/{split}/{index:05d}",
    )
