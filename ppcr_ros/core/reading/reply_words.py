"""The words by which a reply tells one of several objects from the others."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import ADJECTIVES, HANDLING, one_of
from ppcr_ros.core.reading.words import COLOURS as COLOURS_AND_SHADES


def _each(words: str) -> tuple[str, ...]:
    return tuple(words.split())


NUMBERS = {word: n for n, word in enumerate(_each("one two three four five six seven eight"), 1)}
ORDINALS = {
    word: n for n, word in enumerate(_each("first second third fourth fifth sixth seventh"), 1)
}
ORDINALS |= {word: n for n, word in enumerate(_each("1st 2nd 3rd 4th 5th 6th 7th"), 1)}
SAME_WORD = {"gray": "grey", "violet": "purple", "center": "centre", "cup": "mug", "tin": "can"}
COLOURS = COLOURS_AND_SHADES - {"dark", "light"}
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
        _each("front near nearer nearest closer closest bottom lower"),
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
DOING = frozenset(HANDLING.strip("(?:)").split("|")) | {"standing", "lying", "sitting"}
"""Words for what is done with an object; behind an article they say how it looks: ``the open``."""
DETERMINERS = frozenset(_each("the that this these those a an number option"))
PRONOUNS = frozenset(_each("one ones it them that this these those any either both all what"))
RELATIVE = frozenset(_each("is are was were has have stands lies sits i you we looks does do"))
"""What follows a ``that`` which joins two clauses and points at nothing."""
ATTACHING = frozenset(
    _each("on at in from to of by near behind beside with than and or between closest nearest")
)
"""Behind these a thing is named that belongs to the one before: ``the one left of the ...``."""
BEFORE_A_LOOK = frozenset(_each("the a an with its no without"))
SAYS_LITTLE = DOING | frozenset(
    _each(
        "the a an that this these those it its is was are be one ones thing object item "
        "them they could will shall do did of on at in to from by with and or so um uh er "
        "erm hm hmm well please robot hey uhm mm "
        "ok okay yes yeah yep no nope oh ah sorry i me my we you your mean meant said "
        "would have like want wanted think guess take just only rather now then thanks thank "
        "side hand end here there more most very quite bit which who what say let us go "
        "for number no. option candidate choice actually maybe over up down out "
        "ta cheers obviously definitely probably certainly quickly carefully gently instead "
        "darling mate love dear suppose believe reckon"
    )
)
ALL = re.compile(
    r"\b(?:both(?: of them)?|the two of them|all (?:two|three|four|five|six)"
    r"|all(?: of them)?|every ?one(?: of them)?|everything)\b"
)
ANY = re.compile(
    r"\b(?:any ?(?:one|thing)?|either|whichever|whatever|any of them|no matter|"
    r"you choose|you decide)\b"
)
OTHER = re.compile(r"\b(?:the )?other(?: one| ones)?\b(?! (?:side|end|hand|way))")
OTHERS = re.compile(
    r"\b(?:(?:all|both)(?: of)? )?(?:the )?(?:others|other ones|rest(?: of (?:them|these|those))?"
    rf"|remaining(?: ones?| {'| '.join(NUMBERS)})?|other (?P<count>{'|'.join(NUMBERS)}))\b(?! of)"
)
"""More than one other, as a rule: ``the others``, ``the other two``."""
COUNTED = re.compile(
    r"\b(?P<ordinal>first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th)(?: one)?,?"
    r" (?P<from>(?:counting )?from|on|at|to)(?: the| your| my)? "
    r"(?P<side>left|right|front|back|top|bottom)\b"
)
LABEL = re.compile(
    r"(?:\b(?:numbers?|no\.|nr\.?|option|candidate|choice|no(?= ?\d))|#) ?(?P<number>\d+|"
    rf"{'|'.join(NUMBERS)})\b"
)
OF_THEM = re.compile(
    r"\bof (?:them|these|those|us|all|(?:the|these|those) (?:two|three|four|five|six|lot))\b"
    r"(?= ?,| please|$)"
)
SO_MANY = re.compile(
    rf"\b(?P<before>(?:just|only|any|the|these|those) )?(?P<count>{'|'.join(NUMBERS)}|\d)\b"
    r"(?P<behind> of (?:them|these|those|the \w+)\b)?"
)
BROKEN_OFF = re.compile(r"\b(?:of|from|than|and|beside|between|(?:next|closest|nearest|near) to)$")
FROM_THE_END = re.compile(
    r"\b(?:(?:second|next|third|one)(?: to| before(?: the)?)? last|last but one|penultimate)\b"
)
MOST = re.compile(
    r"\b(?:furthest|farthest|further|farther|most|far|furthermost|all the way)"
    r"(?: (?:to|on|at) the)? (?=(?:left|right|front|back)\b)"
)
"""What stands before a side and says no more than it: ``the one furthest left``."""

_SIDE_OF = (
    r"(?:(?:just|directly|immediately|right) )?(?:(?:to|on|at|by) )?(?:(?:the|its) )?"
    r"{}(?: ?hand)?(?: side)? (?:of|from)"
)
_RELATIONS = {
    "left": _SIDE_OF.format("left"),
    "right": _SIDE_OF.format("right"),
    "behind": r"(?:(?:just|directly|right) )?behind",
    "front": r"(?:(?:just|directly|right) )?in front of",
    "near": r"(?:the )?(?:(?:nearest|closest|nearer|closer|near)(?: one)?(?: by)?(?: to)?|"
    r"(?:close|next|adjacent) to|beside|by|alongside)",
    "far": r"(?:the )?(?:furthest|farthest|further|farther|far|most far)(?: away)? from",
    "between": r"(?:in )?between",
    "": r"(?:on|in|inside|at|with|on top of|under|underneath|above|below|over|against|opposite|"
    r"touching|across from|(?:on|at|by) the side of)",
}
_THING = r"(?:the|that|this|number|it|them|option)"
_BARE_THING = one_of(LOOKS - {*SIDES, *MIDDLE})
_BEHIND_OF = rf"(?<= (?:of|to) )(?:{one_of({*NUMBERS, *ORDINALS, *SIDES})})"
_BEHIND_FROM = _BEHIND_OF.replace("(?:of|to)", "from")
_BEHIND_NEAR = "|".join(rf"(?<= {w} )(?:{one_of(NUMBERS)})" for w in ("near", "behind"))
_ANY_THING = rf"(?:{_THING}|{_BARE_THING}|{_BEHIND_OF}|{_BEHIND_FROM}|{_BEHIND_NEAR})"
RELATIONS = tuple(
    (
        name,
        re.compile(
            rf"\b{words} (?={_ANY_THING if name else _THING}\b"
            r"(?! (?:is|are|was|has|looks|stands|i|you|we)\b))"
        ),
    )
    for name, words in _RELATIONS.items()
)
"""What stands between two objects, one of which tells the other; no name: only an image tells."""
NO = re.compile(
    r"(?:(?:oh|sorry|robot|please)[, ]+)*(?:no|nope|nah)(?:[, ]+(?:it is not|not that one))?"
)
"""What declines the one that a question is about."""
