"""How many things a command names, and whether it means a part of one."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import (
    ADJECTIVES,
    COUNTS,
    DETERMINER,
    HANDLING,
    NOUN_PHRASE,
    NOUNS,
    PART_AFTER,
    PARTS,
    one_of,
    tidy,
)

_OF_A_GROUP = ("of", "for", "at", "after", "above", "in", "by", "between", "among", "from", "with")
_NOT_BEHIND = "".join(f"(?<!{word} )" for word in _OF_A_GROUP)
_A_NUMBER = one_of(COUNTS)


def _a_plural(name: str) -> str:
    """Before a plural that at most four words stand before; the group ``name`` gets it."""
    return rf"(?=(?:[a-z-]+ ){{0,4}}?(?P<{name}>[a-z]{{2,}}[a-rt-z]e?s)\b)"


_GROUP = re.compile(
    rf"{_NOT_BEHIND}\b(?:"
    rf"(?:all|each|every one|every single one)(?: of)?(?: the| these| those| my)?"
    rf"(?: (?P<number>{_A_NUMBER}))? {_a_plural('noun')}"
    rf"|(?P<both>both)(?: of)?(?: the| these| those)? {_a_plural('pair')}"
    rf"|(?:the|these|those|all) (?P<count>{_A_NUMBER}) {_a_plural('counted')}"
    rf"|(?:every|each)(?: single)? (?=(?P<one>[a-z-]+)))"
)
_EVERYTHING = re.compile(rf"{_NOT_BEHIND}\b(?:everything|all of (?:it|them))\b(?! (?:is|was|you))")
_NOT_A_PLURAL = ("glass", "times", "this", "his", "does", "was", "always", "thanks", "yes")

_PART_OF = re.compile(
    rf"\b(?:the|its|that|this) (?P<part>{PARTS}) (?:of|on|from) (?=(?:the|that|this|my|your|a) )"
)
_BY_PART = re.compile(
    rf"(?<=[a-z]),? (?:by|at|on) (?:the|its|their) (?P<part>{PARTS})(?=$|[ ,.;!?]*$| please)"
)
_PART_AFTER = re.compile(
    rf"(?:'s|s'| 's) (?P<part>{PARTS})\b|(?<=[a-z]) (?P<behind>{PART_AFTER})(?=$|[,.;!?]| please)"
)

_ARTICLE = r"(?:the|that|this|an?)"
_AND = re.compile(rf"(?:,| and(?: also| then)?|, and(?: also)?| plus| as well as) (?={_ARTICLE} )")
_AND_BARE = re.compile(r" and (?=(?:[a-z-]+ ){0,2}[a-z]+$)")
_SPEAKS_OF_TWO = re.compile(r"\b(?:between|in between|and the other|or)\b")
_WORDS_OF_A_TARGET = 9


def part_of(text: str) -> tuple[str, str]:
    """``text`` without the part that it means, and the part; ``text`` and "" where it means none.

    ``the handle of the mug``, ``the mug by the handle``, ``the mug's handle``, ``the mug handle``.
    """
    of = _PART_OF.search(text)
    if of is not None and not NOUN_PHRASE.search(text[: of.start()]):
        return text[: of.start()] + text[of.end() :], of["part"]
    by = _BY_PART.search(text)
    if by is not None:
        return text[: by.start()], by["part"]
    after = _PART_AFTER.search(text)
    if after is None or re.search(r"\b(?:with|without|has|have|whose)\b", text[: after.start()]):
        return text, ""
    before = text[: after.start()].split()
    if after["behind"] and (not before or before[-1] in ADJECTIVES or len(before) < 2):
        return text, ""  # "the red handle"
    if after["behind"] and re.fullmatch(rf"{DETERMINER}|and|or|{HANDLING}", before[-1]):
        return text, ""
    return (text[: after.start()] + text[after.end() :]).strip(), after["part"] or after["behind"]


def group_of(text: str) -> tuple[str, int | None]:
    """``text`` as it speaks of one, and how many it means: None for all.

    ``all the red mugs`` becomes ``the red mug``; ``the two mugs`` likewise, and 2.
    """
    found = _GROUP.search(text)
    if found is None:
        whole = _EVERYTHING.search(text)
        if whole is None:
            return text, 1
        return text[: whole.start()] + "the object" + text[whole.end() :], None
    number = found["number"] or found["count"]
    quantity = 2 if found["both"] else COUNTS[number] if number else None
    if found["one"]:
        return f"{text[: found.start()]}the {text[found.end() :]}", quantity
    noun = found["noun"] or found["pair"] or found["counted"]
    if noun in _NOT_A_PLURAL:
        return text, 1
    behind = re.sub(rf"\b{noun}\b", _singular(noun), text[found.end() :], count=1)
    return f"{text[: found.start()]}the {behind}", quantity


def _singular(noun: str) -> str:
    return re.sub(r"(?<=x|h|s)es$|s$", "", noun)


def targets_of(text: str) -> list[str]:
    """The things that ``text`` names one after the other: ``the mug and the green ball``."""
    text = re.sub(r"\bboth (?=the |of the )", "", text)
    if _SPEAKS_OF_TWO.search(text):
        return [text]
    parts = _AND.split(text)
    if len(parts) == 1:
        parts = _split_bare(text)
    things = [tidy(part) for part in parts]
    if len(things) < 2 or not all(map(_is_target, things[1:])) or not _names(things[0]):
        return [text]
    return things


def _split_bare(text: str) -> list[str]:
    """``the red mug and green ball``, but neither ``the red and white mug`` nor ``and hurry``."""
    joint = _AND_BARE.search(text)
    if joint is None:
        return [text]
    before, behind = text[: joint.start()].split(), text[joint.end() :].split()
    if before[-1] in NOUNS - ADJECTIVES and behind[-1] in NOUNS and set(behind[:-1]) <= ADJECTIVES:
        return [text[: joint.start()], f"the {' '.join(behind)}"]
    return [text]


def _names(text: str) -> bool:
    return bool(NOUN_PHRASE.search(text)) or not NOUNS.isdisjoint(text.split())


def _is_target(text: str) -> bool:
    """Whether ``text`` is the name of a thing and no talk."""
    words = text.split()
    if not 2 <= len(words) <= _WORDS_OF_A_TARGET or words[1] in ("other", "others", "rest"):
        return False
    return not re.search(
        r"\b(?:i|you|we|they|he|she|is|are|was|will|would|can|has|have|do|does|please)\b(?! )?",
        text,
    ) or bool(re.search(r"\b(?:that|which) (?:is|are)\b", text))
