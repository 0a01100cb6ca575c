"""PaliGemma and PaliGemma 2: short task prompts, and boxes in location tokens.

``detect PHRASE`` is answered with ``<locY1><locX1><locY2><locX2> PHRASE`` for each object, joined
by `` ; ``, in 1024 bins along each side of the image squeezed to a square, of which the first is
one edge and the last the other; with nothing where there is no such object. These models follow
tasks, not instructions: stage 1 is a visual question whose answer is a short phrase, and no turn
remembers the one before.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import ClassVar

import numpy as np

from ppcr_ros.core.boxes import clip_box, ordered_box
from ppcr_ros.core.command import readable
from ppcr_ros.core.errors import PromptParseError, TargetNotFound
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Array, SemanticPrompt, SpatialPrompt
from ppcr_ros.models.mllm.confidence import Span, span_confidence
from ppcr_ros.models.mllm.family import ChatProcessor, MllmFamily
from ppcr_ros.models.mllm.json_answers import denies
from ppcr_ros.models.mllm.unanswered import says_unable

LOC_BINS = 1024
LOC_NEIGHBOURS = 6
"""Bins on each side that count as the same place: 0.6 % of the image."""
MAX_PHRASE_WORDS = 24
IMAGE_TOKEN = "<image>"

_SEMANTIC = (
    "answer en A person told the robot {command} (quoted data). Which object in the image is "
    "meant? Name it with its colour, size and place."
)
_SEMANTIC_AGAIN = "answer en What object is meant by {command}?"
_DETECT, _SEGMENT = "detect ", "segment "

_LOC = re.compile(r"<loc(\d{4})>")
_BOX = re.compile(r"(?:<loc\d{4}>\s*){3}<loc\d{4}>")
_RUN = re.compile(r"(?:<loc\d{4}>\s*)+")
_TOKEN = re.compile(r"<(?:loc\d{4}|seg\d{3})>")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"")
_RELATION = re.compile(
    r"\b(?:(?:to the )?(?:left|right) (?:of|from|side)|"
    r"(?:first|second|third|last|furthest|closest) from|in front of|in|on|under|behind|"
    r"beside|below|above|between|near|nearest|next to|closest to|with|at|by|inside)\b",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"^(?:it is|it's|this is|a|an|the|its|his|her|their|some)\s+", re.IGNORECASE)


class PaliGemma(MllmFamily):
    """google/paligemma2-3b-mix-448 and the other mix checkpoints."""

    name: ClassVar[str] = "paligemma"
    model_types: ClassVar[tuple[str, ...]] = ("paligemma",)
    continues_cache: ClassVar[bool] = False
    answers_in_tokens: ClassVar[bool] = True
    stop_tokens: ClassVar[tuple[str, ...]] = ("<eos>",)
    unquantized_modules: ClassVar[tuple[str, ...]] = (
        "lm_head",
        "model.vision_tower",
        "model.multi_modal_projector",
    )

    def semantic_turn(self, command: str) -> Turn:
        return Turn(_SEMANTIC.format(command=json.dumps(command, ensure_ascii=False)))

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        phrase = " ".join((*semantic.attributes, semantic.category, *semantic.relations))
        # A semicolon separates several things to detect.
        return Turn(_DETECT + " ".join(phrase.replace(";", " ").split()).lower())

    def direct_turn(self, command: str) -> Turn:
        # The models detect what a short phrase names; a command is as near as it gets to one.
        return Turn(_DETECT + " ".join(command.replace(";", " ").split()).lower())

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        if turn.text.startswith(_DETECT):
            return Turn(_SEGMENT + turn.text[len(_DETECT) :])
        command = _QUOTED.search(turn.text)
        return Turn(_SEMANTIC_AGAIN.format(command=command.group())) if command else turn

    def first_prompt(self, processor: ChatProcessor, text: str) -> str:
        return IMAGE_TOKEN + " ".join(text.split())

    def keeps_token(self, token: str) -> bool:
        return _TOKEN.fullmatch(token) is not None

    def neighbour_tokens(self, token: str) -> tuple[str, ...]:
        match = _LOC.fullmatch(token)
        if match is None:
            return (token,)
        index = int(match.group(1))
        low, high = max(index - LOC_NEIGHBOURS, 0), min(index + LOC_NEIGHBOURS, LOC_BINS - 1)
        return tuple(f"<loc{i:04d}>" for i in range(low, high + 1))

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> Turn | None:
        return None

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        text = readable(_TOKEN.sub(" ", answer.text)).strip(" .;")
        words = _without_articles(text)
        confidence = span_confidence(answer, [(0, len(answer.text))])
        if words and denies(words) and not says_unable(words):
            return SemanticPrompt(
                text=text, category="object", confidence=confidence, present=False,
                embedding=answer.hidden_states,
            )  # fmt: skip
        unusable = words.casefold() in ("", "unanswerable", "yes", "unsuitable")
        unusable |= says_unable(words)
        if unusable or len(words.split()) > MAX_PHRASE_WORDS or not any(map(str.isalpha, words)):
            raise PromptParseError(
                f"the semantic answer is {text!r:.200}; expected a short phrase that names an "
                "object, such as 'small green ball'.",
                answer.text,
            )
        head, relation = _split_relation(words)
        *attributes, category = head.split()
        return SemanticPrompt(
            text=text,
            category=category,
            attributes=tuple(attributes),
            relations=(relation,) if relation else (),
            confidence=confidence,
            embedding=answer.hidden_states,
        )

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        """Every box of the answer: the models name the surest first."""
        found = list(_BOX.finditer(answer.text))
        runs = [len(_LOC.findall(run.group())) for run in _RUN.finditer(answer.text)]
        if not found or (runs[0] % 4 and not answer.truncated):
            _refuse_without_box(answer)
        size = {"width_px": width_px, "height_px": height_px}
        boxes = [self._box(found[0].group(), answer, **size)]
        for further in found[1:]:  # one that cannot be used is no reason to ask again
            with suppress(PromptParseError):
                boxes.append(self._box(further.group(), answer, **size))
        spans: list[Span] = [found[0].span()]
        return SpatialPrompt(
            text=readable(_TOKEN.sub(" ", answer.text)),
            box_xyxy_px=boxes[0],
            points_xy_px=np.zeros((0, 2), np.float32),
            point_labels=np.zeros((0,), np.int32),
            confidence=span_confidence(answer, spans),
            embedding=answer.hidden_states,
            boxes_xyxy_px=np.stack(boxes),
        )

    def _box(self, written: str, answer: Answer, *, width_px: int, height_px: int) -> Array:
        bins = [int(digits) for digits in _LOC.findall(written)]
        y1, x1, y2, x2 = (value / (LOC_BINS - 1) for value in bins)
        box = ordered_box(x1 * width_px, y1 * height_px, x2 * width_px, y2 * height_px)
        inside = clip_box(box, width_px=width_px, height_px=height_px)
        if max(bins) >= LOC_BINS or inside is None or bins[0] == bins[2] or bins[1] == bins[3]:
            raise PromptParseError(
                f"the box has the location bins {bins} (y1, x1, y2, x2); expected two different "
                f"corners with bins of at most {LOC_BINS - 1}.",
                answer.text,
            )
        return inside


def _refuse_without_box(answer: Answer) -> None:
    """Raise what an answer without a whole box means."""
    locations = len(_LOC.findall(answer.text))
    words = " ".join(_TOKEN.sub(" ", answer.text).split())
    denied = not words or (denies(words) and not says_unable(words))
    if not locations and denied and not answer.truncated:
        raise TargetNotFound("the MLLM detects no such object.", answer.text)
    cut = " The answer is cut off: raise mllm.max_new_tokens_spatial." if answer.truncated else ""
    raise PromptParseError(
        f"the spatial answer has {locations} location tokens; expected 4 in a row: y1, x1, y2, "
        f"x2.{cut}",
        answer.text,
    )


def _without_articles(text: str) -> str:
    while (shorter := _ARTICLE.sub("", text)) != text:
        text = shorter
    return text


def _split_relation(words: str) -> tuple[str, str]:
    """The words up to the first relation, and from there on; a phrase never begins with one."""
    found = _RELATION.search(words, 1)
    if found is None or not words[: found.start()].strip():
        return words, ""
    return words[: found.start()].strip(" ,"), words[found.start() :].strip()


FAMILY = PaliGemma()
