"""The embedded model's dialect: short phrases and location tokens.

Stage 1 is asked with the bare command and answers ``PHRASE: READING``: the noun phrase and relation
that it understood, then the object that they name, ``ball left of large red cube: small green
ball``, or ``red ball: absent``. Stage 2 is asked with `SPATIAL_TURN` and answers with a region and
four location tokens, ``front left <loc012><loc080><loc031><loc101>``: x1, y1, x2, y2 in `LOC_BINS`
bins over the whole image.
"""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np

from ppcr_ros.core.boxes import clip_box
from ppcr_ros.core.errors import PromptParseError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.types import SemanticPrompt, SpatialPrompt
from ppcr_ros.models.mllm.confidence import token_confidence
from ppcr_ros.models.mllm.family import MllmFamily

LOC_BINS = 128
"""Number of location bins along the width and along the height of the image."""
LOC_NEIGHBOURS = 3
"""Training spreads a coordinate over the bins around it, so its confidence is summed over them."""

SPATIAL_TURN = "where"
ABSENT = "absent"
ROWS, COLUMNS = ("back", "middle", "front"), ("left", "centre", "right")

_LOC = re.compile(r"<loc(\d{3})>")
_RELATION = re.compile(
    r"\b(?:first|second|third) from\b|\b(?:left|right|in front) of\b|\bbehind\b|\bnearest to\b"
)


def loc_token(index: int) -> str:
    """The location token of bin ``index``."""
    return f"<loc{index:03d}>"


def semantic_answer(phrase: str, relation: str, found: str | None) -> str:
    """Stage 1's answer: ``found`` is ``size colour shape``, None where nothing fits."""
    said = f"{phrase} {relation}".strip()
    return f"{said}: {found or ABSENT}"


def region_of(x: float, y: float) -> str:
    """The words for a place in the image, from its coordinates 0..1."""
    return f"{ROWS[min(int(y * 3), 2)]} {COLUMNS[min(int(x * 3), 2)]}"


class PpcrTiny(MllmFamily):
    """ppcr-tiny, which this project trains on its own tabletop world and ships."""

    name: ClassVar[str] = "ppcr_tiny"
    model_types: ClassVar[tuple[str, ...]] = ("llava",)

    def semantic_turn(self, command: str) -> str:
        return command

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        text = " ".join(answer.text.split()).replace(" :", ":")
        said, colon, reading = (part.strip() for part in text.partition(":"))
        if not colon or not said or not reading:
            raise PromptParseError(
                f"the semantic answer is {text!r}; expected 'PHRASE: READING'.", answer.text
            )
        found = _RELATION.search(said)
        phrase, relation = (said[: found.start()], said[found.start() :]) if found else (said, "")
        present = reading != ABSENT
        *attributes, category = (reading if present else phrase).split() or [""]
        return SemanticPrompt(
            text=text,
            category=category,
            attributes=tuple(attributes),
            relations=(relation,) if relation else (),
            confidence=token_confidence(answer, lambda token: bool(token.strip(" :"))),
            present=present,
            embedding=answer.hidden_states,
        )

    def spatial_turn(self, semantic: SemanticPrompt) -> str:
        return SPATIAL_TURN

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        bins = [int(digits) for digits in _LOC.findall(answer.text)]
        if len(bins) != 4 or max(bins) >= LOC_BINS:
            raise PromptParseError(
                f"the spatial answer has the location bins {bins}; expected 4 of at most "
                f"{LOC_BINS - 1}.",
                answer.text,
            )
        scale = np.array([width_px, height_px, width_px, height_px], np.float64) / LOC_BINS
        corners = (np.array(bins) + 0.5) * scale
        if corners[0] >= corners[2] or corners[1] >= corners[3]:
            raise PromptParseError(
                f"the spatial answer's corners are {corners.round(1).tolist()}; expected x1 < x2 "
                "and y1 < y2.",
                answer.text,
            )
        box = clip_box(corners, width_px=width_px, height_px=height_px)
        assert box is not None  # every bin lies inside the image
        return SpatialPrompt(
            text=" ".join(_LOC.sub(" ", answer.text).split()),
            box_xyxy_px=box,
            confidence=token_confidence(answer, lambda token: _LOC.search(token) is not None),
            embedding=answer.hidden_states,
        )

    def repair_turn(self, error: str) -> str:
        return SPATIAL_TURN

    def keeps_token(self, token: str) -> bool:
        return _LOC.fullmatch(token) is not None

    def neighbour_tokens(self, token: str) -> tuple[str, ...]:
        match = _LOC.fullmatch(token)
        if match is None:
            return (token,)
        index = int(match.group(1))
        low, high = max(index - LOC_NEIGHBOURS, 0), min(index + LOC_NEIGHBOURS, LOC_BINS - 1)
        return tuple(loc_token(i) for i in range(low, high + 1))


FAMILY = PpcrTiny()
