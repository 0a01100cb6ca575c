"""Numbers in a reply: of a candidate, in a row, or how many are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ppcr_ros.core.reading.reply_candidates import number_of
from ppcr_ros.core.reading.reply_meanings import Chosen, Narrowed, Reply
from ppcr_ros.core.reading.reply_places import Candidates, ordered
from ppcr_ros.core.reading.reply_words import DOING, ORDINALS, SO_MANY
from ppcr_ros.core.types import Candidate


def numbered(number: int, left: Candidates) -> Reply:
    """The candidate of that number, as it was shown."""
    one = tuple(c for c in left if c.number == number)
    if one:
        return Chosen(one)
    return Narrowed(left, f"there is no number {number}.")


def in_order(order: Sequence[Candidate], place: int, left: Candidates) -> Reply:
    """The one at ``place``, from 1 on."""
    if 1 <= place <= len(order):
        return Chosen((order[place - 1],))
    return Narrowed(left, f"there are only {len(order)}.")


def from_side(ordinal: str, side: str, counting: bool, left: Candidates) -> Reply:
    """``the second from the right``; of ``the last on the right`` none at the other end."""
    order = ordered(left, side)
    if counting:
        return in_order(order, len(order) if ordinal == "last" else ORDINALS[ordinal], left)
    place = 1 if ordinal == "last" else ORDINALS[ordinal]
    if place == len(order) > 1:
        return Narrowed(left)
    return in_order(order, place, left)


def so_many(text: str, left: Candidates, category: str) -> Reply | None:
    """``two of them``, which tells only how many; None for ``two``, which is a number."""
    found = SO_MANY.search(text)
    if found is None or found["count"] in ("one", "1"):
        return None
    count = number_of(found["count"])
    # "give me two" may be number two
    taken = re.search(rf"\b(?:{'|'.join(DOING)}|have|would)\b", text) is not None
    named = re.search(rf"\b{re.escape(category)}(?:s|es)\b|\bones\b", text) is not None
    if not (found["before"] or found["behind"] or taken or named):
        return None
    several = found["behind"] or named or (found["before"] or "").startswith("th")
    whole = count == len(left) and several and found["before"] != "any "
    return Chosen(left) if whole else Narrowed(left)
