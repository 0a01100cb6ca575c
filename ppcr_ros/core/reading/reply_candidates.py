"""Words of a reply, and the words by which a candidate is called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ppcr_ros.core.reading.reply_clauses import telling
from ppcr_ros.core.reading.reply_words import (
    COLOURS,
    MIDDLE,
    NUMBERS,
    ORDINALS,
    SAME_WORD,
    SAYS_LITTLE,
    SIDES,
)
from ppcr_ros.core.types import Candidate


def words_of(text: str) -> list[str]:
    """The words of ``text``, each kind of thing by one name."""
    found = re.findall(r"[a-z0-9.#']+", text.replace("-", " ").casefold())
    return [SAME_WORD.get(word, word) for word in (raw.strip(".'") for raw in found) if word]


def own_words(candidate: Candidate) -> set[str]:
    """The words that a candidate is called by."""
    return {*words_of(candidate.words)} - {"on", "the", "at", "in", "from", "number"}


def is_told_by(candidate: Candidate, word: str, words: Sequence[str]) -> bool:
    """Whether ``word``, one of ``words``, is among the candidate's own.

    Nobody calls a ``green-pink mug`` the pink one; by both colours anybody may.
    """
    if word not in own_words(candidate):
        return False
    pairs = re.findall(r"([a-z]+)-([a-z]+)", candidate.words.casefold())
    return all(word != trim or colour in words for colour, trim in pairs)


def tail_of(candidate: Candidate) -> set[str]:
    """The words by which a candidate is told from its like: ``the plate`` it is next to."""
    _, _, tail = re.sub(
        r"\b(?:on|at|in|next|near|beside|behind|by|with|under|left|right|of)\b",
        "|",
        candidate.words.casefold(),
        count=1,
    ).partition("|")
    return {*telling(words_of(tail))}


def numbers_of(candidates: Sequence[Candidate]) -> list[int]:
    """Of each candidate, as it is shown to a person."""
    return [candidate.number for candidate in candidates]


def number_of(word: str) -> int:
    """What ``two`` or ``2`` means."""
    return int(word) if word.isdecimal() else NUMBERS[word]


def is_bare(part: str) -> bool:
    """Whether ``part`` is a number, a colour or a place without a noun, as in a list."""
    tokens = [word for word in words_of(part) if word not in SAYS_LITTLE or word in NUMBERS]
    if "one" in tokens and len(tokens) > 1:
        return False
    listed = {*NUMBERS, *ORDINALS, *COLOURS, *SIDES, *MIDDLE, "last"}
    return bool(tokens) and all(token in listed or token.isdecimal() for token in tokens)
