"""Speech as it is heard: fillers, repeated words, statements, reasons, conditions, inscriptions."""

from __future__ import annotations

import time

import pytest

from ppcr_ros.core.prompts import Intent
from ppcr_ros.core.reading.reader import read_command
from ppcr_ros.core.reading.replies import Chosen, read_reply
from ppcr_ros.core.types import Candidate

HESITANT = {
    "pick up the uh the red uh mug": "pick up the red mug",
    "can you uh can you get me the the blue bowl": "can you get me the blue bowl",
    "give me give me the spoon": "give me the spoon",
    "get me the the um mug": "get me the mug",
    "the red er blue mug": "the blue mug",
    "take the big red no blue ball": "take the big blue ball",
    "um the mug": "um the mug",
    "the yo yo": "the yo yo",
}

STATED = {
    "there is a mug and a bowl give me the bowl": "give me the bowl",
    "there are two mugs. take the red one": "take the red mug",
    "the mug is dirty so give me the glass": "give me the glass",
    "the knife is dangerous take the spoon": "take the spoon",
    "the blue mug is broken take the red one": "take the red mug",
    "i already have the mug now give me the plate": "now give me the plate",
    "the mug on the tray is useless take the glass": "take the glass",
    "i can't find the mug so give me the glass": "give me the glass",
    "i've got a mug. i need a spoon": "i need a spoon",
    "i have a fork but i need a spoon": "i need a spoon",
    "i'm making tea pass me the pot": "pass me the pot",
    "i want to cut the bread give me the knife": "give me the knife",
    "i dropped the mug, please bring me the broom": "bring me the broom",
    "my brother broke the mug give me the plate": "give me the plate",
    "the ball rolled under the table get the cube": "get the cube",
    "take the red mug because the blue one is broken": "take the red mug",
    "since the blue mug is broken, give me the red one": "give me the red mug",
    "take the mug since the glass is broken": "take the mug",
    "take the cube, the ball is dirty": "take the cube",
    "take the cube i already have the ball": "take the cube",
}

KEPT = """
the mug that is dirty
there's a red mug on the table. bring it to me
take the plate the mug is on
take the mug, the handle is broken
give me the mug as tall as the plate is wide
give me a mug the red one is broken
get the mug once the cup is gone
the mug or the glass whichever is closer
the red mug is what i want
i want the mug over there
""".strip().splitlines()

LEFT_ALONE = """
let the cat sleep
let the soup cool
let the mug stay there
let it cool
if the mug is full leave it
can't you just leave the mug
the note says do not touch the vase
the box that says fragile do not touch it
do not touch the box that says do not touch
if you can't find the red mug take the blue one
take the blue mug if you can't find the red one
take the ball wait i changed my mind
""".strip().splitlines()

ASKED_BESIDE = {
    "let the baby sleep and give me the bottle": ("give me the bottle", ("the baby sleep",)),
    "let the mug be and take the plate": ("take the plate", ("the mug",)),
    "get the plate but make sure you don't touch the mug": ("get the plate", ("the mug",)),
    "get the plate and try not to touch the mug": ("get the plate", ("the mug",)),
    "take the spoon careful of the knife": ("take the spoon", ("the knife",)),
    "take the spoon beware of the knife": ("take the spoon", ("the knife",)),
    "all the mugs besides the red one": ("the mug", ("the red one",)),
    "all mugs except blue": ("the mug", ("the blue one",)),
    "all mugs except the red and blue ones": ("the mug", ("the red one", "the blue one")),
    "a mug in any colour but red": ("a mug", ("the red one",)),
    "i prefer the blue mug over the red one": ("take the blue mug", ("the red one",)),
    "better take the plate than the mug": ("take the plate", ("the mug",)),
    "i'm keeping the cup, you can take the mug": ("you can take the mug", ("the cup",)),
    "you can have any fruit except the banana": ("you can have any fruit", ("the banana",)),
    "the handle of the red mug, not the blue one": ("the red mug", ("the blue mug",)),
}

INSCRIBED = {
    "the box that says do not open": ("the box that says do not open", "", ()),
    'the box that says "do not open"': ('the box that says "do not open"', "", ()),
    "the box labelled do not touch": ("the box labelled do not touch", "", ()),
    "give me the box with do not open on it": ("give me the box with do not open on it", "", ()),
    "bring me the mug that says no coffee no work": (
        "bring me the mug that says no coffee no work",
        "",
        (),
    ),
    "put the box that says do not open on the shelf": (
        "the box that says do not open",
        "the shelf",
        (),
    ),
    "take the box that says do not open and the mug": (
        "take the box that says do not open",
        "",
        ("the mug",),
    ),
}

CHANGED_PLACE = {
    "put the mug er no in the box": ("the mug", "in", "the box"),
    "put the mug oh wait behind the box": ("the mug", "behind", "the box"),
    "put the mug in no on the box": ("the mug", "on", "the box"),
    "put the mug left no right of the plate": ("the mug", "right of", "the plate"),
    "put the ball in the bowl no wait in the cup": ("the ball", "in", "the cup"),
    "take the mug in the box no on the plate": ("take the mug on the plate", "", ""),
    "the mug with no handle on the tray": ("the mug with no handle on the tray", "", ""),
}

COUNTED_ANEW = {
    "give me exactly two mugs": ("give me the mug", 2),
    "only two of the mugs": ("the mug", 2),
    "at least two mugs": ("the mug", 2),
    "another two mugs": ("the mug", 2),
    "exactly one mug": ("exactly one mug", 1),
    "twenty one balls": ("the ball", 21),
    "twenty-one balls": ("the ball", 21),
    "the twenty one balls": ("the ball", 21),
    "gimme two mugs": ("give me the mug", 2),
    "i wanna two cups": ("i want the cup", 2),
    "take two mugs no three mugs": ("take the mug", 3),
    "take two mugs sorry three": ("take the mug", 3),
    "two balls no three cubes": ("the cube", 3),
    "the box with exactly two balls": ("the box with exactly two balls", 1),
    "the box holding three pens": ("the box holding three pens", 1),
}

NAMED_TOGETHER = {
    "a stapler and a ruler": ("a stapler", ("a ruler",), (1,)),
    "bring me a stapler a ruler and a pen": ("bring me a stapler", ("a ruler", "a pen"), (1, 1)),
    "one stapler and two rulers": ("one stapler", ("the ruler",), (2,)),
    "two mugs and one plate on the tray": ("the mug", ("one plate on the tray",), (1,)),
    "two mugs three plates and a spoon": ("the mug", ("the plate", "a spoon"), (3, 1)),
    "a pair of scissors and a pen": ("a pair of scissors", ("a pen",), (1,)),
    "pass the ketchup and mustard": ("pass the ketchup", ("the mustard",), (1,)),
    "the cup and saucer": ("the cup", ("the saucer",), (1,)),
    "salt and pepper please": ("the salt", ("the pepper",), (1,)),
    "my keys, wallet and phone": ("my keys", ("the wallet", "the phone"), (1, 1)),
    "the stapler, tape and scissors": ("the stapler", ("the tape", "the scissors"), (1, 1)),
    "put the pen and pencil in the cup": ("the pen", ("the pencil",), (1,)),
    "bring me the glass because i'm thirsty and the bottle": (
        "bring me the glass because i am thirsty",
        ("the bottle",),
        (1,),
    ),
    "the mug and maybe the plate": ("the mug", ("the plate",), (1,)),
    "take the mug and afterwards the plate": ("take the mug", ("the plate",), (1,)),
}

ONE_THING = """
the saucer that fits the mug and the cup
the lid that goes with the pot and the pan
the towel that covers the mug and the plate
the box containing the pens and the pencils
the spoon touching the mug and the plate
the mug with the handle and the lid
the mug with a handle and a blue rim
a picture of a cat and a dog
the old and rusty nail
something nice and warm
the spoon next to the salt and pepper
take the mug and smile
the fish and chips box
""".strip().splitlines()


@pytest.mark.parametrize("command", HESITANT)
def test_what_is_said_in_hesitating_names_nothing(command: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.is_plain) == (HESITANT[command], True)


@pytest.mark.parametrize("command", STATED)
def test_what_is_only_stated_is_not_asked_for(command: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.also, reading.forbidden) == (STATED[command], (), ())


@pytest.mark.parametrize("command", KEPT)
def test_what_tells_of_the_thing_itself_stays_with_it(command: str) -> None:
    reading = read_command(command)
    assert reading.is_plain, reading
    assert reading.asked == command


@pytest.mark.parametrize("command", LEFT_ALONE)
def test_no_order_is_heard_in_what_says_to_leave_alone(command: str) -> None:
    reading = read_command(command)
    assert (reading.intent, reading.asked) == (Intent.PROHIBITION, "")


@pytest.mark.parametrize("command", ASKED_BESIDE)
def test_a_thing_is_left_alone_beside_the_one_that_is_asked_for(command: str) -> None:
    reading = read_command(command)
    assert (reading.intent, reading.asked, reading.forbidden) == (
        Intent.FIND,
        *ASKED_BESIDE[command],
    )


@pytest.mark.parametrize("command", INSCRIBED)
def test_what_is_written_on_a_thing_forbids_nothing(command: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.destination, reading.also) == INSCRIBED[command]
    assert not reading.forbidden


@pytest.mark.parametrize(
    "command",
    [
        "take the red mug otherwise the blue one",
        "take the red mug if there is one otherwise the blue one",
        "take the red mug if it's not there the blue one",
        "take the red mug or if there is none the blue one",
    ],
)
def test_a_second_wish_is_left_for_later(command: str) -> None:
    reading = read_command(command)
    assert reading.asked.startswith("take the red mug")
    assert (reading.also, reading.left_out) == ((), "the blue one")
    assert "blue" not in reading.asked


@pytest.mark.parametrize("command", CHANGED_PLACE)
def test_who_corrects_a_place_still_means_the_thing(command: str) -> None:
    reading = read_command(command)
    found = (reading.asked, reading.destination_relation, reading.destination)
    assert found == CHANGED_PLACE[command]


@pytest.mark.parametrize("command", COUNTED_ANEW)
def test_a_number_counts_whatever_stands_before_it(command: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.quantity) == COUNTED_ANEW[command]
    assert not reading.forbidden


@pytest.mark.parametrize("command", NAMED_TOGETHER)
def test_things_without_known_names_are_listed_too(command: str) -> None:
    reading = read_command(command)
    found = (reading.asked, reading.also, reading.also_quantities)
    assert found == NAMED_TOGETHER[command]


@pytest.mark.parametrize("command", ONE_THING)
def test_what_belongs_to_one_thing_is_no_list(command: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.also) == (command, ())


@pytest.mark.parametrize(
    "words",
    ["give me a second", "no red", "no blue no red", "let the blue one be", "whatever you do"],
)
def test_a_reply_that_may_refuse_chooses_nothing(words: str) -> None:
    offered = tuple(
        Candidate(number, None, None, f"{look} mug", 0.9)  # type: ignore[arg-type]
        for number, look in enumerate(("red", "blue", "white"), 1)
    )
    assert not isinstance(read_reply(words, offered, "mug"), Chosen)


def test_no_speech_takes_long() -> None:
    pieces = (
        "the red the ",
        "the mug is ",
        "if not ",
        "take the mug because the ",
        "uh ",
        "two no ",
    )
    for piece in pieces:
        text = (piece * 400)[:400]
        begun = time.process_time()
        read_command(text)
        assert time.process_time() - begun < 1.0, text
