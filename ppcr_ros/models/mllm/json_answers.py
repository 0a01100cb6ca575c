"""Reading what MLLMs write for JSON: fenced, with prose around it, in Python's spelling.

What is cut off is not completed: half a number is another number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ppcr_ros.models.mllm.confidence import Span
from ppcr_ros.models.mllm.denials import is_nothing, says_absent
from ppcr_ros.models.mllm.loose_json import comments_in, decoded, matching_end, plain_signs

MAX_CHARS = 20_000
"""No answer is longer; what lies beyond is not read."""
_MAX_STARTS = 64
_PLAIN = str.maketrans("\u201c\u201d\uff02\u2018\u2019\u00a0\u2009\u3000", '"""\'\'   ')
_NO = re.compile(
    r"\W*(?:f|n|0|falsch|falso|falsa|faux|fausse|no\b(?! (?:doubt|question)).*|"
    r"not\b(?! (?:fully|entirely|clearly)).*|否|不|不是|不在|いいえ|ない)\W*",
    re.IGNORECASE | re.DOTALL,
)
_TAGS = r"think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|seed:think"
_BEGINS = r"<\|begin_of_thought\|>|<\|START_THINKING\|>|<unused94>"
_ENDS = r"<\|end_of_thought\|>|<\|END_THINKING\|>|<unused95>"
_THOUGHT = re.compile(
    rf"<\|?(?:{_TAGS})\s{{0,9}}\|?>|\[THINK\]|◁think▷|<\|channel>|<\|channel\|>analysis|{_BEGINS}",
    re.IGNORECASE,
)
_THOUGHT_ENDS = re.compile(
    rf"<\|?/(?:{_TAGS})\s{{0,9}}\|?>|\[/THINK\]|◁/think▷|<channel\|>|"
    rf"<\|channel\|>final<\|message\|>|{_ENDS}",
    re.IGNORECASE,
)
_QUOTED_KEY = re.compile(r"""(["'])(?P<key>(?:\\.|(?!\1).){1,80})\1\s*[:=]\s*\Z""", re.S)
_PLAIN_KEY = re.compile(r"(?P<key>[^.;:!?\n{}\[\]<>|]{1,120}?)[^\w\n]{0,4}?[:=]?[ \t`*\"'(]*\Z")
_DETAILS = re.compile(
    r"occlu|obstruct|hid|relation|attribut|note|extent|other|comment|ambigu|issue|problem|error|"
    r"destination|point|part|warning",
    re.IGNORECASE,
)
"""Names of lines in which "none" does not speak of the object."""
_CONDITION = re.compile(r"\bif (?:[\w']+ ){1,5}(?:visible|present|found|seen|there)\b", re.I)
_TAKES_BACK = re.compile(
    r"(?:\A|[.!?\n(])\W*(?:(?:no,? )?wait|actually|hmm+|oops|correction|on second thought|"
    r"let me (?:re|look again|correct|fix)|i (?:made a mistake|apologi[sz]e|was wrong))",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\b(?:several|multiple|many|ambiguous|more than one|two|three|four|[2-9])\b", re.IGNORECASE
)
_MARKUP = re.compile(r"```[a-z]*|</?[a-z_|]{1,20}>", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d{1,15}(?:\.\d{1,15})?(?![\w.]*\d)")


@dataclass(frozen=True)
class Found:
    """Values read from an answer.

    Attributes:
        values: the JSON objects and lists of the answer, in its order. One that stands in what
            could not be read itself, or behind words, is an object with the key before it.
        cut_off: whether the answer ends inside one that was begun.
        talk: what stands around them, and in comments.
        after: the part of it behind the last of them.
    """

    values: tuple[Any, ...]
    cut_off: bool
    talk: str = ""
    after: str = ""


def spoken(text: str) -> str:
    """The answer without a thinking model's thoughts, typographic quotes made straight.

    Empty where the last thoughts never ended: what they weigh up is no answer.
    """
    ends = list(_THOUGHT_ENDS.finditer(text))
    said = text[ends[-1].end() if ends else 0 :]
    return "" if _THOUGHT.search(said) else said[:MAX_CHARS].translate(_PLAIN)


def read_json(text: str) -> Found:
    """All JSON objects and lists that stand in ``text``, which may hold anything."""
    text = plain_signs(spoken(text))
    values: list[Any] = []
    talk: list[str] = []
    position, consumed, tries, cut_off = 0, 0, 0, False
    while tries < _MAX_STARTS and (start := _next_bracket(text, position)) is not None:
        tries += 1
        end = matching_end(text, start)
        value = None if end is None else decoded(text[start:end])
        if end is None or value is None:
            # Prose may hold a lone bracket: look for whole values behind it.
            cut_off, position = cut_off or end is None, start + 1
            continue
        values.append(_under_its_key(value, text[position:start]))
        talk += [text[consumed:start], *comments_in(text[start:end])]
        position = consumed = end
    after = text[consumed:] if values else ""
    return Found(tuple(values), cut_off, " ".join([*talk, text[consumed:]]), after)


def _under_its_key(value: Any, before: str) -> Any:
    """``value``, in an object with the key or the words that stand before it, if any do."""
    before = before[-160:]
    if key := _QUOTED_KEY.search(before):
        return {key["key"]: value}
    if not isinstance(value, list) or any(isinstance(item, (dict, list)) for item in value):
        return value
    key = _PLAIN_KEY.search(before)
    words = key["key"].strip(" \t\"'`*,-") if key else ""
    return {words: value} if any(map(str.isalpha, words)) else value


def folded(value: Any) -> Any:
    """A JSON value with all keys in lower case; of those that are then the same the first."""
    if isinstance(value, list):
        return [folded(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields: dict[Any, Any] = {}
    for key, item in value.items():
        fields.setdefault(key.strip().casefold() if isinstance(key, str) else key, folded(item))
    return fields


def _next_bracket(text: str, position: int) -> int | None:
    found = re.compile(r"[{\[]").search(text, position)
    return found.start() if found else None


def denies(text: str) -> bool:
    """Whether an answer in words says that there is no such object."""
    return says_absent(_MARKUP.sub(" ", spoken(text))[:400])


def says_no_in_a_line(talk: str) -> bool:
    """Whether a line around an answer's values is "none", such as behind "Answer:" or a name."""
    lines = [line.rpartition(":") for line in _MARKUP.sub(" ", talk).strip().splitlines()]
    return any(is_nothing(said) and not _DETAILS.search(name) for name, _, said in lines)


def takes_back(after: str) -> bool:
    """Whether what follows an answer's values doubts them: "Wait, that is the plate."."""
    return _TAKES_BACK.search(_MARKUP.sub(" ", after)) is not None


def quotes_condition(talk: str) -> bool:
    """Whether the words around an answer's values say when they would be the answer.

    >>> quotes_condition("If it is not visible, answer")
    True
    """
    return _CONDITION.search(talk) is not None


def first_with(values: Iterable[Any], keys: Iterable[str]) -> dict[Any, Any] | None:
    """The first object among ``values``, and in the lists among them, that has one of ``keys``."""
    keys = tuple(keys)
    return next((found for found in objects_in(values) if any(key in found for key in keys)), None)


def objects_in(values: Iterable[Any]) -> list[dict[Any, Any]]:
    """The objects among ``values``, and in the lists among them."""
    return [found for value in values for found in _objects(value)]


def _objects(value: Any) -> list[dict[Any, Any]]:
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return [found for item in value for found in _objects(item)]
    return []


def is_true(fields: dict[Any, Any], key: str) -> bool:
    """What an object's ``key`` says, such as "present"; True where it has none."""
    return _true(fields.get(key, True))


def _true(value: Any) -> bool:
    if isinstance(value, dict) and (len(value) == 1 or "value" in value):
        return _true(value.get("value", next(iter(value.values()))))
    if isinstance(value, list) and value:  # several numbers are a place
        told = value if len(value) == 1 else [n for n in value if isinstance(n, (bool, str))]
        return all(map(_true, told))
    if isinstance(value, str):
        value = value.strip()
        return not (_NO.fullmatch(value) or is_nothing(value) or says_absent(value))
    return value is None or bool(value)


_PRESENT_KEYS = (
    *(
        about + said
        for about in ("", "is_", "object_", "target_", "item_")
        for said in ("present", "visible", "found", "exists", "in_image", "in_view", "detected")
    ),
    "has_object", "has_target", "visibility",
)  # fmt: skip
_ABSENT_KEYS = (
    "absent", "missing", "not_present", "not_found", "not_visible", "is_absent", "no_object",
    "no_match", "none_found", "nothing_found", "not_in_image", "not_detected",
)  # fmt: skip
_MATCH_KEYS = ("match", "is_match", "matches", "matched", "exact_match")
PRESENCE_KEYS = (*_PRESENT_KEYS, *_ABSENT_KEYS)


def is_present(fields: dict[Any, Any]) -> bool:
    """Whether none of an object's keys says that what it is about is not there."""
    if any(str(fields.get(key)).strip().casefold() in ("true", "yes") for key in _ABSENT_KEYS):
        return False
    if isinstance(status := fields.get("status"), str) and says_absent(status):
        return False
    told = [key for key in _MATCH_KEYS if isinstance(fields.get(key), (bool, str))]
    return all(is_true(fields, key) for key in (*_PRESENT_KEYS, *told))


def is_unique(fields: dict[Any, Any]) -> bool:
    """Whether no key of an object says that several things fit."""
    if any(fields.get(key) is True for key in ("ambiguous", "is_ambiguous", "multiple")):
        return False
    said = fields.get("unique")
    if (isinstance(said, str) and _SEVERAL.search(said)) or (isinstance(said, int) and said > 1):
        return False
    return is_true(fields, "unique")


def numbers_of(value: Any) -> list[float] | None:
    """The finite numbers of a list, or of a string that lists them; None where it is neither."""
    if isinstance(value, str):
        value = value.strip(" []()")
        parts: list[Any] = [part for part in re.split(r"[\s,;]+", value) if part]
    elif isinstance(value, (list, tuple)):
        parts = list(value)
    else:
        return None
    numbers = [_number(part) for part in parts]
    return (
        None if any(number is None for number in numbers) else [n for n in numbers if n is not None]
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def number_spans(text: str, numbers: list[float]) -> list[Span]:
    """Where ``numbers`` stand next to each other in ``text``, each without its last digit.

    The last digit of a coordinate says less than a hundredth of the image; its probability is
    shared between neighbours however sure the model is.
    """
    found = list(NUMBER.finditer(text))
    values = [float(match.group()) for match in found]
    for first in range(len(found) - len(numbers) + 1):
        if values[first : first + len(numbers)] == numbers:
            return [_leading_digits(match) for match in found[first : first + len(numbers)]]
    return []


def _leading_digits(match: re.Match[str]) -> Span:
    whole = match.group().partition(".")[0]
    return match.start(), match.start() + max(len(whole) - 1, 1)


def string_spans(text: str, values: list[str]) -> list[Span]:
    """Where each of ``values`` first stands in ``text``; those that do not are left out."""
    starts = [(text.find(value), len(value)) for value in values if value]
    return [(start, start + length) for start, length in starts if start >= 0]
