"""Words that point: ``this one``, ``what I point at``, ``the mug here``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ppcr_ros.core.reading.words import FILLER, HANDLING, plain, tidy

_POINTING = (
    r"(?:that |which |what |where )?(?:i am|i m|i|my finger is|my hand is) "
    r"(?:now )?(?:point(?:ing)?(?: at| to)?|show(?:ing)?(?: you)?|click(?:ing|ed)?(?: on| at)?|"
    r"touch(?:ing|ed)?|mark(?:ing|ed)?|pointed (?:at|to))(?: to| at)?"
)
_DEMONSTRATIVE = (
    r"(?:this|that|these|those)"
    r"(?: (?:one|thing|object|item|here|there|right here|over there|up|away))*"
)
_PLACE = r"(?:right |over |just |down )?(?:here|there)"
_ALONE = re.compile(
    rf"(?:(?:please|robot|hey|ok|okay|{FILLER}|yes|no|now|just|so|and|{HANDLING}|me|up|you|can|could|i|"
    rf"want|mean|it is|is)[ ,]+)*"
    rf"(?:(?:the )?(?:one|thing|object|item|what|whatever)?(?: (?:that|which))?(?: is)? ?)?"
    rf"(?:{_POINTING}|{_DEMONSTRATIVE}(?: {_POINTING})?|{_PLACE})"
    r"(?:[ ,.!]+(?:please|thanks|now|then|robot))*[ .!?]*"
)
_WITH_NAME = re.compile(rf",? ?\b(?:{_POINTING}|{_PLACE}(?=[ .,!?]*$))")

_THIS = re.compile(r"\b(?:this|that) (?=[a-z])(?!(?:is|are|was|stands|lies|has)\b)")
_BEFORE_A_PLACE = re.compile(
    r"\b(?:this|that)(?: one| thing)? "
    r"(?=(?:in|on|into|onto|inside|next|to|left|right|behind|beside|near|under|over)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Pointed:
    """A command that points.

    Attributes:
        alone: whether it names nothing: ``this one``.
        named: the command without its pointing words, ``the mug``; "" where it is ``alone``.
    """

    alone: bool
    named: str


def pointed(command: str) -> Pointed | None:
    """What ``command`` points at beside a point; None where no word of it points.

    ``this mug`` points, and names a mug; without a point it is as good as ``the mug``.
    """
    text = plain(command)
    if not text or _ALONE.fullmatch(text):
        return Pointed(alone=True, named="")
    rest = tidy(_WITH_NAME.sub("", text))
    this = _THIS.sub("the ", rest)
    if this == text:
        return None
    return Pointed(alone=False, named=this)


def points_alone(command: str) -> bool:
    """Whether ``command`` names nothing and says no more than a point beside it: ``this one``."""
    points = pointed(command)
    return points is not None and points.alone


def with_object(command: str) -> str:
    """``command`` with a noun for what it points at and puts somewhere.

    ``put this in the bowl`` becomes ``put this object in the bowl``, which can be read.
    """
    return _BEFORE_A_PLACE.sub("this object ", command)
