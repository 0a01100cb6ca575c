"""Requests about the tabletop as a data set: a place, a prohibition, a part, several, and so on.

Sample ``i`` is a scene with one command, drawn from the scene's own generator; the kinds take
turns. ``requests:test`` renders new scenes; ``requests:recorded`` is about the recorded frames and
needs no renderer. Both are phrased as the test split is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ppcr_lab.evaluation.referring_files import LabelledSample
from ppcr_lab.evaluation.request_figures import UNASKED, RequestTruth
from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.geometry import box_of_mask
from ppcr_lab.sim.recording import load_recording
from ppcr_lab.sim.requests import REQUEST_KINDS, RequestSampler
from ppcr_lab.sim.scene import SPLITS, Scene, sample_scene, scene_rng
from ppcr_ros.core.types import Array, Frame, Status

RECORDED = "recorded"
_SIZE_PX = 640, 480
FRAME_ID = "camera_color_optical_frame"
_PHRASING = {"train": "train", "val": "val"}


@dataclass(frozen=True)
class RequestSample(LabelledSample):
    """One request about one frame; ``mask`` is the union of all that is asked for."""

    truth: RequestTruth


def iter_requests(
    split: str,
    limit: int,
    *,
    start: int = 0,
) -> Iterator[RequestSample]:
    """``limit`` samples of ``split``, or of the recorded frames, each made when it is asked for.

    Raises:
        ValueError: for an unknown split, a limit below 1 or a start below 0.
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    if split not in (*SPLITS, RECORDED):
        raise ValueError(
            f"the split is {split!r}; expected one of {', '.join(SPLITS)}, {RECORDED}."
        )
    if limit < 1 or start < 0:
        raise ValueError(f"limit is {limit} and start {start}; expected at least 1 and 0.")
    if split == RECORDED:
        return _recorded(limit, start)
    return _rendered(split, limit, start)


def _rendered(split: str, limit: int, start: int) -> Iterator[RequestSample]:
    from ppcr_lab.sim.renderer import TabletopRenderer  # the recorded frames need no MuJoCo

    with TabletopRenderer(*_SIZE_PX) as renderer:
        index, found = start, 0
        while found < limit:
            rng = scene_rng(split, index)
            scene = sample_scene(rng)
            picture = renderer.render(scene)
            frame = Frame(
                rgb=picture.rgb,
                frame_id=FRAME_ID,
                depth_m=picture.depth_m,
                camera_matrix=picture.camera_matrix,
            )
            sampler = RequestSampler(scene, picture.instance, rng, _PHRASING.get(split, "test"))
            command = sampler.sample(REQUEST_KINDS[index % len(REQUEST_KINDS)])
            if command is not None:
                found += 1
                yield _sample(frame, picture.instance, command, f"requests/{split}/{index:05d}")
            index += 1


def _recorded(limit: int, start: int) -> Iterator[RequestSample]:
    scenes = [(recorded, _scene_of(recorded.index)) for recorded in load_recording().scenes]
    index, found = start, 0
    while found < limit:
        recorded, scene = scenes[index % len(scenes)]
        rng = np.random.default_rng([recorded.index, index])
        view = recorded.view
        sampler = RequestSampler(scene, view.instance, rng, "test")
        command = sampler.sample(REQUEST_KINDS[(index // len(scenes)) % len(REQUEST_KINDS)])
        if command is not None:
            found += 1
            frame = Frame(
                rgb=view.rgb,
                frame_id=FRAME_ID,
                depth_m=view.depth_mm.astype(np.float32) / 1000.0,
                camera_matrix=view.camera_matrix,
            )
            yield _sample(frame, view.instance, command, f"requests/{RECORDED}/{index:05d}")
        index += 1


def _scene_of(index: int) -> Scene:
    return sample_scene(scene_rng("demo", index))


def _sample(
    frame: Frame, instance: Array, command: ReferringCommand, sample_id: str
) -> RequestSample:
    targets = command.targets or (() if command.target is None else (command.target,))
    mask = np.isin(instance, targets) if targets else None
    expected = Status.OK if targets else Status.NOT_FOUND
    assert bool(targets) != (command.kind in UNASKED)
    return RequestSample(
        frame=frame,
        command=command.text,
        kind=command.kind,
        expected_status=expected,
        mask=mask,
        box_xyxy_px=None if mask is None else box_of_mask(mask),
        sample_id=sample_id,
        truth=RequestTruth(
            command.kind,
            tuple(instance == index for index in targets),
            None if command.destination is None else instance == command.destination,
            tuple(instance == index for index in command.forbidden),
        ),
    )
