"""A person's reply to the question which of several objects is meant.

Where the candidates' own words, places, sizes or numbers decide it, no model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ppcr_ros.core.masks import is_near_mask
from ppcr_ros.core.reading.deixis import pointed
from ppcr_ros.core.reading.reply_candidates import numbers_of
from ppcr_ros.core.reading.reply_clauses import (
    begins_with_right,
    corrected,
    declines,
    refusals,
    without_asides,
)
from ppcr_ros.core.reading.reply_meanings import (
    Chosen,
    Declined,
    Narrowed,
    Reply,
    Reworded,
    chosen_or_narrowed,
)
from ppcr_ros.core.reading.reply_wanted import Wanted
from ppcr_ros.core.reading.reply_words import ALL, ANY, DOING, MOST, NO, OTHER
from ppcr_ros.core.reading.words import plain
from ppcr_ros.core.types import Candidate

__all__ = ["Chosen", "Declined", "Narrowed", "Reply", "Reworded", "read_reply"]

_ONLY_NO = re.compile(
    r"(?:(?:oh|um|uh|well|sorry|robot|please|wait)[, ]+)*(?:no|nope|nah|naw|nay|no way|nuh[- ]?uh)"
    r"(?:[, ]+(?:no|nope|nah|sorry|robot|please))*"
)
"""A no to the question which one, that does not say what else."""


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
    points = None if point_xy_px is None else pointed(words)
    if point_xy_px is not None and points is not None and points.alone:
        return _at(point_xy_px, candidates)
    text = without_asides(text)
    if declines(text) or (len(candidates) == 1 and NO.fullmatch(text)):
        return Declined()
    offered = tuple(candidates)
    if _ONLY_NO.fullmatch(text):
        return Narrowed(offered)
    reply = _Reading(offered, category, frozenset(chosen_before), offered).of(text)
    if point_xy_px is None or points is None or not isinstance(reply, Chosen):
        return reply
    there = _at(point_xy_px, candidates)
    if there is None or refusals(text, category) is not None:
        return reply
    if set(numbers_of(there.candidates)) <= set(numbers_of(reply.candidates)):
        return there
    both = {*numbers_of(there.candidates), *numbers_of(reply.candidates)}
    return Narrowed(tuple(c for c in offered if c.number in both))


def _at(
    point_xy_px: tuple[float, float], candidates: Sequence[Candidate]
) -> Chosen | Narrowed | None:
    """The candidate at a point; None where none is there, and the point stands for itself."""
    x, y = point_xy_px
    there = [
        c for c in candidates
        if c.box_xyxy_px[0] <= x < c.box_xyxy_px[2] and c.box_xyxy_px[1] <= y < c.box_xyxy_px[3]
    ]  # fmt: skip
    on = [c for c in there if c.mask is not None and c.mask[int(y), int(x)]]
    there = on or [c for c in there if c.mask is None or is_near_mask(c.mask, point_xy_px)]
    if not there:
        return None
    return Chosen(tuple(there)) if len(there) == 1 else Narrowed(tuple(there))


_HAS_A_NOUN = re.compile(r"\b(?:the|that|this|ones?|number)\b")
_RIGHT_OR_CORRECT = re.compile(r"(?:the )?(?:right|correct)(?: (?:one|thing|object))?")
_IS_DENIED = re.compile(r"(?<!that )(?<!which )(?<!it )\b(?:is|are|was)(?=,|$)")


class _Reading(Wanted):
    """Reads one reply."""

    def of(self, text: str) -> Reply | None:
        """The whole reply: its last word counts where it corrects itself."""
        parts, undone = corrected(text)
        if undone and len(self.left) > 1:
            return Narrowed(self.left)
        *earlier, last = parts
        reading = self
        for part in earlier:
            said = reading.clause(part)
            if refusals(part, self.category) is not None:
                if isinstance(said, (Chosen, Narrowed)):
                    reading = replace(reading, left=said.candidates)
            elif isinstance(said, Chosen) and len(said.candidates) < len(self.left):
                reading = replace(reading, before=frozenset(c.number for c in said.candidates))
        reply = reading.clause(last)
        if reading.left == self.left:
            return reply
        agreed = replace(reading, left=self.left).clause(last)
        return reply if reply == agreed else Narrowed(self.left)

    def clause(self, text: str) -> Reply | None:
        """A part that does not correct itself."""
        if declines(text):
            return Declined()
        aside = begins_with_right(text)
        if aside is None:
            return self._refused_or_wanted(text)
        rest, surely = aside
        if not self.says(rest):
            return Chosen(self.left) if len(self.left) == 1 else Narrowed(self.left)
        meant = self._refused_or_wanted(rest)
        beside_it = meant if surely else self._refused_or_wanted(text)
        if not isinstance(beside_it, Chosen) or not isinstance(meant, (Chosen, Narrowed)):
            return meant
        return meant if meant == beside_it else Narrowed(self.left)

    def _refused_or_wanted(self, text: str) -> Reply | None:
        text = re.sub(r"\bcan (?=(?:you|i|we)\b)", "", MOST.sub("", text))  # a can is a thing, too
        no = refusals(text, self.category)
        if no is None:
            return self.wanted(text)
        everything, gone, unknown, unsure = False, set[int](), False, no.unclear
        for words in no.refused:
            if self.only(ANY, words):
                everything = True
                continue
            if self.tokens(words) and words.partition(" ")[0] in (*DOING, "one"):
                unsure = True  # "don't drop the red one"
            numbers = self._refused(words)
            one_right = _RIGHT_OR_CORRECT.fullmatch(words.replace(self.category, "one"))
            if self.before and one_right and (numbers or set()) != set(self.before):
                unsure = True  # "that is not the right one" of the one on the left
            if numbers is None:
                unknown = True
                unsure = unsure or not _HAS_A_NOUN.search(words)
            else:
                gone |= numbers
        wanted = no.wanted if self.says(no.wanted) else ""
        if everything and not wanted:
            return Narrowed(self.left) if gone else Declined()
        if unknown and not wanted:
            return None
        rest = tuple(c for c in self.left if c.number not in gone)
        if wanted and _IS_DENIED.search(wanted):  # "the red one is not there"
            return Narrowed(self.left)
        if unsure:
            return Narrowed(self.left)
        if not rest:
            return Narrowed(self.left) if wanted else Declined()
        if not wanted:
            return chosen_or_narrowed(rest)
        if set(self.tokens(OTHER.sub(" ", wanted))) <= {self.category} and OTHER.search(wanted):
            others = rest if gone else tuple(c for c in self.left if c.number not in self.before)
            return chosen_or_narrowed(others)
        return self._agreed(wanted, rest)

    def _agreed(self, wanted: str, rest: tuple[Candidate, ...]) -> Reply | None:
        """What is meant among ``rest``, where it is no other among all."""
        among_all = self.wanted(wanted)
        if isinstance(among_all, Chosen) and len(among_all.candidates) == 1:
            fits = among_all.candidates[0] in rest
            return among_all if fits else Narrowed(rest)  # "the left one, not the red one"
        return replace(self, left=rest).wanted(wanted)

    def _refused(self, words: str) -> set[int] | None:
        """The numbers of what ``words`` refuse; None where that is not known."""
        if self.only(ALL, words):
            return set()  # "not both"
        plain_that = re.sub(r"\b(?:that|this|it|them|those|these|one|ones|the|a)\b", " ", words)
        if not self.tokens(plain_that.replace(self.category, " ")) and not self.says(plain_that):
            alone = len(self.offered) == 1
            return {self.offered[0].number} if alone else set(self.before)
        reply = self.wanted(words)
        several = re.search(r"\bor\b|\bones\b|s$", words) is not None
        if (
            isinstance(reply, Chosen)
            and len(reply.candidates) > 1
            and not _HAS_A_NOUN.search(words)
        ):
            return None  # "not right two" may refuse two, or choose the second
        if isinstance(reply, Chosen) or (isinstance(reply, Narrowed) and several):
            return {c.number for c in reply.candidates}
        if isinstance(reply, Narrowed):
            return set() if reply.candidates == self.left else None
        return None
