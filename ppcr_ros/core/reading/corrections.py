"""Reads commands in which somebody corrects himself: ``the red mug, no, the blue one``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.places import ways_to_bring
from ppcr_ros.core.reading.prohibitions import object_of
from ppcr_ros.core.reading.words import BRINGING, DETERMINER, HANDLING, PLACING, TO_A_PLACE

_SORRY = (
    r"no+|nope|sorry|(?:or )?rather|i mean|i meant(?: to say)?|make (?:that|it)|oh|oops|whoops|"
    r"my bad|(?:scratch|forget|cancel|strike) that|on second thoughts?|hang on|hold on|wait|"
    r"actually|correction"
)
_CORRECTED = re.compile(
    rf"(?P<first>.*\S)[\s,.;!?-]+(?:{_SORRY})(?:[ ,.]+(?:{_SORRY}))*[ ,.]+"
    rf"(?P<then>(?:please )?(?:(?:only|just) )?(?P<verb>{HANDLING} (?:me |up )?)?"
    rf"(?P<placing>{PLACING} )?{DETERMINER} .+)"
)
_THING = re.compile(rf"\b{DETERMINER} (?!is\b|was\b)[a-z0-9]")
_VERB = re.compile(rf"\b{BRINGING}\b")


def as_meant(text: str) -> str | None:
    """`plain` ``text`` as who corrects himself would have said it at once; None where nobody does.

    The last that is said is meant, and not the first: ``not the red mug, the blue one``. Behind a
    place another place is meant, and behind ``put the ball`` another thing to put.
    """
    found = _CORRECTED.fullmatch(text)
    if found is None or not _THING.search(found["first"]):
        return None
    first, then = found["first"], found["then"]
    verb = _VERB.search(first)
    if found["verb"] is None and verb is not None:
        ways = ways_to_bring(first)
        if ways and not TO_A_PLACE.search(f" {then}" if not found["placing"] else ""):
            return _with_place(first, ways[0].destination, then, whole=bool(found["placing"]))
        if TO_A_PLACE.search(then):
            thing = ways[0].target if ways else object_of(first)
            return f"not {thing}, {verb.group()} {then}"
    return f"not {object_of(first)}, {then}"


def _with_place(first: str, place: str, then: str, *, whole: bool) -> str:
    """``first`` with ``then`` in place of ``place``, and of its preposition where it has one."""
    before = first[: first.rfind(place)]
    if whole:
        before = re.sub(rf"\b{PLACING}\s*$", "", before)
    return before + then
