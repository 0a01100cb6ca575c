"""Reads how many things a command names, and whether it means a part of one."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.lists import listed, tells_by_looks_of_two, with_commas
from ppcr_ros.core.reading.plurals import COUNTS, singular
from ppcr_ros.core.reading.talk import ADDRESSED, GO_ON, without_talk
from ppcr_ros.core.reading.words import (
    ADJECTIVES,
    DETERMINER,
    HANDLING,
    NOUN_PHRASE,
    NOUNS,
    OWN_PARTS,
    PARTS,
    one_of,
    tidy,
)

_OF_A_GROUP = (
    *("of", "after", "above", "between", "among", "from", "with", "than", "in", "on", "behind"),
    *("near", "beside", "under", "below", "by", "over", "next to", "close to", "closest to"),
    *("nearest to", "left of", "right of", "front of", "top of"),
)
_NOT_BEHIND = "".join(f"(?<!{word} )" for word in _OF_A_GROUP)
_A_NUMBER = one_of(COUNTS)
_THE = "(?:the|these|those|my|your|our|his|her|their)"


def _a_plural(name: str) -> str:
    """Before a plural that at most four words stand before; the group ``name`` gets it."""
    return rf"(?=(?:[a-z-]+ ){{0,4}}?(?P<{name}>[a-z]{{2,}}[a-rt-z]e?s|dice)\b)"


_BEGINS = (
    "(?:^|"
    + "|".join(
        f"(?<=\\b{verb} )"
        for verb in (
            *("me", "us", "got", "to have", "get", "grab", "take", "find", "up", "see", "bring"),
            *("move", "need"),
            *("want", "would like", "i have", "we have", "will have", "pick", "choose", "show"),
            *("select", "collect", "fetch", "give", "hand", "pass", "locate", "lift", "please"),
        )
    )
    + ")"
)
"""Where a name is not told to be beside others."""
_GROUP = re.compile(
    rf"{_NOT_BEHIND}\b(?:"
    rf"(?:all|each|every one|every single one)(?: of)?(?: {_THE})?"
    rf"(?: (?P<number>{_A_NUMBER})(?: of(?: {_THE})?)?)? {_a_plural('noun')}"
    rf"|(?P<both>both)(?: of)?(?: {_THE})? {_a_plural('pair')}"
    rf"|(?:{_THE}|them|all|any)(?P<other> other)?(?: remaining)? (?P<count>{_A_NUMBER})"
    rf"(?: of(?: {_THE})?)?(?: remaining)? {_a_plural('counted')}"
    rf"|{_BEGINS}(?P<bare>{_A_NUMBER})(?: of(?: {_THE})?)? {_a_plural('those')}"
    rf"|{_BEGINS}(?:the|these|those)(?P<others> other)? "
    rf"(?=(?:{one_of(ADJECTIVES)} )*(?P<plural>(?:{one_of(NOUNS)})e?s|knives)\b)"
    rf"|the (?:rest of(?: {_THE})?|remaining) {_a_plural('rest')}"
    rf"|(?P<couple>a couple|a pair|the couple|the pair)(?: of)?(?: {_THE})? {_a_plural('coupled')}"
    rf"|(?:every|each)(?: single)? (?=(?P<one>[a-z-]+)))"
)
_ABOUT = re.compile(
    rf"\b(?:exactly|precisely|just|only|roughly|about|at least|at most|up to|no more than|another) "
    rf"(?={_A_NUMBER}\b)"
)
"""What stands before a number and changes nothing of how many to look for."""
_AS_SPOKEN = re.compile(
    rf"{_BEGINS}(?:(?:{_THE} )?(?:first|last|next) (?P<number>{_A_NUMBER})"
    rf"|{_THE} (?P<those>{_A_NUMBER})(?=$|[,.!?]| (?:please|over|on|in|at|here|there|next)\b)"
    rf"|(?P<some>{_A_NUMBER}) of (?:these|those|them)(?=$|[,.!?]| (?:please|over|here|there)\b))"
)
"""Several of which no name tells one: ``the first two blocks``, ``those three``."""
_EVERYTHING = re.compile(rf"{_NOT_BEHIND}\b(?:everything|all of (?:it|them))\b(?! (?:is|was|you))")
_NOT_A_PLURAL = (
    *("glass", "times", "this", "his", "does", "was", "always", "thanks", "yes", "plus", "towards"),
    *("besides", "perhaps"),
)
_ONE_OF_TWO_HALVES = (
    *("scissors", "pliers", "tongs", "tweezers", "glasses", "shears", "trousers", "pants", "jeans"),
    *("shorts", "binoculars", "headphones", "goggles", "gloves", "sunglasses", "earphones"),
)

_TAKEN = "|".join(
    rf"(?<=\b{verb} )"
    for verb in ("me", "get", "take", "find", "at", "have", "grab", "hand", "want", "need", "hold")
)
_PART_OF = re.compile(
    rf"(?:\b(?:the|its|that|this) (?P<part>{PARTS})|(?<!the )(?P<bare>\b{OWN_PARTS})"
    rf"|(?:{_TAKEN})(?P<taken>{PARTS}))"
    rf" (?P<joint>of|on) (?=(?:the|that|this|my|your|an?|counting|[a-z]+(?:most|est)"
    rf"|{one_of(ADJECTIVES)}|{one_of(NOUNS)})\b)"
)
_LOOSE_PARTS = one_of("cap|lid|cover|stopper|cork")
_VESSELS = frozenset(("bottle", "jar", "pot", "pan", "can", "mug", "cup", "vase", "flask", "glass"))
_BEFORE_A_RELATION = re.compile(r" (?:on|in|(?<!one )of|at|to|by|that|which|with|near|behind)\b")
_BY_PART = re.compile(
    rf"(?<=[a-z]),? (?:by (?:(?:the|its|their) )?(?P<part>{PARTS})"
    rf"|(?:at|on) (?:the|its|their) (?P<wholly>{OWN_PARTS}))\b(?! of)"
)
_OWN_PARTS = re.compile(
    rf"(?:'s|s'| 's) (?P<part>{PARTS})\b|(?<=[a-z]) (?P<behind>{OWN_PARTS})(?=$|[,.;!?]| please)"
)

_ARTICLE = r"(?:the|that|this|these|those|my|your|our|his|her|its|their)"
_NAMED = rf"(?:{_ARTICLE} |an? |(?:{one_of(ADJECTIVES)} )*{one_of(NOUNS)}\b)"
_ALSO = r" (?:plus|&|as well as|along with|together with)"
_THEN = r"(?: also| then| afterwards| after that| maybe| perhaps| possibly)?"
_INDEFINITE = rf"(?:an?|one|some|another|any|all|each|every|{one_of(COUNTS)})"
_AND_INDEFINITE = re.compile(rf"(?:,|,? and{_THEN}) (?=(?:{_ARTICLE}|{_INDEFINITE}) )")
_ENDS_INDEFINITELY = re.compile(rf" and{_THEN} {_INDEFINITE} [^,]*(?:, (?:please|thanks)\W*)?$")
_HAS_TWO = re.compile(
    r"\b(?:with|without|has|have|having|holding|contain(?:s|ing)|of (?=an? ))[^,]* and "
)
"""What belongs to one thing: ``the mug with a handle and a blue rim``."""
_AND = re.compile(rf"(?:,|,? and{_THEN}) (?={_ARTICLE} )|{_ALSO} (?={_NAMED})")
_ENDS_A_LIST = re.compile(
    rf"(?: and{_THEN} {_ARTICLE} |{_ALSO} {_NAMED})"
    r"[^,]*(?:, (?:please|thanks)\W*)?$"
)
"""Without it a comma tells no list: ``the mug, the bigger the better``."""
_AND_BARE = re.compile(r" and (?=(?:[a-z-]+ ){0,2}[a-z]+$)")
_NO_NAME = (
    rf"(?:{DETERMINER}|{HANDLING}|{GO_ON}|{_INDEFINITE}|{one_of(_OF_A_GROUP)}|{ADDRESSED}|ones|it"
    r"|them|him|her|you|me|us|i|we|up|down|out|is|are|that|which|who|not|also|together|then|but|here|there"
    r"|good|nice|see|[a-z]+ly)"
)
_BARE_NAME = (
    rf"(?:(?!{_NO_NAME}\b)[a-z]+ )?(?!{_NO_NAME}\b)(?!(?:{one_of(ADJECTIVES)})\b)[a-z]{{3,}}"
)
_BARE_LIST = re.compile(
    rf"(?P<before>(?:(?:can|could|would|will|please|just|also|i|we|you|want|need|like|both|"
    rf"{HANDLING}|me|us|up)(?: |, ))*(?:(?:{_ARTICLE}|an?|[a-z]+'s) )?(?:{one_of(ADJECTIVES)} )*)"
    rf"(?P<one>{_BARE_NAME})(?P<more>(?:(?:,| and) (?:the )?{_BARE_NAME})*),? and "
    rf"(?:the )?(?P<last>{_BARE_NAME})"
)
"""``scissors and tape``, ``the stapler, tape and scissors``; without commas each is one word."""
_SPEAKS_OF_TWO = re.compile(
    r"\b(?:between|in between|and the other|or|surrounded by|equidistant from|holding|joining"
    r"|containing|touching|covering|connecting|separating|with .+ (?:in|on) it)\b"
    r"|\b(?:that|which) (?!(?:is|has|was|does|says|reads|sits|stands|lies|rests|looks|goes to)\b)"
    rf"[a-z]+s (?:with )?{DETERMINER} (?:[a-z]+ )+and {DETERMINER} "
    rf"|\bwith {DETERMINER} (?:[a-z]+ )*{OWN_PARTS} and {DETERMINER} {OWN_PARTS}\b"
)
_WHERE = re.compile(
    r"^(?P<asked>(?:.* )?where )(?P<things>.+?) (?:is|are)(?P<end>(?:,? please)?\W*)$"
)
"""``show me where the mug and the ball are``: the verb at the end belongs to no thing."""
_IS_SO = re.compile(
    rf"{_ARTICLE} (?:{one_of(ADJECTIVES)} )*{one_of(NOUNS)} is {one_of(ADJECTIVES)}"
    rf"(?:,? and {one_of(ADJECTIVES)})?"
)
"""``the cone is blue``, where ``the cone that is blue`` was said or meant."""
_NEED = re.compile(r" that (?:i|we) (?:need|want)\b| and (?:give|bring|hand|put) (?:it|them)\b.*$")
_NAMED_BEFORE = re.compile(rf"(?:{_ARTICLE}|{_INDEFINITE}) ")
_NO_THING = (
    *("other", "others", "rest", "way", "turn", "time", "help", "love", "dear", "friend"),
    *("half", "bit", "lot", "moment", "minute", "second", "while", "hand"),
)
_WORDS_OF_A_TARGET = 14


def part_of(text: str) -> tuple[str, str]:
    """``text`` without the part that it means, and the part; ``text`` and "" where it means none.

    ``the handle of the mug``, ``the mug by the handle``, ``the mug's handle``, ``the mug handle``.
    """
    of = _PART_OF.search(text)
    part = (of["part"] or of["bare"] or of["taken"]) if of is not None else ""
    if of is not None and _begins_a_name(text[: of.start()]) and _has(of, part):
        return text[: of.start()] + text[of.end() :], part
    by = _BY_PART.search(text)
    if by is not None:
        return text[: by.start()] + text[by.end() :], by["part"] or by["wholly"]
    after = _OWN_PARTS.search(text)
    if after is None or re.search(r"\b(?:with|without|has|have|whose)\b", text[: after.start()]):
        return text, ""
    before = text[: after.start()].split()
    alone = len(before) < 2 and before[-1:] != [*NOUNS.intersection(before)]
    if after["behind"] and (alone or before[-1] not in NOUNS - ADJECTIVES):
        return text, ""  # "the red handle", "the baseball cap"
    return (text[: after.start()] + text[after.end() :]).strip(), after["part"] or after["behind"]


def _has(of: re.Match[str], part: str) -> bool:
    """Whether what stands behind has ``part``, or else carries a thing of that name.

    ``the cap on the bottle`` is a part, ``the cap on the table`` and ``on the plate`` is none.
    """
    if of["joint"] == "of":
        return True
    name = _BEFORE_A_RELATION.split(of.string[of.end() :], maxsplit=1)[0]
    known = [word for word in map(singular, re.findall(r"[a-z]+", name)) if word in NOUNS]
    return bool(known) and (known[-1] in _VESSELS or not re.fullmatch(_LOOSE_PARTS, part))


def _begins_a_name(before: str) -> bool:
    """Whether no thing has been named ``before`` that what follows could tell the place of."""
    return not NOUN_PHRASE.search(before) or before.endswith("is ")


def group_of(text: str) -> tuple[str, int | None]:
    """``text`` as it speaks of one, and how many it means: None for all.

    ``all the red mugs`` becomes ``the red mug``; ``the two mugs`` likewise, and 2.
    """
    counted = _ABOUT.sub("", text)
    if counted != text:
        one, quantity = group_of(counted)
        return (text, 1) if quantity == 1 else (one, quantity)
    spoken = _AS_SPOKEN.search(text)
    if spoken is not None:
        return text, COUNTS[spoken["number"] or spoken["those"] or spoken["some"]]
    found = _GROUP.search(text)
    if found is None:
        whole = _EVERYTHING.search(text)
        if whole is None:
            return text, 1
        return text[: whole.start()] + "the object" + text[whole.end() :], None
    number = found["number"] or found["count"] or found["bare"]
    quantity = 2 if found["both"] or found["couple"] else COUNTS[number] if number else None
    if found["one"]:
        return f"{text[: found.start()]}the {text[found.end() :]}", quantity
    groups = ("noun", "pair", "counted", "those", "plural", "rest", "coupled")
    noun = next(found[name] for name in groups if found[name])
    halves = noun in _ONE_OF_TWO_HALVES and "pair" in found.group()
    if noun in _NOT_A_PLURAL or halves:
        return text, 1
    behind = re.sub(rf"\b{noun}\b", singular(noun), text[found.end() :], count=1)
    other = found["other"] or found["others"] or ""
    return f"{text[: found.start()]}the{other} {behind}", quantity


def targets_of(text: str) -> list[str]:
    """The things that ``text`` names one after the other: ``the mug and the green ball``."""
    if _SPEAKS_OF_TWO.search(text):
        return [text]
    rest = _WHERE.sub(r"\g<asked>\g<things>\g<end>", text)  # "show me where the mug is"
    rest = re.sub(rf"\bboth (?={_ARTICLE} )", "", with_commas(without_talk(rest)))
    named = listed(rest)
    if named is not None:
        return named
    parts = _bare_list(rest) or [rest]
    if len(parts) > 1:
        pass
    elif _ENDS_A_LIST.search(rest):
        parts = _AND.split(rest)
    elif _ENDS_INDEFINITELY.search(rest) and not _HAS_TWO.search(rest):
        parts = _AND_INDEFINITE.split(rest)
    parts = [one for part in parts for one in _split_bare(part)]
    things = [tidy(without_talk(_NEED.sub("", part))) for part in parts]
    things[1:] = [
        re.sub(r"^(?:its|their) ", "the ", thing) if _NAMED_BEFORE.match(thing) else f"the {thing}"
        for thing in things[1:]
    ]
    if len(things) < 2 or not all(map(_is_target, things[1:])) or not _names(things[0]):
        return [text]
    return [text] if tells_by_looks_of_two(*things[:2]) else things


def _split_bare(text: str) -> list[str]:
    """``the red mug and green ball``, but neither ``the red and white mug`` nor ``and hurry``."""
    bare = _bare_list(text)
    if bare is not None:
        return bare
    joint = _AND_BARE.search(text)
    if joint is None:
        return [text]
    before, behind = text[: joint.start()].split(), text[joint.end() :].split()
    if before[-1] in NOUNS - ADJECTIVES and behind[-1] in NOUNS and set(behind[:-1]) <= ADJECTIVES:
        return [text[: joint.start()], f"the {' '.join(behind)}"]
    return [text]


def _bare_list(text: str) -> list[str] | None:
    """``scissors, tape and glue``"""
    bare = _BARE_LIST.fullmatch(tidy(text))
    if bare is not None and (bare["more"] or " " not in f"{bare['one']}{bare['last']}"):
        names = f"{bare['one']}{bare['more']}, {bare['last']}"
        first, *others = re.split(r"(?:,| and) (?:the )?", names)
        before = re.sub(rf"\bboth (?={_ARTICLE} |$)", "", bare["before"])
        named = re.search(rf"\b(?:{_ARTICLE}|an?|[a-z]+'s) (?:[a-z]+ )*$", before)
        return [f"{before}{'' if named else 'the '}{first}", *(f"the {name}" for name in others)]
    return None


def _names(text: str) -> bool:
    counted = re.search(rf"\b{_INDEFINITE} [a-z]", text)
    return bool(counted or NOUN_PHRASE.search(text)) or not NOUNS.isdisjoint(text.split())


def _is_target(text: str) -> bool:
    """Whether ``text`` is the name of a thing and no talk."""
    words = text.split()
    if not 2 <= len(words) <= _WORDS_OF_A_TARGET or words[1] in _NO_THING:
        return False
    if words[1] in ("is", "was", "should", "will"):  # "and that is it"
        return False
    return not re.search(
        r"\b(?:i|you|we|they|he|she|is|are|was|will|would|has|have|do|does|please"
        r"|can (?:i|you|we|it|they))\b",
        text,
    ) or bool(re.search(r"\b(?:that|which) (?:is|are)\b", text) or _IS_SO.fullmatch(text))
