"""Replies to the question which one is meant; made-up dialogs are in the laboratory's tests."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.candidates import question_about
from ppcr_ros.core.reading.replies import Chosen, Declined, Narrowed, Reworded, read_reply
from ppcr_ros.core.types import Candidate


def candidate(number: int, box: tuple[int, int, int, int], words: str) -> Candidate:
    mask = np.zeros((480, 640), np.bool_)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return Candidate(number, np.array(box, np.float32), mask, words, 1.0 - 0.1 * number)


MUGS = (
    candidate(1, (50, 200, 120, 280), "small pink mug"),
    candidate(2, (300, 100, 400, 200), "large green mug"),
    candidate(3, (500, 330, 560, 400), "small red mug"),
)


def numbers(words: str, **more: object) -> list[int]:
    reply = read_reply(words, MUGS, "mug", **more)  # type: ignore[arg-type]
    assert isinstance(reply, Chosen), reply
    return [item.number for item in reply.candidates]


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("I'd like the pink one", 1),
        ("Pink, please.", 1),
        ("let's go for the green one", 2),
        ("the one that's green", 2),
        ("hmm the leftmost I guess", 1),
        ("the one over on the right", 3),
        ("right", 3),
        ("the one in the middle", 2),
        ("the biggest of them", 2),
        ("the big one", 2),
        ("the large mug", 2),
        ("the small one on the left", 1),
        ("the small red one", 3),
        ("the one closest to you", 3),
        ("the one in the back", 2),
        ("#2", 2),
        ("option three", 3),
        ("Number 2!", 2),
        ("second", 2),
        ("the third from the right", 1),
        ("the last one", 3),
        ("second one from the left please", 2),
        ("that green mug", 2),
        ("could you take the red one", 3),
        ("can you take the red one", 3),
    ],
)
def test_one_is_chosen(words: str, number: int) -> None:
    assert numbers(words) == [number]


def test_all_and_any_are_answers_too() -> None:
    assert numbers("all of them") == [1, 2, 3]
    assert numbers("all three") == [1, 2, 3]
    assert numbers("any of them will do") == [1]


def test_the_other_one_is_the_one_that_was_not_chosen() -> None:
    two = MUGS[:2]
    reply = read_reply("no, the other one", two, "mug", chosen_before=(1,))
    assert isinstance(reply, Chosen)
    assert reply.candidates == (two[1],)
    assert isinstance(read_reply("the other one", two, "mug"), Narrowed)


@pytest.mark.parametrize("words", ["", "that one", "this", "what I point at"])
def test_a_point_chooses_what_it_lies_on(words: str) -> None:
    assert numbers(words, point_xy_px=(350.0, 150.0)) == [2]
    assert read_reply(words, MUGS, "mug", point_xy_px=(10.0, 10.0)) is None


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("this green one", [2]),
        ("this red one", [2, 3]),
        ("not this red one", None),
        ("the red one", [3]),
    ],
)
def test_a_point_and_words_that_disagree_are_asked_about(
    words: str, chosen: list[int] | None
) -> None:
    alone = read_reply(words, MUGS, "mug")
    reply = read_reply(words, MUGS, "mug", point_xy_px=(350.0, 150.0))
    if chosen is None:
        assert reply == alone
    else:
        assert isinstance(reply, Chosen if len(chosen) == 1 else Narrowed)
        assert [c.number for c in reply.candidates] == chosen


@pytest.mark.parametrize(
    ("point", "chosen"), [((20.0, 20.0), True), ((31.0, 50.0), True), ((60.0, 60.0), False)]
)
def test_a_point_beside_a_mask_is_not_on_its_object(
    point: tuple[float, float], chosen: bool
) -> None:
    mask = np.zeros((80, 120), np.bool_)
    mask[10:70, 10:30] = mask[10:30, 10:70] = True
    corner = Candidate(1, np.array((10, 10, 70, 70), np.float32), mask, "corner shelf")
    assert (read_reply("", (corner,), "shelf", point_xy_px=point) is not None) == chosen


@pytest.mark.parametrize(
    "words", ["none of them", "neither", "never mind", "cancel", "no, stop it"]
)
def test_nothing_may_be_meant(words: str) -> None:
    assert read_reply(words, MUGS, "mug") == Declined()


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("the small one", [1, 3]),
        ("that one", [1, 2, 3]),
        ("yes", [1, 2, 3]),
        ("not the green one", [1, 3]),
        ("number seven", [1, 2, 3]),
        ("the fifth one", [1, 2, 3]),
        ("both", [1, 2, 3]),
    ],
)
def test_what_does_not_decide_it_is_asked_about_once_more(words: str, left: list[int]) -> None:
    reply = read_reply(words, MUGS, "mug")
    assert isinstance(reply, Narrowed)
    assert [item.number for item in reply.candidates] == left


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("the blue one", "the blue mug"),
        ("the one next to the plate", "the mug next to the plate"),
        ("blue", "the blue mug"),
        ("the one with the stripes", "the mug with the stripes"),
    ],
)
def test_what_only_an_image_tells_becomes_a_command(words: str, command: str) -> None:
    assert read_reply(words, MUGS, "mug") == Reworded(command)


@pytest.mark.parametrize(
    "words",
    [
        "the blue plate",
        "pick up the ball",
        "the mug left of the plate",
        "put the red ball into the bowl",
        "the mug",
        "where is my phone",
        "the pink ball",
    ],
)
def test_a_whole_command_starts_anew(words: str) -> None:
    assert read_reply(words, MUGS, "mug") is None


def test_sizes_that_the_model_has_said_count_more_than_pixels() -> None:
    near_small = candidate(1, (50, 200, 250, 400), "small ball")
    far_large = candidate(2, (400, 50, 480, 130), "large ball")
    for words, number in (("the bigger one", 2), ("the smaller one", 1), ("the large one", 2)):
        reply = read_reply(words, (near_small, far_large), "ball")
        assert isinstance(reply, Chosen)
        assert reply.candidates[0].number == number


def test_places_that_are_as_good_as_level_are_not_told_apart() -> None:
    level = (candidate(1, (50, 200, 120, 280), "mug"), candidate(2, (300, 200, 370, 281), "mug"))
    assert isinstance(read_reply("the front one", level, "mug"), Narrowed)
    assert isinstance(read_reply("the bigger one", level, "mug"), Narrowed)


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("the two small ones", [1, 3]),
        ("the two on the left", [1, 2]),
        ("the left two, please", [1, 2]),
        ("the two mugs on the right", [3, 2]),
        ("the red and the green one", [3, 2]),
        ("pink and red", [1, 3]),
        ("number one and number three", [1, 3]),
    ],
)
def test_several_of_them_may_be_meant(words: str, chosen: list[int]) -> None:
    assert numbers(words) == chosen


@pytest.mark.parametrize("words", ["the small and red one", "the two blue ones", "two please"])
def test_one_thing_told_by_two_words_is_one(words: str) -> None:
    reply = read_reply(words, MUGS, "mug")
    assert not isinstance(reply, Chosen) or len(reply.candidates) == 1


@pytest.mark.parametrize("words", ["the pink one", "pink", "the one that's pink"])
def test_a_second_colour_does_not_make_a_thing_the_one_of_that_colour(words: str) -> None:
    """The candidates may not be all that there is: a model must look for a pink one."""
    offered = (
        candidate(1, (50, 200, 120, 280), "small green-pink mug"),
        candidate(2, (300, 100, 400, 200), "large black mug"),
    )
    reply = read_reply(words, offered, "mug")
    assert isinstance(reply, Reworded), reply
    assert "pink" in reply.command
    assert read_reply("the green one", offered, "mug") == Chosen((offered[0],))


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("the pink one", 1),
        ("pink", 1),
        ("the green one", 2),
        ("the green and pink one", 2),
        ("the pink and green one", 2),
        ("the green-pink one", 2),
    ],
)
def test_the_one_of_that_colour_goes_before_one_with_a_rim_of_it(words: str, number: int) -> None:
    offered = (
        candidate(1, (300, 100, 400, 200), "small pink mug"),
        candidate(2, (50, 200, 120, 280), "small green-pink mug"),
    )
    reply = read_reply(words, offered, "mug")
    assert isinstance(reply, Chosen), reply
    assert [chosen.number for chosen in reply.candidates] == [number]


@pytest.mark.parametrize(
    "words", ["yes", "yes please", "yeah, that one", "the green one", "the small mug"]
)
def test_one_alone_is_confirmed(words: str) -> None:
    """What the model took for two was one: the question is whether it is meant."""
    alone = [candidate(1, (0, 0, 10, 10), "small green mug")]
    assert question_about(alone) == "Do you mean the small green mug?"
    reply = read_reply(words, alone, "mug")
    assert isinstance(reply, Chosen)
    assert [c.number for c in reply.candidates] == [1]


@pytest.mark.parametrize("words", ["no", "nope", "nah", "Nope!", "no no no", "oh, naw"])
def test_a_no_to_several_is_asked_about_once_more(words: str) -> None:
    assert read_reply(words, MUGS, "mug") == Narrowed(MUGS)


@pytest.mark.parametrize("words", ["no", "nope", "no, not that one", "no, it is not"])
def test_one_alone_is_declined(words: str) -> None:
    alone = [candidate(1, (0, 0, 10, 10), "small green mug")]
    assert isinstance(read_reply(words, alone, "mug"), Declined)
