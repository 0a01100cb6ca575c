"""Places, sizes and distances by which one of several candidates is told from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ppcr_ros.core.reading.reply_words import MIDDLE, SIDES, SIZE_WORDS, SIZES
from ppcr_ros.core.types import Candidate

Candidates = tuple[Candidate, ...]
_CLEAR_SHARE, _CLEAR_RATIO = 0.02, 1.12
"""Places, in shares of the range of all, and sizes that differ by less are the same to a person."""
_CLEAR_BESIDE, _CLEAR_DISTANCE = 0.06, 1.3
"""The same for a place beside another candidate: its share, and the ratio of two distances."""


def place_of(candidate: Candidate) -> tuple[float, float]:
    """The middle of a candidate, and its foot: x and y in pixels."""
    x1, _, x2, y2 = (float(value) for value in candidate.box_xyxy_px)
    return (x1 + x2) / 2.0, y2


def ordered(left: Sequence[Candidate], side: str) -> list[Candidate]:
    """The candidates, the one farthest to ``side`` first."""
    axis, sign = SIDES[side]
    return sorted(left, key=lambda c: sign * place_of(c)[axis])


def by_place(token: str, left: Candidates, called: Callable[[Candidate], set[str]]) -> Candidates:
    """Those of ``left`` that ``token`` means by place or size; all where it speaks of neither.

    Args:
        token: one word.
        left: the candidates.
        called: the words that a candidate is called by.
    """
    if token in SIDES:
        axis, sign = SIDES[token]
        return _extreme(left, lambda c: sign * place_of(c)[axis])
    if token in MIDDLE:
        return _middle(left)
    if token in SIZES:
        kind, sign = abs(SIZES[token]), 1 if SIZES[token] > 0 else -1
        words = SIZE_WORDS[kind]
        large, small = words[: len(words) // 2], words[len(words) // 2 :]
        fit, unfit = (large, small) if sign > 0 else (small, large)
        named = tuple(c for c in left if not called(c).isdisjoint(fit))
        others = tuple(c for c in left if not called(c).isdisjoint(unfit))
        if named and len(named) + len(others) == len(left):
            left = named  # the model has said their sizes, which the image alone may not show
            if len(left) == 1:
                return left
        return _largest(left, lambda c: _size(c, kind) ** sign)
    return left


def is_opposite(token: str, one: Candidate, offered: Candidates) -> bool:
    """Whether ``one`` is the candidate that is least of all on the side ``token``."""
    if token not in SIDES or len(offered) < 2:
        return False
    axis, sign = SIDES[token]
    return _extreme(offered, lambda c: -sign * place_of(c)[axis]) == (one,)


def beside(relation: str, anchor: Candidate, others: Candidates) -> Candidates:
    """Those of ``others`` that stand so to ``anchor``; none where no box tells.

    Args:
        relation: ``left``, ``right``, ``behind``, ``front``, ``near`` or ``far``.
        anchor: the candidate that the words name.
        others: the candidates that may be meant.
    """
    if not others:
        return ()
    if relation in ("near", "far"):
        distances = [_distance(anchor, c) for c in others]
        best = min(distances) if relation == "near" else max(distances)
        return tuple(
            c for c, d in zip(others, distances, strict=True)
            if max(d, best) < _CLEAR_DISTANCE * min(d, best) or d == best
        )  # fmt: skip
    side = {"left": (0, 1), "right": (0, -1), "behind": (1, 1), "front": (1, -1)}[relation]
    axis, sign = side
    clear = _CLEAR_BESIDE * _spread((anchor, *others))
    ahead = [sign * (place_of(anchor)[axis] - place_of(c)[axis]) for c in others]
    if max(ahead) <= clear:
        return ()
    return tuple(c for c, by in zip(others, ahead, strict=True) if by > 0)


def between(one: Candidate, other: Candidate, others: Candidates) -> Candidates:
    """Those of ``others`` that stand between two candidates, along the row that they make."""
    first, last = place_of(one), place_of(other)
    axis = 0 if abs(first[0] - last[0]) >= abs(first[1] - last[1]) else 1
    low, high = sorted((first[axis], last[axis]))
    return tuple(c for c in others if low < place_of(c)[axis] < high)


def _distance(one: Candidate, other: Candidate) -> float:
    return float(np.hypot(*np.subtract(place_of(one), place_of(other))))


def _size(candidate: Candidate, kind: int) -> float:
    width, height = (float(v) for v in candidate.box_xyxy_px[2:] - candidate.box_xyxy_px[:2])
    if kind == 1:
        return float(candidate.mask.sum()) if candidate.mask is not None else width * height
    return height if kind == 2 else width


def _spread(left: Sequence[Candidate]) -> float:
    return max(float(np.ptp([c.box_xyxy_px for c in left])), 1.0)


def _extreme(left: Candidates, key: Callable[[Candidate], float]) -> Candidates:
    """The candidate with the smallest ``key``, with those that are as good as level with it."""
    values = [key(candidate) for candidate in left]
    clear, least = _CLEAR_SHARE * _spread(left), min(values)
    return tuple(c for c, value in zip(left, values, strict=True) if value - least < clear)


def _largest(left: Candidates, key: Callable[[Candidate], float]) -> Candidates:
    """The candidate with the largest ``key``, with those that differ little from it."""
    most = max(key(candidate) for candidate in left)
    return tuple(c for c in left if key(c) * _CLEAR_RATIO > most)


def _middle(left: Candidates) -> Candidates:
    if len(left) < 3:
        return left
    order = sorted(left, key=lambda c: place_of(c)[0])
    if len(order) % 2:
        return (order[len(order) // 2],)
    return tuple(order[len(order) // 2 - 1 : len(order) // 2 + 1])
