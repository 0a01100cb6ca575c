"""Replies as they are spoken: no commas, refusals, corrections, relations, lists and fillers.

A reply that chooses another object than the one meant sends the arm there; to ask again is safe.
"""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.reading import replies
from ppcr_ros.core.reading.replies import Chosen, Declined, Narrowed, Reworded
from ppcr_ros.core.types import Candidate


def candidate(number: int, box: tuple[int, int, int, int], words: str) -> Candidate:
    return Candidate(number, np.array(box, np.float32), None, words, 1.0 - 0.1 * number)


TWO = (
    candidate(1, (10, 50, 50, 100), "red mug on the left"),
    candidate(2, (200, 50, 240, 100), "blue mug on the right"),
)
THREE = (
    candidate(1, (10, 20, 50, 70), "red mug"),
    candidate(2, (100, 20, 180, 130), "large blue mug"),
    candidate(3, (220, 110, 250, 150), "small white mug"),
)
"""From left to right and from the back to the front."""

NONE, ASK, MODEL, SAFE = "none", "ask", "model", "no choice"
Meant = tuple[int, ...] | str


def kind_of(reply: replies.Reply | None) -> Meant:
    """The numbers that were chosen, or what else the reply was taken for."""
    if isinstance(reply, Chosen):
        return tuple(sorted(item.number for item in reply.candidates))
    if isinstance(reply, Reworded):
        return MODEL
    return (
        NONE if isinstance(reply, Declined) else ASK if isinstance(reply, Narrowed) else "command"
    )


def read_as(said: str, offered: tuple[Candidate, ...], before: tuple[int, ...]) -> Meant:
    return kind_of(replies.read_reply(said, offered, "mug", chosen_before=before))


def check(said: str, meant: Meant, offered: tuple[Candidate, ...], before: tuple[int, ...]) -> None:
    """``meant`` or, where it is `SAFE`, nothing that an arm goes to."""
    got = read_as(said, offered, before)
    assert got in (ASK, MODEL, NONE) if meant == SAFE else got == meant, (said, got)


AMONG_THREE: list[tuple[str, Meant]] = [
    # none of them
    ("not any of them", NONE),
    ("not either one", NONE),
    ("not any one of those", NONE),
    ("I don't want any", NONE),
    ("don't pick any", NONE),
    ("please don't take any of them", NONE),
    ("i wouldn't like either of them", NONE),
    ("neither of those", NONE),
    ("none of them thanks", NONE),
    ("um i'd like none of these please", NONE),
    ("no not any of those", NONE),
    ("i don't want anything", NONE),
    # no more of it
    ("no thanks", NONE),
    ("no thank you", NONE),
    ("thanks but no", NONE),
    ("I changed my mind", NONE),
    ("sorry i've changed my mind", NONE),
    ("leave them", NONE),
    ("leave them all please", NONE),
    ("forget it", NONE),
    ("oh never mind then", NONE),
    ("cancel that", NONE),
    ("actually, cancel that please", NONE),
    ("don't bother", NONE),
    # yet something is meant
    ("i changed my mind the blue one", (2,)),
    ("none of them no the red one", (1,)),
    ("take any", (1,)),
    ("i don't mind", (1,)),
    ("I don't care which one", (1,)),
    ("no one", ASK),
    # refusals
    ("not the red one the blue one", (2,)),
    ("no not the red one the blue one", (2,)),
    ("not the red one but the blue one", (2,)),
    ("not red but blue", (2,)),
    ("not the red or the blue one", (3,)),
    ("neither the red nor the blue", (3,)),
    ("not the red one and not the blue one", (3,)),
    ("not that one the red one", (1,)),
    ("not this one the blue one", (2,)),
    ("i don't want the red one i want the blue one", (2,)),
    ("don't take the red one take the blue one", (2,)),
    ("the middle one not the left one", (2,)),
    ("second, not first", (2,)),
    ("the blue one instead of the red one", (2,)),
    ("instead of the red one the blue one", (2,)),
    ("all but the red one", (2, 3)),
    ("the left one but not the red one", ASK),
    ("not the red one", ASK),
    ("not all of them", ASK),
    ("not only the red one", SAFE),
    ("not the left right", SAFE),
    ("there is no red one", ASK),
    ("the red one is not there", ASK),
    ("i can't see the red one", ASK),
    ("the one that isn't red or blue", (3,)),
    ("the left one don't drop it", (1,)),
    # the last word counts
    ("the left one no the right one", (3,)),
    ("left, no, right", (3,)),
    ("right no left", (1,)),
    ("number two sorry number three", (3,)),
    ("number one, no, two", (2,)),
    ("two wait three", (3,)),
    ("first, i mean second", (2,)),
    ("the first no the last", (3,)),
    ("the big one no the small one", (3,)),
    ("the left one actually the middle one", (2,)),
    ("the left one or rather the right one", (3,)),
    ("the left one. No. The right one.", (3,)),
    ("left... no wait, right!", (3,)),
    ("um the left one oh sorry i mean the middle one please", (2,)),
    ("the red one scratch that the white one", (3,)),
    ("red oops blue", (2,)),
    ("red no blue", (2,)),
    ("left wait right no left", (1,)),
    ("the red one no not that one the blue one", (2,)),
    ("the right one no the one left of the blue one", (1,)),
    ("the left one sorry", (1,)),
    ("the left one no", ASK),
    ("the left one wait", ASK),
    ("the left one the right one", SAFE),
    ("number one number three", SAFE),
    ("left right", SAFE),
    ("one two", SAFE),
    ("no. 2", (2,)),
    # beside another one
    ("the one left of the blue one", (1,)),
    ("the one to the left of the blue one please", (1,)),
    ("the one on the left hand side of the blue one", (1,)),
    ("left of blue", (1,)),
    ("the one just right of the blue one", (3,)),
    ("the mug right of the blue mug", (3,)),
    ("the one to the right of number two", (3,)),
    ("the one right of the middle one", (3,)),
    ("the one behind the blue one", (1,)),
    ("the one in front of the blue one", (3,)),
    ("the one nearest to the red one", (2,)),
    ("the one closest to the white one", (2,)),
    ("the one near the white one", (2,)),
    ("the one next to the red one", (2,)),
    ("the mug beside the red mug", (2,)),
    ("the one furthest from the red one", (3,)),
    ("the one farthest away from the white one", (1,)),
    ("the one between the red one and the white one", (2,)),
    ("the one between the other two", (2,)),
    ("the white one next to the blue one", (3,)),
    ("the one next to the blue one", ASK),
    ("the one right of the red one", ASK),
    ("the one left of the red one", ASK),
    ("the one to the right of it", ASK),
    ("the one on the blue one", MODEL),
    ("the one under the blue one", MODEL),
    ("the one with the blue one", MODEL),
    ("the one like the blue one", MODEL),
    ("the one bigger than the white one", MODEL),
    ("the one after number two", SAFE),
    ("the one the blue one is next to", SAFE),
    ("the one closest to you", (3,)),
    ("the left of the three", (1,)),
    # right in passing
    ("that's right", ASK),
    ("yes", ASK),
    ("yes that's right", ASK),
    ("all right", ASK),
    ("ok right", ASK),
    ("right then", ASK),
    ("right then the left one", (1,)),
    ("yeah right the left one", (1,)),
    ("all right the red one", (1,)),
    ("alright, the middle one", (2,)),
    ("ok right left", (1,)),
    ("right, the red one", (1,)),
    ("you're right the blue one", (2,)),
    ("the left one right now", (1,)),
    ("the one right in the middle", (2,)),
    ("right", (3,)),
    ("um, right please", (3,)),
    ("yes the right one", (3,)),
    ("the right-hand one", (3,)),
    # lists and choices
    ("one and three", (1, 3)),
    ("1 and 3", (1, 3)),
    ("one, two and three", (1, 2, 3)),
    ("number one and three", (1, 3)),
    ("numbers one and two", (1, 2)),
    ("left and right", (1, 3)),
    ("the first and the last", (1, 3)),
    ("the left one and the middle one", (1, 2)),
    ("red one and blue one", (1, 2)),
    ("the left one or the right one", ASK),
    ("either left or right", ASK),
    ("number one or two", ASK),
    ("two of them", ASK),
    ("just two", ASK),
    ("any two", ASK),
    ("give me two", ASK),
    ("one of the two", SAFE),
    ("two", (2,)),
    ("two please", (2,)),
    ("all three please", (1, 2, 3)),
    ("the first two", (1, 2)),
    ("the last one on the right", (3,)),
    ("the last one on the left", (1,)),
    ("the third on the right", ASK),
    ("the second from the right", (2,)),
    ("the last but one", SAFE),
    # what only an image tells
    ("the one with the handle", MODEL),
    ("the one with no handle", MODEL),
    ("the one with the white handle", MODEL),
    ("number 2 no 3", (3,)),
    ("not any of them the red one", (1,)),
    ("the left one and not the right one", (1,)),
    ("not the right two", (1,)),
    ("the open one", MODEL),
    ("the one that's open", MODEL),
    ("the clean one please", MODEL),
    ("the close one", MODEL),
    ("the one near your hand", MODEL),
    ("the left-hand one", (1,)),
    ("the others", ASK),
    ("the other two", ASK),
    ("the red one on the right", SAFE),
    ("the right one the blue one", SAFE),
]


@pytest.mark.parametrize(("said", "meant"), AMONG_THREE)
def test_a_spoken_reply_among_three(said: str, meant: Meant) -> None:
    check(said, meant, THREE, ())


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("the others", (2, 3)),
        ("the rest", (2, 3)),
        ("the other two please", (2, 3)),
        ("both of the others", (2, 3)),
        ("the other mugs", (2, 3)),
        ("the other three", ASK),
        ("the other one", ASK),
        ("not that one the blue one", (2,)),
        ("no not this one the white one", (3,)),
        ("not that one the right one", (3,)),
        ("not that one the other one", ASK),
        ("not that one the red one", SAFE),
        ("no the other one on the right", (3,)),
        ("the other blue one", (2,)),
        ("the one next to it", (2,)),
        ("the one furthest from it", (3,)),
        ("the one to the right of it", ASK),
        ("the one left of it", ASK),
        ("the one behind that one", ASK),
        ("yes that's right", ASK),
        ("the left one no the middle one", (2,)),
        ("i did not mean that one i meant the white one", (3,)),
        ("leave them", NONE),
    ],
)
def test_a_spoken_reply_among_three_one_of_which_was_chosen(said: str, meant: Meant) -> None:
    check(said, meant, THREE, (1,))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("not that one the red one", (1,)),
        ("not the red one the blue one", (2,)),
        ("not the red one the other one", (2,)),
        ("not the left the right", (2,)),
        ("i don't think it's the red one", (2,)),
        ("i don't think so the red one", (1,)),
        ("i don't think so the right one", (2,)),
        ("don't forget the red one", SAFE),
        ("don't drop the red one", SAFE),
        ("why don't you take the red one", MODEL),
        ("can't you take the red one", (1,)),
        ("isn't it the red one", (1,)),
        ("it isn't the red one", (2,)),
        ("not really the red one", SAFE),
        ("not just the red one", SAFE),
        ("that's not what i said the red one", (1,)),
        ("i don't want it give me the red one", (1,)),
        ("the red one is the wrong one", SAFE),
        ("no longer the red one", (2,)),
        ("the red one rather than the blue one", (1,)),
        ("the one next to the red one", (2,)),
        ("the one right of the red one", (2,)),
        ("the one left of the red one", ASK),
        ("the one behind the red one", ASK),
        ("the red one on the right", ASK),
        ("either one", (1,)),
        ("either one is fine", (1,)),
        ("not either of them", NONE),
        ("neither one thanks", NONE),
        ("neither the left nor the right", NONE),
        ("not both", ASK),
        ("not both just the red one", (1,)),
        ("two of them", (1, 2)),
        ("two mugs", (1, 2)),
        ("both please", (1, 2)),
        ("left and right", (1, 2)),
        ("red or blue", ASK),
        ("the left one no the other one", (2,)),
        ("the other one", ASK),
        ("that's right", ASK),
        ("right then the left one", (1,)),
    ],
)
def test_a_spoken_reply_among_two(said: str, meant: Meant) -> None:
    check(said, meant, TWO, ())


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("not that one the other", (2,)),
        ("not that one the other one", (2,)),
        ("no not that one the other", (2,)),
        ("no, not this one, the other one please", (2,)),
        ("not that the other one", (2,)),
        ("i did not mean that one i meant the other one", (2,)),
        ("i didn't want that one the other one", (2,)),
        ("that's the wrong one", (2,)),
        ("wrong one the other", (2,)),
        ("the other one not that one", (2,)),
        ("not that one the blue one", (2,)),
        ("not that one the red one", SAFE),
        ("that one not the other one", (1,)),
        ("the one next to it", (2,)),
        ("the one to the right of it", (2,)),
        ("the one to the left of it", ASK),
        ("the other one on the left", SAFE),
        ("that's not right", (2,)),
        ("that's not the right one", ASK),
        ("no that's not right the blue one", (2,)),
        ("the others", ASK),
        ("the rest", ASK),
        ("yes", ASK),
        ("no thanks", NONE),
    ],
)
def test_a_spoken_reply_among_two_one_of_which_was_chosen(said: str, meant: Meant) -> None:
    check(said, meant, TWO, (1,))


def test_what_a_candidate_is_next_to_is_a_word_of_its_own() -> None:
    offered = (
        candidate(1, (10, 50, 50, 100), "mug next to the red plate"),
        candidate(2, (200, 50, 240, 100), "mug in the white bowl"),
    )
    assert read_as("the one next to the plate", offered, ()) == (1,)
    assert read_as("the one in the bowl", offered, ()) == (2,)
    assert read_as("the one to the right of the one in the bowl", offered, ()) == ASK


@pytest.mark.parametrize("said", ["that's right", "yes that's right", "all right", "right then"])
def test_one_alone_is_confirmed_in_passing(said: str) -> None:
    assert read_as(said, TWO[:1], ()) == (1,)


@pytest.mark.parametrize("said", ["not that one", "wrong one", "not the red one", "no thank you"])
def test_one_alone_is_refused(said: str) -> None:
    assert read_as(said, TWO[:1], ()) in (NONE, ASK)


@pytest.mark.parametrize(
    "said",
    ["", "um", ",", "and", "or", "not", "left of", "this and", "next to the", "no, and", "of"],
)
def test_a_reply_that_breaks_off_chooses_none(said: str) -> None:
    for offered in (TWO, THREE):
        assert not isinstance(read_as(said, offered, ()), tuple)
