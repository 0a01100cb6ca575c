"""Speech in a hurry: exceptions, corrections, and words that only seem to forbid."""

from __future__ import annotations

import pytest

from ppcr_ros.core.prompts import Intent
from ppcr_ros.core.reading.reader import read_command

EXCEPTED = {
    "take any mug but the red one": ("take any mug", "the red one"),
    "take all the cubes but the red one": ("take the cube", "the red one"),
    "take the cups with the exception of the blue one": ("take the cup", "the blue one"),
    "take all the cups bar the blue one": ("take the cup", "the blue one"),
    "take the cups minus the blue one": ("take the cup", "the blue one"),
    "take the cups save the blue one": ("take the cup", "the blue one"),
    "any cup other than mine": ("any cup", "the mine"),
    "take the cup as opposed to the glass": ("take the cup", "the glass"),
    "i'd rather have the ball than the cube": ("take the ball", "the cube"),
    "take the plate leave the mug": ("take the plate", "the mug"),
    "take the ball hands off the vase": ("take the ball", "the vase"),
    "bring me the cup ignore the plate": ("bring me the cup", "the plate"),
    "get your hands off the vase and bring me the mug": ("bring me the mug", "the vase"),
    "i'm keeping the blue mug, take the red one": ("take the red mug", "the blue mug"),
    "i don't want the fork i want the spoon": ("i want the spoon", "the fork"),
    "give me the spoon i don't want the fork": ("give me the spoon", "the fork"),
    "rather than the fork take counting from the left the second spoon": (
        "take counting from the left the second spoon",
        "the fork",
    ),
    "instead of the fork i need the spoon": ("i need the spoon", "the fork"),
    "get the plate and mind the mug": ("get the plate", "the mug"),
    "get the mug while avoiding the vase": ("get the mug", "the vase"),
    "get the mug without knocking over the vase": ("get the mug", "the vase"),
    "get all mugs, leaving the red one": ("get the mug", "the red one"),
    "any fruit, banana excluded": ("any fruit", "the banana"),
    "i prefer the mug to the cup": ("take the mug", "the cup"),
    "without the cup, the mug": ("the mug", "the cup"),
    "i don't think i need the red mug, take the blue one": ("take the blue mug", "the red mug"),
    "i no longer want the mug, i want the cup": ("i want the cup", "the mug"),
    "no need to bring the mug, bring the cup": ("bring the cup", "the mug"),
    "the cup, but before that do not touch the mug": ("the cup", "the mug"),
    "put the mug anywhere but on the book": ("put the mug", "the book"),
    "take all mugs except the two red ones": ("take the mug", "the red one"),
    "it's not the mug that i want, it's the spoon": ("it is the spoon", "the mug"),
    "i said the pear not the apple": ("i said the pear", "the apple"),
}

FORBIDDING = """
get your hands off the mug
take your fingers off the mug
get away from the mug
if you touch the mug i'll be angry
whoever touches the mug is in trouble
touch the mug and you're dead
the mug is out of bounds
i don't think i want the mug
no longer touch the mug
back away from the mug
i forbid you to touch the mug
i don't want you to take the mug
the mug has to stay
the mug ought to stay here
the mug is staying here
i'm keeping the mug
no more touching the mug
you can leave the mug
kindly leave the mug
don touch the mug
take the mug never mind
take the mug oh forget it
the mug, scratch that
take the mug, cancel
the mug that you do not touch
be careful with the mug
""".strip().splitlines()

CORRECTED = {
    "bring me the fork scratch that the spoon": ("the spoon", "", ("the fork",)),
    "bring the fork oops the spoon": ("the spoon", "", ("the fork",)),
    "bring me the fork hang on the spoon": ("the spoon", "", ("the fork",)),
    "bring me the fork on second thoughts the spoon": ("the spoon", "", ("the fork",)),
    "bring me the fork wait the spoon": ("the spoon", "", ("the fork",)),
    "bring me the fork wait no the spoon": ("the spoon", "", ("the fork",)),
    "bring me the fork i mean spoon": ("the spoon", "", ("the fork",)),
    "take the mug i mean the blue one": ("the blue mug", "", ()),
    "take the mug and the ball actually only the ball": ("only the ball", "", ("the mug",)),
    "put the ball in the box sorry the bowl": ("the ball", "the bowl", ()),
    "put the mug on the tray no the plate": ("the mug", "the plate", ()),
    "put the mug on the tray sorry on the plate": ("the mug", "the plate", ()),
    "put the ball no the cube in the bowl": ("the cube", "the bowl", ("the ball",)),
    "move the cube left of the plate i mean the mug": ("the cube", "the mug", ()),
    "put the ball not the cube in the box": ("the ball", "the box", ("the cube",)),
    "put the ball and not the cube in the box": ("the ball", "the box", ("the cube",)),
    "put the mug instead of the plate on the tray": ("the mug", "the tray", ("the plate",)),
}

HARMLESS = """
no i want the red mug
no, i said the red mug
no my red mug
no actually the red mug
i can't reach the red mug can you get it for me
i can't find the red mug
i don't have the red mug
isn't there a red mug
don't forget the red mug
don't forget to bring me the red mug
don't worry take the red mug
don't be shy take the red mug
the red mug with no handle
the red mug that has no handle
the red mug that nobody uses
the red mug i never use
the red mug that won't break
the red mug that is mine
the red mug that has to stay warm
put the red mug back where it was
mind passing me the red mug
where is my red mug
where did i put the red mug
mind if i have the red mug
the lid that goes on the red mug
the screw that fell under the red mug
the ball that rolled into the red mug
the place mat under the red mug
bring me the red mug but be careful
move the red mug away from the plate
get the red mug off the tray
take the red mug but wait
""".strip().splitlines()


@pytest.mark.parametrize("command", EXCEPTED)
def test_what_is_excepted_is_forbidden_and_the_rest_asked_for(command: str) -> None:
    reading = read_command(command)
    asked, forbidden = EXCEPTED[command]
    assert (reading.intent, reading.asked, reading.forbidden) == (
        Intent.FIND,
        asked,
        (forbidden,),
    )


@pytest.mark.parametrize("command", FORBIDDING)
def test_what_must_be_left_alone_is_not_asked_for(command: str) -> None:
    reading = read_command(command)
    assert reading.intent in (Intent.PROHIBITION, Intent.NOTHING)
    assert not reading.asked


@pytest.mark.parametrize("command", CORRECTED)
def test_the_last_that_is_said_is_meant(command: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.destination, reading.forbidden) == CORRECTED[command]


@pytest.mark.parametrize("command", HARMLESS)
def test_a_word_of_negation_need_not_forbid(command: str) -> None:
    reading = read_command(command)
    assert (reading.intent, reading.forbidden) == (Intent.FIND, ())
    assert "red mug" in reading.asked


def test_each_of_what_must_not_be_touched_is_forbidden() -> None:
    reading = read_command("don't touch the cup or the plate, take the mug")
    assert (reading.asked, reading.forbidden) == ("take the mug", ("the cup", "the plate"))


@pytest.mark.parametrize("adverb", ["just", "but definitely", "preferably", "but please"])
def test_a_word_before_not_changes_nothing(adverb: str) -> None:
    assert read_command(f"the ball, {adverb} not the red one").asked == "the ball that is not red"


@pytest.mark.parametrize(
    "command", ["the baseball cap", "the box with the mug and the plate in it"]
)
def test_a_thing_of_two_words_or_with_two_things_is_one(command: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.part, reading.also) == (command, "", ())


def test_to_leave_the_rest_alone_forbids_nothing() -> None:
    for rest in ("leave everything else", "don't touch anything else", "leave the rest"):
        reading = read_command(f"take the plate and {rest}")
        assert (reading.asked, reading.forbidden) == ("take the plate", ())


@pytest.mark.parametrize("command", ["thank you so much", "i changed my mind", "wait a minute"])
def test_talk_asks_for_nothing(command: str) -> None:
    assert read_command(command).intent is Intent.NOTHING
