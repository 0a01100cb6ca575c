"""Finds where an answer of ppcr-tiny's stage 1 contradicts itself.

Stage 1 says what it understood and points at everything that it names, so that an answer can be
held against itself: ``ball left of red cube at middle left: small ball at back right`` names a ball
that is not left of the cube. The model saw none that is and took the likeliest. Such an answer is
read as one that finds nothing.

The bounds are wide. A person means left and right as the image shows them, but in front and behind
on the table, of which the middles of what is seen tell less; a bottle's is high above its foot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from ppcr_ros.models.mllm.tiny_understanding import (
    LOC_BINS,
    SEVERAL,
    Sighting,
    Understanding,
)

_SAME_PLACE = 2.0 / LOC_BINS
"""Two points of the same name that are no farther apart are on one object."""
_LEAST_ASIDE = 2.0 / LOC_BINS
"""What is left or right of something, or counted from there, is at least so far from it."""
_LEAST_DEEP = -3.0 / LOC_BINS
"""What is in front of something may be so much higher in the image, not more; and so on."""
_ALONG, _ASIDE = (0.05, 0.95), 0.45
"""What is between two is over this part of the line between them, and no farther from it, in
lengths of the line."""
_REACH = {"on": (20.0 / LOC_BINS, 24.0 / LOC_BINS), "inside": (8.0 / LOC_BINS, 8.0 / LOC_BINS)}
"""How far, in x and y, the middle of what is on or inside something may be from its middle."""

_DIRECTIONS = {
    "left of": (0, -1),
    "right of": (0, 1),
    "in front of": (1, 1),
    "behind": (1, -1),
    "from left": (0, 1),
    "from right": (0, -1),
    "from front": (1, -1),
    "from back": (1, 1),
}
"""The axis, x or y, along which a relation or a count goes, and whether it grows."""
_SIZES = {"largest": "large", "smallest": "small"}


def contradiction(understood: Understanding) -> str:
    """Why the object that ``understood`` ends with cannot be the one that is meant; "" if it can.

    An answer that names no object in the end contradicts nothing.
    """
    if understood.outcome or not understood.sighted:
        return ""
    return next(_contradictions(understood), "")


def consistent_sightings(understood: Understanding) -> tuple[Sighting, ...]:
    """What ``understood`` points at without what is named twice, does not fit or stands elsewhere.

    Of several that fit, some may be seen where there are none. Of what is counted nothing is left
    out.
    """
    if understood.outcome != SEVERAL:
        return understood.sighted
    kept: list[Sighting] = []
    for one in understood.sighted:
        if any(_same(one, other) for other in (*kept, *understood.anchors)):
            continue
        if _fits(one.name, understood.phrase) and _stands(
            one, understood.relation, understood.anchors
        ):
            kept.append(one)
    return tuple(kept)


def _contradictions(understood: Understanding) -> Iterator[str]:
    sighted, relation = understood.sighted, understood.relation
    *_, target = sighted
    named = (*understood.anchors, *sighted)
    for index, one in enumerate(named):
        if any(_same(one, other) for other in named[:index]) and one in sighted:
            yield f"the {one.name} is named twice"
    for one in sighted:
        if not _fits(one.name, understood.phrase):
            yield f"the {one.name} is no {understood.phrase}"
    if relation in _SIZES and _SIZES[relation] not in target.name.split():
        yield f"the {target.name} is not the {relation}"
    _, _, side = relation.partition(" from ")
    if side and not all(_may_lead(f"from {side}", a, b) for a, b in pairwise(sighted)):
        yield f"the {target.name} is not the {relation}"
    if not _stands(target, relation, understood.anchors):
        beside = " and the ".join(anchor.name for anchor in understood.anchors)
        yield f"the {target.name} is not {relation} the {beside}"


def _same(one: Sighting, other: Sighting) -> bool:
    near = max(abs(one.x - other.x), abs(one.y - other.y)) <= _SAME_PLACE
    return near and one.name == other.name


def _fits(name: str, phrase: str) -> bool:
    """Whether what is called ``name`` can be called ``phrase``."""
    words = name.split()
    called = {"object", *words, *(word.partition("-")[0] for word in words)}
    like, _, unlike = phrase.partition(" not ")
    return called >= set(like.split()) and called.isdisjoint(unlike.split())


def _stands(target: Sighting, relation: str, anchors: tuple[Sighting, ...]) -> bool:
    """Whether ``target`` may stand so to ``anchors``; what cannot be judged may."""
    if relation == "between" and len(anchors) == 2:
        return _between(target, *anchors)
    if len(anchors) != 1:
        return True
    anchor = anchors[0]
    if relation in _REACH:
        reach_x, reach_y = _REACH[relation]
        return abs(target.x - anchor.x) <= reach_x and abs(target.y - anchor.y) <= reach_y
    return relation not in _DIRECTIONS or _may_lead(relation, anchor, target)


def _may_lead(direction: str, start: Sighting, end: Sighting) -> bool:
    """Whether ``direction`` may lead from ``start`` to ``end``."""
    axis, sign = _DIRECTIONS[direction]
    step = sign * ((end.x, end.y)[axis] - (start.x, start.y)[axis])
    return step >= (_LEAST_DEEP if axis else _LEAST_ASIDE)


def _between(target: Sighting, start: Sighting, end: Sighting) -> bool:
    line_x, line_y = end.x - start.x, end.y - start.y
    offset_x, offset_y = target.x - start.x, target.y - start.y
    squared = math.hypot(line_x, line_y) ** 2
    if not squared:
        return False
    along = (offset_x * line_x + offset_y * line_y) / squared
    aside = abs(line_x * offset_y - line_y * offset_x) / squared
    return _ALONG[0] < along < _ALONG[1] and aside <= _ASIDE
