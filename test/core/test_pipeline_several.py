"""Several targets, a destination, what asks back, and what asks for nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import KeywordMllm, box_masks
from ppcr_lab.scripted_table import (
    HEIGHT,
    THINGS,
    WIDTH,
    TableDialect,
    TableSegmenter,
    boxes_of,
    middle_of,
    names_of,
    picture,
    run,
    thing_of,
)
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.errors import TargetNotFound
from ppcr_ros.core.located import boxes_of_seen
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import (
    Intent,
    MaskCandidates,
    Seen,
    SemanticPrompt,
    SpatialPrompt,
    Status,
)


def test_each_of_two_different_things_is_an_instance() -> None:
    result = run("take the red mug and the blue ball")
    assert (result.status, names_of(result)) == (Status.OK, ["red mug", "blue ball"])
    assert result.semantic is not None
    assert result.spatial is not None
    assert result.semantic.targets == ("red mug", "blue ball")
    assert len(result.spatial.boxes_xyxy_px) == 2
    assert result.message == ""
    assert result.say == "I see the red mug and the blue ball."


def test_of_orders_with_places_one_is_carried_out_and_the_others_are_named() -> None:
    result = run("take the red mug and put the blue ball on the tray")
    assert result.status is Status.OK
    assert result.semantic is not None
    assert result.segmentation is not None
    assert (result.semantic.category, result.segmentation.destination) == ("mug", None)
    assert result.message == (
        "one order at a time: 'put the blue ball on the tray' is still to be said"
    )


def test_each_kind_is_counted_by_itself() -> None:
    assert names_of(run("a blue ball and two mugs")) == ["blue ball", "red mug", "green mug"]


@pytest.mark.parametrize("command", ["all the mugs", "both mugs", "the two mugs"])
@pytest.mark.parametrize("lists", [False, True])
def test_all_that_fit_are_found_where_they_are_asked_for(command: str, lists: bool) -> None:
    result = run(command, TableDialect(lists=lists))
    assert (result.status, sorted(names_of(result))) == (Status.OK, ["green mug", "red mug"])
    assert result.say == "I see 2 of them: mug." or "red mug" in result.say


def test_fewer_than_were_asked_for_are_said_to_be_fewer() -> None:
    result = run("both balls")
    assert (result.status, names_of(result)) == (Status.OK, ["blue ball"])
    assert result.message == "only 1 of the 2 was found"
    assert result.say == "I see the blue ball; only 1 of the 2 was found."


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("the two mugs", ["red mug", "green mug"]),
        ("the three mugs", ["red mug", "green mug"]),
        ("all the mugs", ["red mug"]),  # nobody has said that there are more
    ],
)
def test_what_lacks_of_a_number_is_looked_for_again(command: str, found: list[str]) -> None:
    overlooked = SemanticPrompt(
        "mug", "mug", confidence=0.9, ambiguous=True, seen=(Seen("red mug", *middle_of("red mug")),)
    )
    dialect = TableDialect(second_look="mug", written={"the mug": overlooked})
    result = run(command, dialect)
    assert (result.status, names_of(result)) == (Status.OK, found)
    assert ("only 2 of the 3 was found" in result.message) == ("three" in command)


def test_more_than_were_asked_for_are_asked_about() -> None:
    result = run("the two objects")
    assert result.status is Status.AMBIGUOUS
    assert len(result.candidates) == 4


def test_what_is_missing_of_several_is_named() -> None:
    result = run("the red mug and the yellow bottle")
    assert (result.status, names_of(result)) == (Status.OK, ["red mug"])
    assert result.message == "the yellow bottle was not found"
    assert result.say == "I see the red mug; the yellow bottle was not found."
    assert run("the pink mug and the yellow bottle").status is Status.NOT_FOUND
    ball = run("give me the pink mug and the blue ball")
    assert ball.say == "I see the blue ball; the pink mug was not found."


@pytest.mark.parametrize("guidance", ["progressive", "direct"])
def test_a_destination_is_a_region_of_its_own(guidance: str) -> None:
    result = run("put the blue ball into the white bowl", guidance=guidance)
    assert (result.status, names_of(result)) == (Status.OK, ["blue ball"])
    assert result.segmentation is not None
    assert result.segmentation.destination is not None
    assert thing_of(result.segmentation.destination.mask) == "white bowl"
    assert not (result.segmentation.mask & result.segmentation.destination.mask).any()
    if guidance == "progressive":
        assert result.semantic is not None
        assert (result.semantic.destination, result.semantic.destination_relation) == (
            "white bowl",
            "in",
        )


def test_a_destination_that_is_not_there_is_said() -> None:
    result = run("put the blue ball into the yellow box")
    assert (result.status, names_of(result)) == (Status.OK, ["blue ball"])
    assert result.message == "the yellow box was not found"
    assert result.segmentation is not None
    assert result.segmentation.destination is None


@pytest.mark.parametrize(("sure", "left_out"), [(0.1, True), (0.9, False)])
def test_a_destination_needs_the_score_that_a_target_needs(sure: float, left_out: bool) -> None:
    class Hesitant(TableSegmenter):
        def segment(self, encoded: Any, semantic: Any, spatial: Any) -> MaskCandidates:
            found = super().segment(encoded, semantic, spatial)
            is_place = thing_of(found.masks[0]) == "white bowl"
            return MaskCandidates(found.masks, found.scores * (sure if is_place else 1.0))

    config = Config(pipeline=PipelineConfig(min_confidence=0.7))
    with PPCRPipeline(KeywordMllm(TableDialect()), Hesitant(), config) as pipeline:
        result = pipeline.run(picture(), "put the blue ball into the white bowl")
    assert (result.status, names_of(result)) == (Status.OK, ["blue ball"])
    assert result.segmentation is not None
    assert (result.segmentation.destination is None) == left_out
    assert ("white bowl was not made out for sure" in result.message) == left_out


@pytest.mark.parametrize(
    "command",
    ["don't touch the red mug", "leave the red mug where it is", "never take the red mug"],
)
@pytest.mark.parametrize("guidance", ["progressive", "direct"])
@pytest.mark.parametrize("reads_intents", [False, True])
def test_what_is_forbidden_is_never_found(command: str, guidance: str, reads_intents: bool) -> None:
    result = run(command, TableDialect(reads_intents=reads_intents), guidance=guidance)
    assert result.status is Status.NOT_FOUND
    assert result.message.startswith("nothing is asked for")
    assert result.say == "All right, I leave the red mug alone."
    assert result.semantic is not None
    assert result.semantic.intent is Intent.PROHIBITION


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("leave it where it is", "it"),
        ("don't touch it", "it"),
        ("leave that alone", "it"),
        ("Leave it alone", "it"),
        ("don't touch this one", "that one"),
        ("leave the mug where it is", "the mug"),
    ],
)
def test_what_is_left_alone_is_named_as_it_was_said(command: str, what: str) -> None:
    result = run(command)
    assert (result.status, result.say) == (Status.NOT_FOUND, f"All right, I leave {what} alone.")


def test_boxes_are_those_of_what_was_seen_with_its_words() -> None:
    spatial = boxes_of("red mug", "green mug", "white bowl")
    mugs = tuple(Seen(name, *middle_of(name)) for name in ("green mug", "red mug"))
    kept = boxes_of_seen(spatial, mugs, (WIDTH, HEIGHT))
    assert kept is not None
    assert kept.box_words == ("green mug", "red mug")
    np.testing.assert_array_equal(kept.boxes_xyxy_px[1], THINGS["red mug"])
    assert boxes_of_seen(spatial, (Seen("ball", *middle_of("blue ball")),), (WIDTH, HEIGHT)) is None


def test_what_is_forbidden_is_not_taken_by_another_name() -> None:
    result = run("don't touch the blue object, take the ball")
    assert result.status is Status.NOT_FOUND
    assert "leave alone" in result.message
    assert run("don't touch the red object, take the ball").status is Status.OK


def test_what_is_forbidden_is_not_taken_in_place_of_what_is_asked_for() -> None:
    written = {"the mug": SemanticPrompt("a red mug", "mug", ("red",), confidence=0.9)}
    dialect = TableDialect(reads_intents=False, written=written)
    result = run("not the red mug, the mug", dialect)
    assert result.status in (Status.NOT_FOUND, Status.AMBIGUOUS)
    assert names_of(run("don't take the red mug, take the green mug")) == ["green mug"]


@pytest.mark.parametrize("command", ["where am i", "hello", "what time is it"])
def test_what_asks_for_nothing_ends_with_a_sentence(command: str) -> None:
    result = run(command)
    assert result.status is Status.NOT_FOUND
    assert result.say == "I look for things that I can see; tell me which one you mean."


def test_a_part_is_noted_where_only_the_whole_can_be_marked() -> None:
    result = run("the handle of the red mug")
    assert (result.status, names_of(result)) == (Status.OK, ["red mug"])
    assert "the handle cannot be told apart" in result.message
    assert result.semantic is not None
    assert result.semantic.part == "handle"


@pytest.mark.parametrize("lists", [False, True])
def test_what_several_fit_is_asked_about(lists: bool) -> None:
    result = run("the mug", TableDialect(lists=lists))
    assert result.status is Status.AMBIGUOUS
    assert result.segmentation is None
    left, right = result.candidates
    assert (left.number, right.number) == (1, 2)
    assert left.box_xyxy_px.tolist() == list(THINGS["red mug"])
    assert left.mask is not None
    assert result.question == "Do you mean the red mug, or the green mug?"
    assert result.say == result.question
    assert result.message.endswith(result.question)


def test_two_boxes_for_one_object_are_asked_about_and_the_first_is_not_taken() -> None:
    dialect = TableDialect(
        written={"the cup": SemanticPrompt("a cup", "cup", confidence=0.9)},
        places={"cup": boxes_of("red mug", "green mug")},
    )
    result = run("the cup", dialect)
    assert result.status is Status.AMBIGUOUS
    assert len(result.candidates) == 2


def test_two_boxes_of_the_same_object_are_one() -> None:
    boxes = np.array([THINGS["red mug"], (5, 21, 14, 30)], np.float32)
    dialect = TableDialect(
        written={"the cup": SemanticPrompt("a cup", "cup", confidence=0.9)},
        places={"cup": SpatialPrompt("", boxes[0], confidence=0.9, boxes_xyxy_px=boxes)},
    )
    assert names_of(run("the cup", dialect)) == ["red mug"]


def test_a_model_that_reads_intents_is_told_the_whole_command() -> None:
    command = "put both mugs into the white bowl"
    dialect = TableDialect(
        reads_intents=True,
        written={
            command: SemanticPrompt(
                "two mugs", "mug", confidence=0.9, quantity=2, destination="white bowl"
            )
        },
        places={"mug": boxes_of("red mug", "green mug", destination="white bowl")},
    )
    result = run(command, dialect)
    assert (result.status, names_of(result)) == (Status.OK, ["red mug", "green mug"])
    assert result.segmentation is not None
    assert result.segmentation.destination is not None
    assert thing_of(result.segmentation.destination.mask) == "white bowl"


def test_a_prohibition_that_only_the_model_understands_is_one() -> None:
    command = "I would rather you kept your gripper to yourself"
    prompt = SemanticPrompt("", "gripper", confidence=0.9, intent=Intent.PROHIBITION)
    result = run(command, TableDialect(reads_intents=True, written={command: prompt}))
    assert result.status is Status.NOT_FOUND


@pytest.mark.parametrize("command", ["", "this one", "what I point at", "take that"])
@pytest.mark.parametrize("reads_intents", [False, True])
def test_what_lies_at_a_point_needs_no_words(command: str, reads_intents: bool) -> None:
    result = run(command, TableDialect(reads_intents=reads_intents), point=(64, 44))
    assert (result.status, names_of(result)) == (Status.OK, ["blue ball"])
    assert result.spatial is not None
    assert result.spatial.points_xy_px.tolist() == [[64, 44]]


def test_nothing_lies_at_a_point_of_the_table() -> None:
    assert run("this one", point=(20, 50)).status is Status.NOT_FOUND


def test_a_point_chooses_between_those_that_fit() -> None:
    assert names_of(run("the mug here", point=(35, 25))) == ["green mug"]
    assert names_of(run("this mug", point=(8, 22))) == ["red mug"]


def test_a_point_on_another_object_than_the_one_named_is_asked_about() -> None:
    result = run("the ball here", point=(35, 25))
    assert result.status is Status.AMBIGUOUS
    assert [c.words for c in result.candidates] == ["object that you point at", "ball"]


def test_a_point_may_be_put_somewhere() -> None:
    result = run("put this one in the white bowl", point=(64, 44))
    assert names_of(result) == ["blue ball"]
    assert result.segmentation is not None
    assert result.segmentation.destination is not None


def test_words_that_point_at_nothing_are_asked_about() -> None:
    result = run("this one")
    assert result.status is Status.AMBIGUOUS
    assert result.question.startswith("Which one? Please point at it")


def test_a_point_outside_the_image_is_refused() -> None:
    result = run("this one", point=(80, 5))
    assert result.status is Status.ERROR
    assert "(80, 5) lies outside the image of 80x60 pixels" in result.message


class PhraseTableSegmenter(TableSegmenter):
    """Finds all of a kind by itself, as SAM 3 does."""

    def segment_phrase(self, encoded: Any, semantic: SemanticPrompt) -> MaskCandidates:
        boxes = [box for name, box in THINGS.items() if semantic.category in name]
        if not boxes:
            raise TargetNotFound("there is none")
        masks = box_masks(boxes, HEIGHT, WIDTH)
        return MaskCandidates(masks, np.full(len(masks), 0.8, np.float32))


def test_a_segmenter_that_finds_all_of_a_kind_completes_the_boxes() -> None:
    command = "all the mugs"
    dialect = TableDialect(
        reads_intents=True,
        written={command: SemanticPrompt("mugs", "mug", confidence=0.9, quantity=None)},
        places={"mug": boxes_of("green mug")},
    )
    with PPCRPipeline(KeywordMllm(dialect), PhraseTableSegmenter()) as pipeline:
        result = pipeline.run(picture(), command)
    assert sorted(names_of(result)) == ["green mug", "red mug"]
    assert names_of(run(command, dialect)) == ["green mug"]
