"""Several objects that fit a command which names one: telling them apart, and asking which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ppcr_ros.core.boxes import box_iou
from ppcr_ros.core.types import Array, Candidate, Instance

MOST_CANDIDATES = 6
"""A person cannot choose from more by ear; the surest are offered."""
_SAME_OBJECT_IOU = 0.7
_APART_SHARE = 0.08
"""Candidates whose middles lie closer, in shares of the image, have no place of their own."""


def numbered(instances: Sequence[Instance], width_px: int, height_px: int) -> tuple[Candidate, ...]:
    """The candidates of ``instances``, numbered from left to right, each with words of its own.

    Args:
        instances: what fits; two of one object count once.
        width_px: of the frame.
        height_px: of the frame.
    """
    apart: list[Instance] = []
    for item in sorted(instances, key=lambda item: -item.score):
        if all(box_iou(item.box_xyxy_px, o.box_xyxy_px) < _SAME_OBJECT_IOU for o in apart):
            apart.append(item)
    apart = sorted(apart[:MOST_CANDIDATES], key=lambda item: float(item.box_xyxy_px[[0, 2]].sum()))
    shares = [middle_share(item.box_xyxy_px, width_px, height_px) for item in apart]
    words = distinguishing_words([item.words or "object" for item in apart], shares)
    return tuple(
        Candidate(number, item.box_xyxy_px, item.mask, name, item.score, item.evidence)
        for number, (item, name) in enumerate(zip(apart, words, strict=True), 1)
    )


def middle_share(box_xyxy_px: Array, width_px: int, height_px: int) -> tuple[float, float]:
    """The middle of a box (4,), as shares 0..1 of the image's width and height."""
    x, y = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2.0
    return float(x) / width_px, float(y) / height_px


def distinguishing_words(
    names: Sequence[str], shares_xy: Sequence[tuple[float, float]]
) -> list[str]:
    """``names``, with a place where two objects have the same one: ``red mug on the left``.

    Args:
        names: what each object is called.
        shares_xy: the middle of each, in shares 0..1 of the image.
    """
    distinct = list(names)
    for name in dict.fromkeys(names):
        same = [index for index, other in enumerate(names) if other == name]
        if len(same) < 2:
            continue
        places = _places([shares_xy[index] for index in same])
        for index, place in zip(same, places, strict=True):
            distinct[index] = f"{name} {place}".strip()
    return distinct


def _places(shares_xy: Sequence[tuple[float, float]]) -> list[str]:
    """Where each of several objects of one name is among them, in words of its own if it can be."""
    aside = _along([x for x, _ in shares_xy], ("on the left", "in the middle", "on the right"))
    deep = _along([y for _, y in shares_xy], ("at the back", "in the middle", "at the front"))
    if len(set(aside)) == len(aside):
        return aside
    if len(set(deep)) == len(deep):
        return deep
    both = [_both(x, y) for x, y in zip(aside, deep, strict=True)]
    if len(set(both)) == len(both):
        return both
    order = np.argsort(np.argsort([x for x, _ in shares_xy], kind="stable"), kind="stable")
    return [f"number {place + 1} from the left" for place in order]


def _along(values: Sequence[float], words: tuple[str, str, str]) -> list[str]:
    """The words of three for each value; "" where it is no nearer to an end than another."""
    low, high = min(values), max(values)
    if high - low < _APART_SHARE:
        return [""] * len(values)
    thirds = np.clip(((np.array(values) - low) / (high - low) * 3).astype(int), 0, 2)
    return [words[third] for third in thirds]


def _both(aside: str, deep: str) -> str:
    if not aside or not deep:
        return aside or deep
    if deep == "in the middle":
        return aside
    if aside == "in the middle":
        return deep
    return f"{deep} {aside.rpartition(' ')[2]}"


def question_about(candidates: Sequence[Candidate]) -> str:
    """Which one is meant, in plain words; "" where there is nothing to choose from.

    Of one alone, as where what the MLLM took for two is one, whether it is that.
    """
    if not candidates:
        return ""
    *first, last = [f"the {candidate.words}" for candidate in candidates]
    if not first:
        return f"Do you mean {last}?"
    if len(candidates) == 2:
        return f"Do you mean {first[0]}, or {last}?"
    return f"Which one do you mean: {', '.join(first)}, or {last}?"
