"""Boxes and points in the JSON that an MLLM wrote, and in the frame's pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ppcr_ros.core.boxes import clip_box, ordered_box
from ppcr_ros.core.types import Array
from ppcr_ros.models.mllm.box_words import contradiction, is_beside, may_name_box, objection
from ppcr_ros.models.mllm.json_answers import (
    Found,
    denies,
    is_present,
    numbers_of,
    spoken,
)
from ppcr_ros.models.mllm.loose_json import plain_signs

Proposal = list[float] | None | str
"""The numbers written for a box, x first, however many; None for an explicit no; or what is wrong
with it."""

_BOX_KEYS = ("bbox_2d", "bbox", "box", "bounding_box", "bounding box", "bndbox", "coordinates")
Y_FIRST_KEY = "box_2d"
"""Gemini's and Gemma's key: y1, x1, y2, x2. Of another family nobody can say what it means."""
_TARGET_KEYS = ("target", "object", "match", "answer", "result")
_ANSWER_KEYS = ("answer", "final answer", "final_answer", "final")
_MANY_KEYS = ("objects", "detections", "boxes", "bboxes", "results", "instances")
_CORNERS = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"),
)
_SIZES = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
_MIDDLES = (
    ("cx", "cy", "w", "h"),
    ("x_center", "y_center", "width", "height"),
    ("center_x", "center_y", "width", "height"),
)
_CORNER_POINTS = (("top_left", "bottom_right"), ("upper_left", "lower_right"), ("min", "max"))
_PAIR = r"\(\s*-?[\d.]+\s*,\s*-?[\d.]+\s*\)"
_PAIRS = re.compile(rf"{_PAIR}(?:\s*,?\s*{_PAIR})+")
_LOOKS_CLOSER = re.compile(
    r"(?:\"(?:name|tool|function|action)\"\s{0,9}:\s{0,9}\"|<function=)[a-z_]{0,30}"
    r"(?:zoom(?! lens)|crop_|_crop|crop(?=[\"<>]))",
    re.IGNORECASE,
)
"""The name of a tool that shows a part of the image larger: its box is no object's."""
MAX_COORDINATE = 1e6
"""Of numbers that can be meant at all."""
_MAX_OVERSHOOT = 0.1
"""Models overshoot the image's edge a little (476 of 448 pixels); more is another scale."""
_MIN_INSIDE = 0.25
"""A box of which less lies in the image is taken for one in another scale."""


def box_proposals(
    found: Found,
    text: str,
    *,
    y_first: bool = False,
    coordinates: str = "",
    cut_off: bool = False,
) -> list[Proposal]:
    """What an answer proposes as boxes, in its order.

    What is not four numbers is proposed all the same, so that it can be refused by what it is.

    Args:
        found: the JSON of the answer.
        text: the answer itself, for one without JSON.
        y_first: whether the family's boxes stand under `Y_FIRST_KEY`; of another list nobody can
            say which of its numbers comes first.
        coordinates: what the family's numbers mean, in words.
        cut_off: whether the answer ended at a limit.
    """
    reader = _Reader(y_first, coordinates, found.cut_off or cut_off)
    # An empty list is a no, unless it is only a part of what was cut off.
    values = [value for value in found.values if value or not found.cut_off]
    values = [value for value in values if _is_the_answer(value)] or values
    if any(reader.has_key(value) for value in values):  # names are looked at where there is no key
        values = [value for value in values if not _names_boxes(value)]
    each = [boxes for value in values if (boxes := reader.boxes(value))]
    proposals = [box for boxes in each for box in boxes] or reader.in_words(text)
    if any(box is not None for box in proposals):
        if any(set(boxes) == {None} for boxes in each if all(box is None for box in boxes)):
            return ["it says that the object is not there, and gives a box."]
        said = spoken(text)
        if _LOOKS_CLOSER.search(said):
            return ["it asks to look closer, and gives no answer."]
        if not each:
            found = replace(found, after=said.rpartition(")")[2])
        if wrong := objection(found, coordinates, y_first=y_first):
            return [wrong]
    return proposals


@dataclass(frozen=True)
class _Reader:
    """Finds the boxes in values, for a family whose boxes have x or y first."""

    y_first: bool
    coordinates: str
    cut_off: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return (Y_FIRST_KEY, *_BOX_KEYS) if self.y_first else (*_BOX_KEYS, Y_FIRST_KEY)

    def has_key(self, value: Any) -> bool:
        if isinstance(value, list):
            return any(map(self.has_key, value))
        return isinstance(value, dict) and any(key in value for key in self.keys)

    def boxes(self, value: Any) -> list[Proposal]:
        if isinstance(value, list):
            if not value or _is_no(value):
                return [None]
            if numbers := numbers_of(value):
                return [self._ordered(numbers, "")] if len(numbers) == 4 else []
            each = [self.boxes(item) for item in value]
            alike = len({_label(item) for item in value}) == 1  # a null and then the box
            return (not alike and _one_has_none(each)) or [box for boxes in each for box in boxes]
        if not isinstance(value, dict):
            return []
        key = next((key for key in self.keys if key in value), None)
        found = self._named_corners(value)
        if key is not None or found:
            proposals = found if key is None else self._of_key(value[key], key)
            inside = value[key] if key is not None and isinstance(value[key], dict) else {}
            return self._drop_contradicted({**inside, **value}, proposals)
        if not is_present(value):
            return [None]
        many = next((value[key] for key in _MANY_KEYS if key in value), ())
        if many is None or (isinstance(many, str) and denies(many)):
            return [None]
        if isinstance(many, list):
            return self.boxes(many)
        # Of other lists in an object nothing says that their numbers are a box, unless it has no
        # other.
        if _names_boxes(value):
            return [box for name, item in value.items() for box in self._of_key(item, name)]
        inner = [
            item for name, item in value.items() if isinstance(item, dict) and may_name_box(name)
        ]
        each = [self.boxes(item) for item in inner]
        each += [[None] for name in _TARGET_KEYS if value.get(name, 0) in (None, [], {})]
        return _one_has_none(each) or [box for boxes in each for box in boxes]

    def _drop_contradicted(
        self, value: dict[Any, Any], proposals: list[Proposal]
    ) -> list[Proposal]:
        """``proposals`` of an object, unless something else in it contradicts them."""
        if all(box is None for box in proposals):
            return proposals
        if not is_present(value):
            return ["it says that the object is not there, and gives a box."]
        wrong = contradiction(value, self.coordinates, y_first=self.y_first)
        return [wrong] if wrong else proposals

    def _ordered(self, numbers: list[float], key: str) -> Proposal:
        """Four numbers that were written under ``key``, x first."""
        if len(numbers) != 4:
            return numbers
        if _stands_for_none(numbers):
            return None
        if self.y_first is (key == Y_FIRST_KEY):
            return [numbers[place] for place in (1, 0, 3, 2)] if self.y_first else numbers
        if self.y_first:
            where = f'under "{key}"' if key else "without a name"
            return f'the box is written {where}, where x may come first; expected "{Y_FIRST_KEY}".'
        return f'the box is written under "{Y_FIRST_KEY}", where y usually comes first.'

    def _of_key(self, value: Any, key: str) -> list[Proposal]:
        if value is None or value in ([], {}) or value is False or value == -1:
            return [None]
        if isinstance(value, list) and _is_no(value):
            return [None]
        if isinstance(value, str) and (not value.strip(" []()") or denies(value)):
            return [None]
        if isinstance(value, dict):
            return self._named_corners(value) or self.boxes(value) or [[]]
        numbers = numbers_of(value)
        if numbers is not None:
            return [self._ordered(numbers, key)]
        if isinstance(value, str) and (pairs := _PAIRS.findall(value)):
            return [self._ordered(_numbers_in(run), key) for run in pairs]
        if isinstance(value, list) and all(isinstance(item, (list, dict)) for item in value):
            pairs = [_point(item) for item in value]
            if len(value) == 2 and all(len(pair) == 2 for pair in pairs):
                return [self._ordered(pairs[0] + pairs[1], key)]
            return [box for item in value for box in self._of_key(item, key)]
        if isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
            return ["one of its objects has no box, and another one has."]
        return [[]]

    def _named_corners(self, value: dict[Any, Any]) -> list[Proposal]:
        """The box of an object with a number for each side; none where it has none."""
        for names in (*_CORNERS, *_SIZES, *_MIDDLES):
            if all(name in value for name in names):
                written = [value[name] for name in names]
                return [None] if _is_no(written) else [_of_sides(numbers_of(written), names)]
        for pair in _CORNER_POINTS:
            if all(name in value for name in pair):
                points = [number for name in pair for number in _point(value[name])]
                if any(isinstance(value[name], list) for name in pair):
                    return [self._ordered(points, Y_FIRST_KEY if self.y_first else "")]
                return [None] if _stands_for_none(points) else [points]
        return []

    def in_words(self, text: str) -> list[Proposal]:
        """Boxes of an answer without JSON: ``(x1,y1),(x2,y2)``, or nothing but four numbers."""
        text = plain_signs(spoken(text))
        if runs := list(_PAIRS.finditer(text)):
            if any(is_beside(text[max(run.start() - 160, 0) : run.start()]) for run in runs):
                return []
            return [self._ordered(_numbers_in(run.group()), "") for run in runs]
        alone = _ALONE.fullmatch(text.strip())
        numbers = numbers_of(alone["numbers"]) if alone and not self.cut_off else None
        return [self._ordered(numbers, "")] if numbers and len(numbers) == 4 else []


_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
_ALONE = re.compile(
    r"(?:```\w*|<b?box>|<answer>)?\s{0,9}"
    r"(?:\W{0,3}(?:the |its )?(?:bbox(?:_2d)?|bounding[ _]box|box|coordinates|answer)"
    r"[^\w(-]{0,3}(?:is |are )?[^\w(-]{0,3})?"
    r"(?P<open>\()?(?P<numbers>[-\d.,;\s]{7,80})(?(open)\))[\s.]{0,9}(?:```|</b?box>|</answer>)?",
    re.IGNORECASE,
)
"""Nothing but numbers, with a name before them at most."""


def _numbers_in(text: str) -> list[float]:
    return [float(number) for number in _NUMBERS.findall(text)]


def _is_the_answer(value: Any) -> bool:
    """Whether a value stands behind "Answer:", as none of an answer's examples does."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _ANSWER_KEYS


def _of_sides(numbers: list[float] | None, names: tuple[str, ...]) -> list[float]:
    """x1, y1, x2, y2 of the numbers of an object's sides; empty where they are none."""
    if not numbers or names in _CORNERS:
        return numbers or []
    x, y, width, height = numbers
    if names in _MIDDLES:
        x, y = x - width / 2, y - height / 2
    return [x, y, x + width, y + height]


def _point(value: Any) -> list[float]:
    if isinstance(value, dict):
        value = [value.get("x"), value.get("y")]
    return numbers_of(value) or []


def _names_boxes(value: Any) -> bool:
    """Whether ``{"red mug": [x1, y1, x2, y2]}`` names objects and their boxes, and no more."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(
            isinstance(item, list) and len(item) == 4 and may_name_box(name)
            for name, item in value.items()
        )
        and not any(name in _BOX_KEYS for name in value)
    )


def _one_has_none(each: list[list[Proposal]]) -> list[Proposal]:
    """What is wrong where one of several objects has no box, and another one has."""
    if [None] in each and any(box is not None for boxes in each for box in boxes):
        return ["one of its objects has no box, and another one has."]
    return []


def _is_no(value: list[Any]) -> bool:
    """Whether a list stands for no box: of nulls, of zeros, or of one negative number."""
    if len(value) not in (1, 2, 4) or any(isinstance(item, (list, dict)) for item in value):
        return False
    if all(item is None or item is False or _says_no(item) for item in value):
        return True
    return value[0] == -1 if len(value) == 1 else _stands_for_none(numbers_of(value) or [])


def _says_no(item: Any) -> bool:
    return isinstance(item, str) and denies(item)


def _stands_for_none(numbers: list[float]) -> bool:
    """Whether a box is of zeros, or of one negative number."""
    return len(numbers) == 4 and len(set(numbers)) == 1 and numbers[0] <= 0


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
    if max(map(abs, numbers)) > MAX_COORDINATE:
        return f"the box {numbers} lies outside the image."
    written = np.array(numbers, np.float64)
    if (written >= 0).all() and (written <= 1).all():
        if not (written % 1 != 0).any():
            return f"the box {numbers} can be read in two scales."
        scale_xy = (1.0, 1.0)
    broken = int((written % 1 != 0).sum())
    if broken >= 2 and 1 < written.max() <= 100 and scale_xy[0] > 100:
        return f"the box {numbers} can be read in percent."
    if written.min() < 0 and (written[2] < written[0] or written[3] < written[1]):
        return f"the box {numbers} has no two corners."
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
    label = item.get("label", item.get("name", "")) if isinstance(item, dict) else ""
    return label if isinstance(label, str) else ""
