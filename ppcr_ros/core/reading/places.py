"""Reads where something is to be brought: ``put the ball in the bowl``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ppcr_ros.core.reading.orders import Order, is_named_again, orders_in
from ppcr_ros.core.reading.talk import GO_ON, without_talk
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
_TOLD_BY = re.compile(
    rf"^(?:the|my|your) (?:left|right|front|back|middle|cent(?:re|er)|corner|end)(?: side)? "
    rf"{_PREPOSITION.pattern} "
    r"|(?<!next)(?<!close)(?<!est)(?<!er)(?<!ar) (?:to (?!the (?:left|right)\b)|into |onto )"
    rf"{DETERMINER}\b"
)
"""In a place, what tells that it is none, but tells which thing is meant."""
_NO_NAME = "".join(rf"(?<!\b{word} )" for word in ("the", "that", "this", "a", "an", "my"))
"""A verb behind none of these; ``the screw that fell`` is a thing."""
_VERB = re.compile(
    rf"{_NO_NAME}\b(?:{BRINGING}(?: down| over| up)? (?=(?:{DETERMINER}|counting) )"
    r"|(?:put|place|move|drop)(?: down)? "
    r"(?!me\b|us\b|him\b|her\b|them\b|it\b|away\b|down\b|your\b)(?=[a-z]+ ))"
)
_NO_SIDE = "".join(
    f"(?<!{word} )"
    for word in ("the", "my", "your", "far", "furthest", "farthest", "is", "most", "to", "on", "at")
)
_ADVERB = (
    r"(?:down|over|out|across|straight|directly|just|slightly|a bit|a little(?: bit)?"
    rf"|{_NO_SIDE}(?:back|right))"
)
_BY_THE_WAY = re.compile(rf"(?: {_ADVERB})+$")
"""Between a thing and its place: ``set the bottle down on the plate``."""
_PRONOUN = rf"(?:it|them|(?:that|this|the thing)(?= {one_of(_CANONICAL)}\b))"
_LATER = re.compile(
    rf"[,;.]? *(?:and then|and|then|,|\.)? *\b{BRINGING} {_PRONOUN}\b"
    rf"(?: {_ADVERB}(?= (?:{_ADVERB} )*{_PREPOSITION.pattern}))* ?"
)
_INVERTED = re.compile(
    rf"\b{BRINGING} (?=(?:in|on|into|onto|inside)\b)"
    rf"|^(?={_PREPOSITION.pattern} {DETERMINER} .*\b(?:put|place|set|lay|drop) {DETERMINER}\b)"
)
_GOES = re.compile(
    r"(?<!\bthat)(?<!\bwhich)(?<!\bwho) (?:"
    r"(?:should|must|has to|needs to|ought to|is to|can|may|shall|will)"
    r" (?:go|lie|stand|be(?: (?:put|placed|set|laid|moved|dropped|brought|stored|hung))?)"
    r"|goes|belongs) (?=[a-z])"
)
_TAIL = re.compile(
    rf"(?:[,.;:!?]| and (?=(?:{HANDLING}|{GO_ON}|then|i)\b)"
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
    further: tuple[str, ...] = ()
    """Things of other orders, for which the same holds."""
    left_out: str = ""
    """Other orders behind it, in their own words."""
    is_brought: bool = False
    """Whether the preposition, such as ``into``, is one of places alone."""


_FOR_WHICH = re.compile(rf"\b{DETERMINER} (?:(?!robot\b)[a-z]+ ){{1,3}}to $")
"""``the thing to``: what it is for is no order."""
_ONE_EACH = re.compile(
    rf",? and (?={DETERMINER} (?:[a-z-]+ ){{1,4}}?(?:{one_of(_CANONICAL)}) {DETERMINER}\b)"
)
_TOLD_APART = re.compile(r"\b(?:that|which|who) (?:[a-z]+ ){1,2}$")
"""``the ball that rolled into the box``"""
_HOLDS_ONE = ("in", "on", "to", "under")
"""Relations in which a thing is to one other, and not to two as it is beside them."""


def ways_to_bring(text: str) -> list[Delivery]:
    """The ways to read `plain` ``text`` as an order to bring something somewhere, likeliest first.

    None where it is no such order. With ``put the ball on the plate left of the mug`` the ball
    comes first, then the ball on the plate: where there is but one ball, it is meant either way.

    Of several orders those before the first with a place are one, and that one is alone: what is
    put somewhere must not be taken for what is only handed over. The others are left out.
    """
    tasks = [task for order in orders_in(text) for task in _one_each(order)]
    if len(tasks) == 1:
        return _ways(text)
    read = [_ways(task.text) for task in tasks]
    things = [
        ways[0].target if ways else task.thing for ways, task in zip(read, tasks, strict=True)
    ]
    has_place = [bool(ways and ways[0].destination) for ways in read]
    placed = has_place.index(True) if any(has_place) else len(tasks)
    named = [things[placed], read[placed][0].destination] if any(has_place) else []
    first = [number for number in range(placed) if not _is_among(named, things[number])]
    if first:
        left_out = _rest_of(tasks[placed:], things[placed:], [])
        joined = [tasks[first[0]].text]
        for number in first[1:]:
            if not any(is_named_again(things[number], known) for known in joined):
                joined.append(things[number])
        alone = len(joined) == 1 and not left_out
        target, *further = joined
        return [] if alone else [Delivery(target, further=tuple(further), left_out=left_out)]
    ways = read[placed]
    for number in range(placed):  # "take the red mug and put the mug on the tray"
        if is_named_again(named[0], things[number]):
            target = ways[0].target
            ways = [
                replace(way, target=tasks[number].text) if way.target == target else way
                for way in ways
            ]
    others = range(placed + 1, len(tasks))
    same = [n for n in others if read[n] and read[n][0].destination == named[1]]
    behind = [n for n in others if n not in same]
    left_out = _rest_of([tasks[n] for n in behind], [things[n] for n in behind], named)
    more = tuple(things[n] for n in same if not is_named_again(named[0], things[n]))
    return [replace(way, further=more, left_out=left_out) for way in ways]


def _is_among(named: Sequence[str], thing: str) -> bool:
    """Whether ``thing`` is one of ``named``, the thing that is put and its place."""
    if not named:
        return False
    return is_named_again(named[0], thing) or is_named_again(thing, named[1])


def _rest_of(tasks: Sequence[Order], things: Sequence[str], named: Sequence[str]) -> str:
    """What ``tasks`` ask for beyond what is ``named``, in their own words."""
    return " and ".join(
        task.text
        for task, thing in zip(tasks, things, strict=True)
        if not any(is_named_again(thing, known) for known in named)
    )


def _one_each(order: Order) -> list[Order]:
    """``put the ball in the bowl and the cube in the box`` as two orders."""
    for joint in _ONE_EACH.finditer(order.text):
        first, then = order.text[: joint.start()], order.text[joint.end() :]
        ways, ways_then = _ways(first), _ways(f"put {then}")
        if ways and ways[0].relation in _HOLDS_ONE and len(ways_then) == 1:
            return [Order(first, ways[0].target), *_one_each(Order(f"put {then}", then))]
    return [order]


def _ways(text: str) -> list[Delivery]:
    """Those of one order."""
    later = _LATER.search(text)
    if later is not None and NOUN_PHRASE.search(text[: later.start()]):
        found = _place(text[later.end() :])
        target = tidy(text[: later.start()])
        return [found_ for found_ in [_with_target(found, target)] if found_]
    if later is not None:
        found = _with_target(_place(text[later.end() :]), "that")  # which, a point must tell
        return [found] if found else []
    goes = _GOES.search(text)
    if goes is not None and NOUN_PHRASE.search(text[: goes.start()]):
        found = _with_target(_place(text[goes.end() :]), tidy(text[: goes.start()]))
        return [found] if found else []
    inverted = _INVERTED.search(text)
    if inverted is not None:
        return _inverted(text[inverted.end() :])
    verb = _VERB.search(text)
    if verb is not None and _FOR_WHICH.search(text[: verb.start()]):
        return []
    if verb is None:
        into = _ALWAYS_A_PLACE.search(text)
        before = text[: into.start()] if into is not None else ""
        if into is None or not NOUN_PHRASE.search(before) or _TOLD_APART.search(before):
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
    ways.sort(key=lambda way: _TOLD_BY.search(f"{way.destination} ") is not None)
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
    place = tidy(without_talk(behind if relation == "between" else _TAIL.sub("", behind)))
    to_a_person = relation == "to" and not re.match(r"(?:the|that|this|an?|side\b)", place)
    if not place or _PERSON.match(place) or _PREPOSITION.match(place) or to_a_person:
        return None
    noun = _BEHIND_A_NOUN.split(place, maxsplit=1)[0].split()
    is_object = bool(noun) and not re.fullmatch(_NO_OBJECT, noun[-1]) and relation != "between"
    is_brought = relation == "to" or preposition.group() in ("into", "onto")
    return Delivery("", place, relation, is_object, is_brought=is_brought)


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
