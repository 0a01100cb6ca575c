"""Points and destinations that an answer in JSON gives beside its boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppcr_ros.core.types import Array
from ppcr_ros.models.mllm.json_answers import first_with, numbers_of
from ppcr_ros.models.mllm.json_boxes import MAX_COORDINATE, Y_FIRST_KEY, frame_box

DESTINATION_KEY = "destination_bbox_2d"
_POINT_KEYS = ("point_2d", "point", "center", "centre")


def destination_box(
    values: tuple[Any, ...],
    scale_xy: tuple[float, float],
    frame_size: tuple[int, int],
    *,
    y_first: bool = False,
) -> Array | None:
    """The destination's box (4,) float32 in pixels; None where there is none that can be used."""
    key = f"destination_{Y_FIRST_KEY}" if y_first else DESTINATION_KEY
    fields = first_with(values, (key,)) or {}
    numbers = numbers_of(fields.get(key))
    if numbers is not None and len(numbers) == 4 and y_first:
        numbers = [numbers[place] for place in (1, 0, 3, 2)]
    box = None if numbers is None else frame_box(numbers, scale_xy, frame_size)
    return None if isinstance(box, str) else box


def points_in_box(
    values: tuple[Any, ...],
    scale_xy: tuple[float, float],
    frame_size: tuple[int, int],
    box: Array,
    *,
    y_first: bool = False,
) -> Array:
    """The answer's first point if it lies in ``box``: (n, 2) float32 in pixels, n 0 or 1."""
    numbers = _point_of(values)
    if not numbers:
        return np.zeros((0, 2), np.float32)
    if y_first:
        numbers.reverse()
    point = (np.array(numbers) / np.array(scale_xy) * np.array(frame_size)).astype(np.float32)
    inside = bool((point >= box[:2]).all() and (point < box[2:]).all())
    return point[None] if inside else np.zeros((0, 2), np.float32)


def misplaced_point(numbers: list[float], points: Array, values: tuple[Any, ...]) -> str:
    """What is wrong with a box whose corners are swapped and whose point lies elsewhere.

    Width and height in place of the second corner look so.

    Args:
        numbers: of the box, as written: x1, y1, x2, y2.
        points: (n, 2), those of the answer that lie in the box.
        values: the JSON of the answer.
    """
    swapped = numbers[2] < numbers[0] or numbers[3] < numbers[1]
    if not swapped or len(points) or not any(_point_of(values)):
        return ""
    return f"the box {numbers} has its corners swapped and its point outside."


def _point_of(values: tuple[Any, ...]) -> list[float]:
    """The two numbers of an answer's first point, as written; empty where it has none."""
    fields = first_with(values, _POINT_KEYS) or {}
    numbers = next((found for key in _POINT_KEYS if (found := numbers_of(fields.get(key)))), [])
    usable = len(numbers) == 2 and max(map(abs, numbers)) <= MAX_COORDINATE
    return numbers if usable else []
