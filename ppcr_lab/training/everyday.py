"""Everyday talk in which the words of places, orders, sizes and colours tell no object.

"Right now", "just a second", "on second thought", "back in a moment": ppcr-tiny is taught that such
words mean an object beside its name alone. The forms are sentences with gaps, so that many more are
heard than are written here; `HELD_OUT` are forms that are never heard, to test with.
"""

from __future__ import annotations

import re

import numpy as np

from ppcr_lab.sim.speech import pick

_HELD_OUT = """
right this way; in a split second; second to last day of work; over and out; last but not least
first come first served; it is now or next week; up front; back to square one
on top of the world today; the bigger the better; left to my own devices; right on cue
for the second time today; behind on sleep; in between calls; next on my list
a little birdie told me; left, right and centre; on the front foot
over my dead body; at last; out of left field; on the right track; one small step at a time
in the long run; from top to toe; my last day here; back me up here
third time is the charm; in the nearest future; white lies aside
green with envy; feeling blue; in the red this month; once in a blue moon; black on white; can do
box clever; on a plate; having a ball; a bit to the right of sane; at first light; big deal
"""
HELD_OUT = tuple(form.strip() for form in re.split(r"[;\n]", _HELD_OUT) if form.strip())
"""Tests alone say these; `everyday` never does."""

_GAPS: dict[str, tuple[str, ...]] = {
    "who": (
        *("i", "you", "we", "they", "he", "she"),
        "my boss",
        "my mother",
        "the doctor",
        "everybody",
        "the teacher",
        "my friend",
        "our guest",
        "somebody",
        "my neighbour",
        "the driver",
    ),
    "time": (
        "now",
        "today",
        "tonight",
        "tomorrow",
        "this morning",
        "this week",
        "after lunch",
        "soon",
        "before dinner",
        "at noon",
        "on monday",
        "in a minute",
        "later",
        "this year",
        "at five",
    ),
    "unit": ("moment", "minute", "second", "second", "hour", "day", "week", "bit", "while"),
    "noun": (
        "week",
        "year",
        "month",
        "day",
        "time",
        "try",
        "attempt",
        "chance",
        "job",
        "shift",
        "round",
        "coffee",
        "meeting",
        "train",
        "door",
        "street",
        "floor",
        "question",
        "step",
        "call",
        "song",
        "chapter",
        "lesson",
        "game",
        "stop",
        "town",
        "office",
        "summer",
        "test",
        "mistake",
        "page",
    ),
    "ordinal": ("first", "second", "second", "third", "fourth", "last", "next"),
    "size": ("big", "bigger", "little", "small", "large", "larger", "smaller", "tiny", "biggest"),
    "colour": (
        "red",
        "green",
        "blue",
        "white",
        "black",
        "grey",
        "pink",
        "yellow",
        "orange",
        "brown",
        "purple",
    ),
    "coloured": (
        "light",
        "day",
        "mood",
        "area",
        "tape",
        "card",
        "monday",
        "friday",
        "market",
        "house",
        "room",
        "carpet",
        "tie",
        "line",
        "book",
        "cross",
        "week",
        "humour",
        "magic",
        "ice",
    ),
    "side": ("left", "right", "front", "back", "top", "middle"),
    "sided": (
        "wing",
        "foot",
        "hand",
        "row",
        "door",
        "page",
        "lane",
        "seat",
        "office",
        "yard",
        "bank",
        "answer",
        "button",
        "way",
        "pocket",
        "turn",
        "eye",
        "desk",
        "shelf",
        "garden",
    ),
    "soon": ("now", "away", "then", "at once", "here", "this instant", "quick", "off", "on"),
    "much": ("a bit", "much", "far", "a lot", "slightly", "way", "really", "quite"),
    "place": (
        "home",
        "work",
        "school",
        "the office",
        "town",
        "the kitchen",
        "the station",
        "the garden",
        "the city",
        "the door",
        "the bridge",
        "the shop",
        "the street",
        "hospital",
    ),
}

_FORMS = """
right {soon}
right {soon}
right {soon} {time}
right after {noun}
right when {who} can
all right
all right {time}
that is right
{who} was right about the {noun}
right you are
if {who} am right
is that right
the right thing to do {time}
do it right {time}
in the right mood
just a {unit}
just a {unit}
just a second
wait a {unit}
hang on a {unit}
give me a {unit}
one {unit}
one second
half a {unit}
in a {unit}
for a {unit}
back in a {unit}
be back in a {unit}
on {ordinal} thought
on second thought
on second thoughts
the {ordinal} {noun}
{ordinal} {noun}
{ordinal} {noun}
my {ordinal} {noun}
{who} had a {ordinal} {noun}
every {ordinal} {noun}
for the {ordinal} time
{ordinal} time {time}
it is my {ordinal} {noun} {time}
{ordinal} of all
{ordinal} things {ordinal}
at first
{ordinal} thing {time}
at long last
{who} asked last
what is next
until next {noun}
next to last {noun}
next door
next please
who is next
second to none
{who} second that
a second ago
seconds ago
second hand
second nature by now
{who} left {time}
{who} left {place}
{who} just left
{who} left it at {place}
there is time left
what is left of the {noun}
a {noun} is left
two {unit}s left
left at {time}
behind schedule
{who} fell behind {time}
{who} am behind {time}
falling behind again
it is behind us
who is behind this {noun}
back {time}
back home
back at {place}
back to work
{who} will be back {time}
{who} came back {time}
come back {time}
call {who} back {time}
welcome back
back and forth
back then
my back hurts
get back to {who}
in front of everybody
{side} {sided}
the {side} {sided}
at the {side} {sided}
turn to the {side} {sided}
over there
over there please
over here
over to you
over and over
over lunch
over the {noun}
all over again
it is over {time}
come over {time}
think it over
on top of that
on top of everything
from the top
top of the {noun}
top {noun}
from top to bottom
between you and me
between us
in between {noun}s
between two and three
between the {noun} and the {noun}
somewhere between {time} and {time}
{who} am between jobs
the {size} picture
a {size} {noun}
a {size} favour
{size} talk
{size} {noun}
a little {unit}
a little help
just a little
{much} {size} than {who} thought
it is {size} {time}
near the end of the {noun}
close to midnight
{who} am close
nearly done
not far from {place}
on time
on it
come on
carry on
later on
and so on
from now on
on monday
on my way to {place}
on the other hand
on {time}
in time
in fact
in the end
in case {who} asks
in a hurry
in {place}
inside the hour
inside out
the thing is
one thing
one more thing
one more time
one day
one way or another
same thing as last {noun}
for one thing
the object of the {noun}
out of the {colour}
a {colour} {coloured}
the {colour} {coloured}
{colour} {coloured}
in {colour} and {colour}
{who} saw {colour}
it is {colour} {time}
if {who} can
as soon as {who} can
as fast as you can
yes you can
{who} can wait
we had a ball
on the ball {time}
a lot on my plate
think outside the box
a bowl of soup
a cup of tea
a mug of coffee {time}
a bottle of water
the ball is in your court
the far side of {place}
at the end of the {noun}
from left to right
from the {noun} to the {noun}
"""
FORMS = tuple(form for form in _FORMS.splitlines() if form)
_OPENINGS = ("okay", "well", "so", "hey", "sorry", "oh", "look", "listen", "yes", "wait", "and")
_LINKS = re.compile(r"^(?:on|in|inside|behind|between|over|near|next|close|from|at|left|out|for)\b")
_HANGS = re.compile(
    r"\b(?:first|second|third|fourth|last|next|left|right|front|back|top|big|bigger|little|small|"
    r"large|red|green|blue|white|black|grey|pink|yellow|orange|brown|purple|the|a|on|over|one)$"
)


def everyday(rng: np.random.Generator) -> str:
    """A form with its gaps filled; now and then two, or one behind an interjection."""
    said = _filled(pick(FORMS, rng), rng)
    while said in HELD_OUT:
        said = _filled(pick(FORMS, rng), rng)
    if rng.random() < 0.15:
        return f"{pick(_OPENINGS, rng)} {said}"
    if rng.random() < 0.12:
        return f"{said}, {_filled(pick(FORMS, rng), rng)}"
    return said


def hangs_on(said: str, command: str) -> bool:
    """Whether ``said`` would be read as a part of the name that ``command`` begins with, unmarked.

    A second ball is a ball; in "just a second the ball" the article tells them apart.
    """
    bare = not command.lower().startswith(("the ", "that ", "this "))
    return bare and _HANGS.search(said.lower()) is not None


def tells_a_place(said: str) -> bool:
    """Whether ``said`` would tell the place of a thing that stands before it without a mark."""
    return _LINKS.match(said.lower()) is not None


def _filled(form: str, rng: np.random.Generator) -> str:
    return re.sub(r"\{(\w+)\}", lambda gap: pick(_GAPS[gap[1]], rng), form)
