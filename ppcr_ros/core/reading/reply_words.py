"""The words by which a reply tells one of several objects from the others."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import ADJECTIVES, HANDLING


def _each(words: str) -> tuple[str, ...]:
    return tuple(words.split())


NUMBERS = {word: n for n, word in enumerate(_each("one two three four five six seven eight"), 1)}
ORDINALS = {
    word: n for n, word in enumerate(_each("first second third fourth fifth sixth seventh"), 1)
}
ORDINALS |= {word: n for n, word in enumerate(_each("1st 2nd 3rd 4th 5th 6th 7th"), 1)}
SAME_WORD = {"gray": "grey", "violet": "purple", "center": "centre", "cup": "mug", "tin": "can"}
COLOURS = frozenset(
    _each(
        "red green blue yellow orange purple violet pink brown black white grey gray cyan "
        "teal beige silver gold golden turquoise magenta"
    )
)
LOOKS = (
    COLOURS
    | ADJECTIVES
    | frozenset(
        _each(
            "striped spotted dotted plain shiny matte dull wooden metal plastic glass empty "
            "full open closed upright lying standing thick thin narrow flat broken clean "
            "dirty new old bright"
        )
    )
)
SIDES: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("left", "leftmost", "lefthand"), (0, 1)),
    **dict.fromkeys(("right", "rightmost", "righthand"), (0, -1)),
    **dict.fromkeys(
        _each("back rear behind far farther farthest further furthest top upper"),
        (1, 1),
    ),
    **dict.fromkeys(
        _each("front near nearer nearest close closer closest bottom lower"),
        (1, -1),
    ),
}
"""Along which axis of the image, and whether the smallest is meant, 1, or the largest, -1."""
MIDDLE = frozenset(("middle", "centre", "center", "central", "between"))
SIZES = {
    **dict.fromkeys(_each("big bigger biggest large larger largest huge great greater"), 1),
    **dict.fromkeys(_each("small smaller smallest little littler tiny tinier"), -1),
    **dict.fromkeys(_each("tall taller tallest high higher highest long longer"), 2),
    **dict.fromkeys(_each("short shorter shortest low"), -2),
    **dict.fromkeys(_each("wide wider widest broad broader"), 3),
    **dict.fromkeys(_each("narrow narrower slim slimmer thin thinner"), -3),
}
"""What is compared, 1 area, 2 height, 3 width, and whether the largest is meant or the smallest."""
SIZE_WORDS = {1: ("large", "big", "small", "little"), 2: ("tall", "short"), 3: ("wide", "narrow")}
SAYS_LITTLE = frozenset(
    _each(
        "the a an that this these those it its is was are be one ones thing object item "
        "them they could will shall do did of on at in to from by with and or so um uh er "
        "erm hm hmm well please robot hey "
        "ok okay yes yeah yep no nope oh ah sorry i me my we you your mean meant said "
        "would like want wanted think guess take just only rather now then thanks thank "
        "side hand end here there more most very quite bit which who what say let us go "
        "for number no. option candidate choice actually maybe over up down out standing "
        "lying sitting"
    )
) | frozenset(HANDLING.strip("(?:)").split("|"))
DECLINES = re.compile(
    r"(?:(?:no|please|ok|okay|oh|well|sorry|robot)[, ]+)*"
    r"(?:none(?: of (?:them|these|those))?|neither(?: of (?:them|these|those))?|never ?mind"
    r"|forget (?:it|that|about it)|cancel(?: that| it)?|stop(?: it)?|abort|nothing|leave it"
    r"|do not bother|no one of (?:them|these))(?: please| thanks)?"
)
NO = re.compile(
    r"(?:(?:oh|sorry|robot|please)[, ]+)*(?:no|nope|nah)(?:[, ]+(?:it is not|not that one))?"
)
"""What declines the one that a question is about."""
ALL = re.compile(
    r"\b(?:both(?: of them)?|the two of them|all (?:two|three|four|five|six)"
    r"|all(?: of them)?|every ?one)\b"
)
ANY = re.compile(
    r"\b(?:any|either|whichever|whatever|any of them|does not matter|do not care|no matter|"
    r"you choose|you decide|i do not mind)\b"
)
OTHER = re.compile(r"\b(?:the )?other(?: one| ones)?\b")
NOT = re.compile(
    r"(?:\bnot|\bis not|\banything but|\bexcept)(?: the| that| this| a)? (.+?)(?=,|$| but |\. )"
)
COUNTED = re.compile(
    r"\b(?P<ordinal>first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th)(?: one)?,?"
    r"(?: (?:counting )?from| on| at| to)(?: the| your| my)? "
    r"(?P<side>left|right|front|back|top|bottom)\b"
)
LABEL = re.compile(
    r"(?:number|no\.?|nr\.?|option|candidate|choice|#) ?(?P<number>\d+|"
    rf"{'|'.join(NUMBERS)})\b"
)
MOST = re.compile(
    r"\b(?:furthest|farthest|further|farther|most|far|furthermost|all the way)"
    r"(?: (?:to|on|at) the)? (?=(?:left|right|front|back)\b)"
)
"""What stands before a side and says no more than it: ``the one furthest left``."""
