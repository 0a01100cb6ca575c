"""Follows a target's mask from image to image without the MLLM."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.interfaces import Segmenter
from ppcr_ros.core.tracking.appearance import Appearance, ColourImage
from ppcr_ros.core.tracking.flow import (
    GreyImage,
    Motion,
    chained,
    moved_mask,
    still,
    target_motion,
)
from ppcr_ros.core.tracking.tracking_prompts import box_prompt, pointed_prompt
from ppcr_ros.core.tracking.windows import PixelWindow, parts_touching, tight_box
from ppcr_ros.core.types import Array, Frame, Segmentation, SemanticPrompt, SpatialPrompt

_FEWEST_PIXELS = 16
_WINDOW_MARGIN = 0.5
_LEAST_AGREEMENT = 0.5
_LEAST_LIKENESS = 0.5
_MOST_GROWN = 1.4
_AREA_BLEND = 0.05
"""How much of the area of each new mask goes into the area that is expected of the next."""
_PATIENCE = 0.85
"""What is left of the confidence with each time that the segmenter disagrees."""
# From where to where evidence counts: at the lower bound and below as 0, at the upper as 1.
_AGREEMENT_RANGE = (0.2, 0.7)
_LIKENESS_RANGE = (0.3, 0.7)
_EXTENT_RANGE = (0.05, 0.5)
_FLOW_SHARE_RANGE = (0.0, 0.4)
_LEAST_FLOW = 0.6
_FEWEST_FEATURES = 8
_NS_PER_SEC = 1_000_000_000
_LEAST_STEP_SEC = 0.01
"""What an image counts for where the camera's stamps stand still."""


@dataclass(frozen=True)
class TrackerOptions:
    """Options of following a target.

    Attributes:
        segment_every: the segmenter is asked at every so many frames; in between the mask is
            moved by optical flow.
        confidence_floor: 0..1, below it the target counts as lost.
        memory_sec: over how long confidence is averaged: a shorter disturbance is outlived.
    """

    segment_every: int = 3
    confidence_floor: float = 0.4
    memory_sec: float = 0.3

    def __post_init__(self) -> None:
        if self.segment_every < 1 or self.memory_sec <= 0 or not 0 <= self.confidence_floor <= 1:
            raise ValueError(
                f"got {self}; expected segment_every of at least 1, memory_sec above 0 and "
                "confidence_floor from 0 to 1."
            )


@dataclass(frozen=True)
class TrackedTarget:
    """Target in one frame: where it is, or why that is not known.

    Attributes:
        segmentation: its mask and box, and the score that its finding had times ``confidence``;
            None where nothing of it can be in the image.
        confidence: 0..1, how sure it is that this is still the target.
        age_sec: how much later the frame was taken than the one in which the target was found.
        lost: why the target can no longer be followed, for a person; empty while it is followed.
        segmented: whether the segmenter was asked about this frame.
        too_small: whether it was lost for it was found with too few pixels to be followed.
    """

    segmentation: Segmentation | None
    confidence: float
    age_sec: float
    lost: str = ""
    segmented: bool = False
    too_small: bool = False


@dataclass(frozen=True)
class _Candidate:
    """A mask of the segmenter's, its score, its IoU with the moved mask, and its colours'
    likeness to the target's."""

    mask: Array
    score: float
    agreement: float
    likeness: float


@dataclass(frozen=True)
class _Evidence:
    """Evidence for the mask, each 0..1."""

    agreement: float = 1.0
    score: float = 1.0
    appearance: float = 1.0
    flow: float = 1.0
    extent: float = 1.0

    def confidence(self) -> float:
        return math.prod((self.agreement, self.score, self.appearance, self.flow, self.extent))


class MaskTracker:
    """Follows one target at a time; see ``docs/tracking.md`` for how.

    Not thread-safe, as the segmenter is not: use it where the segmenter is used.

    Args:
        segmenter: makes the masks, prompted with where the target should be.
        options: the defaults where it is None.
    """

    def __init__(self, segmenter: Segmenter, options: TrackerOptions | None = None) -> None:
        self._segmenter = segmenter
        self.options = options or TrackerOptions()
        self._target: _Target | None = None

    @property
    def active(self) -> bool:
        """Whether there is a target to follow."""
        return self._target is not None

    def stop(self) -> None:
        """Forget the target."""
        self._target = None

    def start(
        self, frame: Frame, segmentation: Segmentation, semantic: SemanticPrompt | None = None
    ) -> None:
        """Follow what ``segmentation`` shows in ``frame``, in place of any former target.

        Args:
            frame: the image in which the target was found.
            segmentation: its mask there, as large as the frame.
            semantic: what it is in words, for segmenters that take words. Its hidden states are
                left out: they belong to the image that the MLLM saw.

        Raises:
            SegmentationError: when the mask is empty or of another size than the frame.
        """
        mask = segmentation.mask
        if mask.shape != frame.rgb.shape[:2]:
            raise SegmentationError(
                f"the mask is {mask.shape}; expected the frame's {frame.rgb.shape[:2]}."
            )
        if not mask.any():
            raise SegmentationError("the mask has no pixel set; expected what is to be followed.")
        self._target = _Target(frame, segmentation, _without_states(semantic))

    def update(self, frame: Frame) -> TrackedTarget:
        """Where the target is in ``frame``, which was taken later than the one before.

        A target that is lost is forgotten; its last mask is in the answer where there is one.

        Raises:
            SegmentationError: when there is no target.
        """
        target = self._target
        if target is None:
            raise SegmentationError("there is no target to follow; call start first.")
        age_sec = (frame.stamp_ns - target.found_ns) / _NS_PER_SEC
        lost = target.unusable(frame)
        if lost:
            self._target = None
            return TrackedTarget(None, 0.0, max(age_sec, 0.0), lost)
        if target.found_px < _FEWEST_PIXELS:
            self._target = None
            lost = (
                f"the target is too small to be followed: it has {target.found_px} pixels, and at "
                f"least {_FEWEST_PIXELS} are needed."
            )
            return TrackedTarget(None, 0.0, age_sec, lost, too_small=True)
        segmented = target.follow(frame, self._segmenter, self.options)
        confidence = min(target.instant, target.smoothed)
        lost = target.why_lost(self.options.confidence_floor)
        segmentation = None
        if np.count_nonzero(target.mask) >= _FEWEST_PIXELS:
            segmentation = Segmentation.from_mask(target.mask, target.found_score * confidence)
        if lost:
            self._target = None
        return TrackedTarget(segmentation, confidence, age_sec, lost, segmented)


class _Target:
    """Target that is being followed."""

    def __init__(
        self, frame: Frame, segmentation: Segmentation, semantic: SemanticPrompt | None
    ) -> None:
        self.found_ns = self._stamp_ns = frame.stamp_ns
        self.found_score = segmentation.score
        self.mask = segmentation.mask
        self.found_px = int(np.count_nonzero(self.mask))
        self.instant = self.smoothed = 1.0
        self._semantic = semantic
        self._size_px = frame.rgb.shape[:2]
        self._grey = GreyImage.of(frame.rgb)
        colours = self._colours(frame, self.mask)
        self._appearance = Appearance.inside(colours, self.mask)
        self._inside = self._appearance.where_alike(colours, self.mask)
        self._area_px = float(self.found_px)
        # The mask is moved from where it was last made, so that it is resampled only once.
        self._made, self._since_made = self.mask, still()
        self._evidence = _Evidence()
        self._own_score = 0.0
        self._rejections = 0
        self._frames = 0

    def unusable(self, frame: Frame) -> str:
        """Why the target cannot be looked for in ``frame``; empty where it can."""
        if frame.rgb.shape[:2] != self._size_px:
            (height, width), (was_height, was_width) = frame.rgb.shape[:2], self._size_px
            return f"the image is {width}x{height} now and was {was_width}x{was_height}."
        if frame.stamp_ns < self._stamp_ns:
            back_sec = (self._stamp_ns - frame.stamp_ns) / _NS_PER_SEC
            return f"the image's stamp went back by {back_sec:.3f} s."
        return ""

    def follow(self, frame: Frame, segmenter: Segmenter, options: TrackerOptions) -> bool:
        """Bring everything up to ``frame``; returns whether the segmenter was asked."""
        passed_sec = max((frame.stamp_ns - self._stamp_ns) / _NS_PER_SEC, _LEAST_STEP_SEC)
        self._stamp_ns = frame.stamp_ns
        self._frames += 1
        grey = GreyImage.of(frame.rgb)
        if grey.blank:
            self._judge(0.0, passed_sec, options)  # and go on from the last image that showed it
            return False
        motion = target_motion(self._grey, grey, self._inside)
        self._grey = grey
        self._since_made = chained(self._since_made, motion.matrix)
        self._area_px *= motion.growth
        moved = moved_mask(self._made, self._since_made)
        if not moved.any():
            self.mask = moved
            self._judge(0.0, passed_sec, options)
            return False
        colours = self._colours(frame, moved)
        asked = self._frames % options.segment_every == 0
        if asked:
            self._ask(frame, colours, moved, segmenter)
        else:
            self.mask = moved
        self._weigh(colours, motion)
        self._judge(self._evidence.confidence(), passed_sec, options)
        return asked

    def why_lost(self, confidence_floor: float) -> str:
        """Why the target can no longer be followed; empty while it can."""
        if np.count_nonzero(self.mask) < _FEWEST_PIXELS:
            return "the target has left the image."
        if self.smoothed >= confidence_floor:
            return ""
        height, width = self._size_px
        x1, y1, x2, y2 = Segmentation.from_mask(self.mask, 0.0).box_xyxy_px
        at_edge = x1 <= 0 or y1 <= 0 or x2 >= width or y2 >= height
        where = " at the edge of the image" if at_edge else ""
        return (
            f"the confidence fell to {self.smoothed:.2f}{where} (the floor is "
            f"{confidence_floor:.2f})."
        )

    def _ask(self, frame: Frame, colours: ColourImage, moved: Array, segmenter: Segmenter) -> None:
        """Let the segmenter make the mask anew, where its mask agrees with the moved one."""
        encoded = segmenter.encode(frame)
        answer = self._best(segmenter, encoded, box_prompt(moved), colours, moved)
        if answer is not None and not self._acceptable(answer):
            # It takes in more than the target: point at what is not meant.
            narrower = pointed_prompt(moved, answer.mask)
            answer = self._best(segmenter, encoded, narrower, colours, moved)
        if answer is None or not self._acceptable(answer):
            self._rejections += 1
            self.mask = moved
            self._evidence = replace(self._evidence, agreement=_PATIENCE**self._rejections)
            return
        self._rejections = 0
        self._own_score = max(self._own_score, answer.score)
        self._evidence = replace(
            self._evidence,
            agreement=_between(answer.agreement, *_AGREEMENT_RANGE),
            score=min(1.0, answer.score / max(self._own_score, 1e-6)),
        )
        self._area_px += _AREA_BLEND * (np.count_nonzero(answer.mask) - self._area_px)
        self.mask = self._made = answer.mask
        self._since_made = still()

    def _best(
        self,
        segmenter: Segmenter,
        encoded: Any,
        prompt: SpatialPrompt,
        colours: ColourImage,
        moved: Array,
    ) -> _Candidate | None:
        """The candidate that agrees best with the moved mask in place and with the colours."""
        try:
            answer = segmenter.segment(encoded, self._semantic, prompt)
        except SegmentationError:  # it finds nothing there
            return None
        candidates = [
            _Candidate(
                mask,
                float(score),
                _iou(mask, moved),
                self._appearance.likeness(Appearance.inside(colours, mask)),
            )
            for whole, score in zip(answer.masks, answer.scores, strict=True)
            for mask in (parts_touching(whole, moved),)
            if np.count_nonzero(mask) >= _FEWEST_PIXELS
        ]
        return max(candidates, key=lambda item: item.agreement * item.likeness, default=None)

    def _acceptable(self, candidate: _Candidate) -> bool:
        grown = float(np.count_nonzero(candidate.mask)) / max(self._area_px, 1.0)
        return (
            candidate.agreement >= _LEAST_AGREEMENT
            and candidate.likeness >= _LEAST_LIKENESS
            and grown <= _MOST_GROWN
        )

    def _colours(self, frame: Frame, mask: Array) -> ColourImage:
        """The colours around ``mask``, which has a pixel set."""
        box = tight_box(mask)
        if box is None:
            raise SegmentationError("the mask has no pixel set; expected the target's.")
        margin_px = _WINDOW_MARGIN * float(max(box[2] - box[0], box[3] - box[1]))
        return ColourImage.of(frame.rgb, PixelWindow.around(box, margin_px, mask.shape))

    def _weigh(self, colours: ColourImage, motion: Motion) -> None:
        likeness = self._appearance.likeness(Appearance.inside(colours, self.mask))
        self._inside = self._appearance.where_alike(colours, self.mask)
        extent = np.count_nonzero(self.mask) / max(self._area_px, 1.0)
        self._evidence = replace(
            self._evidence,
            appearance=_between(likeness, *_LIKENESS_RANGE),
            flow=_flow_evidence(motion),
            extent=_between(extent, *_EXTENT_RANGE),
        )

    def _judge(self, instant: float, passed_sec: float, options: TrackerOptions) -> None:
        kept = math.exp(-passed_sec / options.memory_sec)
        self.instant = instant
        self.smoothed = kept * self.smoothed + (1.0 - kept) * instant


def _flow_evidence(motion: Motion) -> float:
    """Weak on purpose: a plain object has few corners, and a turning one shows new sides."""
    if motion.features < _FEWEST_FEATURES:
        return 1.0
    return _LEAST_FLOW + (1.0 - _LEAST_FLOW) * _between(motion.share, *_FLOW_SHARE_RANGE)


def _between(value: float, low: float, high: float) -> float:
    """0 at ``low`` and below, 1 at ``high`` and above, a straight line between."""
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _iou(a: Array, b: Array) -> float:
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 0.0


def _without_states(semantic: SemanticPrompt | None) -> SemanticPrompt | None:
    return None if semantic is None else replace(semantic, embedding=None)
