"""Commands read from their words: what is asked for, what is forbidden, where it goes."""

from __future__ import annotations

import random
import time

import pytest

from ppcr_ros.core.prompts import Intent
from ppcr_ros.core.reading.reader import CommandReading, read_command

PLAIN = """
the red ball
Hand me the little red block, please.
the mug that is not red
the mug that isn't red
not the red one the other mug
this red thing which is not a ball
the ball between the red mug and the white plate
the red and white mug
the little and red block
the mug with the red handle
the bigger one of the two bottles
the smallest one among the three trays
of all the balls the second from the left
counting from the left the third of the mugs
pick up the mug and give it to me
go ahead and grab the mug
stop and pick up the mug
why not take the mug
no rush, the red ball
no, the green ball
the ball, nothing else
first of all, the red ball
all right, take the mug
once and for all the red ball
let me have the mug
may i have the ball on the plate
be quick and bring the mug left of the plate
put the red ball away
the ball on the edge of the plate
the red ball and hurry
de rode bal
last but not least the red ball
the mug, the bigger the better
the red ball, the right thing to do
""".strip().splitlines()

FORBIDDING = """
don't touch the red mug
Do not touch the red mug!
dont touch the red mug
please never pick up the red mug
leave the red mug where it is
Leave the red mug alone, please
let the red mug be
the red mug stays where it is
the red mug must stay
hands off the red mug
keep away from the red mug
keep your hands off the red mug
stay away from the red mug
nobody touches the red mug
no touching the red mug
stop touching the red mug
avoid the red mug
the red mug, don't touch it
see the red mug? do not take it
under no circumstances take the red mug
do not under any circumstances take the red mug
don't you dare touch the red mug
you must not move the red mug
i don't want the red mug
the red mug is off limits
the red mug is not to be touched
the mug that is not to be moved
do not touch the red mug or the plate
do not touch the plate, the bowl or the red mug
do not touch the plate and move the red mug
don't make the robot take the red mug
do not use the gripper to take the red mug
take anything but the red mug
take everything except the red mug
not the red mug
not the red one
don't put the red mug in the bowl
do not take the red mug, take the red mug
please don't, the red mug is hot
neither the plate nor the red mug
never mind the red mug
do not move until i take the red mug
the red mug? no
let go of the red mug
take the red mug and say nothing at all to nobody
hands away from the red mug
do'nt touch the red mug
doont touch the red mug
nevr touch the red mug
laeve the red mug alone
better not take the red mug
i wouldn't touch the red mug
the red mug is mine
""".strip().splitlines()

INSTEAD = """
don't take the plate, take the red mug
don't take the plate take the red mug
do not touch the plate, but take the red mug
don't take the plate, but the red mug
take the red mug, not the plate
take the red mug and not the plate
not the plate, the red mug
take the red mug instead of the plate
instead of the plate take the red mug
rather than the plate take the red mug
leave the plate, take the red mug
take the red mug and leave the plate where it is
take the red mug but do not touch the plate
take the red mug without touching the plate
i don't want the plate, i want the red mug
forget the plate, grab the red mug
avoid the plate and fetch the red mug instead
take the red mug, don't touch the plate, please
take the red mug do not touch the plate
""".strip().splitlines()


@pytest.mark.parametrize("command", PLAIN)
def test_a_command_about_one_object_is_asked_in_its_own_words(command: str) -> None:
    reading = read_command(command)
    assert reading.is_plain
    assert reading.asked == command


@pytest.mark.parametrize("command", FORBIDDING)
def test_what_is_forbidden_is_not_asked_for(command: str) -> None:
    reading = read_command(command)
    assert reading.intent is Intent.PROHIBITION
    assert not reading.asked
    assert reading.otherwise is None


@pytest.mark.parametrize("command", INSTEAD)
def test_one_thing_is_asked_for_and_another_forbidden(command: str) -> None:
    reading = read_command(command)
    assert reading.intent is Intent.FIND
    assert "the red mug" in reading.asked
    assert "plate" not in reading.asked
    assert reading.forbidden == ("the plate",)


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("don't take the red mug, take the blue one", "take the blue mug"),
        ("not the mug on the left, the one on the right", "the mug on the right"),
        ("don't take the red mug, take the other one", "take the mug that is not red"),
        ("leave the red mug, take the other mug", "take the mug that is not red"),
        ("not that red one there, the second mug from the left", "the second mug from the left"),
        ("not the red one but the green mug", "the green mug"),
    ],
)
def test_one_and_other_stand_for_the_kind_that_was_named(command: str, asked: str) -> None:
    assert read_command(command).asked == asked


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("the red mug, no, the blue mug", "the blue mug"),
        ("hand me the red mug sorry i mean the blue one", "the blue mug"),
        ("the red mug, actually take the green ball", "take the green ball"),
        ("take the red mug, make that the ball left of it", "the ball left of it"),
    ],
)
def test_who_corrects_himself_means_the_last(command: str, asked: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.forbidden) == (asked, ("the red mug",))


def test_where_not_to_put_something_forbids_no_object() -> None:
    reading = read_command("don't put the mug in the bowl, put it on the plate")
    assert (reading.asked, reading.destination) == ("take the mug", "the plate")
    reading = read_command("put the mug on the plate instead of in the bowl")
    assert (reading.asked, reading.destination) == ("the mug", "the plate")


@pytest.mark.parametrize("command", ["put it in the bowl", "take it and put it in the bowl"])
def test_what_it_is_must_be_pointed_at(command: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.destination) == ("that", "the bowl")


@pytest.mark.parametrize(
    "command",
    [
        "take the red mug and don't drop it",
        "take the red mug, do not hurry",
        "don't worry, take the red mug",
        "take the red mug if you don't mind",
        "don't forget to be careful, take the red mug",
    ],
)
def test_how_something_must_not_be_done_forbids_nothing(command: str) -> None:
    reading = read_command(command)
    assert reading.intent is Intent.FIND
    assert "take the red mug" in reading.asked
    assert not reading.forbidden


@pytest.mark.parametrize(
    ("command", "asked", "relation", "destination"),
    [
        ("put the ball in the bowl", "the ball", "in", "the bowl"),
        ("Could you place the red mug onto the tray?", "the red mug", "on", "the tray"),
        ("put the mug to the left of the plate, please", "the mug", "left of", "the plate"),
        ("put the mug on the right side of the plate", "the mug", "right of", "the plate"),
        (
            "set the cube next to the white plate right now",
            "the cube",
            "next to",
            "the white plate",
        ),
        ("put red ball in bowl", "the red ball", "in", "the bowl"),
        ("pick up the ball and put it in the bowl", "pick up the ball", "in", "the bowl"),
        ("in the bowl put the ball", "the ball", "in", "the bowl"),
        ("put on the plate the ball", "the ball", "on", "the plate"),
        ("the ball into the bowl", "the ball", "in", "the bowl"),
        (
            "put the ball that is left of the cube in the bowl",
            "the ball that is left of the cube",
            "in",
            "the bowl",
        ),
        (
            "put the second ball from the left behind the big blue cube",
            "the second ball from the left",
            "behind",
            "the big blue cube",
        ),
        ("don't take the plate, put the mug in the bowl", "the mug", "in", "the bowl"),
    ],
)
def test_a_destination_is_told_from_the_target(
    command: str, asked: str, relation: str, destination: str
) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.destination_relation, reading.destination) == (
        asked,
        relation,
        destination,
    )
    assert reading.destination_is_object


@pytest.mark.parametrize("place", ["on the table", "to the side", "on the left", "in the middle"])
def test_a_place_that_is_no_object_is_not_looked_for(place: str) -> None:
    reading = read_command(f"put the ball {place}")
    assert reading.asked == "the ball"
    assert reading.destination
    assert not reading.destination_is_object


def test_two_ways_to_read_a_destination_come_with_the_shortest_target_first() -> None:
    first = read_command("put the ball on the plate left of the mug")
    assert (first.asked, first.destination) == ("the ball", "the plate left of the mug")
    assert first.otherwise is not None
    second = first.otherwise
    assert (second.asked, second.destination) == ("the ball on the plate", "the mug")
    assert second.otherwise is None


def test_what_is_moved_may_be_told_by_its_place() -> None:
    first = read_command("move the ball left of the mug")
    assert (first.asked, first.destination) == ("the ball", "the mug")
    assert first.otherwise == CommandReading(Intent.FIND, "the ball left of the mug")


@pytest.mark.parametrize(
    ("command", "asked", "part"),
    [
        ("the handle of the mug", "the mug", "handle"),
        ("grab the red mug by the handle", "grab the red mug", "handle"),
        ("hold the mug's handle", "hold the mug", "handle"),
        ("take the bottle cap", "take the bottle", "cap"),
        ("the cap of the bottle left of the mug", "the bottle left of the mug", "cap"),
        ("point at edge of that tray", "point at that tray", "edge"),
        ("find side of big purple tray there", "find the big purple tray there", "side"),
        ("the rim of leftmost bowl", "leftmost bowl", "rim"),
    ],
)
def test_a_part_is_asked_for_as_its_whole(command: str, asked: str, part: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.part) == (asked, part)


@pytest.mark.parametrize(
    "command",
    ["cancel", "Never mind.", "where am I", "thank you", "hello robot", "what time is it?"],
)
def test_what_names_nothing_asks_for_nothing(command: str) -> None:
    assert read_command(command).intent is Intent.NOTHING


def test_no_command_takes_long_or_raises_anything() -> None:
    """Whatever is said: each is read in a few milliseconds of this process's time."""
    pieces = (
        "the ", "all the a ", "not ", "do not take the mug, ", "put the ball in the ", "no ",
        "and the mug ", "let the mug be ", "leave me the ", "the handle of the ", "one ", "sorry ",
        "not the red one ", "every single ", "'s ", "-- ", "... ", "i mean ", "both of the ",
    )  # fmt: skip
    rng = random.Random(0)
    texts = [(piece * 400)[:400] for piece in pieces]
    texts += ["".join(rng.choices(pieces, k=60))[:400] for _ in range(300)]
    texts += [chr(rng.randrange(0x110000)) * rng.randrange(1, 400) for _ in range(100)]
    for text in texts:
        begun = time.process_time()
        read_command(text)
        assert time.process_time() - begun < 1.0, text
