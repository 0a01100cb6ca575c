"""The embedded model's dialect: short phrases and location tokens.

Stage 1 is asked with the bare command and answers ``UNDERSTOOD: READING``. What it understood is
the noun phrase and the relation, with the anchors that it saw; the reading is the object that is
meant, after those that are counted before it. It points at every object that it names, by two
location tokens, x and y of the middle of what is seen of it:

- ``ball left of large red cube <loc101><loc030>: small green ball <loc044><loc052>``
- ``ball second from left: large red ball <loc020><loc070>, small green ball <loc044><loc052>``
- ``mug not red: large blue-white mug <loc077><loc064>`` (a two-tone object)
- ``red ball: absent``
- ``ball: large red ball <loc020><loc070>, small green ball <loc044><loc052>, several``: all that
  fit, from left to right
- ``nothing: absent`` where no object is asked for

The prompt's text has words for the places: ``ball left of large red cube at back right: small green
ball at middle centre``. An answer that contradicts itself is read as ``absent``
(`ppcr_ros.models.mllm.tiny_contradictions`).

Stage 2 is asked with `SPATIAL_TURN` and answers with a region and four location tokens, ``front
left <loc012><loc080><loc031><loc101>``: x1, y1, x2, y2 in `LOC_BINS` bins over the whole image.
After ``several`` it tells that of each, ``front left <loc...>, back right <loc...>``. The same
follows at once where the command ends with `DIRECT_TURN`, for one object, or with
`DIRECT_ALL_TURN`, for all that fit, without a stage 1. After stage 2, ``fits <loc...>`` asks
whether a box holds the target: ``yes`` or ``no``.
"""

from __future__ import annotations

import math
import re
from typing import ClassVar

import numpy as np

from ppcr_ros.core.boxes import clip_box
from ppcr_ros.core.command import readable
from ppcr_ros.core.errors import PromptParseError, TargetAmbiguous, TargetNotFound
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Array, Intent, Seen, SemanticPrompt, SpatialPrompt
from ppcr_ros.core.window import WHOLE_FRAME, Window
from ppcr_ros.models.mllm.confidence import span_confidence, token_confidence
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.mllm.tiny_contradictions import consistent_sightings, contradiction
from ppcr_ros.models.mllm.tiny_talk import telling_clauses
from ppcr_ros.models.mllm.tiny_understanding import (
    ABSENT,
    LOC_BINS,
    LOC_PATTERN,
    NOTHING,
    POINT_PATTERN,
    SEVERAL,
    Understanding,
    loc_token,
    location_tokens,
)

LOC_NEIGHBOURS = 3
"""Training spreads a coordinate over the bins around it, so its confidence is summed over them."""

SPATIAL_TURN = "where"
DIRECT_TURN = "where at once"
DIRECT_ALL_TURN = "where all at once"
VERIFICATION_TURN = "fits"
ROWS, COLUMNS = ("back", "middle", "front"), ("left", "centre", "right")

_REGION = re.compile(rf"\b(?:{'|'.join(ROWS)}) (?:{'|'.join(COLUMNS)})\b")
_PLACE = re.compile(rf"(?<= at ){_REGION.pattern}")
_UNSPOKEN = re.compile(
    r"<[^<>]*>|\{[^{}]*\}|\[[^\[\]]*\]|(?i:\b(?:user|human|assistant|system):\W*$)"
)
"""Markup, data, and at the end the label of a turn in which nothing is said."""
_BRACKETS = re.compile(r"[<>{}\[\]|]")
_OWN_TURN = re.compile(rf"\b(?:{DIRECT_TURN}|{DIRECT_ALL_TURN}|{SPATIAL_TURN}\W*$)", re.IGNORECASE)


def region_of(x: float, y: float) -> str:
    """The words for a place in the image, from its coordinates 0..1."""
    return f"{ROWS[min(int(y * 3), 2)]} {COLUMNS[min(int(x * 3), 2)]}"


_LONGEST_ANSWER = 4_000
"""In characters; what is no text of a person is left out of it."""


class PpcrTiny(MllmFamily):
    """ppcr-tiny, which this project trains on its own tabletop world and ships."""

    name: ClassVar[str] = "ppcr_tiny"
    model_types: ClassVar[tuple[str, ...]] = ("llava",)
    answers_in_tokens: ClassVar[bool] = True

    def semantic_turn(self, command: str) -> Turn:
        """What is `spoken`, without talk in which the model's words tell no object."""
        return Turn(telling_clauses(self.spoken(command)))

    def spoken(self, command: str) -> str:
        """The command without what nobody says aloud: markup, data, and the model's own turns.

        A place is the model's to say, and the words that ask for one are this family's.
        """
        text, before = command, ""
        while text != before:  # one may lie inside another
            rest = _OWN_TURN.sub(" ", _UNSPOKEN.sub(" ", text))
            text, before = " ".join(rest.split()), text
        if not any(map(str.isalnum, text)):  # all of it was in brackets
            text = _BRACKETS.sub(" ", command)
        return " ".join(text.split())

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        text = _tidy(answer.text, answer.window)
        if text == ABSENT:  # of nothing that it could name
            return SemanticPrompt(text, "object", present=False)
        head, colon, reading = (part.strip() for part in text.partition(":"))
        if not colon or not head or not reading:
            raise PromptParseError(
                f"the semantic answer is {text!r}; expected 'UNDERSTOOD: READING'.", answer.text
            )
        understood = Understanding.read(readable(answer.text, max_chars=_LONGEST_ANSWER))
        doubt = contradiction(understood)
        if understood.outcome:
            name = understood.phrase.partition(" not ")[0]
        else:  # of the last object, whether its point can be read or not
            name = reading.rpartition(",")[2].partition(" at ")[0]
        *attributes, category = name.split() or [""]
        doubted = bool(understood.outcome != ABSENT and doubt)
        relation = head.removeprefix(understood.phrase).strip() if understood.relation else ""
        return SemanticPrompt(
            text=text,
            category=category,
            attributes=tuple(attributes),
            relations=(relation,) if relation else (),
            confidence=token_confidence(answer, lambda token: bool(token.strip(" :"))),
            present=understood.outcome != ABSENT and not doubt,
            ambiguous=understood.outcome == SEVERAL,
            doubt=doubt,
            seen=tuple(
                Seen(item.name, *answer.window.in_frame((item.x, item.y)).tolist())
                for item in consistent_sightings(understood)
            ),
            embedding=answer.hidden_states,
            not_found_probability=_absence_probability(answer, doubted)
            if understood.outcome == ABSENT or doubted
            else None,
            intent=Intent.NOTHING if understood.phrase == NOTHING else Intent.FIND,
        )

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        """The question, with the region in which stage 1 has seen the target as what to expect.

        Where stage 1 has seen several that fit, the boxes of all of them are asked for.
        """
        seen = _PLACE.findall(semantic.text)
        if semantic.ambiguous:
            return Turn(SPATIAL_TURN, expected=seen[0] if seen else "")
        return Turn(SPATIAL_TURN, expected=seen[-1] if seen else "", n_locations=4)

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn:
        return self.spatial_turn(semantic)

    def direct_turn(self, command: str) -> Turn:
        return Turn(f"{self.semantic_turn(command).text} {DIRECT_TURN}", n_locations=4)

    def direct_all_turn(self, command: str) -> Turn:
        """Stage 2's question for the boxes of all that ``command`` fits."""
        return Turn(f"{self.semantic_turn(command).text} {DIRECT_ALL_TURN}")

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        words = readable(LOC_PATTERN.sub(" ", answer.text), max_chars=_LONGEST_ANSWER)
        if words in (ABSENT, SEVERAL):
            error = TargetNotFound if words == ABSENT else TargetAmbiguous
            raise error(f"the MLLM says {words!r} for the place of the object.", words)
        bins = _bins_of(answer)
        if not len(bins) or len(bins) % 4 or bins.max() >= LOC_BINS:
            raise PromptParseError(
                f"the spatial answer has the location bins {bins.tolist()}; expected 4 for each "
                f"object, of at most {LOC_BINS - 1}.",
                answer.text,
            )
        size = {"width_px": width_px, "height_px": height_px}
        boxes = np.stack([_box_of(four, answer, **size) for four in bins.reshape(-1, 4)])
        if answer.window != WHOLE_FRAME:  # the model has told the regions of what it was shown
            words = _with_regions(words, boxes / (width_px, height_px, width_px, height_px))
        return SpatialPrompt(
            text=readable(words),
            box_xyxy_px=boxes[0],
            confidence=token_confidence(
                answer, lambda token: LOC_PATTERN.search(token) is not None
            ),
            embedding=answer.hidden_states,
            boxes_xyxy_px=boxes,
        )

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        return Turn(SPATIAL_TURN)

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> Turn:
        shares = np.asarray(box_xyxy_px, np.float64) / (width_px, height_px, width_px, height_px)
        return Turn(f"{VERIFICATION_TURN} {location_tokens(shares)}")

    def keeps_token(self, token: str) -> bool:
        return LOC_PATTERN.fullmatch(token) is not None

    def writes_token(self, token: str) -> bool:
        return LOC_PATTERN.fullmatch(token) is not None

    def neighbour_tokens(self, token: str) -> tuple[str, ...]:
        match = LOC_PATTERN.fullmatch(token)
        if match is None:
            return (token,)
        index = int(match.group(1))
        low, high = max(index - LOC_NEIGHBOURS, 0), min(index + LOC_NEIGHBOURS, LOC_BINS - 1)
        return tuple(loc_token(i) for i in range(low, high + 1))


def _absence_probability(answer: Answer, doubted: bool) -> float | None:
    """The model's own probability, 0..1, of saying that nothing fits; where it named something and
    contradicts itself, of what it said instead of that. None where an engine told none."""
    if doubted:
        probability = token_confidence(answer, lambda token: bool(token.strip(" :")))
    else:
        place = answer.text.rfind(ABSENT)
        probability = span_confidence(answer, [(place, place + len(ABSENT))] if place >= 0 else [])
    return None if math.isnan(probability) else probability


def _bins_of(answer: Answer) -> Array:
    """The location bins (n,) float64 of an answer, with their shares.

    A coordinate is the mean of the bins around the likeliest one: training spreads it over them,
    and two that are nearly as likely may not move a box by a whole bin.
    """
    bins = np.array([int(digits) for digits in LOC_PATTERN.findall(answer.text)], np.float64)
    places = [i for i, token in enumerate(answer.tokens) if LOC_PATTERN.fullmatch(token.strip())]
    if len(places) == len(bins) and len(answer.offsets) == len(answer.tokens) and len(places):
        bins += answer.offsets[places]
    return bins


def _box_of(bins: Array, answer: Answer, *, width_px: int, height_px: int) -> Array:
    """The box (4,) float32 in pixels of the frame that four location bins stand for."""
    shares = answer.window.in_frame((bins + 0.5) / LOC_BINS)
    corners = shares * (width_px, height_px, width_px, height_px)
    if corners[0] >= corners[2] or corners[1] >= corners[3]:
        raise PromptParseError(
            f"the spatial answer's corners are {corners.round(1).tolist()}; expected x1 < x2 "
            "and y1 < y2.",
            answer.text,
        )
    box = clip_box(corners, width_px=width_px, height_px=height_px)
    assert box is not None  # every bin lies inside the image
    return box


def _tidy(text: str, window: Window) -> str:
    """The answer with words for its points in the frame, and without the decoder's blanks around
    punctuation."""
    text = POINT_PATTERN.sub(lambda point: _place_words(point, window), text)
    text = readable(LOC_PATTERN.sub(" ", text))
    for mark, tidy in ((" :", ":"), (" ,", ","), (" - ", "-")):
        text = text.replace(mark, tidy)
    return text


def _place_words(point: re.Match[str], window: Window) -> str:
    x, y = window.in_frame([(int(digits) + 0.5) / LOC_BINS for digits in point.groups()])
    return f" at {region_of(x, y)} "


def _with_regions(words: str, boxes: Array) -> str:
    """``words`` with the regions of ``boxes`` (n, 4), in shares of the frame, one after another."""
    regions = iter([region_of(*middle) for middle in (boxes[:, :2] + boxes[:, 2:]) / 2.0])
    return _REGION.sub(lambda told: next(regions, ""), words)


FAMILY = PpcrTiny()
