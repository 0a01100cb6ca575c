"""Further looks: when they are taken, and what several looks say together."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import (
    MaskSegmenter,
    ReplyConversation,
    ReplyDialect,
    ReplyMllm,
    scripted_calibration,
)
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.errors import OutOfMemoryError, SegmentationError
from ppcr_ros.core.interfaces import LooksCloser, Turn
from ppcr_ros.core.looks import DIRECT_SHARE, closer_window
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.scoring import ScoreCalibration
from ppcr_ros.core.types import Frame, MaskCandidates, Result, Status
from ppcr_ros.core.window import Window

THINGS = Window(0.25, 0.25, 0.5, 0.5)
FILLED = Window(0.02, 0.02, 0.98, 0.98)
LEFT, RIGHT = "4 4 12 12", "20 4 28 12"
MUG, GONE, TWO = "red mug", "none mug", "several mug"


class LookingDialect(ReplyDialect):
    """A `ReplyDialect` without a question for all at once."""

    def direct_all_turn(self, command: str) -> None:
        return None


class AskedDirectly(ReplyDialect):
    """A `ReplyDialect` that can be asked without stage 1 for one object and for all."""

    def direct_all_turn(self, command: str) -> Turn:
        return Turn(f"where are all? {command}")


@dataclass
class LookingMllm(ReplyMllm):
    """A `ReplyMllm` that can look closer; a list of replies for each look.

    Attributes:
        looks: the replies of each conversation, in the order in which they are opened.
        windows: what was looked at closer.
    """

    dialect: Any = field(default_factory=LookingDialect)
    looks: Sequence[Sequence[Any]] = ()
    things: Window | None = THINGS
    windows: list[Window] = field(default_factory=list)

    def open(self, frame: Frame) -> LookingConversation:
        self.replies = self.looks[len(self.opened)]
        self.opened.append(frame)
        self.turns.clear()
        return LookingConversation(self, self.things)

    def open_window(self, frame: Frame, window: Window) -> LookingConversation:
        self.windows.append(window)
        return self.open(frame)


@dataclass
class LookingConversation(ReplyConversation):
    """A conversation of a `LookingMllm`."""

    things: Window | None = None


class BoxOfPrompt(MaskSegmenter):
    """A `MaskSegmenter` whose mask is the box of the prompt."""

    def segment(self, encoded: Any, semantic: Any, spatial: Any) -> MaskCandidates:
        self.boxes = [tuple(int(v) for v in spatial.box_xyxy_px)]
        return super().segment(encoded, semantic, spatial)


def looked(
    frame: Frame,
    *looks: Sequence[Any],
    command: str = "the red mug",
    things: Window | None = THINGS,
    segmenter: MaskSegmenter | None = None,
    calibration: ScoreCalibration | None = None,
    told: list[Any] | None = None,
    directly: bool = False,
    **options: Any,
) -> tuple[Result, LookingMllm]:
    mllm = LookingMllm(looks=looks, things=things)
    if directly:
        mllm.dialect = AskedDirectly()
    options = {"look_again_below": 0.95} | options
    config = Config(pipeline=PipelineConfig(**options))
    with PPCRPipeline(mllm, segmenter or BoxOfPrompt(), config, calibration) as pipeline:
        return pipeline.run(frame, command, on_stage=None if told is None else told.append), mllm


def at(result: Result) -> list[int]:
    assert result.segmentation is not None, result.message
    return [int(value) for value in result.segmentation.box_xyxy_px]


def test_two_looks_that_agree_are_enough(frame: Frame) -> None:
    result, mllm = looked(frame, (MUG, LEFT), (MUG, LEFT))
    assert (result.status, at(result), result.looks) == (Status.OK, [4, 4, 12, 12], 2)
    assert mllm.windows == [THINGS.with_margin(0.05)]
    assert result.segmentation is not None
    assert result.segmentation.score == result.segmentation.instances[0].score
    assert result.segmentation.score == pytest.approx(SCORE)


SCORE = (0.9 * 1.0 * 0.9 * 0.8) ** (1 / 4)
DIRECT_SCORE = (0.9 * 1.0 * 0.8) ** (1 / 3)
"""Of the scripted models; stage 1's confidence is one term less."""


def test_two_against_one_win_and_their_prompts_are_told(frame: Frame) -> None:
    told: list[Any] = []
    looks = (MUG, LEFT), (RIGHT,), ("blue mug", RIGHT)
    result, mllm = looked(frame, *looks, told=told, directly=True)
    assert (at(result), result.looks) == ([20, 4, 28, 12], 3)
    assert result.semantic is not None
    assert result.semantic.attributes == ("blue",)
    assert result.spatial is not None
    assert result.spatial.text == RIGHT
    assert told[-3:] == [result.semantic, result.spatial, result.segmentation]
    assert mllm.windows == [THINGS.with_margin(0.05)]
    assert result.segmentation is not None
    agree = DIRECT_SHARE * DIRECT_SCORE + SCORE
    assert result.segmentation.score == pytest.approx(agree / (2 + DIRECT_SHARE))


def test_the_frame_without_stage_1_comes_first_and_may_be_enough(frame: Frame) -> None:
    result, mllm = looked(frame, (MUG, LEFT), (LEFT,), directly=True)
    assert (result.status, at(result), result.looks) == (Status.OK, [4, 4, 12, 12], 2)
    assert (mllm.windows, mllm.turns[0][0]) == ([], "where at once? the red mug")
    assert result.semantic is not None
    assert result.segmentation is not None
    support = (SCORE + DIRECT_SHARE * DIRECT_SCORE) / (1 + DIRECT_SHARE)
    assert result.segmentation.score == pytest.approx(support)


def test_it_is_asked_for_even_where_the_things_fill_the_image(frame: Frame) -> None:
    result, mllm = looked(frame, (GONE,), ("none",), directly=True, things=FILLED)
    assert (result.status, result.looks, mllm.windows) == (Status.NOT_FOUND, 2, [])


def test_what_is_found_without_stage_1_alone_has_a_score_like_others(frame: Frame) -> None:
    looks = (GONE,), (LEFT,), (TWO,), (LEFT,)
    result, _ = looked(frame, *looks, directly=True, calibration=scripted_calibration(-1.0))
    assert (result.status, at(result), result.looks) == (Status.LOW_CONFIDENCE, [4, 4, 12, 12], 4)
    assert result.segmentation is not None
    assert result.segmentation.score < 0.5 == result.score_floor


@pytest.mark.parametrize("guidance", ["direct", "semantic_only"])
def test_where_a_stage_is_left_out_anyway_nothing_is_asked_directly(
    frame: Frame, guidance: str
) -> None:
    class Whole(BoxOfPrompt):
        def segment(self, encoded: Any, semantic: Any, spatial: Any) -> MaskCandidates:
            return MaskSegmenter.segment(self, encoded, semantic, spatial)

    reply = (LEFT,) if guidance == "direct" else (MUG,)
    result, mllm = looked(
        frame,
        reply,
        reply,
        directly=True,
        guidance=guidance,
        segmenter=Whole(boxes=[(4, 4, 12, 12)]),
    )
    assert (result.looks, len(mllm.windows)) == (2, 1), result.message


def test_what_is_overlooked_once_is_found(frame: Frame) -> None:
    result, _ = looked(frame, (GONE,), (LEFT,), (MUG, LEFT), directly=True)
    assert (result.status, at(result)) == (Status.OK, [4, 4, 12, 12])
    assert result.not_found_probability is None
    assert result.message == ""


def test_what_is_seen_once_may_not_be_there(frame: Frame) -> None:
    result, _ = looked(frame, (GONE,), ("none",), (MUG, LEFT), ("none",), directly=True)
    assert (result.status, result.segmentation) == (Status.NOT_FOUND, None)
    shares = 1 + 2 * DIRECT_SHARE
    assert result.not_found_probability == pytest.approx(0.5 * shares / (1 + shares))


def test_one_that_was_seen_alone_counts_more_than_two_that_say_several(frame: Frame) -> None:
    result, _ = looked(frame, (TWO,), (MUG, LEFT))
    assert (result.status, result.candidates) == (Status.OK, ())


def test_an_answer_that_cannot_be_read_counts_nothing(frame: Frame) -> None:
    result, _ = looked(frame, ("", "", ""), (MUG, LEFT))
    assert (result.status, at(result)) == (Status.OK, [4, 4, 12, 12])
    none_read, _ = looked(frame, ("", "", ""), ("", "", ""))
    assert none_read.status is Status.PARSE_FAILED


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"look_again_below": 0.0}, "it is switched off"),
        ({"look_again_below": 0.5}, "the first look is sure enough"),
        ({"things": None}, "it does not tell where the things are"),
        ({"things": FILLED}, "they fill the image"),
    ],
)
def test_one_look_is_enough_where(frame: Frame, options: dict[str, Any], why: str) -> None:
    result, mllm = looked(frame, (MUG, LEFT), **options)
    assert (result.looks, mllm.windows) == (1, []), why


@pytest.mark.parametrize("reply", [TWO, GONE, ""])
def test_switched_off_means_that_no_outcome_is_looked_at_again(frame: Frame, reply: str) -> None:
    result, mllm = looked(frame, (reply,) * 3, look_again_below=0.0)
    assert result.status in (Status.AMBIGUOUS, Status.NOT_FOUND, Status.PARSE_FAILED)
    assert (result.looks, mllm.windows) == (1, [])


def test_what_is_pointed_at_is_looked_at_once(frame: Frame) -> None:
    mllm = LookingMllm(looks=[(MUG, LEFT)])
    config = Config(pipeline=PipelineConfig(look_again_below=1.0))
    with PPCRPipeline(mllm, BoxOfPrompt(), config) as pipeline:
        pointed = pipeline.run(frame, "the mug here", point_xy_px=(6.0, 6.0))
    assert (pointed.looks, mllm.windows) == (1, [])


CUP = ("blue cup", RIGHT)
"""What must be left alone is looked for in a conversation of its own, where something is found."""


CORRECTION = "don't take the blue cup, take the red mug"


def corrected(frame: Frame, *looks: Sequence[Any]) -> tuple[Result, LookingMllm]:
    return looked(frame, *looks, command=CORRECTION)


def test_a_look_that_takes_what_is_forbidden_is_overruled_by_none(frame: Frame) -> None:
    at_once, mllm = corrected(frame, CUP)
    assert (at_once.status, mllm.windows) == (Status.NOT_FOUND, [])
    assert "leave alone" in at_once.message
    later, mllm = corrected(frame, (MUG, LEFT), CUP, CUP)
    assert (later.status, len(mllm.windows)) == (Status.NOT_FOUND, 1)
    assert "leave alone" in later.message
    assert later.not_found_probability is None, "it is there"
    same_place, _ = corrected(frame, (MUG, LEFT), CUP, (MUG, RIGHT), CUP)
    assert same_place.status is Status.NOT_FOUND
    undisturbed, _ = looked(
        frame, (MUG, LEFT), CUP, (MUG, LEFT), CUP, command=CORRECTION, directly=True
    )
    assert (undisturbed.status, undisturbed.looks) == (Status.OK, 2), "all stages, or none"


def test_where_something_is_forbidden_two_looks_must_agree(frame: Frame) -> None:
    alone, _ = corrected(frame, (GONE,), (MUG, LEFT), CUP)
    assert (alone.status, alone.looks) == (Status.NOT_FOUND, 2)
    first, _ = corrected(frame, (MUG, LEFT), CUP, (GONE,))
    assert (first.status, at(first)) == (Status.OK, [4, 4, 12, 12])
    assert first.segmentation is not None
    assert first.segmentation.score == pytest.approx(SCORE / 2), "nobody seconds it"


@pytest.mark.parametrize("command", ["hello", "don't touch anything"])
def test_for_what_asks_for_nothing_no_look_is_taken_again(frame: Frame, command: str) -> None:
    result, mllm = looked(frame, (), (), (), command=command)  # the image may have been read ahead
    assert (result.status, result.looks, mllm.windows) == (Status.NOT_FOUND, 1, [])
    assert result.not_found_probability is None


def test_a_look_with_all_that_was_asked_for_counts_more(frame: Frame) -> None:
    both = ("red mug", f"{LEFT}; {RIGHT}")
    # Where one lacks, another conversation is opened, and this dialect has nothing to ask in it.
    looks = ("red mug", LEFT), (), both, both
    result, _ = looked(frame, *looks, command="the two red mugs")
    assert result.segmentation is not None
    assert len(result.segmentation.instances) == 2
    assert result.message == ""


def test_of_all_that_fit_none_is_left_out_that_looks_have_found(frame: Frame) -> None:
    told: list[Any] = []
    both, one = f"{LEFT}; {RIGHT}", LEFT
    for looks, n in (
        ((("red mug", one), (one,), ("red mug", both), (both,)), 2),
        ((("red mug", one), (both,), ("red mug", one), (one,)), 1),
        ((("red mug", both), (both,), ("red mug", both), (both,)), 2),
    ):
        result, _ = looked(frame, *looks, command="all the red mugs", told=told, directly=True)
        assert (result.status, result.looks) == (Status.OK, 4)
        assert result.segmentation is not None
        assert result.spatial is not None
        assert len(result.segmentation.instances) == len(result.spatial.boxes_xyxy_px) == n
        assert len(told[-1].instances) == n
    gone, _ = looked(
        frame, (GONE,), ("none",), (GONE,), ("none",), command="all the red mugs", directly=True
    )
    assert (gone.status, gone.looks) == (Status.NOT_FOUND, 4)


def test_all_that_fit_are_looked_for_again_however_sure_the_first_look_is(frame: Frame) -> None:
    looks = (MUG, LEFT), (LEFT,), (MUG, LEFT), (LEFT,)
    every: dict[str, Any] = {"command": "all the red mugs", "directly": True}
    sure, _ = looked(frame, *looks, look_again_below=0.1, **every)
    assert sure.looks == 4
    off, _ = looked(frame, *looks, look_again_below=0.0, **every)
    assert off.looks == 1


def test_what_fails_in_a_closer_look_does_not_undo_the_first(frame: Frame) -> None:
    class Failing(BoxOfPrompt):
        def segment(self, encoded: Any, semantic: Any, spatial: Any) -> MaskCandidates:
            if self.prompts:
                raise SegmentationError("no mask this time")
            return super().segment(encoded, semantic, spatial)

    result, _ = looked(frame, (MUG, LEFT), (MUG, LEFT), segmenter=Failing())
    assert (result.status, at(result), result.looks) == (Status.OK, [4, 4, 12, 12], 1)


def test_what_is_missing_makes_what_was_found_no_less_certain(frame: Frame) -> None:
    once, _ = looked(frame, ("red mug", LEFT), look_again_below=0.0)
    looks = ("red mug", LEFT), (), ("red mug", LEFT), ()
    result, _ = looked(frame, *looks, command="the two red mugs")
    assert (result.looks, result.message) == (2, "only 1 of the 2 was found")
    assert result.segmentation is not None
    assert once.segmentation is not None
    assert result.segmentation.score == pytest.approx(once.segmentation.score)


class Left(CancelToken):
    """A token whose time limit is so far away, whenever that is asked."""

    def __init__(self, left_sec: float) -> None:
        super().__init__()
        self.left_sec = left_sec

    @property
    def remaining_sec(self) -> float:
        return self.left_sec


@pytest.mark.parametrize(("left_sec", "looks"), [(1e-9, 1), (60.0, 2)])
def test_no_look_is_begun_that_the_time_limit_would_end(
    frame: Frame, left_sec: float, looks: int
) -> None:
    mllm = LookingMllm(looks=[(MUG, LEFT), (MUG, LEFT)])
    config = Config(pipeline=PipelineConfig(look_again_below=1.0))
    with PPCRPipeline(mllm, BoxOfPrompt(), config) as pipeline:
        result = pipeline.run(frame, "the red mug", cancel=Left(left_sec))
    assert (result.status, at(result), result.looks) == (Status.OK, [4, 4, 12, 12], looks)


@pytest.mark.parametrize(
    ("error", "status"), [(None, Status.CANCELLED), (OutOfMemoryError("no more"), Status.ERROR)]
)
def test_a_closer_look_that_is_ended_ends_the_command(
    frame: Frame, error: OutOfMemoryError | None, status: Status
) -> None:
    cancel = CancelToken()

    def end(_: CancelToken) -> str:
        if error is not None:
            raise error
        cancel.cancel("the person said stop")
        return MUG

    mllm = LookingMllm(looks=[(MUG, LEFT), (end,)])
    config = Config(pipeline=PipelineConfig(look_again_below=1.0))
    with PPCRPipeline(mllm, BoxOfPrompt(), config) as pipeline:
        result = pipeline.run(frame, "the red mug", cancel=cancel)
    assert (result.status, result.segmentation) == (status, None)
    assert result.message == ("no more" if error else "the person said stop")
    assert result.out_of_memory is bool(error)


def test_a_calibration_makes_a_probability_of_the_support(frame: Frame) -> None:
    fits = {"found": (5.0, 0.0), "absent": (3.0, 0.0)}
    calibration = scripted_calibration(-1.0, looks=fits)
    result, _ = looked(frame, (MUG, LEFT), (MUG, LEFT), calibration=calibration)
    assert result.segmentation is not None
    assert result.segmentation.score == pytest.approx(1 / (1 + np.exp(-5.0)))
    absent, _ = looked(frame, (GONE,), (GONE,), calibration=calibration)
    assert absent.not_found_probability == pytest.approx(1 / (1 + np.exp(-3.0)))


def test_the_stages_seconds_are_those_of_all_looks(frame: Frame) -> None:
    result, _ = looked(frame, (MUG, LEFT), (MUG, LEFT))
    once, _ = looked(frame, (MUG, LEFT), look_again_below=0.0)
    assert 0.0 < result.seconds.semantic < result.seconds.total
    assert once.looks == 1


def test_a_window_that_shows_nearly_all_is_no_closer_look() -> None:
    window = closer_window(THINGS)
    assert window is not None
    assert THINGS.area < window.area < 0.9
    assert closer_window(FILLED) is None
    assert isinstance(LookingMllm(), LooksCloser)
    assert not isinstance(ReplyMllm(), LooksCloser)


def test_a_conversation_that_can_begin_again_reads_its_image_once(frame: Frame) -> None:
    @dataclass
    class Begun(LookingConversation):
        def begin_again(self) -> LookingConversation:
            self.mllm.replies = self.mllm.looks[len(self.mllm.opened)]
            self.mllm.turns.clear()
            self.mllm.opened.append("again")
            return LookingConversation(self.mllm, self.things)

    class Beginning(LookingMllm):
        def open(self, frame: Frame) -> LookingConversation:
            super().open(frame)
            return Begun(self, self.things)

    mllm = Beginning(looks=((MUG, LEFT), (RIGHT,), (MUG, RIGHT)), dialect=AskedDirectly())
    config = Config(pipeline=PipelineConfig(look_again_below=0.95))
    with PPCRPipeline(mllm, BoxOfPrompt(), config) as pipeline:
        assert at(pipeline.run(frame, "the red mug")) == [20, 4, 28, 12]
    assert [item if item == "again" else "read" for item in mllm.opened] == [
        "read",
        "again",
        "read",
    ]


@pytest.mark.parametrize(
    "looks", [((MUG, LEFT), (MUG, LEFT)), ((GONE,), (GONE,)), ((TWO,), (TWO,))]
)
def test_nothing_of_a_run_stays_alive_behind_its_result(
    frame: Frame, looks: Sequence[Sequence[Any]]
) -> None:
    kept: list[weakref.ref[Any]] = []

    class Remembered(LookingMllm):
        def open(self, frame: Frame) -> LookingConversation:
            conversation = super().open(frame)
            kept.append(weakref.ref(conversation))
            return conversation

    mllm = Remembered(looks=looks)
    config = Config(pipeline=PipelineConfig(look_again_below=0.95))
    gc.collect()
    gc.disable()
    try:
        with PPCRPipeline(mllm, BoxOfPrompt(), config) as pipeline:
            assert pipeline.run(frame, "the red mug").looks == 2
            assert [conversation() for conversation in kept] == [None, None]
    finally:
        gc.enable()
