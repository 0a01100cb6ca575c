"""Reading of what a reply names, where it neither corrects itself nor refuses anything.

Where the candidates' own words, places, sizes or numbers decide it, no model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ppcr_ros.core.reading.reply_candidates import (
    is_bare,
    is_told_by,
    number_of,
    numbers_of,
    own_words,
    tail_of,
    words_of,
)
from ppcr_ros.core.reading.reply_clauses import telling
from ppcr_ros.core.reading.reply_counts import from_side, in_order, numbered, so_many
from ppcr_ros.core.reading.reply_meanings import (
    Chosen,
    Narrowed,
    Reply,
    Reworded,
    chosen_or_narrowed,
)
from ppcr_ros.core.reading.reply_places import beside, between, by_place, is_opposite, ordered
from ppcr_ros.core.reading.reply_words import (
    ALL,
    ANY,
    BROKEN_OFF,
    COUNTED,
    FROM_THE_END,
    LABEL,
    LOOKS,
    MIDDLE,
    NUMBERS,
    OF_THEM,
    ORDINALS,
    OTHER,
    OTHERS,
    RELATIONS,
    SAYS_LITTLE,
    SIDES,
    SIZES,
)
from ppcr_ros.core.types import Candidate

_SAID_WITH_ONE = re.compile(
    r"\b(?:one|please|thanks|thank you|um|uh|ok|okay|yes|i think|robot)\b|[ ,]"
)
_PLACE = f"(?:{'|'.join((*SIDES, *MIDDLE))})"


@dataclass(frozen=True)
class Wanted:
    """Reads what a reply names.

    Attributes:
        left: the candidates that may still be meant.
        category: what all of them are.
        before: the numbers of those that were chosen before.
        offered: all candidates, by which a place may be told: ``left of the blue one``.
    """

    left: tuple[Candidate, ...]
    category: str
    before: frozenset[int]
    offered: tuple[Candidate, ...]

    def wanted(self, text: str) -> Reply | None:
        """What is named without a correction and without a refusal."""
        text = re.sub(r"^(?:(?:and|or)\b[ ,]*)+(?=\w)", "", text)
        if re.search(r"\w,? or \w", text):
            return self._either(text)
        if FROM_THE_END.search(text) or BROKEN_OFF.search(text):
            return Narrowed(self.left)
        related = self._related(text)
        if related is not None:
            return related
        plural = text.replace(f"other {self.category}s", "others")
        others = OTHERS.search(plural)
        if others is not None and not self.tokens(OTHERS.sub(" ", plural)):
            return self._others(others["count"])
        if OTHER.search(text) and not self.unknown(OTHER.sub(" ", text)):
            return self._other(OTHER.sub(" ", text))
        if self.only(ANY, text):
            return Chosen((max(self.left, key=lambda c: c.score),))
        if self.only(ALL, text):
            two = re.search(r"\b(?:both|two)\b", text) is not None
            return Narrowed(self.left) if two and len(self.left) != 2 else Chosen(self.left)
        return self._several(text) or self._counted(text) or self.described(text)

    def _either(self, text: str) -> Reply | None:
        """``the left one or the right one``, which is no choice."""
        named = [
            self.wanted(part)
            for part in re.split(r",? or ", re.sub(r"^(?:either|whether) ", "", text))
        ]
        unknown = [
            w for w in self.unknown(text) if w not in NUMBERS and w not in ("either", "whether")
        ]
        unknown = [word for word in unknown if not word.isdecimal()]
        if unknown:
            return self._reworded(text, unknown)
        known = [reply for reply in named if isinstance(reply, (Chosen, Narrowed))]
        numbers = {c.number for reply in known for c in reply.candidates}
        return Narrowed(tuple(c for c in self.left if c.number in numbers) or self.left)

    def _related(self, text: str) -> Reply | None:
        """By its place beside another candidate; None where ``text`` tells none."""
        text = OF_THEM.sub(" ", text)
        found = [(name, at) for name, pattern in RELATIONS if (at := pattern.search(text))]
        if not found:
            return None
        relation, at = min(found, key=lambda one: (not one[0], one[1].start()))
        head, words = text[: at.start()], text[at.end() :]
        if not relation:
            words = re.sub(
                rf"^the (?:far )?{_PLACE}(?: ?hand)?(?: side)?(?=,| the |$).*", "", words
            )
        words, _, more = words.partition(",")
        inner = RELATIONS[-1][1].search(words)
        nested = inner is not None and not re.match(rf"the {_PLACE}\b", words[inner.end() :])
        if relation and (nested or sum(bool(name) for name, _ in found) > 1 or self.tokens(more)):
            return Narrowed(self.left)
        if relation and re.search(r" and ", head):
            return Narrowed(self.left)
        nouns = rf"\b(?:one|it|that|this|them|{re.escape(self.category)})\b"
        near = relation == "near" and not at.group().endswith((" to ", " by ", "beside "))
        bare = re.match(r"(?:the|that|this|number|it|them|option)\b", words) is None
        if near and bare and not re.search(nouns + r"(?: (?:that|which) is)? $", head):
            return None  # "the nearest red one"
        if relation == "near" and re.fullmatch(_PLACE, words):
            return Narrowed(self.left)  # "closest to left", which may be the left end
        if not relation and not (re.search(nouns, head) and re.search(nouns, words)):
            return None
        tokens = self.tokens(words)
        if any(set(tokens) & tail_of(c) - {*SIDES, *MIDDLE} for c in self.left):
            return None  # the candidate's own words: "the one next to the plate"
        new = [word for word in self.unknown(words) if word not in NUMBERS and word.isalpha()]
        if new or self.unknown(head) or not re.search(r"\w", words):
            return None
        if re.fullmatch(r"(?:the )?(?:me|you|us|my|your)\b.*", words):
            return None
        there = self._beside(relation, head, words)
        if there is None and not re.search(nouns, head):
            return self._reworded(f"the one {text}", tokens)
        return there or self._reworded(text, tokens)

    def _beside(self, relation: str, head: str, words: str) -> Reply | None:
        """The one that ``head`` names and that stands so to what ``words`` name."""
        everyone = replace(self, left=self.offered)
        if relation == "between":
            parts = re.split(r",? and ", words)
            ends = [everyone.anchors(part) for part in parts]
            if not self.tokens(re.sub(r"\b(?:two|other|others)\b", " ", words)):
                return chosen_or_narrowed(by_place("middle", self.left, own_words))
            if len(ends) != 2 or any(len(end) != 1 for end in ends):
                return None
            (one,), (other,) = ends
            there = between(one, other, self._but(one, other))
            return chosen_or_narrowed(there) if there else None
        anchors = everyone.anchors(words)
        if len(anchors) != 1:
            return Narrowed(self.left)
        (anchor,) = anchors
        if not relation:
            return None
        there = beside(relation, anchor, self._but(anchor))
        told = self.tokens(head)
        if there and [token for token in told if token != self.category]:
            named = replace(self, left=there, offered=there).described(head)
            return named if isinstance(named, (Chosen, Narrowed)) else None
        return chosen_or_narrowed(there) if there else Narrowed(self.left)

    def anchors(self, words: str) -> tuple[Candidate, ...]:
        """The candidates that the second part of a relation names."""
        if re.fullmatch(r"(?:it|that|this|that one|this one)(?:,? please)?", words):
            return tuple(c for c in self.left if c.number in self.before)
        reply = self.wanted(words)
        return reply.candidates if isinstance(reply, Chosen) else ()

    def _but(self, *gone: Candidate) -> tuple[Candidate, ...]:
        numbers = {c.number for c in gone}
        return tuple(c for c in self.left if c.number not in numbers)

    def _others(self, count: str | None) -> Reply:
        """All but what was chosen before; asked about where that is but one."""
        others = tuple(c for c in self.left if c.number not in self.before)
        if not self.before or not others:
            return Narrowed(self.left)
        fits = len(others) > 1 if count is None else len(others) == NUMBERS[count]
        return Chosen(others) if fits else Narrowed(others)

    def _other(self, rest: str) -> Reply | None:
        others = tuple(c for c in self.left if c.number not in self.before)
        if not self.before or not others:
            return Narrowed(self.left)
        if set(self.tokens(rest)) <= {self.category}:
            return chosen_or_narrowed(others)
        return replace(self, left=others, before=frozenset()).wanted(rest)

    def only(self, pattern: re.Pattern[str], text: str) -> bool:
        """Whether ``text`` says ``pattern`` and names nothing but the candidates' kind."""
        if not pattern.search(text):
            return False
        kind = {self.category, f"{self.category}s", f"{self.category}es"}
        rest = set(self.tokens(pattern.sub(" ", OF_THEM.sub(" ", text))))
        return rest <= kind | {"choose", "decide", "fine", "good", "works"}

    def says(self, text: str) -> bool:
        """Whether ``text`` says anything about what is meant."""
        if self.tokens(text) or OTHER.search(text) or LABEL.search(text):
            return True
        return any(word in NUMBERS and word != "one" for word in words_of(text))

    def _several(self, text: str) -> Reply | None:
        """``the two on the left``, ``the two small ones``, ``the red and the green one``."""
        return self._each_named(text) or self._as_many(text)

    def _each_named(self, text: str) -> Reply | None:
        """One after the other, each so that it means one: ``the red and the green one``."""
        text = re.sub(r"^both (?:of )?|,? please$", "", text)
        parts = re.split(r",? and (?:also |then )?|,? then | & ", text)
        if len(parts) < 2 or not all(parts):
            return None
        parts = [piece for part in parts for piece in part.split(", ")]
        parts = [part for part in parts if self.says(part) or is_bare(part)]
        if len(parts) < 2:
            return None
        noun = rf"\b(?:one|{re.escape(self.category)})\b"
        own = [
            re.search(r"(?:^|\s)(?:the|numbers?|option) |^#", part) is not None for part in parts
        ]
        bare = [is_bare(part) for part in parts]
        nouns = [
            not b and re.search(noun, part) is not None for b, part in zip(bare, parts, strict=True)
        ]
        shared = nouns[-1] and not own[-1] and not all(nouns)  # "the small and red one" is one
        if shared or not all(map(any, zip(own, bare, nouns, strict=True))):
            return None
        means = [reply for part in parts if isinstance(reply := self.wanted(part), Chosen)]
        if len(means) < len(parts) or any(len(one.candidates) > 1 for one in means):
            new = [word for word in self.unknown(text) if word not in NUMBERS and word.isalpha()]
            return None if new else Narrowed(self.left)
        named = {c.number: c for one in means for c in one.candidates}
        if len(named) > 1 and not any(own[1:]) and not any(nouns):
            together = self.described(text)  # "pink and green" may be one of both colours
            if isinstance(together, Chosen):
                return Narrowed(tuple(named.values()))
        return Chosen(tuple(named.values()))

    def _as_many(self, text: str) -> Reply | None:
        """A number and what tells so many of them: ``the two on the left``."""
        words = words_of(OF_THEM.sub(" ", text))
        tokens = [token for token in words if token not in SAYS_LITTLE - set(NUMBERS)]
        count = next((NUMBERS[token] for token in tokens if NUMBERS.get(token, 1) > 1), 0)
        rest = [token for token in tokens if token not in NUMBERS]
        rest = [token for token in rest if not token.startswith(self.category)]
        if LABEL.search(text):
            return None
        if not set(rest) - {"any"}:
            return so_many(text, self.left, self.category)
        if (
            not count
            or "," in re.sub(r",? please$", "", text)
            or re.search(rf"\b(?:one|{re.escape(self.category)})\b", text)
        ):
            return None
        if rest in (["first"], ["last"]) and count <= len(self.left):
            return Chosen(self.left[:count] if rest == ["first"] else self.left[-count:])
        if len(rest) == 1 and rest[0] in SIDES:
            return Chosen(tuple(ordered(self.left, rest[0])[:count]))
        fitting = tuple(c for c in self.left if set(rest) <= own_words(c))
        return Chosen(fitting) if len(fitting) == count else None

    def _counted(self, text: str) -> Reply | None:
        """``number two``, ``the second from the right``, ``the last one``."""
        found = COUNTED.search(text)
        if found is not None:
            rest = text[: found.start()] + text[found.end() :]
            if self.unknown(rest):
                return None
            return from_side(found["ordinal"], found["side"], "from" in found["from"], self.left)
        labels = {number_of(label["number"]) for label in LABEL.finditer(text)}
        if labels:
            one = len(labels) == 1
            return self._label_and_more(text, labels.pop()) if one else Narrowed(self.left)
        words = words_of(OF_THEM.sub(" ", text))
        tokens = [word for word in words if word not in SAYS_LITTLE or word in NUMBERS]
        if len(tokens) > 1 and set(tokens) <= {*NUMBERS}:
            return Narrowed(self.left)  # "one two"
        if len(tokens) > 1 and tokens[0] == "one":
            return None
        bare = [token for token in tokens if token not in ("one", self.category)] or tokens
        if len(bare) != 1:
            return None
        (token,) = bare
        if token.isdecimal():
            return numbered(int(token), self.left)
        if token in NUMBERS and (token != "one" or not re.sub(_SAID_WITH_ONE, "", text)):
            return numbered(NUMBERS[token], self.left)
        if token in ORDINALS:
            return in_order(self.left, ORDINALS[token], self.left)
        return in_order(self.left, len(self.left), self.left) if token == "last" else None

    def _label_and_more(self, text: str, number: int) -> Reply:
        """``number two, the red one``: a number with other words, which must agree."""
        named, more = numbered(number, self.left), LABEL.sub(" ", text)
        told = None if self.unknown(more) else self.described(more)
        if {*self.tokens(more)} <= {self.category}:
            return named
        if not isinstance(named, Chosen) or not isinstance(told, (Chosen, Narrowed)):
            return Narrowed(self.left)
        agrees = set(numbers_of(named.candidates)) <= set(numbers_of(told.candidates))
        return named if agrees else Narrowed(self.left)

    def described(self, text: str) -> Reply | None:
        """By the candidates' own words first, then by place and size."""
        text = OF_THEM.sub(" ", text)
        tokens = self.tokens(text)
        unknown = self.unknown(text)
        if unknown:
            return self._reworded(text, unknown)
        left, narrowed, compared = self.left, False, list[str]()
        for token in tokens:
            fitting = tuple(c for c in left if is_told_by(c, token, tokens))
            if token in SIDES or token in MIDDLE or (token in SIZES and not fitting):
                compared.append(token)
            elif not fitting:
                return self._reworded(text, [token])  # a mug with a pink rim is no pink one
            elif len(fitting) < len(left):
                left, narrowed = fitting, True
        fit = [set(numbers_of(by_place(token, left, own_words))) for token in compared]
        if fit and len(left) > 1:
            left = tuple(c for c in left if all(c.number in numbers for numbers in fit))
            narrowed = True
        if not left or any(
            self._contradicts(token, text, c) for token in compared for c in left[:1]
        ):
            return Narrowed(self.left)  # two places that no one of them has
        if not narrowed and len(left) == 1:
            return Chosen(left)  # the others were refused
        if not narrowed:
            named = any(token == self.category for token in tokens)
            return None if named or not _is_reply(text) else Narrowed(self.left)
        return chosen_or_narrowed(left)

    def _contradicts(self, token: str, text: str, one: Candidate) -> bool:
        """Whether ``text`` puts ``one`` on a side on which it is not."""
        if token not in SIDES and token not in SIZES:
            return False
        noun = rf"(?:ones?|{re.escape(self.category)})\b"
        said_alone = rf"\b(?:the|that) {token}(?: ?hand)?(?: {noun}|,|$)"
        twice = len(re.findall(rf"\b{noun}", text)) > 1  # "the right one, the blue one"
        strict = twice or token.endswith(("est", "most")) or re.search(said_alone, text)
        if strict and one.number not in numbers_of(by_place(token, self.left, own_words)):
            return True
        return is_opposite(token, one, self.offered)

    def _reworded(self, text: str, unknown: Sequence[str]) -> Reply | None:
        """The reply as a whole command; None where it is one already."""
        if re.search(r"\bones?\b", text):
            return Reworded(re.sub(r"\bones?\b", self.category, text))
        if all(token in LOOKS for token in unknown) and self.category not in text.split():
            looks = re.sub(r"^(?:(?:no|yes|um|uh|well|please|i mean|the)[, ]+)*", "", text)
            return Reworded(f"the {looks} {self.category}")
        return None

    def tokens(self, text: str) -> list[str]:
        """The words that may tell one object from another."""
        return telling(words_of(text))

    def unknown(self, text: str) -> list[str]:
        """The words that neither the candidates nor their places and sizes know."""
        known = {*SIDES, *MIDDLE, *SIZES, *ORDINALS, "last", "other", self.category}
        known |= {f"{self.category}s"}
        for candidate in self.left:
            known |= own_words(candidate)
        return [token for token in self.tokens(text) if token not in known]


def _is_reply(text: str) -> bool:
    """Whether a text that tells nothing apart is at least the answer to a question."""
    return bool(
        re.search(
            r"\b(?:one|ones|it|that|this|yes|yeah|yep|no|nope|nah|left|right|middle|centre|ok|okay)\b",
            text,
        )
    )
