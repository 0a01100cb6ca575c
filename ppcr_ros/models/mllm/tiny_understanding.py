"""Type of what ppcr-tiny's stage 1 writes: what it understood, and what it points at.

The form is told in `ppcr_ros.models.mllm.ppcr_tiny`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.types import Array

LOC_BINS = 128
"""Number of location bins along the width and along the height of the image."""
LOC_PATTERN = re.compile(r"<loc(\d{3})>")
"""A location token in an answer, and the number of its bin."""
POINT_PATTERN = re.compile(rf"\s*{LOC_PATTERN.pattern}\s*{LOC_PATTERN.pattern}")
"""The two location tokens of a point."""
_RELATION = re.compile(
    r"\b(?:first|second|third|fourth) from(?: (?:left|right|front|back))?\b"
    r"|\b(?:left|right|in front) of\b|\bbehind\b|\bnearest to\b|\bbetween\b|\bon\b|\binside\b"
    r"|\blargest\b|\bsmallest\b"
)
"""What stands between a noun phrase and the anchors."""
ABSENT, SEVERAL, NOTHING = "absent", "several", "nothing"


def loc_token(index: int) -> str:
    """The location token of bin ``index``."""
    return f"<loc{index:03d}>"


def location_tokens(shares: Array | Sequence[float]) -> str:
    """A location token for each of ``shares`` 0..1 of the image: a box xyxy, or a point xy."""
    bins = np.clip(np.floor(np.asarray(shares) * LOC_BINS), 0, LOC_BINS - 1).astype(int)
    return "".join(loc_token(index) for index in bins)


@dataclass(frozen=True)
class Sighting:
    """An object that stage 1 names and points at.

    Attributes:
        name: ``small green ball``.
        x: of the middle of its visible box, in shares 0..1 of the image's width.
        y: likewise, of its height.
    """

    name: str
    x: float
    y: float

    @property
    def text(self) -> str:
        return f"{self.name} {location_tokens((self.x, self.y))}"


@dataclass(frozen=True)
class Understanding:
    """Answer that stage 1 is taught to write about a command.

    Attributes:
        phrase: the noun phrase: ``small ball``.
        relation: ``left of``, ``second from left``, ``largest``; or "".
        anchors: the objects that the relation is to.
        absent_anchor: the anchor's phrase where there is no such anchor; or "".
        sighted: the target, after those that are counted before it; or two of the several that fit.
        outcome: `ABSENT` or `SEVERAL` where there is no one target; or "".
    """

    phrase: str
    relation: str = ""
    anchors: tuple[Sighting, ...] = ()
    absent_anchor: str = ""
    sighted: tuple[Sighting, ...] = ()
    outcome: str = ""

    @property
    def text(self) -> str:
        places = " and ".join(anchor.text for anchor in self.anchors)
        head = " ".join(filter(None, (self.phrase, self.relation, places, self.absent_anchor)))
        return f"{head}: {', '.join(filter(None, (*(s.text for s in self.sighted), self.outcome)))}"

    @property
    def places(self) -> tuple[float, ...]:
        """What the location tokens of `text` stand for, one after the other, in shares 0..1."""
        return tuple(share for s in (*self.anchors, *self.sighted) for share in (s.x, s.y))

    @classmethod
    def read(cls, answer: str) -> Understanding:
        """What ``answer`` says, the decoder's blanks around punctuation or not.

        A place is the middle of its bins. What has no place is not among the sightings.
        """
        head, _, reading = answer.partition(":")
        relation = _RELATION.search(head)
        phrase, beside = head, ""
        if relation is not None:
            phrase, beside = head[: relation.start()], head[relation.end() :]
        anchors, absent_anchor = _sightings(beside)
        sighted, rest = _sightings(reading)
        outcome = rest.rpartition(",")[2].strip()
        return cls(
            phrase=_plain(phrase),
            relation=relation.group() if relation else "",
            anchors=anchors,
            absent_anchor=absent_anchor,
            sighted=sighted,
            outcome=outcome if outcome in (ABSENT, SEVERAL) else "",
        )


def _sightings(text: str) -> tuple[tuple[Sighting, ...], str]:
    """What stands before each point in ``text`` with its place, and what follows the last one."""
    found, end = [], 0
    for point in POINT_PATTERN.finditer(text):
        x, y = ((int(digits) + 0.5) / LOC_BINS for digits in point.groups())
        found.append(Sighting(_plain(text[end : point.start()]), x, y))
        end = point.end()
    return tuple(found), _plain(text[end:])


def _plain(text: str) -> str:
    """A name without what joins it to others, and without blanks around its hyphen."""
    words = text.replace(" - ", "-").strip(" ,").removeprefix("and ")
    return " ".join(words.split())
