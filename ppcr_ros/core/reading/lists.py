"""Things named one after the other by plain names: ``a mug, two balls and the red cone``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import ADJECTIVES, COUNTS, NOUNS, one_of, tidy

_JOINT = re.compile(r"(,? and(?: also| then)?|,? then|,| plus| as well as) ")
_LOOK, _NOUN = one_of(ADJECTIVES), one_of(NOUNS)
_NAME = re.compile(
    rf"(?P<determiner>(?:(?:all|both)(?: of)?(?: the)?|the|that|this|my|your|another|an?|every|each"
    rf"|(?:the )?{one_of(COUNTS)}) )?(?P<looks>(?:{_LOOK} )*)(?P<noun>{_NOUN})(?P<plural>s|es)?"
)
_LOOKS_ALONE = re.compile(rf"(?:.* )?(?:the |that |this |an? )?{_LOOK}")
_ENDS_WITH_NOUN = re.compile(rf"(?:.* )?{_NOUN}(?:s|es)?")
_FIRST = re.compile(r"^first,? (?:of all,? )?")


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
    if last is None:
        return None
    if _shares_noun(first, last):
        things = [first, *others]
        things[-1] = f"{last['determiner'] or 'the '}{last['looks']}{last['noun']}"
        alone = all(_LOOKS_ALONE.fullmatch(thing) for thing in things[:-1])
        return (
            [_with(thing, last["noun"]) for thing in things[:-1]] + things[-1:] if alone else None
        )
    names = [_NAME.fullmatch(other) for other in others]
    if not _ENDS_WITH_NOUN.fullmatch(first) or _is_of_two_looks(first, last):
        return None
    found = [first]
    for name in names:
        if name is None or (name["plural"] and not name["determiner"]):
            return None
        found.append(name.group() if name["determiner"] else f"the {name.group()}")
    return found


def _shares_noun(first: str, last: re.Match[str]) -> bool:
    """Whether what stands first ends with looks that the last one's noun belongs to as well."""
    word = first.rpartition(" ")[2]
    if word not in ADJECTIVES or not last["looks"]:
        return False
    return bool(last["determiner"] or last["plural"])


def _is_of_two_looks(first: str, last: re.Match[str]) -> bool:
    """Whether both name looks of one thing: ``the orange and black box``."""
    look = first.rpartition(" ")[2] in ADJECTIVES
    return look and bool(last["looks"]) and not last["determiner"]


def _with(looks: str, noun: str) -> str:
    named = f"{looks} {noun}"
    return named if looks.split()[0] not in ADJECTIVES else f"the {named}"
