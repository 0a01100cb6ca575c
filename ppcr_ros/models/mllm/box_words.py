"""Words of an answer about the numbers beside them: whose box it is, and in which form."""

from __future__ import annotations

import re
from typing import Any

from ppcr_ros.models.mllm.denials import (
    begins_as_denial,
    is_nothing,
    offers_another,
    says_absent,
)
from ppcr_ros.models.mllm.json_answers import Found, denies, says_no_in_a_line, takes_back

_NO_BOX_WORDS = re.compile(
    r"\b(?:xywh|xyxy|yxyx|yxhw|cxcywh|[lt][lt]wh|xy|yx|wh|px|pixels?|percent(?:age)?|coords?|bbox|"
    r"coordinate|scores?|confidences?|probabilit(?:y|ies)|probs|logits|colou?rs?|rgba?|hsv|bgr|"
    r"quaternion|orientation|rotation|pose|angles?|sizes?|shape|resolution|dimensions?|width|height|"
    r"depth|points?|center|centre|corners?|polygon|contour|segmentation|times?(?:tamps?)?|steps?|"
    r"index|indices|ids?|range|limits|crop|margins?|padding|offset|destination|intrinsics|"
    r"3d|attributes|relations|keypoints?|axis|translation|vector|counts|scale|weights|"
    r"landmark|distractors?|background|y ?min|y1|rect)\b"
)
"""Words in a name that say that four numbers under it are no box, or not one as it was asked."""
_ANOTHER = re.compile(
    r"(?:nearest|closest|other|another|similar|alternatives?|reference|relation|relative|context|"
    r"anchor|near|next to|neighbou?rs?|excluded?|avoid|fallback|instead)"
    r"(?: (?:object|item|thing|match)s?)?"
)
"""Whole names of what is there besides the object that was asked for."""
_CORNERS_NAMED = re.compile(r"x ?1\W+y ?1\W+x ?2\W+y ?2|x ?min\W+y ?min\W+x ?max\W+y ?max")
_BESIDE = re.compile(
    r"\b(?:is|are|lies?|stands?|sits?|located|placed|found|seen)\b(?: \w+){0,4} "
    r"(?:(?:left|right|front|top|side) of|next to|close to|behind|beside|near|above|below|under|"
    r"between|by|on|in|inside) (?:(?:the|a|an|its|another|this|that) )(?!image\b|picture\b|photo\b)"
    r"(?!.*\b(?:is|are|at the|box|bbox|bounding|coordinates|position|image|picture|scene)\b)",
    re.IGNORECASE,
)
_FORM_KEYS = (
    "format", "unit", "units", "box_format", "bbox_format", "coordinate_system",
    "coordinate_format", "coordinates_format", "anchor", "order", "type", "mode", "normalized",
    "normalised", "is_normalized", "bbox_mode", "box_mode", "scale", "coordinates_are", "notation",
)  # fmt: skip
_COCO_KEYS = ("category_id", "iscrowd")
_OTHER_FORM = re.compile(r"wh(?![a-z])|width|cent(?:er|re)|percent|%|coco|yolo|\A100\Z", re.I)
_Y_FIRST = re.compile(r"(?<![a-z])yx|y_?(?:1|min)\W{0,2}x_?(?:1|min)", re.IGNORECASE)
_X_FIRST = re.compile(r"(?<![a-z])xy|x_?(?:1|min)\W{0,2}y_?(?:1|min)", re.IGNORECASE)
_X_FIRST_SAID = re.compile(r"\bxyxy\b|\bx_?(?:1|min)\W{1,3}y_?(?:1|min)\b", re.IGNORECASE)
_PIXELS_SAID = re.compile(
    r"\bin (?:absolute |image )?(?:pixels?|px)\b|\bpixel (?:coordinates|values|units)\b|"
    r"\babsolute (?:pixel )?(?:coordinates|values)\b|"
    r"\bpercent(?:ages?)? of (?:the )?(?:image|width)",
    re.IGNORECASE,
)
_SHARES_SAID = re.compile(r"\bnormali[sz]ed\b|\b0\W{1,4}(?:to\W)?1(?:000)?\b", re.IGNORECASE)
_Y_FIRST_SAID = re.compile(r"\byxyx\b|\by_?(?:1|min)\W{1,3}x_?(?:1|min)\b", re.IGNORECASE)
_SIZE_SAID = re.compile(
    r"\bc?x(?:c|_?center|_?min|1)?\W{1,3}c?y(?:c|_?center|_?min|1)?\W{1,3}w(?:idth)?\W{1,3}h(?:eight)?\b"
    r"|\bx ?y ?w ?h\b|\bcxcywh\b|\b(?:is|are) (?:the|its) (?:width|height)\b",
    re.IGNORECASE,
)
_PIXELS = re.compile(r"pixel|\bpx\b|absolute|(?<![a-z])abs\b", re.IGNORECASE)
_SHARES = re.compile(r"normali[sz]ed|relative|\b0\W{1,4}(?:to\W)?1(?:000)?\b", re.IGNORECASE)
_LABEL_KEYS = (
    "label", "name", "status", "answer", "result", "object", "category", "class", "class_name",
    "title", "phrase", "caption",
)  # fmt: skip
_NAME_OF_ANOTHER = re.compile(
    r"(?:not (?:an?|the)|none of|wrong (?:one|object|item))\b", re.IGNORECASE
)
_NOTE_KEYS = ("error", "message", "note", "notes")


def may_name_box(name: Any) -> bool:
    """Whether a key of an object may be the name of a thing whose box stands under it."""
    if (
        not isinstance(name, str)
        or len(name) > 160
        or not any(map(str.isalpha, name))
        or name == "box_2d"
    ):
        return False
    words = name.casefold().replace("_", " ")
    if _CORNERS_NAMED.fullmatch(words):
        return True
    return not (_NO_BOX_WORDS.search(words) or _ANOTHER.fullmatch(words) or _BESIDE.search(words))


def is_beside(words: str) -> bool:
    """Whether words before a box end with another object than the one that they are about.

    >>> is_beside("The mug is to the left of the plate")
    True
    >>> is_beside("The mug left of the plate is at")
    False
    """
    return _BESIDE.search(words) is not None


def objection(found: Found, coordinates: str, *, y_first: bool) -> str:
    """What the words around an answer's boxes say against them; empty where nothing does.

    Args:
        found: the JSON of the answer and its words.
        coordinates: what the family's numbers mean, in words.
        y_first: whether the family writes y first.
    """
    talk = found.talk
    if denies(talk) or says_no_in_a_line(talk):
        return "it says in words that the object is not there, and gives a box."
    if offers_another(talk):
        return "it says in words that it has another object than the one asked for."
    if takes_back(found.after):
        return f"it doubts its box: {found.after.strip()!r:.60}."
    in_pixels = _PIXELS.search(coordinates) is not None
    order = _X_FIRST_SAID if y_first else _Y_FIRST_SAID
    forms = (_SIZE_SAID, order, _SHARES_SAID if in_pixels else _PIXELS_SAID)
    form = next((said.group() for known in forms if (said := known.search(talk))), "")
    return f"the box is said to be of another form: {form!r:.40}." if form else ""


def speaks_against(fields: dict[Any, Any]) -> bool:
    """Whether a text in an object says that it is about another object than the asked, or none."""
    texts = [value for value in fields.values() if isinstance(value, str)]
    return any(begins_as_denial(text) or offers_another(text) for text in texts)


def is_another(name: str) -> bool:
    """Whether a name is that of another object than the one that was asked for.

    >>> is_another("closest match"), is_another("not the mug"), is_another("other mug")
    (True, True, False)
    """
    name = name.strip().casefold()
    if name == "anchor":  # a thing, too
        return False
    return bool(_NAME_OF_ANOTHER.match(name) or _ANOTHER.fullmatch(name))


def contradiction(fields: dict[Any, Any], coordinates: str, *, y_first: bool) -> str:
    """What in an object contradicts the box in it; empty where nothing does.

    Args:
        fields: the object, all keys in lower case.
        coordinates: what the family's numbers mean, in words.
        y_first: whether the family writes y first.
    """
    if speaks_against(fields) or any("instead" in str(key) for key in fields):
        return "it says that it has not the object asked for, and gives a box."
    if any(is_another(fields[key]) for key in _LABEL_KEYS if isinstance(fields.get(key), str)):
        return "it calls what is in the box another object than the one asked for."
    for key in (*_LABEL_KEYS, *_NOTE_KEYS):
        value = fields.get(key)
        if not isinstance(value, str) or not says_absent(value):
            continue
        if key in _LABEL_KEYS or not is_nothing(value):  # a note may be "none"
            return "it says that the object is not there, and gives a box."
    if any(key in fields for key in _COCO_KEYS):
        return "the box is written as in COCO, where width and height come last."
    in_pixels = _PIXELS.search(coordinates) is not None
    for key in _FORM_KEYS:
        form = str(fields.get(key, ""))
        forms = (_OTHER_FORM, _X_FIRST if y_first else _Y_FIRST, _SHARES if in_pixels else _PIXELS)
        other = any(known.search(form) for known in forms)
        if "normal" in key and form.casefold() in ("true", "false"):
            other = (form.casefold() == "true") is in_pixels
        if other:
            return f'the box is said to be of another form: "{key}" is {form!r:.40}.'
    return ""
