"""Boxes and points in the JSON that an MLLM wrote, and in the frame's pixels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ppcr_ros.core.boxes import clip_box, ordered_box
from ppcr_ros.core.types import Array
from ppcr_ros.models.mllm.json_answers import (
    Found,
    denies,
    first_with,
    is_true,
    numbers_of,
    objects_with,
    spoken,
)

Proposal = list[float] | None
"""The numbers written for a box, however many; None for an explicit no."""

_BOX_KEYS = ("bbox_2d", "bbox", "box", "bounding_box", "bndbox", "coordinates")
Y_FIRST_KEY = "box_2d"
"""Gemini's and Gemma's key: y1, x1, y2, x2. Of another family nobody can say what it means."""
DESTINATION_KEY = "destination_bbox_2d"
_MANY_KEYS = ("objects", "detections", "boxes", "bboxes", "results", "instances")
_POINT_KEYS = ("point_2d", "point", "center", "centre")
_CORNERS = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"),
)
_SIZES = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
_NO_BOXES = ("color", "colour", "rgb", "rgba", "size", "attributes", "relations", DESTINATION_KEY)
_PAIRS = re.compile(
    r"\(\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\)\s*,?\s*\(\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\)"
)
_MAX_COORDINATE = 1e6
_MAX_OVERSHOOT = 0.1
"""Models overshoot the image's edge a little (476 of 448 pixels); more is another scale."""
_MIN_INSIDE = 0.25
"""A box of which less lies in the image is taken for one in another scale."""


def box_proposals(found: Found, text: str) -> list[Proposal]:
    """What an answer proposes as boxes, x first, in its order.

    ``text`` is the answer itself, for one without JSON. What is not four numbers is proposed all
    the same, so that it can be refused by what it is. `Y_FIRST_KEY` is not looked at.
    """
    # An empty list is a no, unless it is only a part of what was cut off.
    values = [value for value in found.values if value or not found.cut_off]
    return [box for value in values for box in _boxes(value)] or _boxes_in_words(text)


def _boxes(value: Any) -> list[Proposal]:
    if isinstance(value, list):
        if not value:
            return [None]
        if _is_no(value):
            return [None]
        if numbers := numbers_of(value):
            return [numbers] if len(numbers) == 4 else []
        return [box for item in value for box in _boxes(item)]
    if not isinstance(value, dict):
        return []
    for key in _BOX_KEYS:
        if key in value:
            return _boxes_of_key(value[key])
    if corners := _named_corners(value):
        return [corners]
    if not is_true(value, "present"):
        return [None]
    many = next((value[key] for key in _MANY_KEYS if key in value), None)
    if isinstance(many, list):
        return _boxes(many)
    # Of other lists in an object nothing says that their numbers are a box, unless it has no other.
    if value and all(_names_box(key, item) for key, item in value.items()):
        return [box for item in value.values() for box in _boxes_of_key(item)]
    inner = [item for item in value.values() if isinstance(item, dict)]
    return [box for item in inner for box in _boxes(item)]


def _names_box(key: Any, value: Any) -> bool:
    """Whether ``{"red mug": [x1, y1, x2, y2]}`` names an object and its box."""
    words = isinstance(key, str) and any(map(str.isalpha, key)) and key.casefold() not in _NO_BOXES
    return words and isinstance(value, list) and len(value) == 4 and key != Y_FIRST_KEY


def _is_no(value: list[Any]) -> bool:
    """Whether a list stands for no box: of nulls, of zeros, or of one negative number."""
    if len(value) not in (1, 2, 4) or any(isinstance(item, (list, dict)) for item in value):
        return False
    if all(item is None for item in value):
        return True
    numbers = numbers_of(value) or []
    return len(numbers) == 4 and len(set(numbers)) == 1 and numbers[0] <= 0


def _boxes_of_key(value: Any) -> list[Proposal]:
    if value is None or value in ([], {}) or (isinstance(value, list) and _is_no(value)):
        return [None]
    if isinstance(value, str) and (not value.strip() or denies(value)):
        return [None]
    if isinstance(value, dict):
        corners = _named_corners(value)
        return [corners] if corners else (_boxes(value) or [[]])
    numbers = numbers_of(value)
    if numbers is not None:
        return [numbers]
    if isinstance(value, list) and all(isinstance(item, (list, dict)) for item in value):
        pairs = [numbers_of(item) or [] for item in value]
        if len(value) == 2 and all(len(pair) == 2 for pair in pairs):
            return [pairs[0] + pairs[1]]
        return [box for item in value for box in _boxes_of_key(item)]
    return [[]]


def _named_corners(value: dict[Any, Any]) -> list[float] | None:
    for names in _CORNERS:
        if all(name in value for name in names):
            return numbers_of([value[name] for name in names]) or []
    for names in _SIZES:
        if all(name in value for name in names):
            numbers = numbers_of([value[name] for name in names]) or []
            return (
                [*numbers[:2], numbers[0] + numbers[2], numbers[1] + numbers[3]] if numbers else []
            )
    return None


def y_first_proposals(found: Found) -> list[Proposal]:
    """What an answer proposes under `Y_FIRST_KEY`, turned to x first, in its order."""
    proposals: list[Proposal] = []
    for fields in objects_with(found.values, Y_FIRST_KEY):
        for numbers in _boxes_of_key(fields[Y_FIRST_KEY]):
            turned = numbers and len(numbers) == 4
            proposals.append(
                [numbers[place] for place in (1, 0, 3, 2)] if numbers and turned else numbers
            )
    return proposals


def _boxes_in_words(text: str) -> list[Proposal]:
    """Boxes of an answer without JSON: ``(x1,y1),(x2,y2)``, or nothing but four numbers."""
    text = spoken(text)
    pairs = [numbers_of(list(match.groups())) for match in _PAIRS.finditer(text)]
    if pairs:
        return [numbers or [] for numbers in pairs]
    alone = numbers_of(text.strip().rstrip("."))
    return [alone] if alone and len(alone) == 4 else []


def frame_box(
    numbers: list[float], scale_xy: tuple[float, float], frame_size: tuple[int, int]
) -> Array | str:
    """The box (4,) float32 in the frame's pixels, or what is wrong with ``numbers``.

    Corners may come in any order; what lies beyond the image is cut off. Numbers that are all
    shares of 1 are taken for shares of the image.

    Args:
        numbers: as written: x1, y1, x2, y2.
        scale_xy: the written x of the image's right edge and y of its bottom edge.
        frame_size: width and height in pixels.
    """
    if len(numbers) != 4:
        return f"the box has {len(numbers)} readable numbers and not 4."
    if max(map(abs, numbers)) > _MAX_COORDINATE:
        return f"the box {numbers} lies outside the image."
    written = np.array(numbers, np.float64)
    if (written >= 0).all() and (written <= 1).all() and (written % 1 != 0).any():
        scale_xy = (1.0, 1.0)
    shares = written / np.array([*scale_xy, *scale_xy])
    if shares.max() > 1 + _MAX_OVERSHOOT or shares.min() < -_MAX_OVERSHOOT:
        return f"the box {numbers} lies outside the image: it is written in another scale."
    box = ordered_box(*(shares * np.array([*frame_size, *frame_size])))
    area = float((box[2] - box[0]) * (box[3] - box[1]))
    if not area > 0 or not np.isfinite(box).all():
        return f"the box {numbers} is empty."
    inside = clip_box(box, width_px=frame_size[0], height_px=frame_size[1])
    if inside is None:
        return f"the box {numbers} lies outside the image."
    within = max(0.0, float(min(box[2], frame_size[0]) - max(box[0], 0))) * max(
        0.0, float(min(box[3], frame_size[1]) - max(box[1], 0))
    )
    if within / area < _MIN_INSIDE:
        return f"the box {numbers} lies mostly outside the image."
    return inside


def labels_of(values: tuple[Any, ...]) -> list[str]:
    """The labels of an answer's list of objects, in its order; "" for one that has none."""
    items: Any = values[0] if len(values) == 1 else list(values)
    if isinstance(items, dict):
        items = next((items[key] for key in _MANY_KEYS if key in items), [])
    if not isinstance(items, list):
        return []
    return [_label(item) for item in items]


def _label(item: Any) -> str:
    said = item.get("label", item.get("name", "")) if isinstance(item, dict) else ""
    return said if isinstance(said, str) else ""


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
    fields = first_with(values, _POINT_KEYS) or {}
    numbers = next((found for key in _POINT_KEYS if (found := numbers_of(fields.get(key)))), None)
    if numbers is None or len(numbers) != 2 or max(map(abs, numbers)) > _MAX_COORDINATE:
        return np.zeros((0, 2), np.float32)
    if y_first:
        numbers.reverse()
    point = (np.array(numbers) / np.array(scale_xy) * np.array(frame_size)).astype(np.float32)
    inside = bool((point >= box[:2]).all() and (point < box[2:]).all())
    return point[None] if inside else np.zeros((0, 2), np.float32)
