"""A person's reply to the question which of several objects is meant.

Where the candidates' own words, places, sizes or numbers decide it, no model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ppcr_ros.core.reading.deixis import pointed
from ppcr_ros.core.reading.reply_words import (
    ALL,
    ANY,
    COLOURS,
    COUNTED,
    DECLINES,
    LABEL,
    LOOKS,
    MIDDLE,
    MOST,
    NO,
    NOT,
    NUMBERS,
    ORDINALS,
    OTHER,
    SAME_WORD,
    SAYS_LITTLE,
    SIDES,
    SIZE_WORDS,
    SIZES,
)
from ppcr_ros.core.reading.words import plain
from ppcr_ros.core.types import Candidate


@dataclass(frozen=True)
class Chosen:
    """The reply means these candidates: one as a rule, more for ``both``."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Narrowed:
    """The reply still fits several of the candidates, or none of them."""

    candidates: tuple[Candidate, ...]
    problem: str = ""


@dataclass(frozen=True)
class Reworded:
    """The reply says something of which the candidates' words know nothing: a model must look.

    Attributes:
        command: the reply as a whole command: ``the pink mug`` for ``the pink one``.
    """

    command: str


@dataclass(frozen=True)
class Declined:
    """None of them is meant, or nothing any more."""


Reply: TypeAlias = Chosen | Narrowed | Reworded | Declined
_CLEAR_SHARE, _CLEAR_RATIO = 0.02, 1.12
"""Places, in shares of the range of all, and sizes that differ by less are the same to a person."""


def read_reply(
    words: str,
    candidates: Sequence[Candidate],
    category: str,
    *,
    chosen_before: Sequence[int] = (),
    point_xy_px: tuple[float, float] | None = None,
) -> Reply | None:
    """What a reply means among ``candidates``; None where it is a command of its own.

    Args:
        words: as they came, cleaned; may be empty where there is a point.
        candidates: what was offered, at least one.
        category: what all of them are, for `Reworded`: ``mug``.
        chosen_before: the numbers of those that an earlier reply has chosen, for ``the other one``.
        point_xy_px: what is pointed at, in the pixels of the candidates; or None.
    """
    text = plain(words).strip(" .!?,")
    if point_xy_px is not None:
        points = pointed(words)
        if points is not None and points.alone:
            return _at(point_xy_px, candidates)
    if DECLINES.fullmatch(text) or (len(candidates) == 1 and NO.fullmatch(text)):
        return Declined()
    return _Reading(tuple(candidates), category, frozenset(chosen_before)).of(text)


def _at(point_xy_px: tuple[float, float], candidates: Sequence[Candidate]) -> Reply | None:
    """The candidate at a point; None where none is there, and the point stands for itself."""
    x, y = point_xy_px
    there = [
        c for c in candidates
        if c.box_xyxy_px[0] <= x < c.box_xyxy_px[2] and c.box_xyxy_px[1] <= y < c.box_xyxy_px[3]
    ]  # fmt: skip
    if len(there) > 1:
        on = [c for c in there if c.mask is not None and c.mask[int(y), int(x)]]
        there = on or there
    if not there:
        return None
    return Chosen(tuple(there)) if len(there) == 1 else Narrowed(tuple(there))


@dataclass(frozen=True)
class _Reading:
    """Reads one reply; `left` are the candidates that may still be meant."""

    left: tuple[Candidate, ...]
    category: str
    before: frozenset[int]

    def of(self, text: str) -> Reply | None:
        text = re.sub(r"\bcan (?=you\b)", "", MOST.sub("", text))  # a can is a thing, too
        if self._only(ANY, text):
            return Chosen((max(self.left, key=lambda c: c.score),))
        refused = NOT.search(text)
        if refused is not None:
            return self._without(refused, text)
        if OTHER.search(text) and not self._unknown(OTHER.sub(" ", text)):
            return self._other(OTHER.sub(" ", text))
        if self._only(ALL, text):
            two = re.search(r"\b(?:both|two)\b", text) is not None
            return Narrowed(self.left) if two and len(self.left) != 2 else Chosen(self.left)
        return self._several(text) or self._counted(text) or self._described(text)

    def _without(self, refused: re.Match[str], text: str) -> Reply | None:
        """``not the red one``, ``not the left one, the other one``."""
        if re.search(r" (?:that|this)(?: one)?$", refused.group()):  # the one chosen before
            return self._other(text[: refused.start()] + _after(text, refused))
        no = _Reading(self.left, self.category, self.before).of(refused.group(1))
        if not isinstance(no, Chosen):
            return None
        gone = {c.number for c in no.candidates}
        rest = tuple(c for c in self.left if c.number not in gone)
        if not rest:
            return Declined()
        correction = (text[: refused.start()] + _after(text, refused)).strip(" ,.")
        if not self._tokens(correction):
            return _chosen_or_narrowed(rest)
        return _Reading(rest, self.category, self.before).of(correction)

    def _other(self, rest: str) -> Reply | None:
        others = tuple(c for c in self.left if c.number not in self.before)
        if not self.before or not others:
            return Narrowed(self.left)
        if set(self._tokens(rest)) <= {self.category}:
            return _chosen_or_narrowed(others)
        return _Reading(others, self.category, frozenset()).of(rest)

    def _only(self, pattern: re.Pattern[str], text: str) -> bool:
        """Whether ``text`` says ``pattern`` and names nothing but the candidates' kind."""
        if not pattern.search(text):
            return False
        kind = {self.category, f"{self.category}s", f"{self.category}es"}
        rest = set(self._tokens(pattern.sub(" ", text)))
        return rest <= kind | {"does", "do", "not", "matter", "care", "mind", "choose", "decide"}

    def _several(self, text: str) -> Reply | None:
        """``the two on the left``, ``the two small ones``, ``the red and the green one``."""
        return self._each_named(text) or self._as_many(text)

    def _each_named(self, text: str) -> Reply | None:
        """One after the other, each so that it means one: ``the red and the green one``."""
        parts = re.split(r",? and (?:also )?", text)
        if len(parts) < 2 or not all(parts):
            return None
        colours = all(part.split()[-1] in COLOURS for part in parts)
        if not colours and not all(re.search(r"(?:^|\s)(?:the|number) ", part) for part in parts):
            return None  # "the small and red one" is one
        means = [reply for part in parts if isinstance(reply := self.of(part), Chosen)]
        if len(means) < len(parts) or any(len(one.candidates) > 1 for one in means):
            return None
        return Chosen(tuple({c.number: c for one in means for c in one.candidates}.values()))

    def _as_many(self, text: str) -> Reply | None:
        """A number and what tells so many of them: ``the two on the left``."""
        tokens = [token for token in _words(text) if token not in SAYS_LITTLE - set(NUMBERS)]
        count = next((NUMBERS[token] for token in tokens if NUMBERS.get(token, 1) > 1), 0)
        rest = [token for token in tokens if token not in NUMBERS and token != "last"]
        rest = [token for token in rest if not token.startswith(self.category)]
        if not count or not rest or LABEL.search(text):
            return None
        if len(rest) == 1 and rest[0] in SIDES:
            axis, sign = SIDES[rest[0]]
            order = sorted(self.left, key=lambda c: sign * _place(c)[axis])
            return Chosen(tuple(order[:count]))
        fitting = tuple(c for c in self.left if set(rest) <= _own_words(c))
        return Chosen(fitting) if len(fitting) == count else None

    def _counted(self, text: str) -> Reply | None:
        """``number two``, ``the second from the right``, ``the last one``."""
        found = COUNTED.search(text)
        if found is not None:
            rest = text[: found.start()] + text[found.end() :]
            if self._unknown(rest):
                return None
            axis, sign = SIDES[found["side"]]
            order = sorted(self.left, key=lambda c: sign * _place(c)[axis])
            place = len(order) if found["ordinal"] == "last" else ORDINALS[found["ordinal"]]
            return self._in_order(order, place)
        label = LABEL.search(text)
        if label is not None:
            number = label["number"]
            return self._numbered(int(number) if number.isdecimal() else NUMBERS[number])
        tokens = [token for token in _words(text) if token not in SAYS_LITTLE or token in NUMBERS]
        bare = [token for token in tokens if token != "one"] or tokens
        if len(bare) != 1:
            return None
        (token,) = bare
        if token.isdecimal():
            return self._numbered(int(token))
        if token in NUMBERS and (token != "one" or text in ("one", "one please")):
            return self._numbered(NUMBERS[token])
        if token in ORDINALS:
            return self._in_order(self.left, ORDINALS[token])
        return self._in_order(self.left, len(self.left)) if token == "last" else None

    def _numbered(self, number: int) -> Reply:
        one = tuple(c for c in self.left if c.number == number)
        if one:
            return Chosen(one)
        return Narrowed(self.left, f"there is no number {number}.")

    def _in_order(self, order: Sequence[Candidate], place: int) -> Reply:
        if 1 <= place <= len(order):
            return Chosen((order[place - 1],))
        return Narrowed(self.left, f"there are only {len(order)}.")

    def _described(self, text: str) -> Reply | None:
        """By the candidates' own words first, then by place and size."""
        tokens = self._tokens(text)
        unknown = self._unknown(text)
        if unknown:
            return self._reworded(text, unknown)
        left, narrowed, compared = self.left, False, list[str]()
        for token in tokens:
            fitting = tuple(c for c in left if _is_told_by(c, token, tokens))
            if token in SIDES or token in MIDDLE or (token in SIZES and not fitting):
                compared.append(token)
            elif not fitting:
                return self._reworded(text, [token])  # a mug with a pink rim is no pink one
            elif len(fitting) < len(left):
                left, narrowed = fitting, True
        for token in compared:
            chosen = _by_place(token, left) if len(left) > 1 else None
            if chosen is not None:
                left, narrowed = chosen, True
        if not narrowed and len(left) == 1:
            return Chosen(left)  # the others were refused
        if not narrowed:
            named = any(token == self.category for token in tokens)
            return None if named or not _is_reply(text) else Narrowed(self.left)
        return _chosen_or_narrowed(left)

    def _reworded(self, text: str, unknown: Sequence[str]) -> Reply | None:
        """The reply as a whole command; None where it is one already."""
        if re.search(r"\bones?\b", text):
            return Reworded(re.sub(r"\bones?\b", self.category, text))
        if all(token in LOOKS for token in unknown) and self.category not in text.split():
            looks = re.sub(r"^(?:(?:no|yes|um|uh|well|please|i mean|the)[, ]+)*", "", text)
            return Reworded(f"the {looks} {self.category}")
        return None

    def _tokens(self, text: str) -> list[str]:
        return [token for token in _words(text) if token not in SAYS_LITTLE]

    def _unknown(self, text: str) -> list[str]:
        """The words that neither the candidates nor their places and sizes know."""
        known = {*SIDES, *MIDDLE, *SIZES, *ORDINALS, "last", "other", self.category}
        known |= {f"{self.category}s"}
        for candidate in self.left:
            known |= _own_words(candidate)
        return [token for token in self._tokens(text) if token not in known]


def _after(text: str, refused: re.Match[str]) -> str:
    """What follows a refusal, without the words that only contrast it."""
    return " " + OTHER.sub(" ", re.sub(r"\bbut\b", " ", text[refused.end() :]))


def _words(text: str) -> list[str]:
    found = re.findall(r"[a-z0-9.#']+", text.replace("-", " ").casefold())
    return [SAME_WORD.get(word, word) for word in (raw.strip(".'") for raw in found) if word]


def _own_words(candidate: Candidate) -> set[str]:
    return {*_words(candidate.words)} - {"on", "the", "at", "in", "from", "number"}


def _is_told_by(candidate: Candidate, word: str, words: Sequence[str]) -> bool:
    """Whether ``word``, one of ``words``, is among the candidate's own.

    Nobody calls a ``green-pink mug`` the pink one; by both colours anybody may.
    """
    if word not in _own_words(candidate):
        return False
    pairs = re.findall(r"([a-z]+)-([a-z]+)", candidate.words.casefold())
    return all(word != trim or colour in words for colour, trim in pairs)


def _place(candidate: Candidate) -> tuple[float, float]:
    """The middle of a candidate, and its foot: x and y in pixels."""
    x1, _, x2, y2 = (float(value) for value in candidate.box_xyxy_px)
    return (x1 + x2) / 2.0, y2


def _size(candidate: Candidate, kind: int) -> float:
    width, height = (float(v) for v in candidate.box_xyxy_px[2:] - candidate.box_xyxy_px[:2])
    if kind == 1:
        return float(candidate.mask.sum()) if candidate.mask is not None else width * height
    return height if kind == 2 else width


def _by_place(token: str, left: tuple[Candidate, ...]) -> tuple[Candidate, ...] | None:
    """Those that ``token`` means by place or size; None where it speaks of neither."""
    if token in SIDES:
        axis, sign = SIDES[token]
        return _extreme(left, lambda c: sign * _place(c)[axis])
    if token in MIDDLE:
        return _middle(left)
    if token in SIZES:
        kind, sign = abs(SIZES[token]), 1 if SIZES[token] > 0 else -1
        named = tuple(c for c in left if _is_called(c, kind, sign))
        others = tuple(c for c in left if _is_called(c, kind, -sign))
        if named and len(named) + len(others) == len(left):
            left = named  # the model has said their sizes, which the image alone may not show
            if len(left) == 1:
                return left
        return _largest(left, lambda c: _size(c, kind) ** sign)
    return None


def _is_called(candidate: Candidate, kind: int, sign: int) -> bool:
    words = SIZE_WORDS[kind]
    half = len(words) // 2
    return not _own_words(candidate).isdisjoint(words[:half] if sign > 0 else words[half:])


def _extreme(
    left: tuple[Candidate, ...], key: Callable[[Candidate], float]
) -> tuple[Candidate, ...]:
    """The candidate with the smallest ``key``, with those that are as good as level with it."""
    values = [key(candidate) for candidate in left]
    spread = max(float(np.ptp([c.box_xyxy_px for c in left])), 1.0)
    least = min(values)
    return tuple(
        c for c, value in zip(left, values, strict=True) if value - least < _CLEAR_SHARE * spread
    )


def _largest(
    left: tuple[Candidate, ...], key: Callable[[Candidate], float]
) -> tuple[Candidate, ...]:
    """The candidate with the largest ``key``, with those that differ little from it."""
    most = max(key(candidate) for candidate in left)
    return tuple(c for c in left if key(c) * _CLEAR_RATIO > most)


def _middle(left: tuple[Candidate, ...]) -> tuple[Candidate, ...] | None:
    if len(left) < 3:
        return left
    order = sorted(left, key=lambda c: _place(c)[0])
    if len(order) % 2:
        return (order[len(order) // 2],)
    return tuple(order[len(order) // 2 - 1 : len(order) // 2 + 1])


def _chosen_or_narrowed(left: tuple[Candidate, ...]) -> Reply:
    return Chosen(left) if len(left) == 1 else Narrowed(left)


def _is_reply(text: str) -> bool:
    """Whether a text that tells nothing apart is at least the answer to a question."""
    return bool(re.search(r"\b(?:one|ones|it|that|this|yes|no|left|right|middle|centre)\b", text))
