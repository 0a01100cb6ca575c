"""The form that an answer must have: fixed words with blanks between them, in one of several ways.

Free of torch and of tokens: a form judges text. `ppcr_ros.models.mllm.constrained_decoding`
brings the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Blank:
    """A part that the model writes.

    Attributes:
        pattern: what it may write, as a regular expression. The fixed words that follow must begin
            with a character that cannot go on a whole match, so that its end is seen.
        samples: ways in which what is written there may begin, one of each sort: a tokenizer joins
            some of them with the fixed words before.
    """

    pattern: str
    samples: tuple[str, ...] = ("a", "1")


@dataclass(frozen=True)
class OneOf:
    """A part that is one of a few words, none of which begins another."""

    words: tuple[str, ...]


Part: TypeAlias = "str | Blank | OneOf"


@dataclass(frozen=True)
class Rests:
    """Texts that may follow a text.

    Attributes:
        ways: for each way that the text may go, what it must go on with; "" at its end, None inside
            a blank.
    """

    ways: tuple[str | None, ...]

    @property
    def allowed(self) -> bool:
        """Whether the text is the beginning of an answer, or all of one."""
        return bool(self.ways)

    @property
    def complete(self) -> bool:
        """Whether the text is a whole answer."""
        return "" in self.ways

    @property
    def forced(self) -> str:
        """What must follow, whatever the model would say; empty where it has a choice."""
        words = [rest for rest in self.ways if rest is not None]
        return _common_beginning(words) if words and len(words) == len(self.ways) else ""


@dataclass(frozen=True)
class AnswerForm:
    """Ways to answer; each is a sequence of parts, of which a text is the filled-in whole."""

    ways: tuple[tuple[Part, ...], ...]

    @property
    def beginning(self) -> str:
        """The fixed words at the beginning of the first way, without the blanks at their end."""
        return _fixed_after(self.ways[0], -1).rstrip()

    def rests(self, text: str) -> Rests:
        """What may follow ``text``."""
        return Rests(tuple(place.rest for way in self.ways if (place := _follow(way, text))))

    def samples(self, text: str) -> tuple[str, ...]:
        """Beginnings of what may follow ``text``, one of each sort; "" where it may end there."""
        places = ((way, place) for way in self.ways if (place := _follow(way, text)))
        found = (sample for way, place in places for sample in _samples(way, place))
        return tuple(dict.fromkeys(found))

    def led_by(self, lead: str) -> AnswerForm:
        """The form of the same answers behind ``lead``, such as a space."""
        return AnswerForm(tuple((lead, *way) for way in self.ways)) if lead else self


@dataclass(frozen=True)
class _Place:
    """Place within a way at which a text ends.

    Attributes:
        number: of the part that it ends in; one past the last at the way's end.
        begun: what it has of that part.
        rest: what must come next; "" at the way's end, None where there is a choice.
    """

    number: int
    begun: str
    rest: str | None


def _follow(way: Sequence[Part], text: str) -> _Place | None:
    """Where ``text`` ends in ``way``; None where it does not begin it."""
    rest = text
    for number, part in enumerate(way):
        if isinstance(part, Blank):
            if _pattern(part.pattern).fullmatch(rest, partial=True):
                return _Place(number, rest, None)
            whole = _pattern(part.pattern).match(rest)
            if whole is None:
                return None
            rest = rest[whole.end() :]
            continue
        words = part.words if isinstance(part, OneOf) else (part,)
        known = next((word for word in words if rest.startswith(word)), None)
        if known is not None:
            rest = rest[len(known) :]
            continue
        open_words = [word[len(rest) :] for word in words if word.startswith(rest)]
        if not open_words:
            return None
        if len(open_words) > 1:
            return _Place(number, rest, _common_beginning(open_words) or None)
        return _Place(number, rest, open_words[0] + _fixed_after(way, number))
    return None if rest else _Place(len(way), "", "")


def _samples(way: Sequence[Part], place: _Place) -> list[str]:
    """Beginnings of what may follow at ``place`` of ``way``."""
    if place.rest is not None:
        return [place.rest]
    part, following = way[place.number], _fixed_after(way, place.number)
    if isinstance(part, OneOf):
        return [word[len(place.begun) :] + following for word in part.words]
    assert isinstance(part, Blank)
    ends = not place.begun and _pattern(part.pattern).fullmatch("")
    return [*part.samples, following] if ends else list(part.samples)


def _fixed_after(way: Sequence[Part], number: int) -> str:
    """The fixed words that follow part ``number`` at once."""
    following = ""
    for part in way[number + 1 :]:
        if not isinstance(part, str):
            break
        following += part
    return following


def _common_beginning(words: Sequence[str]) -> str:
    shortest = min(words, key=len)
    for number, letter in enumerate(shortest):
        if any(word[number] != letter for word in words):
            return shortest[:number]
    return shortest


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> Any:
    import regex  # which comes with transformers; the standard library has no partial matches

    return regex.compile(pattern)


_STRING_BODY = r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]){0,200}'
TEXT = Blank(_STRING_BODY, ("a", "A", "1", "-", "(", " a", "\\", "\u00e9", "\u7ea2"))
"""The inside of a JSON string."""
TEXTS = Blank(rf'(?:"{_STRING_BODY}"(?:, "{_STRING_BODY}"){{0,7}})?', ('"a', '"A', '"1', '""'))
"""The inside of a list of JSON strings."""
NUMBER = Blank(r"(?:0|[1-9][0-9]{0,4})(?:\.[0-9]{1,4})?", ("0", "1", "12", "345"))
"""A place in an image: not negative, without leading zeros, as JSON spells it."""
TRUTH = OneOf(("true", "false"))
