"""Reads commands in which somebody corrects himself: ``the red mug, no, the blue one``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.places import ways_to_bring
from ppcr_ros.core.reading.plurals import COUNTS
from ppcr_ros.core.reading.prohibitions import object_of
from ppcr_ros.core.reading.words import (
    BRINGING,
    COLOURS,
    DETERMINER,
    FILLER,
    HANDLING,
    PLACING,
    SIZES,
    TO_A_PLACE,
    one_of,
)

_SORRY = (
    r"(?<!\bwith )(?<!\bhas )(?<!\bhave )(?<!\bis )(?<!\bare )no+|"
    r"nope|sorry|(?:or )?rather|i mean|i meant(?: to say)?|make (?:that|it)|oh|oops|whoops|"
    r"my bad|(?:scratch|forget|cancel|strike) that|on second thoughts?|hang on|hold on|wait|"
    r"actually|correction|i (?:have )?changed my mind"
)
_CORRECTED = re.compile(
    rf"(?P<first>.*\S)[\s,.;!?-]+(?:{_SORRY})(?:[ ,.]+(?:{_SORRY}))*[ ,.]+"
    rf"(?P<then>(?:please )?(?:(?:only|just) )?(?P<verb>{HANDLING} (?:me |up )?)?"
    rf"(?P<placing>{PLACING} )?{DETERMINER} .+)"
)
_COUNT = one_of(COUNTS)
_RECOUNTED = re.compile(
    rf"(?P<before>.*?\b)(?:{_COUNT}|one|an?)(?P<what>\b(?:(?! (?:{PLACING}|and)\b).)*?)"
    rf"(?P<place>(?: {PLACING}\b.*?)?)"
    rf"[\s,.;!?-]+(?:{_SORRY})(?:[ ,.]+(?:{_SORRY}))*[ ,.]+(?:(?:only|just) )?"
    rf"(?P<then>{_COUNT})(?P<more>(?: .*)?)"
)
"""``two mugs, no, three``"""
_SECOND_LOOKS = tuple(
    re.compile(
        rf"(?P<the>\b{DETERMINER} (?:[a-z]+ )?){one_of(looks)},?"
        rf"(?: (?:{FILLER}),?)*(?: (?:{_SORRY}|{FILLER}),?)+ (?:{DETERMINER} )?"
        rf"(?P<look>{one_of(looks)})(?= (?!and\b|or\b|ones? and\b)[a-z])"
    )
    for looks in (COLOURS - {"orange", "dark", "light"}, SIZES)
)
_OPEN_PLACE = re.compile(rf"(?: (?:{PLACING}|to|between|left|right))+$")
_LAST_PLACE = re.compile(
    rf"(?<=[a-z]) (?:{PLACING}) {DETERMINER} (?!.* (?:{PLACING}) {DETERMINER} ).*$"
)
_THING = re.compile(rf"\b{DETERMINER} (?!is\b|was\b)[a-z0-9]")
_VERB = re.compile(rf"\b{BRINGING}\b")


def as_meant(text: str) -> str | None:
    """`plain` ``text`` as who corrects himself would have said it at once; None where nobody does.

    The last that is said is meant, and not the first: ``not the red mug, the blue one``. Behind a
    place another place is meant, and behind ``put the ball`` another thing to put.
    """
    counted = _RECOUNTED.fullmatch(text)
    if counted is not None:
        return _recounted(counted)
    found = _CORRECTED.fullmatch(text)
    if found is None or not _THING.search(found["first"]):
        return None
    first, then = found["first"], found["then"]
    verb = _VERB.search(first)
    if found["placing"] and found["verb"] is None and not (verb and ways_to_bring(first)):
        before = _OPEN_PLACE.sub("", first)
        return f"{_LAST_PLACE.sub('', before)} {then}"
    if found["verb"] is None and verb is not None:
        ways = ways_to_bring(first)
        if ways and not TO_A_PLACE.search(f" {then}" if not found["placing"] else ""):
            return _with_place(first, ways[0].destination, then, whole=bool(found["placing"]))
        if TO_A_PLACE.search(then):
            thing = ways[0].target if ways else object_of(first)
            return f"not {thing}, {verb.group()} {then}"
    return f"not {object_of(first)}, {then}"


def with_last_look(text: str) -> str:
    """`plain` ``text`` with the last of two looks of one thing: ``the red uh no blue mug``."""
    for looks in _SECOND_LOOKS:
        text = looks.sub(r"\g<the>\g<look>", text)
    return text


def _recounted(found: re.Match[str]) -> str:
    """What was counted, with its last number and, where none is named again, its name and place."""
    more = found["more"]
    if not more or re.match(rf" (?:{PLACING}|please)\b", more):
        place = "" if re.match(rf" {PLACING}\b", more) else found["place"]
        more = f"{found['what']}{place}{more}"
    return f"{found['before']}{found['then']}{more}"


def _with_place(first: str, place: str, then: str, *, whole: bool) -> str:
    """``first`` with ``then`` in place of ``place``, and of its preposition where it has one."""
    before = first[: first.rfind(place)]
    if whole:
        before = re.sub(rf"\b{PLACING}\s*$", "", before)
    return before + then
