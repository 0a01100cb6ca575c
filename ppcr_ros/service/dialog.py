"""A turn of talk with one camera's person: what was asked back, and the reply to it.

ROS-free. The worker tells it of each result, and asks it before it carries a command out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ppcr_ros.core.candidates import question_about
from ppcr_ros.core.config import Config
from ppcr_ros.core.grasp.grasping import with_grasp
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.reading.deixis import pointed
from ppcr_ros.core.reading.replies import Chosen, Narrowed, Reply, read_reply
from ppcr_ros.core.score_floor import ScoreFloor
from ppcr_ros.core.speech import with_words
from ppcr_ros.core.types import (
    Array,
    Candidate,
    Frame,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    Status,
)

Point = tuple[float, float]
_NOISE, _MOST_CHANGE = 2.0, 0.15
"""A place looks as it did where it has changed by no more: in brightness, of 255, and as a share of
how much it varies itself."""
_BLOCKS = 24


@dataclass(frozen=True)
class OpenQuestion:
    """Question that was asked back, and the image that it is about.

    Attributes:
        result: the AMBIGUOUS result, with its candidates.
        frame: the image that they are in.
        chosen: the numbers of those that a reply has chosen since.
    """

    result: Result
    frame: Frame
    chosen: tuple[int, ...] = ()


class Dialog:
    """Of one camera; used on the worker's thread.

    It lasts for ``dialog.timeout_sec`` from the last thing said in it, and ends with a command that
    is no reply.

    Args:
        configuration: how long it lasts.
        clock_sec: a clock that never goes back, seconds.
    """

    def __init__(
        self, configuration: ConfigSource, clock_sec: Callable[[], float] = time.monotonic
    ) -> None:
        self._configuration, self._clock_sec = configuration, clock_sec
        self._asked: OpenQuestion | None = None
        self._point: Point | None = None
        self._until_sec = self._point_until_sec = float("-inf")

    @property
    def open_question(self) -> OpenQuestion | None:
        """What is still to be answered; None where nothing is."""
        return self._asked if self._clock_sec() < self._until_sec else None

    def take(self, result: Result, frame: Frame | None) -> None:
        """Remember what ``result`` asks, about ``frame``; forget what was asked before it."""
        self._asked = None
        if result.status is Status.AMBIGUOUS and result.candidates and frame is not None:
            self._asked = OpenQuestion(result, frame)
            self._prolong()

    def stop(self) -> None:
        """Forget what was asked."""
        self._asked = None

    def point_at(self, point_xy_px: Point) -> None:
        """Remember a point, for words such as ``this one`` that may follow it."""
        self._point = point_xy_px
        self._point_until_sec = self._clock_sec() + self._configuration.current.dialog.timeout_sec

    def point_for(self, command: str) -> Point | None:
        """The point that ``command`` speaks of, where it points; it serves once."""
        if self._clock_sec() >= self._point_until_sec or not command or pointed(command) is None:
            return None
        self._point_until_sec = float("-inf")
        return self._point

    def reply(self, command: str, point_xy_px: Point | None) -> Reply | None:
        """What ``command`` says to what was asked; None where it is a command of its own."""
        asked = self.open_question
        reply = self._read(command, point_xy_px)
        if asked is not None and isinstance(reply, Chosen):
            numbers = tuple(candidate.number for candidate in reply.candidates)
            self._asked = replace(asked, chosen=(*asked.chosen, *numbers))
        if reply is not None:
            self._prolong()
        return reply

    def hear(self, command: str) -> None:
        """Forget what was asked where ``command`` is one of its own, whatever will come of it."""
        if self._read(command, None) is None:
            self.stop()

    def _read(self, command: str, point_xy_px: Point | None) -> Reply | None:
        asked = self.open_question
        if asked is None:
            return None
        semantic = asked.result.semantic
        return read_reply(
            command,
            asked.result.candidates,
            "object" if semantic is None else semantic.category,
            chosen_before=asked.chosen,
            point_xy_px=point_xy_px,
        )

    def _prolong(self) -> None:
        self._until_sec = self._clock_sec() + self._configuration.current.dialog.timeout_sec


def still_there(asked: OpenQuestion, chosen: Chosen | Narrowed, frame: Frame) -> bool:
    """Whether these objects look in ``frame`` as they did when it was asked about them.

    Both images are compared where the objects are and a little around them; light that has become
    brighter or darker all over does not count.
    """
    if asked.frame.rgb.shape != frame.rgb.shape:
        return False
    if any(candidate.mask is None for candidate in chosen.candidates):
        return False
    return all(
        _looks_the_same(asked.frame.rgb, frame.rgb, candidate.box_xyxy_px)
        for candidate in chosen.candidates
    )


def _looks_the_same(before: Array, now: Array, box_xyxy_px: Array) -> bool:
    x1, y1, x2, y2 = (int(value) for value in box_xyxy_px)
    margin = max(2, (x2 - x1) // 8, (y2 - y1) // 8)
    window = slice(max(0, y1 - margin), y2 + margin), slice(max(0, x1 - margin), x2 + margin)
    one, other = _blocks(before[window]), _blocks(now[window])
    difference = one - other
    change = float(np.abs(difference - np.median(difference)).mean())
    return change <= _NOISE + _MOST_CHANGE * float(one.std(axis=(0, 1)).max())


def _blocks(rgb: Array) -> Array:
    """(h, w, 3) float32 means of blocks, about `_BLOCKS` of them along each side."""
    rows, columns = (max(1, side // _BLOCKS) for side in rgb.shape[:2])
    high, wide = rgb.shape[0] // rows, rgb.shape[1] // columns
    whole = rgb[: high * rows, : wide * columns].reshape(high, rows, wide, columns, 3)
    means: Array = whole.mean(axis=(1, 3), dtype=np.float32)
    return means


def chosen_result(
    asked: OpenQuestion,
    chosen: Chosen,
    frame: Frame,
    config: Config,
    point_xy_px: Point | None = None,
) -> Result:
    """The answer to a reply that chose: the objects as they were asked about, in ``frame``.

    To be used where they are `still_there`. ``point_xy_px`` is what the reply pointed at, or None.
    """
    found = Segmentation.union(tuple(candidate.as_chosen() for candidate in chosen.candidates))
    floor = ScoreFloor.of(config.pipeline)
    message = floor.doubt(found.score)
    boxes = np.stack([c.box_xyxy_px for c in chosen.candidates])
    spatial = SpatialPrompt(
        "as it was chosen", boxes[0], confidence=found.score, boxes_xyxy_px=boxes
    )
    result = replace(
        asked.result,
        status=Status.LOW_CONFIDENCE if message else Status.OK,
        message=message,
        score_floor=floor.value,
        stamp_ns=frame.stamp_ns,
        frame_id=frame.frame_id,
        semantic=_semantic_of(asked.result.semantic, chosen.candidates),
        spatial=spatial,
        segmentation=found,
        candidates=(),
        question="",
        say="",
        asked_for=words_of(chosen),
        point_xy_px=point_xy_px,
    )
    return with_words(with_grasp(result, frame, config.grasp))


def words_of(chosen: Chosen) -> str:
    """Words that ask for what was chosen, without the question."""
    return " and ".join(f"the {candidate.words}" for candidate in chosen.candidates)


def narrowed_result(asked: OpenQuestion, narrowed: Narrowed, frame: Frame) -> tuple[Result, Frame]:
    """The answer to a reply that still fits several: the question once more, about those.

    With the image that they are in: ``frame``, or where they do not look there as they did, the
    one that it was asked about.
    """
    question = question_about(narrowed.candidates)
    message = " ".join(filter(None, (narrowed.problem, question)))
    about = frame if still_there(asked, narrowed, frame) else asked.frame
    result = replace(
        asked.result,
        stamp_ns=about.stamp_ns,
        frame_id=about.frame_id,
        candidates=narrowed.candidates,
        message=message,
        question=question,
        say=message,
        point_xy_px=None,
    )
    return result, about


def _semantic_of(
    semantic: SemanticPrompt | None, candidates: tuple[Candidate, ...]
) -> SemanticPrompt | None:
    """Stage 1's product as the reply has completed it: what is meant is said by a person now."""
    if semantic is None:
        return None
    words = " and ".join(candidate.words for candidate in candidates)
    before, category, behind = words.partition(semantic.category)
    alone = len(candidates) == 1 and category
    return replace(
        semantic,
        text=words,
        attributes=tuple(before.split()) if alone else semantic.attributes,
        relations=tuple(filter(None, [behind.strip()])) if alone else (),
        ambiguous=False,
        confidence=1.0,
        embedding=None,
        quantity=len(candidates),
        seen=(),
    )
