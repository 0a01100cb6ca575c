"""Reads where something is to be brought: ``put the ball in the bowl``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ppcr_ros.core.reading.words import (
    BRINGING,
    DETERMINER,
    HANDLING,
    MOVING,
    NOUN_PHRASE,
    one_of,
    tidy,
)

_RELATIONS = {
    "in": "in|into|inside|inside of|within|in to",
    "on": "on|onto|on top of|upon|atop|on to|over onto",
    "left of": "left of|to the left of|on the left of|to the left side of|on the left side of",
    "right of": "right of|to the right of|on the right of|to the right side of|"
    "on the right side of",
    "in front of": "in front of|before",
    "behind": "behind|in back of",
    "next to": "next to|beside|near|near to|close to|by|alongside|adjacent to|by the side of",
    "between": "between|in between",
    "under": "under|underneath|below|beneath",
    "over": "over|above",
    "to": "to|towards|toward|against",
}
_CANONICAL = {word: name for name, words in _RELATIONS.items() for word in words.split("|")}
_PREPOSITION = re.compile(rf"\b{one_of(_CANONICAL)}\b")
_BEHIND_A_NOUN = re.compile(rf"(?<=[a-z] )(?:that|which|with)\b|{_PREPOSITION.pattern}")
_ALWAYS_A_PLACE = re.compile(r"\b(?:into|onto)\b")
_DESCRIBES = re.compile(
    r"\b(?:(?:that|which|who) (?:is|are|lies|stands|sits|rests)|lying|standing|sitting|resting|"
    r"placed|located|is|one of|all|due)(?: over| right| just| most)? $|\bfrom (?:the )?$"
)
"""Before a preposition that tells which object is meant, and not where it is to go."""
_PERSON = re.compile(r"^(?:me|us|him|her|them|you|it|here|there|my hands?|your hands?)\b")
_NO_OBJECT = one_of(
    "table|desk|counter|floor|ground|side|left|right|front|back|middle|centre|center|corner|air|"
    "kitchen|room|hand|hands|table top|tabletop|edge|top|bottom|way|house|end"
)
_VERB = re.compile(
    rf"\b(?:{BRINGING}(?: down| over| up)? (?={DETERMINER} )|(?:put|place|move|drop)(?: down)? "
    r"(?!me\b|us\b|him\b|her\b|them\b|it\b|away\b|down\b|your\b)(?=[a-z]+ ))"
)
_PRONOUN = rf"(?:it|them|(?:that|this|the thing)(?= {one_of(_CANONICAL)}\b))"
_LATER = re.compile(
    rf"[,;.]? *(?:and then|and|then|,|\.)? *\b{BRINGING} {_PRONOUN}\b(?: down| over| back)? ?"
)
_INVERTED = re.compile(
    rf"\b{BRINGING} (?=(?:in|on|into|onto|inside)\b)"
    rf"|^(?={_PREPOSITION.pattern} {DETERMINER} .*\b(?:put|place|set|lay|drop) {DETERMINER}\b)"
)
_GOES = re.compile(
    r" (?:(?:should|must|has to|needs to|can|may|shall|will) (?:go|be|lie|stand|be put|be placed)"
    r"|goes|belongs) (?=[a-z])"
)
_TAIL = re.compile(
    rf"(?:[,.;:!?]| and (?=(?:then|please|{HANDLING}|come|be|i|you|we|do|let)\b)"
    r"| (?:so|because|before|after|when|while|if|right (?:now|away)|at once|for (?:me|us|a)"
    r"|(?:would|could|can|will) you|straight away|immediately|as soon)\b).*$"
)


@dataclass(frozen=True)
class Delivery:
    """One way to read where something is to be brought.

    Attributes:
        target: the words for what is to be brought.
        destination: the words for the place, ``the white bowl``; "" where none is named.
        relation: how it is to lie there: ``in``, ``left of``; "" likewise.
        is_object: whether the place is an object that can be looked for; the table is none.
    """

    target: str
    destination: str = ""
    relation: str = ""
    is_object: bool = False
    is_brought: bool = False
    """Whether the preposition, such as ``into``, is one of places alone."""


def ways_to_bring(text: str) -> list[Delivery]:
    """The ways to read `plain` ``text`` as an order to bring something somewhere, likeliest first.

    None where it is no such order. With ``put the ball on the plate left of the mug`` the ball
    comes first, then the ball on the plate: where there is but one ball, it is meant either way.
    """
    later = _LATER.search(text)
    if later is not None and NOUN_PHRASE.search(text[: later.start()]):
        found = _place(text[later.end() :])
        target = tidy(text[: later.start()])
        return [found_ for found_ in [_with_target(found, target)] if found_]
    if later is not None:
        found = _with_target(_place(text[later.end() :]), "that")  # which, a point must tell
        return [found] if found else []
    inverted = _INVERTED.search(text)
    if inverted is not None:
        return _inverted(text[inverted.end() :])
    goes = _GOES.search(text)
    if goes is not None and NOUN_PHRASE.search(text[: goes.start()]):
        found = _with_target(_place(text[goes.end() :]), tidy(text[: goes.start()]))
        return [found] if found else []
    verb = _VERB.search(text)
    if verb is None:
        into = _ALWAYS_A_PLACE.search(text)
        if into is None or not NOUN_PHRASE.search(text[: into.start()]):
            return []
        found = _with_target(_place(text[into.start() :]), tidy(text[: into.start()]))
        return [found] if found else []
    behind = text[verb.end() :]
    if re.search(r"\b(?:away|aside)$", tidy(behind)):
        return []
    ways = _splits(behind, moves=MOVING.match(text, verb.start()) is not None)
    if text.startswith("bring", verb.start()):
        return [way for way in ways if way.is_brought]
    return ways


def _splits(text: str, *, moves: bool) -> list[Delivery]:
    ways = []
    for preposition in _PREPOSITION.finditer(text):
        before = text[: preposition.start()]
        if not before.strip() or _DESCRIBES.search(before) or _reaches_over(text, preposition):
            continue
        found = _with_target(_place(text[preposition.start() :]), tidy(before))
        if found is not None:
            ways.append(found)
    if moves and ways and all(way.relation not in ("to",) for way in ways):
        ways.append(Delivery(tidy(_TAIL.sub("", text))))
    return ways


def _reaches_over(text: str, preposition: re.Match[str]) -> bool:
    """Whether a longer preposition, or one of direction, holds this one: ``to the left of``."""
    if preposition.group() != "to":
        return False
    compared = r"\b(?:from|close|near|next|closest|nearest|closer|nerest|furthest|farthest) $"
    return re.search(compared, text[: preposition.start()]) is not None


def _place(text: str) -> Delivery | None:
    """The place that ``text`` begins with."""
    preposition = _PREPOSITION.match(text)
    if preposition is None:
        return None
    relation = _CANONICAL[preposition.group()]
    behind = text[preposition.end() :]
    place = tidy(behind if relation == "between" else _TAIL.sub("", behind))
    to_a_person = relation == "to" and not re.match(r"(?:the|that|this|an?|side\b)", place)
    if not place or _PERSON.match(place) or to_a_person:
        return None
    noun = _BEHIND_A_NOUN.split(place, maxsplit=1)[0].split()
    is_object = bool(noun) and not re.fullmatch(_NO_OBJECT, noun[-1]) and relation != "between"
    is_brought = relation == "to" or preposition.group() in ("into", "onto")
    return Delivery("", place, relation, is_object, is_brought)


_BY_THE_WAY = re.compile(r" (?:down|over|back|out|across|straight|directly)$")
"""Between a thing and its place: ``set the bottle down on the plate``."""


def _with_target(found: Delivery | None, target: str) -> Delivery | None:
    if found is None or not target:
        return None
    return replace(found, target=_BY_THE_WAY.sub("", target))


def _inverted(text: str) -> list[Delivery]:
    """``in the bowl put the ball``, ``put in the bowl the ball``."""
    found = _place(text)
    if found is None:
        return []
    behind = re.search(rf"(?: |, ?){BRINGING} (?={DETERMINER}\b)", found.destination)
    start, end = behind.span() if behind else (0, 0)
    if behind is None:
        things = list(re.finditer(rf" (?={DETERMINER}\b)", found.destination))
        if len(things) != 1:
            return []
        start, end = things[0].span()
    place, target = found.destination[:start], found.destination[end:]
    return [Delivery(tidy(target), tidy(place), found.relation, is_object=True)]
