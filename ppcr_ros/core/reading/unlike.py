"""Reads ``the mug and not the red one``: a thing that is told apart by how it does not look."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ppcr_ros.core.reading.words import COLOURS, DETERMINER, PARTS, SIZES, one_of

_LOOKS = one_of(COLOURS | SIZES)
_JOINS = one_of(
    "of|on|in|at|to|from|behind|beside|between|under|near|nearest|next|closest|than|with|that|"
    "which|into|onto|inside|is|and|or|but|not"
)
_ADVERB = one_of("just|please|only|definitely|obviously|preferably|certainly|though|really|ideally")
_TAIL = r"(?:,? (?:is|are|please|over|here|there|instead|now|for me|to me|thanks|thank you))*"
_UNLIKE = re.compile(
    rf"(?P<asked>(?:(?!{DETERMINER}\b)[a-z]+,? )*(?:{DETERMINER} {PARTS} of )?{DETERMINER} "
    rf"(?P<thing>(?:(?!{_JOINS}\b)[a-z-]+ )*(?P<noun>(?!{_JOINS}\b)[a-z]+)))"
    rf",? (?:(?P<but>and|but) )?(?:{_ADVERB} )*not (?:{DETERMINER} )?"
    rf"(?P<looks>(?:dark |light )?{_LOOKS}(?:(?: and |-){_LOOKS})?) (?:ones?|(?P=noun))"
    rf"(?:,? (?:but )?{DETERMINER} (?P<meant>(?:dark |light )?{_LOOKS}) (?:ones?|(?P=noun)))?"
    rf"(?P<tail>{_TAIL})"
)
"""One thing alone is named before the other."""


@dataclass(frozen=True)
class Unlike:
    """Command for a thing beside one that it must not be taken for.

    Attributes:
        before: what stands before the other one: ``take the mug``.
        other: the other one: ``the red mug``.
        asked: the whole without the other one: ``take the mug that is not red``.
        forbids: whether the other one is forbidden, and not only told apart: ``but not the red
            one``, or where ``asked`` says what it is: ``the green mug, not the red one``.
    """

    before: str
    other: str
    asked: str
    forbids: bool


def read_unlike(text: str) -> Unlike | None:
    """What `plain` ``text`` says so; None where it says nothing of the kind.

    ``the green mug, not the red one`` is the green mug; more need not be said of it.
    """
    found = _UNLIKE.fullmatch(text.rstrip(" .!?"))
    if found is None:
        return None
    asked, looks, tail = found["asked"], found["looks"], found["tail"]
    said = set(found["thing"].split())
    sort = next(sort for sort in (COLOURS, SIZES) if looks.split()[0].partition("-")[0] in sort)
    noun = found["noun"]
    if noun in sort:  # "the orange and not the red one"
        asked, noun = f"{asked} one", "one"
    is_plain = bool(found["meant"]) or not said.isdisjoint(sort)
    told_apart = asked if is_plain else f"{asked} that is not {looks}"
    if found["meant"]:  # "the ball, not the red one, the blue one"
        told_apart = f"{asked[: -len(noun)]}{found['meant']} {noun}"
    forbids = is_plain or found["but"] == "but"
    return Unlike(asked, f"the {looks} {noun}", told_apart + tail, forbids)
