"""Follows the target of the last command in the worker's idle time. ROS-free, as the worker is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from ppcr_ros.core.config import TRACK
from ppcr_ros.core.grasp.grasping import with_grasp
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.score_floor import ScoreFloor
from ppcr_ros.core.speech import words_on_loss
from ppcr_ros.core.tracking import MaskTracker, TrackedTarget, TrackerOptions
from ppcr_ros.core.types import Frame, Result, StageSeconds, Status
from ppcr_ros.service.asking_again import words_for_again

STEADY_SEC = 2.0
"""A target that was followed for so long counts as found again."""
MOST_REASKS = 3
"""How often in a row the MLLM is asked again for a target that is lost sooner than that."""


class TrackerSource(Protocol):
    """Part of the pipeline that the follower uses."""

    def tracker(self, options: TrackerOptions | None = None) -> MaskTracker: ...


@dataclass(frozen=True)
class FollowStep:
    """Outcome of following the target into one image.

    Attributes:
        result: to be published; None where nothing of the target can be in the image.
        frame: the converted image.
        found: the MLLM's answer, to whose command all of this belongs.
        reask: why the MLLM is to be asked again; empty where it is not.
        words: what it is to be asked for then.
    """

    result: Result | None
    frame: Frame
    found: Result
    reask: str = ""
    words: str = ""


class TargetFollower:
    """Keeps to the target that a command has found, until it is lost or another command comes.

    Used on the worker's thread only.

    Args:
        source: makes a tracker for each target.
        configuration: whether and how targets are followed.
        clock_sec: a clock that never goes back, seconds.
    """

    def __init__(
        self,
        source: TrackerSource,
        configuration: ConfigSource,
        *,
        clock_sec: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._configuration, self._clock_sec = source, configuration, clock_sec
        self._tracker: MaskTracker | None = None
        self._found: Result | None = None
        self._found_sec = self._last_sec = float("-inf")
        self._used: object = None
        self._words = ""
        self._reasks = 0

    @property
    def active(self) -> bool:
        """Whether there is a target to follow."""
        return self._found is not None and self._configuration.current.node.mode == TRACK

    def stop(self) -> None:
        """Forget the target, as for a new command or ``stop``."""
        self._reasks = 0
        self._forget()

    def take(self, result: Result, frame: Frame | None, image: object = None) -> None:
        """Follow what the MLLM has found, if one object and if ``node.mode`` says so.

        Args:
            result: the answer to a command, or to the same command asked again.
            frame: the image that it is about.
            image: what `pause_sec` will be given for that image, which is not followed once more.
        """
        self._forget()
        segmentation = result.segmentation
        one = segmentation is not None and len(segmentation.instances) == 1
        found = result.status is Status.OK and one
        if self._configuration.current.node.mode != TRACK or not found or frame is None:
            self._reasks = 0
            return
        if segmentation is None:
            return
        self._tracker = self._source.tracker(self._options())
        self._tracker.start(frame, segmentation, result.semantic)
        semantic = None if result.semantic is None else replace(result.semantic, embedding=None)
        self._words = words_for_again(result)
        self._found = replace(result, semantic=semantic, spatial=None, segmentation=None)
        self._found_sec, self._used = self._clock_sec(), image

    def pause_sec(self, image: object) -> float | None:
        """How long to wait before ``image`` is followed; None where it is not to be.

        Args:
            image: the newest one, whatever it is; None where there is none.
        """
        if not self.active or image is None or image is self._used:
            return None
        due_sec = self._last_sec + 1.0 / self._configuration.current.node.track_max_rate_hz
        return max(0.0, due_sec - self._clock_sec())

    def step(self, image: object, convert: Callable[[], Frame]) -> FollowStep | None:
        """Follow the target into ``image``; None where it is no longer followed.

        Raises:
            InvalidFrameError: where the image cannot be converted; the target is kept.
        """
        started_sec = self._last_sec = self._clock_sec()
        self._used = image
        tracker, found = self._tracker, self._found
        if tracker is None or found is None:
            return None
        frame = convert()
        tracker.options = self._options()
        target = tracker.update(frame)
        reask = self._why_ask_again(target, started_sec)
        result = self._result(found, frame, target, reask)
        if result is not None:
            seconds = StageSeconds(total=self._clock_sec() - started_sec)
            result = replace(result, seconds=seconds)
        if target.lost or reask:
            self._forget()
        return FollowStep(result, frame, found, reask, self._words)

    def _why_ask_again(self, target: TrackedTarget, now_sec: float) -> str:
        followed_sec = now_sec - self._found_sec
        interval_sec = self._configuration.current.node.track_reask_sec
        if target.too_small or not self._words:
            return ""
        if target.lost:
            self._reasks = 1 if followed_sec >= STEADY_SEC else self._reasks + 1
            return target.lost if self._reasks <= MOST_REASKS else ""
        if interval_sec and followed_sec >= interval_sec:
            return f"node.track_reask_sec ({interval_sec:g} s) has passed."
        return ""

    def _result(
        self, found: Result, frame: Frame, target: TrackedTarget, reask: str
    ) -> Result | None:
        """The message's content, in which a target that is lost is not to be grasped."""
        status, message = Status.OK, ""
        floor = ScoreFloor.of(self._configuration.current.pipeline)
        if target.lost:
            status = Status.LOW_CONFIDENCE
            message = self._loss(target, reask)
        if target.segmentation is None:
            if not target.lost or reask:
                return None
            status = Status.ERROR
        elif not target.lost:
            message = floor.doubt(target.segmentation.score)
            status = Status.LOW_CONFIDENCE if message else Status.OK
        result = replace(
            found,
            status=status,
            message=message,
            score_floor=floor.value,
            say=words_on_loss(found, too_small=target.too_small) if target.lost else "",
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            segmentation=target.segmentation,
            tracked=True,
            age_sec=target.age_sec,
        )
        return with_grasp(result, frame, self._configuration.current.grasp)

    def _loss(self, target: TrackedTarget, reask: str) -> str:
        """What became of a target that is lost, and what comes next."""
        if target.too_small:
            return (
                f"{target.lost} Tracking ends; move the camera closer and give the command again."
            )
        then = "the MLLM is asked again."
        if not self._words:
            then = (
                "tracking ends, for no words tell which one it was; point at it again, or say what "
                "it is."
            )
        elif not reask:
            then = (
                f"it was lost {MOST_REASKS} times soon after it was found, so tracking ends; "
                "give the command again."
            )
        return f"the target was lost: {target.lost} Do not grasp; {then}"

    def _options(self) -> TrackerOptions:
        return TrackerOptions(
            confidence_floor=self._configuration.current.node.track_min_confidence
        )

    def _forget(self) -> None:
        self._found = self._tracker = None  # a tracker holds the segmenter, which may be exchanged
