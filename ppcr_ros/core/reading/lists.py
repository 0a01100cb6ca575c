"""Things named one after the other by plain names: ``a mug, two balls and the red cone``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.plurals import COUNTS
from ppcr_ros.core.reading.words import ADJECTIVES, COLOURS, DETERMINER, NOUNS, SIZES, one_of, tidy

_ALSO = r" plus| &| as well as| along with| together with"
_JOINT = re.compile(rf"(,? and(?: also| then)?|,? then|,|{_ALSO}) ")
_LOOK, _NOUN, _COUNT = one_of(ADJECTIVES), one_of(NOUNS), one_of(COUNTS)
_NAME = re.compile(
    rf"(?P<determiner>(?:(?:all|both)(?: of)?(?: the)?|the|that|this|these|those|my|your|our|his"
    rf"|her|another|an?|one|any|every|each|(?:the )?{_COUNT}) )?"
    rf"(?P<looks>(?:{_LOOK} )*)(?P<noun>{_NOUN})(?P<plural>s|es)?"
)
_LOOKS_ALONE = re.compile(rf"(?:.* )?(?:the |that |this |an? )?{_LOOK}")
_ENDS_WITH_NOUN = re.compile(rf"(?:.* )?{_NOUN}(?:s|es)?")
_SIDES = frozenset(("left", "right", "front", "back"))
_FIRST = re.compile(r"^first,? (?:of all,? )?")
_OF_SEVERAL = re.compile(rf"\b(?:all|these|those|(?:the )?(?P<count>{_COUNT}))\b(?: of)?(?: the)?")
_IS_BESIDE = re.compile(
    rf"\b{DETERMINER} (?:[a-z-]+ )+?(?:of|on|in|to|by|near|beside|behind|under|below|above|over|at|"
    r"with|from|inside|against|than|around) "
)
"""``the block on``: what follows tells of another thing."""
_SIMPLE = (
    rf"{DETERMINER} (?:{_LOOK} )*(?!(?:ones?|that|which|is|are|i|you|we|of|on|in|to|at|by|with|and|"
    rf"or|near|beside|behind|under|over|from|as|{_LOOK}|{DETERMINER})\b)[a-z]+"
)
_RUN = re.compile(
    rf"(?P<before>(?:.*? )??(?P<verb>[a-z]+ )?(?P<to>me |us |up )?)(?P<first>{_SIMPLE})"
    rf"(?P<more>(?: (?!that (?!{_LOOK}\b|{_NOUN}\b)){_SIMPLE})+)(?=,? (?:and|plus|&) )"
)
_COUNTED_RUN = re.compile(
    rf"(?P<one>\b(?:[a-z]+s|(?:one|an?) [a-z]+)) (?={_COUNT} [a-z]+s\b.* and )"
)
_GIVING = one_of("give|hand|pass|bring|show|fetch|throw|offer|send|tell")
_LOOKS_IN_A_ROW = re.compile(rf"(?<=[a-z])(?<!orange) (?=(?:{one_of(COLOURS | SIZES)} )+{_NOUN}\b)")


def with_commas(text: str) -> str:
    """``text`` with commas in a list that was spoken without: ``the mug the plate and the spoon``.

    But not behind him who is to get something: ``give the teddy the ball and the cube``.
    """
    text = _COUNTED_RUN.sub(r"\g<one>, ", text)
    run = _RUN.match(text)
    if run is not None:
        named = run["first"].split()[-1]
        told = run["to"] or not re.fullmatch(rf"{_GIVING} ", run["verb"] or "")
        if told or _ENDS_WITH_NOUN.fullmatch(named):
            more = re.sub(rf" (?={DETERMINER} )", ", ", run["more"])
            return run["before"] + run["first"] + more + text[run.end() :]
    before, joint, behind = text.rpartition(" and ")
    spots = [spot.start() for spot in _LOOKS_IN_A_ROW.finditer(before)]
    for spot in reversed(spots):
        if _ENDS_WITH_NOUN.fullmatch(before[:spot]) and not _IS_BESIDE.search(before):
            before = f"{before[:spot]}, the{before[spot:]}"
    return before + joint + behind


def listed(text: str) -> list[str] | None:
    """The things in a list, what stands before the first of them with it; None for no list.

    A noun is shared: ``the red and the blue cube``, ``the red and green cubes``; but ``the red and
    white mug`` is one thing. Each is named with a determiner, those after the first without verbs.
    """
    first, *rest = _JOINT.split(tidy(text))
    joints, others = rest[::2], rest[1::2]
    if not joints or joints[-1] == ",":  # "the mug, the bigger one"
        return None
    if any("then" in joint for joint in joints):
        first = _FIRST.sub("", first)
    last = _NAME.fullmatch(others[-1])
    if last is None or tells_by_looks_of_two(first, others[-1]):
        return None
    if _shares_noun(first, last):
        alone = all(_LOOKS_ALONE.fullmatch(thing) for thing in [first, *others[:-1]])
        return _with_noun([first, *others[:-1]], last) if alone else None
    names = [_NAME.fullmatch(other) for other in others]
    if not _ENDS_WITH_NOUN.fullmatch(first) or _is_of_two_looks(first, last):
        return None
    found = [first]
    for name in names:
        if name is None or (name["plural"] and not name["determiner"]):
            return None
        found.append(name.group() if name["determiner"] else f"the {name.group()}")
    return found


def tells_by_looks_of_two(first: str, second: str) -> bool:
    """Whether the noun that looks lack is that of other things: ``the block on the red and ...``.

    There both are told of, and neither is asked for.
    """
    look = first.rpartition(" ")[2]
    if look not in ADJECTIVES - _SIDES or not _IS_BESIDE.search(first):
        return False
    return look not in NOUNS or not set(second.split()).isdisjoint(ADJECTIVES)


def _shares_noun(first: str, last: re.Match[str]) -> bool:
    """Whether what stands first ends with looks that the last one's noun belongs to as well."""
    word = first.rpartition(" ")[2]
    if word not in ADJECTIVES or not last["looks"] or _IS_BESIDE.search(first):
        return False
    return bool(last["determiner"] or last["plural"])


def _is_of_two_looks(first: str, last: re.Match[str]) -> bool:
    """Whether both name looks of one thing: ``the orange and black box``."""
    look = first.rpartition(" ")[2] in ADJECTIVES
    return look and bool(last["looks"]) and not last["determiner"]


def _with_noun(looks: list[str], last: re.Match[str]) -> list[str]:
    """Each of ``looks`` with the noun of the last, in the plural where several are meant."""
    things = [*looks, f"{last['determiner'] or ''}{last['looks'].strip()}"]
    several = _OF_SEVERAL.search(things[0])
    if several is not None and not last["determiner"]:
        one_each = several["count"] and COUNTS[several["count"]] == len(things)
        of_each = "the" if one_each else "all the"
        things[0] = _OF_SEVERAL.sub(of_each, things[0], count=1)
        if not one_each:
            things[1:] = [re.sub(r"^(?!all )(?:the )?", "all the ", thing) for thing in things[1:]]
    things[0] = re.sub(r"\bboth (?:of )?(?:the )?", "the ", things[0])
    plural = last["plural"] or ("es" if re.search(r"(?:x|s|sh)$", last["noun"]) else "s")
    nouns = (last["noun"] + (plural if _OF_SEVERAL.search(thing) else "") for thing in things)
    return [_named(f"{thing} {noun}") for thing, noun in zip(things, nouns, strict=True)]


def _named(name: str) -> str:
    return name if name.split()[0] not in ADJECTIVES else f"the {name}"
