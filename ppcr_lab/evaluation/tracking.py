"""Measures how well and how fast a mask is followed through rendered scenes in motion.

The first mask is the segmenter's own for the true box, so that the MLLM's errors stay out of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ppcr_lab.evaluation.metrics import mask_iou
from ppcr_ros.core.interfaces import Segmenter
from ppcr_ros.core.tracking import MaskTracker, TrackedTarget, TrackerOptions
from ppcr_ros.core.types import Array, Frame, Segmentation, SpatialPrompt

WIDTH_PX, HEIGHT_PX = 640, 480
DURATION_SEC = 10.0
_LEAST_SEEN_PX = 800
_LEAST_SEEN_SHARE = 0.7


@dataclass(frozen=True)
class TruthFrame:
    """One image of a sequence, and the pixels (H, W) bool that it truly shows of the target."""

    frame: Frame
    truth: Array


@dataclass(frozen=True)
class TrackingReport:
    """Figures of following one target.

    Attributes:
        first_iou: of the mask that was followed, in the first image.
        iou_by_second: the mean IoU of each second; an image in which the target was lost, or after
            it was lost, counts as 0.
        mean_iou: over all images.
        frames_per_sec: how many images a second can be followed: one over the two medians below,
            weighed by how often each occurs, so that a busy machine's outliers do not count.
        flow_seconds: median wall-clock seconds of an image that was followed by flow alone; 0 where
            there was none.
        segmenter_seconds: the same of an image that the segmenter was asked about.
        segmented_share: the share of the images that the segmenter was asked about.
        lost: why the target was lost; empty where it was followed to the end.
    """

    first_iou: float
    iou_by_second: tuple[float, ...]
    mean_iou: float
    frames_per_sec: float
    flow_seconds: float
    segmenter_seconds: float
    segmented_share: float
    lost: str = ""

    @property
    def ratio(self) -> float:
        """The mean IoU as a share of the first one."""
        return self.mean_iou / self.first_iou if self.first_iou else 0.0


def run_tracking_benchmark(
    segmenter: Segmenter,
    sequence: Sequence[TruthFrame],
    *,
    rate_hz: float,
    options: TrackerOptions | None = None,
    observe: Callable[[TruthFrame, TrackedTarget], None] | None = None,
) -> TrackingReport:
    """Follow a target through ``sequence``, whose images were taken ``rate_hz`` times a second.

    Raises:
        SegmentationError: when the segmenter finds nothing in the first image.
    """
    if not sequence:
        raise ValueError("the sequence is empty; expected an image at least.")
    tracker = MaskTracker(segmenter, options)
    first = first_segmentation(segmenter, sequence[0])
    tracker.start(sequence[0].frame, first)
    ious, lost = [mask_iou(first.mask, sequence[0].truth)], ""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for item in sequence[1:]:
        if lost:
            ious.append(0.0)
            continue
        started = time.perf_counter()
        target = tracker.update(item.frame)
        seconds[target.segmented].append(time.perf_counter() - started)
        lost = target.lost
        found = None if lost else target.segmentation
        ious.append(0.0 if found is None else mask_iou(found.mask, item.truth))
        if observe is not None:
            observe(item, target)
    flow, asked = (
        float(np.median(seconds[kind])) if seconds[kind] else 0.0 for kind in (False, True)
    )
    count = len(seconds[False]) + len(seconds[True])
    share = len(seconds[True]) / count if count else 0.0
    usual = share * asked + (1.0 - share) * flow
    by_second = max(1, round(rate_hz))
    return TrackingReport(
        first_iou=ious[0],
        iou_by_second=tuple(
            float(np.mean(ious[start : start + by_second]))
            for start in range(0, len(ious), by_second)
        ),
        mean_iou=float(np.mean(ious)),
        frames_per_sec=1.0 / usual if usual else 0.0,
        flow_seconds=flow,
        segmenter_seconds=asked,
        segmented_share=share,
        lost=lost,
    )


def first_segmentation(segmenter: Segmenter, item: TruthFrame) -> Segmentation:
    """The segmenter's best mask for the true box of the target.

    Raises:
        SegmentationError: when it is empty.
    """
    box = Segmentation.from_mask(item.truth, 0.0).box_xyxy_px
    answer = segmenter.segment(
        segmenter.encode(item.frame), None, SpatialPrompt("", box, confidence=1.0)
    )
    best = int(np.argmax(answer.scores))
    return Segmentation.from_mask(answer.masks[best], float(answer.scores[best]))


def moving_sequence(
    seed: int, *, rate_hz: float = 15.0, duration_sec: float = DURATION_SEC, shadows: bool = True
) -> list[TruthFrame]:
    """A rendered scene in motion, and the truth of one of its objects.

    The target is drawn among the objects of which most is seen all the time.

    Raises:
        RuntimeError: where MuJoCo or OpenGL is missing, or no object is seen all the time.
    """
    from ppcr_lab.sim.motion import MovingFrame, render_motion, sample_moving_scene
    from ppcr_lab.sim.renderer import TabletopRenderer

    rng = np.random.default_rng(seed)
    moving = sample_moving_scene(rng, duration_sec=duration_sec)
    count = round(duration_sec * rate_hz)
    with TabletopRenderer(WIDTH_PX, HEIGHT_PX, shadows=shadows) as renderer:
        images: list[MovingFrame] = list(
            render_motion(renderer, moving, frames=count, rate_hz=rate_hz)
        )
    seen = np.array(
        [
            np.bincount(
                image.rendering.instance.ravel() + 1, minlength=len(moving.scene.objects) + 1
            )[1:]
            for image in images
        ]
    )
    least = seen.min(axis=0)
    always = (least >= _LEAST_SEEN_PX) & (least >= _LEAST_SEEN_SHARE * seen[0])
    if not always.any():
        raise RuntimeError(f"no object of the moving scene {seed} is seen all the time.")
    target = int(rng.choice(np.flatnonzero(always)))
    return [
        TruthFrame(
            Frame(image.rendering.rgb, stamp_ns=round(image.time_sec * 1e9), frame_id="camera"),
            image.truth(target),
        )
        for image in images
    ]
