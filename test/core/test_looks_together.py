"""Further looks: what several of them say together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from ppcr_lab.scripted_looks import (
    DIRECT_SCORE,
    FILLED,
    GONE,
    LEFT,
    MUG,
    RIGHT,
    SCORE,
    THINGS,
    TWO,
    AskedDirectly,
    BoxOfPrompt,
    LookingConversation,
    LookingMllm,
    at,
    looked,
)
from ppcr_lab.scripted_models import MaskSegmenter
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.looks import DIRECT_SHARE, Look, gathered
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.run import Run
from ppcr_ros.core.types import Array, Frame, Instance, MaskCandidates, Result, Segmentation, Status


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


def test_what_is_found_without_stage_1_alone_is_no_result(frame: Frame) -> None:
    absent, _ = looked(frame, (GONE,), (LEFT,), (GONE,), (LEFT,), directly=True)
    assert (absent.status, absent.looks) == (Status.NOT_FOUND, 4)
    other, _ = looked(frame, (MUG, LEFT), (RIGHT,), (GONE,), (RIGHT,), directly=True)
    assert (other.status, at(other), other.looks) == (Status.OK, [4, 4, 12, 12], 4)
    assert other.semantic is not None


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
        ((("red mug", one), (RIGHT,), ("red mug", RIGHT), (one,)), 2),
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


def test_what_is_missing_makes_what_was_found_no_less_certain(frame: Frame) -> None:
    once, _ = looked(frame, ("red mug", LEFT), look_again_below=0.0)
    looks = ("red mug", LEFT), (), ("red mug", LEFT), ()
    result, _ = looked(frame, *looks, command="the two red mugs")
    assert (result.looks, result.message) == (2, "only 1 of the 2 was found")
    assert result.segmentation is not None
    assert once.segmentation is not None
    assert result.segmentation.score == pytest.approx(once.segmentation.score)


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


class Telling(LookingMllm):
    """Its image tokens take only what lies at the left for a mug."""

    told: ClassVar[list[str]] = []

    def open(self, frame: Frame) -> LookingConversation:
        conversation = super().open(frame)

        def kind_probability(kind: str, box_xyxy: Array) -> float | None:
            self.told.append(kind)
            return (0.98 if box_xyxy[0] < 0.5 else 0.02) if kind == "mug" else None

        return TellingConversation(conversation.mllm, conversation.things, kind_probability)


@dataclass
class TellingConversation(LookingConversation):
    kind_probability: Any = None


def with_kinds(frame: Frame, command: str, *looks: Any) -> Result:
    Telling.told.clear()
    mllm = Telling(looks=looks, dialect=AskedDirectly())
    config = Config(pipeline=PipelineConfig(look_again_below=0.95))
    with PPCRPipeline(mllm, BoxOfPrompt(), config) as pipeline:
        return pipeline.run(frame, command)


def test_a_look_counts_less_where_the_image_tokens_show_another_kind(frame: Frame) -> None:
    looks = (MUG, RIGHT), ("none",), (MUG, LEFT), ("none",)
    assert at(looked(frame, *looks, directly=True)[0]) == [20, 4, 28, 12]
    assert at(with_kinds(frame, "the red mug", *looks)) == [4, 4, 12, 12]


def test_the_kind_of_what_is_asked_for_is_known_without_stage_1_as_well(frame: Frame) -> None:
    result = with_kinds(frame, "the red mug", (GONE,), (LEFT,), (MUG, LEFT))
    assert (at(result), Telling.told) == ([4, 4, 12, 12], ["mug", "mug"])
    assert result.segmentation is not None
    assert result.segmentation.evidence is not None
    assert result.segmentation.evidence.kind == 0.98


def test_of_all_that_fit_one_of_another_kind_needs_more_looks(frame: Frame) -> None:
    one, both = LEFT, f"{LEFT}; {RIGHT}"
    looks = ("red mug", one), (both,), ("red mug", one), (both,)
    plain, _ = looked(frame, *looks, command="all the red mugs", directly=True)
    assert plain.segmentation is not None
    assert len(plain.segmentation.instances) == 2
    telling = with_kinds(frame, "all the red mugs", *looks)
    assert telling.segmentation is not None
    assert len(telling.segmentation.instances) == 1


def seen_thing(row: int, score: float, kind: float | None) -> Instance:
    mask = np.zeros((4, 4), bool)
    mask[row] = True
    found = Segmentation.from_mask(mask, score)
    return replace(found.instances[0], evidence=Evidence(score, kind=kind))


def look_at(frame: Frame, *things: Instance) -> Look:
    run = Run(frame, Result(Status.OK, "all the mugs"), None, CancelToken())
    return Look(run, Segmentation.union(things))


def test_a_look_weighs_less_for_what_is_not_of_its_kind(frame: Frame) -> None:
    unknown, like, unlike = (
        look_at(frame, seen_thing(0, 0.8, kind)).weight for kind in (None, 0.99, 0.05)
    )
    assert unknown == pytest.approx(0.8)
    assert unlike < 0.8 * like < 0.8 * unknown


@pytest.mark.parametrize(("kind", "n"), [(0.9, 2), (0.1, 1)])
def test_of_all_that_fit_what_one_look_has_seen_counts_by_its_kind(
    frame: Frame, kind: float, n: int
) -> None:
    sure, other = seen_thing(0, 0.8, 0.99), seen_thing(2, 0.9, kind)
    first = look_at(frame, sure)
    assert len(gathered(first, [first, look_at(frame, sure, other)])) == n
