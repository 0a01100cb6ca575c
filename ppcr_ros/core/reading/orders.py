"""Several orders in one command: ``take the pen and give me the book``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ppcr_ros.core.reading.talk import without_talk
from ppcr_ros.core.reading.words import ADJECTIVES, BRINGING, DETERMINER, PARTS, one_of, tidy

GIVING_OR_TAKING = (
    rf"(?:{BRINGING}|"
    + one_of(
        "give|hand|pass|show|get|fetch|take|grab|pick|find|point|lift|locate|segment|mark|collect|"
        "catch|hold|pull|grasp|choose|select|want|need|would like|touch"
    )
    + ")"
)
_ORDER = (
    r"(?:(?:please|also|just|now|then|can|could|would|will|you|i|we) )*"
    rf"{GIVING_OR_TAKING} (?:(?:me|us|him|her|up|down|out|over|at|to|for) )*"
    rf"(?:(?:(?<=give )|(?<=hand )|(?<=pass )|(?<=bring )|(?<=show ))[a-z]+ )?(?={DETERMINER} )"
)
_BEGINS = re.compile(
    rf"(?P<name>(?={DETERMINER} )(?!all right|(?:that|this) is))"
    rf"|(?:(?!{DETERMINER}\b)[a-z,]+ ){{0,5}}?{_ORDER}"
)
_NEXT = re.compile(rf"(?:(?P<joins>,? (?:and )?then|,? and(?: then| also)?)|[,;.]) {_ORDER}")
"""``my dear, take the mug`` is one order."""
_UNSURE = re.compile(r"\b(?:before|after|until|while|unless|who|whoever)\b|^(?:if|when)\b")
_POINTS_BACK = re.compile(
    r"\b(?:it|them|its|their|ones?|there)\b(?<!\bone that)|\bof (?:these|those)\b"
)
_NO_THING = one_of("left|right|front|back|middle|way|door|light|table|floor")
_LOOKED_AT = re.compile(rf"{DETERMINER} (?:{one_of(ADJECTIVES)} )+ones?")
_TELLS = re.compile(
    r" (?:on|in|of|at|to|by|into|onto|that|which|with|from|near|next|left|right|beside|behind|"
    r"under|between|over|inside)\b"
)
_BACK = re.compile(r" (?:in|into|on|onto|next to|beside|under|behind|inside) (?:it|them)\b.*$")
_PUTS = re.compile(rf"^{BRINGING}\b")


@dataclass(frozen=True)
class Order:
    """One of several orders.

    Attributes:
        text: all of it.
        thing: its words from the thing on that it is about.
    """

    text: str
    thing: str


def orders_in(text: str) -> list[Order]:
    """The orders in `plain` ``text``, one after the other; one alone where it is not clear."""
    whole = [Order(text, text)]
    begun = _BEGINS.match(text)
    if begun is None or _UNSURE.search(text):
        return whole
    orders: list[Order] = []
    start, behind = 0, begun.end()
    joints = [
        joint for joint in _NEXT.finditer(text, behind) if begun["name"] is None or joint["joins"]
    ]
    for joint in (*joints, None):
        end = len(text) if joint is None else joint.start()
        order = without_talk(tidy(text[start:end]))
        thing = without_talk(tidy(text[behind:end]))
        if orders:
            if _PUTS.match(order):
                order, thing = _BACK.sub("", order), _BACK.sub("", thing)
            looked_at = _LOOKED_AT.fullmatch(thing) and not orders[-1].thing.endswith("s")
            part = re.fullmatch(rf"{DETERMINER} (?:{PARTS}|{_NO_THING})", thing)
            if part or (_POINTS_BACK.search(thing) and not looked_at):
                return whole
        orders.append(Order(order, thing))
        if joint is not None:
            verb = re.search(rf"{GIVING_OR_TAKING}\b.*$", joint.group())
            start, behind = joint.end() - len(verb.group() if verb else ""), joint.end()
    return orders


def is_named_again(thing: str, before: str) -> bool:
    """Whether ``thing`` is ``before`` in as many words or fewer: ``the mug``, ``the red mug``."""
    return set(_words(thing)) <= set(_words(_TELLS.split(before, maxsplit=1)[0])) or (
        _words(thing) == _words(before)
    )


def _words(name: str) -> list[str]:
    return [word for word in name.split() if not re.fullmatch(DETERMINER, word)]
