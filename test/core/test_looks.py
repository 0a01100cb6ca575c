"""Further looks: when they are taken, and when not."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_looks import (
    FILLED,
    GONE,
    LEFT,
    MUG,
    RIGHT,
    SCORE,
    THINGS,
    TWO,
    BoxOfPrompt,
    LookingConversation,
    LookingMllm,
    at,
    looked,
)
from ppcr_lab.scripted_models import ReplyMllm, scripted_calibration
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.errors import OutOfMemoryError, SegmentationError
from ppcr_ros.core.interfaces import LooksCloser
from ppcr_ros.core.looks import Look, closer_window, is_doubtful
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.run import Run
from ppcr_ros.core.types import Frame, MaskCandidates, Result, Segmentation, Status


def test_two_looks_that_agree_are_enough(frame: Frame) -> None:
    result, mllm = looked(frame, (MUG, LEFT), (MUG, LEFT))
    assert (result.status, at(result), result.looks) == (Status.OK, [4, 4, 12, 12], 2)
    assert mllm.windows == [THINGS.with_margin(0.05)]
    assert result.segmentation is not None
    assert result.segmentation.score == result.segmentation.instances[0].score
    assert result.segmentation.score == pytest.approx(SCORE)


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


@pytest.mark.parametrize(("sure", "doubtful"), [(0.9, False), (0.5, True)])
def test_a_place_that_is_not_sure_is_looked_at_again(
    frame: Frame, sure: float, doubtful: bool
) -> None:
    mask = np.zeros((4, 4), bool)
    mask[1, 1] = True
    found, place = (Segmentation.from_mask(mask, score) for score in (0.9, sure))
    found = replace(found, destination=place.instances[0])
    look = Look(Run(frame, Result(Status.OK, "the ball in the bowl"), None, CancelToken()), found)
    assert is_doubtful(look, 0.8) is doubtful


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


def test_what_fails_in_a_closer_look_does_not_undo_the_first(frame: Frame) -> None:
    class Failing(BoxOfPrompt):
        def segment(self, encoded: Any, semantic: Any, spatial: Any) -> MaskCandidates:
            if self.prompts:
                raise SegmentationError("no mask this time")
            return super().segment(encoded, semantic, spatial)

    result, _ = looked(frame, (MUG, LEFT), (MUG, LEFT), segmenter=Failing())
    assert (result.status, at(result), result.looks) == (Status.OK, [4, 4, 12, 12], 1)


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
