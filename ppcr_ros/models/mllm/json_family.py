"""Base of the families that answer in JSON: the questions and the readers.

A family adds the name of its models and the scale of its coordinates.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ppcr_ros.core.command import readable
from ppcr_ros.core.errors import PromptParseError, TargetNotFound
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Array, Intent, SemanticPrompt, SpatialPrompt
from ppcr_ros.models.mllm.box_words import is_another, speaks_against
from ppcr_ros.models.mllm.confidence import span_confidence
from ppcr_ros.models.mllm.denials import (
    describes_absence,
    is_nothing,
    offers_another,
    says_absent,
)
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.mllm.json_answers import (
    PRESENCE_KEYS,
    Found,
    denies,
    first_with,
    folded,
    is_present,
    is_unique,
    number_spans,
    objects_in,
    read_json,
    spoken,
    string_spans,
    takes_back,
)
from ppcr_ros.models.mllm.json_boxes import box_proposals, frame_box, labels_of
from ppcr_ros.models.mllm.json_points import destination_box, misplaced_point, points_in_box
from ppcr_ros.models.mllm.json_turns import (
    DIRECT,
    DIRECT_FORM,
    LIKELY_BEGINNING,
    REPAIR,
    SEMANTIC,
    SEMANTIC_FORM,
    SYSTEM,
    VERIFICATION,
    as_data,
    as_json,
    candidates_question,
    spatial_question,
    y_first_question,
)
from ppcr_ros.models.mllm.unanswered import why_no_answer

_CATEGORY_KEYS = ("category", "object", "label", "name", "target")
_INTENTS = {
    Intent.FIND: re.compile(r"\bfind\b|\blocate\b", re.IGNORECASE),
    Intent.PROHIBITION: re.compile(
        r"prohibit|forbid|avoid|\bdo not\b|\bdon't\b|\bnever\b|leave alone|禁止|verbot",
        re.IGNORECASE,
    ),
    Intent.NOTHING: re.compile(r"\b(?:nothing|none|no intent|no request)\b", re.IGNORECASE),
}
_MAX_TALK_CHARS = 80
"""A longer talk before the JSON of an answer that was cut off is taken for thinking aloud."""
_MAX_CATEGORY_CHARS = 100
"""A longer name is of a model that repeats itself without end."""
_EMPTY_WORDS = frozenset({"", "unknown", "unclear", "-", "..."})
_SAID = re.compile(r"(?:present|unique)['\"]?\s*:\s*['\"]?(\w+)", re.IGNORECASE)


class JsonFamily(MllmFamily):
    """A family that is asked for JSON and grounds with ``bbox_2d``."""

    reads_intents: ClassVar[bool] = True
    system: ClassVar[str] = SYSTEM

    coordinates: ClassVar[str]
    """What the numbers mean, in words for the model."""

    y_first: ClassVar[bool] = False
    """Whether a box under ``box_2d`` is y1, x1, y2, x2, as Gemma was trained to write it."""

    @abstractmethod
    def full_scale(self, answer: Answer) -> tuple[float, float]:
        """The x of the image's right edge and the y of its bottom edge in the answer's numbers."""

    def semantic_turn(self, command: str) -> Turn:
        text = SEMANTIC.format(command=as_data(command))
        return Turn(text, SEMANTIC_FORM, expected=LIKELY_BEGINNING)

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        return self._with_own_keys(spatial_question(semantic, self.coordinates))

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn:
        return self._with_own_keys(candidates_question(semantic, self.coordinates))

    def direct_turn(self, command: str) -> Turn:
        asked = DIRECT.format(command=as_data(command), coordinates=self.coordinates)
        return self._with_own_keys(Turn(asked, DIRECT_FORM))

    def _with_own_keys(self, turn: Turn) -> Turn:
        """``turn`` with the box's key and the order of its numbers as the family writes them."""
        return y_first_question(turn) if self.y_first else turn

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        return replace(turn, text=REPAIR.format(error=error))

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> Turn:
        size = np.array([width_px, height_px, width_px, height_px], np.float64)
        left, top, right, bottom = np.rint(100 * box_xyxy_px / size).astype(int).tolist()
        asked = VERIFICATION.format(
            left=left, top=top, right=right, bottom=bottom, semantic=as_json(semantic)
        )
        return Turn(asked)

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        found = _read(answer, "semantic", "max_new_tokens_semantic")
        fields = first_with(found.values, (*_CATEGORY_KEYS, "intent", *PRESENCE_KEYS))
        if fields is None:
            if _is_denied(found, answer):
                _check_is_answer(found, answer, "semantic")
                return self._absent_prompt(answer, readable(spoken(answer.text)))
            raise _unreadable(
                "semantic", answer, found, 'an object with "category"', "max_new_tokens_semantic"
            )
        _check_one_object(found, answer)
        intent = _intent(fields.get("intent"), answer)
        present = is_present(fields) and intent is Intent.FIND
        if not present:
            _check_is_answer(found, answer, "semantic")
        ambiguous = present and not is_unique(fields)
        names = [_phrase(fields.get(key)) for key in _CATEGORY_KEYS]
        named = [n for n in names if len(n) <= _MAX_CATEGORY_CHARS and any(map(str.isalpha, n))]
        category = named[0] if named else ""
        attributes = _phrases(fields.get("attributes"))
        relations = _phrases(fields.get("relations"))
        description = _phrase(fields.get("description"))
        if not category:
            if not present:
                return self._absent_prompt(answer, description or "no such object", intent)
            raise PromptParseError(
                f'"category" is {fields.get("category")!r:.60}; expected a noun, such as "cup".',
                answer.text,
            )
        if present:
            _check_is_present(found, fields, category, answer)
        spans = string_spans(answer.text, [category, *attributes, *relations])
        spans += [match.span(1) for match in _SAID.finditer(answer.text)]
        return SemanticPrompt(
            text=description or ", ".join((" ".join((*attributes, category)), *relations)),
            category=category,
            attributes=attributes,
            relations=relations,
            confidence=span_confidence(answer, spans),
            present=present,
            ambiguous=ambiguous,
            embedding=answer.hidden_states,
            intent=intent,
            part=_phrase(fields.get("part")),
            quantity=_quantity(fields.get("quantity")),
            targets=_several(_phrases(fields.get("targets"))),
            destination=_phrase(fields.get("destination")),
            destination_relation=_phrase(fields.get("destination_relation")),
        )

    def _absent_prompt(
        self, answer: Answer, text: str, intent: Intent = Intent.FIND
    ) -> SemanticPrompt:
        return SemanticPrompt(
            text=text,
            category="object",
            confidence=span_confidence(answer, [(0, len(answer.text))]),
            present=False,
            embedding=answer.hidden_states,
            intent=intent,
        )

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        """Every box of the answer that can be used: models name the best match first."""
        found = _read(answer, "spatial", "max_new_tokens_spatial")
        proposals = box_proposals(
            found,
            answer.text,
            y_first=self.y_first,
            coordinates=self.coordinates,
            cut_off=answer.truncated,
        )
        labels = labels_of(found.values)
        problems: list[str] = []
        scale_xy = self.full_scale(answer)
        frame_size = (width_px, height_px)
        boxes: list[tuple[Array, list[float], str]] = []
        for number, numbers in enumerate(proposals):
            if numbers is None:
                continue
            box = numbers if isinstance(numbers, str) else frame_box(numbers, scale_xy, frame_size)
            if isinstance(numbers, str) or isinstance(box, str):
                problems.append(str(box))
                continue
            label = labels[number] if len(labels) == len(proposals) else ""
            boxes.append((box, numbers, readable(label)))
        if boxes:
            first, first_numbers, _ = boxes[0]
            points = points_in_box(found.values, scale_xy, frame_size, first, y_first=self.y_first)
            problems = [misplaced_point(first_numbers, points, found.values)]
        if boxes and not problems[0]:
            return SpatialPrompt(
                text=_spatial_text(found, answer),
                box_xyxy_px=first,
                points_xy_px=points,
                point_labels=np.ones((len(points),), np.int32),
                confidence=span_confidence(answer, number_spans(answer.text, first_numbers)),
                embedding=answer.hidden_states,
                boxes_xyxy_px=np.stack([box for box, _, _ in boxes]),
                box_words=tuple(label for _, _, label in boxes),
                destination_box_xyxy_px=destination_box(
                    found.values, scale_xy, frame_size, y_first=self.y_first
                ),
            )
        if problems:
            key, order = (
                ("box_2d", "y1, x1, y2, x2") if self.y_first else ("bbox_2d", "x1, y1, x2, y2")
            )
            raise PromptParseError(
                f'{readable(problems[0])} Expected "{key}": [{order}], {self.coordinates}.',
                answer.text,
            )
        if proposals or _is_denied(found, answer):
            _check_is_answer(found, answer, "spatial")
            raise TargetNotFound("the MLLM says that the object is not visible.", answer.text)
        raise _unreadable(
            "spatial", answer, found, '"bbox_2d": [x1, y1, x2, y2]', "max_new_tokens_spatial"
        )


def _check_one_object(found: Found, answer: Answer) -> None:
    """Refuse an answer that understands several objects in several ways, one after the other."""
    kinds = [
        (_phrase(fields[key]).casefold(), is_present(fields))
        for fields in objects_in(found.values)
        if (key := next((key for key in _CATEGORY_KEYS if key in fields), None))
    ]
    if len(set(kinds)) > 1:
        raise PromptParseError(
            f"the semantic answer is about {kinds[0][0]!r:.40} and about {kinds[1][0]!r:.40}; "
            "expected one JSON object.",
            answer.text,
        )


def _intent(value: Any, answer: Answer) -> Intent:
    """What is asked for; to find something where the answer does not say."""
    found = [] if value is None else [i for i, word in _INTENTS.items() if word.search(str(value))]
    if len(found) > 1:
        raise PromptParseError(
            f'"intent" is {value!r:.60}; expected one of its three words.', answer.text
        )
    return found[0] if found else Intent.FIND


def _read(answer: Answer, stage: str, option: str) -> Found:
    """The JSON of an answer.

    Raises:
        PromptParseError: where the answer was cut off while it thought aloud: what it weighed up
            is no answer.
    """
    text = spoken(answer.text)
    thinks = not text.strip() or text.lstrip().startswith("thought\n")
    aloud = len(text) - len(text.lstrip()) + len(re.split(r"[{\[]", text.lstrip(), maxsplit=1)[0])
    if answer.truncated and (thinks or aloud > _MAX_TALK_CHARS):
        raise PromptParseError(
            f"the {stage} answer is cut off after {_length(answer)}, before it comes to its JSON; "
            f"expected the JSON alone. Take a model that does not think aloud, or raise "
            f"mllm.{option}.",
            answer.text,
        )
    found = read_json(answer.text)
    return replace(found, values=tuple(_told(folded(value)) for value in found.values))


def _told(value: Any) -> Any:
    """What a tool is told, where a value calls one; else the value."""
    named = isinstance(value, dict) and any(key in value for key in ("name", "function"))
    told = value.get("arguments", value.get("parameters")) if named else None
    return told if isinstance(told, dict) else value


def _check_is_present(found: Found, fields: dict[Any, Any], category: str, answer: Answer) -> None:
    """Refuse an answer whose words contradict that what was asked for is there."""
    talk, said = found.talk, str(fields.get("description") or "")
    notes = {**fields, "description": ""}  # what sets the object apart may be another one
    wrong = ""
    if describes_absence(said) or is_another(said):
        wrong = f'"description" says {readable(said)!r:.80}'
    elif says_absent(category) or is_another(category):
        wrong = f'"category" is {category!r:.60}'
    elif denies(talk) or offers_another(talk) or speaks_against(notes) or takes_back(found.after):
        wrong = "its words speak of another object or of none"
    if wrong:
        raise PromptParseError(f'"present" is true, and {wrong}.', answer.text)


def _check_is_answer(found: Found, answer: Answer, stage: str) -> None:
    """Refuse what would be read as "not there", and is no answer."""
    if wrong := why_no_answer(found, answer.text):
        raise PromptParseError(f"the {stage} answer {wrong}; expected the JSON alone.", answer.text)


def _unreadable(
    stage: str, answer: Answer, found: Found, expected: str, option: str
) -> PromptParseError:
    if found.cut_off or answer.truncated:
        return PromptParseError(
            f"the {stage} answer is cut off after {_length(answer)}; expected "
            f"{expected}. Raise mllm.{option}.",
            answer.text,
        )
    what = "JSON without it" if found.values else "no JSON"
    return PromptParseError(f"the {stage} answer holds {what}; expected {expected}.", answer.text)


def _length(answer: Answer) -> str:
    """How long an answer is; engines may not tell its tokens."""
    return f"{len(answer.tokens) or len(answer.text)} {'tokens' if answer.tokens else 'characters'}"


def _phrase(value: Any) -> str:
    """A short text on one line; empty where there is none."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    text = readable(str(value))  # escapes in JSON can spell what no message can carry
    return "" if text.casefold() in _EMPTY_WORDS or is_nothing(text) else text


def _phrases(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    elif isinstance(value, dict):
        value = list(value.values())
    elif not isinstance(value, (list, tuple)):
        value = [value]
    return tuple(dict.fromkeys(text for item in value if (text := _phrase(item))))[:16]


def _quantity(value: Any) -> int | None:
    """How many are meant: 1 where the answer does not say, None for all."""
    if isinstance(value, str) and value.strip().casefold() in ("all", "every", "both"):
        return 2 if value.strip().casefold() == "both" else None
    try:
        return max(1, int(value))
    except (TypeError, ValueError, OverflowError):
        return 1


def _several(phrases: tuple[str, ...]) -> tuple[str, ...]:
    """The phrases of several targets; one alone says nothing that the category does not."""
    return phrases if len(phrases) > 1 else ()


_SAID_KEYS = (
    "location", "error", "message", "answer", "result", "status", "response", "reason", "note",
)  # fmt: skip


def _is_denied(found: Found, answer: Answer) -> bool:
    """Whether an answer without any box says in words that the object is not there."""
    if not found.values:
        return not (found.cut_off or answer.truncated) and denies(answer.text)
    fields = first_with(found.values, _SAID_KEYS) or {}
    return any(denies(_phrase(fields.get(key))) or _is_no(fields.get(key)) for key in _SAID_KEYS)


def _is_no(value: Any) -> bool:
    return isinstance(value, str) and is_nothing(value)


def _spatial_text(found: Found, answer: Answer) -> str:
    fields = first_with(found.values, ("location", "extent")) or {}
    texts = [text for key in ("location", "extent") if (text := _phrase(fields.get(key)))]
    return "; ".join(texts) or readable(spoken(answer.text).replace("```", " "))
