"""Sentences that ask for nothing beside one that does: ``the mug is dirty, give me the glass``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.orders import GIVING_OR_TAKING
from ppcr_ros.core.reading.plurals import COUNTS, singular
from ppcr_ros.core.reading.prohibitions import NO_ORDER_BEHIND, is_negated
from ppcr_ros.core.reading.synonyms import in_known_words
from ppcr_ros.core.reading.words import (
    ADJECTIVES,
    BRINGING,
    DETERMINER,
    HANDLING,
    NOUN_PHRASE,
    NOUNS,
    PARTS,
    one_of,
)

_THING = rf"(?:{DETERMINER}|some|one|his|her|their|{one_of(COUNTS)})"
_NO_NAME = (
    rf"(?:{DETERMINER}|that|which|who|what|where|is|are|was|were|looks?|seems?|has|have|and|or|i|you|we|he|she|"
    r"they|it|in|on|of|at|to|with|by|for|near|behind|under|next|from|beside|between|whichever|whatever|"
    r"once|when|while|if|but|than|as|because|after|before|until|whose|unless)"
)
_SUBJECT = rf"(?:{_THING} (?:(?!{_NO_NAME}\b)[a-z'-]+ ){{1,4}})"
_IS = r"(?:is|are|was|were|looks?|seems?|has|have|had)"
_TOLD_BY = (
    rf"(?:(?:on|in|with|under|behind|beside|near|next to|left of|right of|from|of) {_THING} "
    rf"(?:(?!{_NO_NAME}\b)[a-z]+ ){{1,3}}|(?:that|which) is [a-z]+ )?"
)
_AS_IT_IS = (
    rf"(?:there (?:is|are|was|were) "
    r"|(?:i|we|you) (?:(?:can|already|now|just|still) )*(?:see|know|remember|have got|have|had|got|"
    rf"hold|am holding|are holding) (?:already )?(?={_THING} )"
    rf"|{_SUBJECT}{_TOLD_BY}{_IS} (?!what|where|how|not|to|being|the (?:one|thing))"
    rf"|(?:i|we) (?:can|could|do|did) not (?:find|see|reach|get|have) (?={_THING} )"
    r"|(?:this|that|these|those|here) (?:is|are) "
    r"|(?:i am|we are|it is|it was|he is|she is|they are) (?!not\b|the\b|what\b)"
    rf"|(?:i|we) (?:want|need|have|would like) to (?!{HANDLING}\b|{BRINGING}\b|have\b|see\b))"
)
_LEAD = (
    r"(?:(?:please|robot|hey|ok|okay|oh|well|now|so|look|no|yes|because|since|as|right|listen)"
    r"[ ,]+)*"
)
_SO = r"(?:(?:so|but|then|instead|also|please|now(?= (?:please|could|can|would)))[ ,]+)*"
_ORDER = (
    r"(?:(?:please|now|just|robot|could you|can you|would you|will you|can we|let us|i want you to|"
    r"i would like you to|you can|you should)[ ,]+)*"
    rf"(?:{GIVING_OR_TAKING} (?:(?:me|us|up|out|down|over|him|her|to|at)(?: me| us)? )*"
    r"|(?:i|we) (?:really |now )?(?:want|need|would like|will take) |now )"
    rf"(?={_THING} )"
)
_NO_ORDER_BEHIND = f"{NO_ORDER_BEHIND} can could will would should must may might"
_NOT_BEHIND = "".join(rf"(?<!\b{word})" for word in _NO_ORDER_BEHIND.split())
_DONE = (
    r"(?:(?!need|want|ask|order)[a-z]+ed|broke|took|fell|lost|left|ate|drank|bought|brought|made|"
    r"gave|found|forgot|saw|went|came|thought|knew|spilt|threw|hid|sold|kept|felt|stole|was|were)"
)
_WHO = (
    rf"(?:{_SUBJECT}|(?!{HANDLING}\b|{DETERMINER}\b|please\b|if\b)[a-z]+ (?:just |already |only )?)"
)
_AS_IT_WAS = rf"{_WHO}(?:{_DONE} |has {DETERMINER} |{_DONE}(?=[.,;]))|i wanted\b(?=.* but )"
_STATED = re.compile(
    rf"{_LEAD}(?P<stated>(?:{_AS_IT_IS}|{_AS_IT_WAS}).*?[a-z0-9]?){_NOT_BEHIND}[ ,.;:!?]+"
    rf"{_SO}(?P<order>{_ORDER}.*)"
)
_BEGINS_WITH_ORDER = re.compile(rf"{_LEAD}{_ORDER}|{_LEAD}{DETERMINER} ")
_REASON = re.compile(rf"[ ,.;:]+(?:because .+|(?:since|as|cause) (?:{_AS_IT_IS}|{_AS_IT_WAS}).+)$")
_ANY_ORDER = re.compile(_ORDER)
_UNFINISHED = re.compile(rf"\b(?:{_NO_NAME}|same(?: [a-z]+)?|as [a-z]+|such)$")
_BEHIND = re.compile(
    rf"(?<=[a-z0-9])[ ,.;:]+(?:(?!{DETERMINER} (?:[a-z]+ )*(?:ones?|{PARTS}) )"
    rf"{_SUBJECT}(?:is|are) "
    rf"(?:(?:too|so|very|already|all) )?(?!{one_of(ADJECTIVES)}\b|{_NO_NAME}\b|[a-z]+ing\b)[a-z]+"
    rf"|(?:i|we) (?:already |still )?have (?:already |got )?{_THING} "
    rf"(?:(?!{_NO_NAME}\b)[a-z]+ ?){{1,4}})"
    r"[ .!]*$"
)
"""``take the cube, the ball is dirty``; but ``the plate the mug is on`` is one thing."""
_POINTS_BACK = re.compile(
    r"\b(?:it|its|them|their|there|other|others|same)\b|\b(?:that|this|the) ones?\b"
    r"|\bof (?:these|those)\b"
)
_LOOKS_LIKE_ONE = re.compile(rf"(?P<looks>\b(?:{one_of(ADJECTIVES)}) )ones?\b(?! of\b)")
_NAME = re.compile(rf"\b{_THING} (?P<name>(?:(?!{_NO_NAME}\b)[a-z'-]+ ?)+)")
_LISTS = re.compile(rf" and {_THING} ")
_OTHERWISE = re.compile(
    r"[ ,.;]+(?:or )?(?:otherwise|or else|failing that|if not,? then"
    rf"|if not,? (?={_ORDER}|{DETERMINER} )"
    r"|or if (?:there is|there are|that is|it is|you)\b[^,]*?(?=the |that |this |an? )"
    r"|(?:and )?if (?:it|that|they) (?:is|are) not (?:there|here|available|around)"
    r"|(?:and )?if there (?:is|are) (?:none|not any|not one))[ ,]*"
    r"(?P<else>.*)$"
)
_IF_MISSING = re.compile(
    r"\bif (?:(?:you|we|i) (?:can|do|could) not (?:find|see|get|have|reach)"
    r"|there (?:is|are) (?:no|not)|(?:you|we) (?:have|see|find) no)\b"
)


def without_statements(text: str) -> str:
    """`plain` ``text`` without the sentences that only state how things are.

    One is kept where the order points back at it, ``bring it to me``, and where it alone says more
    of what is asked for; so is one that forbids.
    """
    told = _STATED.fullmatch(text)
    if told is not None:
        stated, order = told["stated"], told["order"]
        if not _forbids(stated) and not _belongs_to(stated, order):
            return without_statements(_with_noun(order, stated))
    for behind in (_REASON, _BEHIND):
        found = behind.search(text)
        stated = "" if found is None else found.group()
        asks_more = _ANY_ORDER.search(stated) or _LISTS.search(stated)
        if found is None or _forbids(stated) or asks_more:
            continue
        before = text[: found.start()]
        and_more = found.re is _BEHIND and " and " in before  # "the mug and hurry, the tea is hot"
        if and_more or _UNFINISHED.search(before):
            continue
        if _BEGINS_WITH_ORDER.match(before):
            return before
    return text


def split_otherwise(text: str) -> tuple[str, str]:
    """The first wish of `plain` ``text``, and the one for when it cannot be had; "" for none."""
    found = _OTHERWISE.search(text)
    if found is None or not _names_a_thing(text[: found.start()]):
        return text, ""
    wanted = found["else"] if _names_a_thing(found["else"]) else ""
    return text[: found.start()], wanted


def depends_on_absence(text: str) -> bool:
    """Whether `plain` ``text`` asks for something only where something else is missing."""
    return _IF_MISSING.search(text) is not None


def _names_a_thing(text: str) -> bool:
    return bool(NOUN_PHRASE.search(text)) or not NOUNS.isdisjoint(text.split())


def _forbids(stated: str) -> bool:
    return is_negated(in_known_words(stated))


def _belongs_to(stated: str, order: str) -> bool:
    """Whether the two are about one thing."""
    own = re.split(r"\b(?:and|then)\b", order, maxsplit=1)[0]
    if _POINTS_BACK.search(_LOOKS_LIKE_ONE.sub("", own)):
        return True
    of_one, of_other = _NAME.search(stated), _NAME.search(order)
    if of_one is None or of_other is None or _LISTS.search(stated):
        return False
    return {*of_other["name"].split()} <= {*of_one["name"].split()}


def _with_noun(order: str, stated: str) -> str:
    """``order`` with the one noun that is ``stated`` in place of its ``one``."""
    nouns = {singular(word) for word in stated.split()} & (NOUNS - ADJECTIVES)
    if len(nouns) != 1:
        return order
    return _LOOKS_LIKE_ONE.sub(rf"\g<looks>{nouns.pop()}", order)
