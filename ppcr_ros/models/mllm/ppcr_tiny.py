"""The embedded model's dialect: short phrases and location tokens.

Stage 1 is asked with the bare command and answers ``UNDERSTOOD: READING``. What it understood is
the noun phrase and the relation, with the anchors that it saw; the reading is the object that is
meant, after those that are counted before it. It points at every object that it names, by two
location tokens, x and y of the middle of what is seen of it:

- ``ball left of large red cube <loc101><loc030>: small green ball <loc044><loc052>``
- ``ball second from left: large red ball <loc020><loc070>, small green ball <loc044><loc052>``
- ``mug not red: large blue-white mug <loc077><loc064>`` (a two-tone object)
- ``red ball: absent``
- ``ball: large red ball <loc020><loc070>, small green ball <loc044><loc052>, several``

The prompt's text has words for the places: ``ball left of large red cube at back right: small green
ball at middle centre``. An answer whose target is an object that it named before, at the same
place, is read as ``absent``.

Stage 2 is asked with `SPATIAL_TURN` and answers with a region and four location tokens, ``front
left <loc012><loc080><loc031><loc101>``: x1, y1, x2, y2 in `LOC_BINS` bins over the whole image.
The same follows at once where the command ends with `DIRECT_TURN`, without a stage 1. After stage
2, ``fits <loc...>`` asks whether a box holds the target: ``yes`` or ``no``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppcr_ros.core.boxes import clip_box
from ppcr_ros.core.command import readable
from ppcr_ros.core.errors import PromptParseError, TargetAmbiguous, TargetNotFound
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.types import Array, SemanticPrompt, SpatialPrompt
from ppcr_ros.models.mllm.confidence import token_confidence
from ppcr_ros.models.mllm.family import MllmFamily

LOC_BINS = 128
"""Number of location bins along the width and along the height of the image."""
LOC_NEIGHBOURS = 3
"""Training spreads a coordinate over the bins around it, so its confidence is summed over them."""

SPATIAL_TURN = "where"
DIRECT_TURN = "where at once"
VERIFICATION_TURN = "fits"
ABSENT, SEVERAL = "absent", "several"
ROWS, COLUMNS = ("back", "middle", "front"), ("left", "centre", "right")

LOC_PATTERN = re.compile(r"<loc(\d{3})>")
"""A location token in an answer, and the number of its bin."""
_POINT = re.compile(rf"\s*{LOC_PATTERN.pattern}\s*{LOC_PATTERN.pattern}")
_UNSPOKEN = re.compile(
    r"<[^<>]*>|\{[^{}]*\}|\[[^\[\]]*\]|(?i:\b(?:user|human|assistant|system):\W*$)"
)
"""Markup, data, and at the end the label of a turn in which nothing is said."""
_SAME_PLACE_BINS = 2
"""Two points of the same name that are no farther apart are on one object."""
_BRACKETS = re.compile(r"[<>{}\[\]|]")
_OWN_TURN = re.compile(rf"\b(?:{DIRECT_TURN}|{SPATIAL_TURN}\W*$)", re.IGNORECASE)
_RELATION = re.compile(
    r"\b(?:first|second|third|fourth) from\b|\b(?:left|right|in front) of\b|\bbehind\b"
    r"|\bnearest to\b|\bbetween\b|\bon\b|\binside\b|\blargest\b|\bsmallest\b"
)


def loc_token(index: int) -> str:
    """The location token of bin ``index``."""
    return f"<loc{index:03d}>"


@dataclass(frozen=True)
class Sighting:
    """An object that stage 1 names and points at.

    Attributes:
        name: ``small green ball``.
        x: of the middle of its visible box, in shares 0..1 of the image's width.
        y: likewise, of its height.
    """

    name: str
    x: float
    y: float

    @property
    def text(self) -> str:
        return f"{self.name} {location_tokens((self.x, self.y))}"


@dataclass(frozen=True)
class Understanding:
    """What stage 1 is taught to write about a command.

    Attributes:
        phrase: the noun phrase: ``small ball``.
        relation: ``left of``, ``second from left``, ``largest``; or "".
        anchors: the objects that the relation is to.
        absent_anchor: the anchor's phrase where there is no such anchor; or "".
        sighted: the target, after those that are counted before it; or two of the several that fit.
        outcome: `ABSENT` or `SEVERAL` where there is no one target; or "".
    """

    phrase: str
    relation: str = ""
    anchors: tuple[Sighting, ...] = ()
    absent_anchor: str = ""
    sighted: tuple[Sighting, ...] = ()
    outcome: str = ""

    @property
    def text(self) -> str:
        places = " and ".join(anchor.text for anchor in self.anchors)
        said = " ".join(filter(None, (self.phrase, self.relation, places, self.absent_anchor)))
        return f"{said}: {', '.join(filter(None, (*(s.text for s in self.sighted), self.outcome)))}"

    @property
    def places(self) -> tuple[float, ...]:
        """What the location tokens of `text` stand for, one after the other, in shares 0..1."""
        return tuple(share for s in (*self.anchors, *self.sighted) for share in (s.x, s.y))


def location_tokens(shares: Array | Sequence[float]) -> str:
    """A location token for each of ``shares`` 0..1 of the image: a box xyxy, or a point xy."""
    bins = np.clip(np.floor(np.asarray(shares) * LOC_BINS), 0, LOC_BINS - 1).astype(int)
    return "".join(loc_token(index) for index in bins)


def region_of(x: float, y: float) -> str:
    """The words for a place in the image, from its coordinates 0..1."""
    return f"{ROWS[min(int(y * 3), 2)]} {COLUMNS[min(int(x * 3), 2)]}"


class PpcrTiny(MllmFamily):
    """ppcr-tiny, which this project trains on its own tabletop world and ships."""

    name: ClassVar[str] = "ppcr_tiny"
    model_types: ClassVar[tuple[str, ...]] = ("llava",)

    def semantic_turn(self, command: str) -> str:
        """The command without what nobody says aloud: markup, data, and the model's own turns.

        A place is the model's to say, and the words that ask for one are this family's.
        """
        said, before = command, ""
        while said != before:  # one may lie inside another
            rest = _OWN_TURN.sub(" ", _UNSPOKEN.sub(" ", said))
            said, before = " ".join(rest.split()), said
        if not any(map(str.isalnum, said)):  # all of it was in brackets
            said = _BRACKETS.sub(" ", command)
        return " ".join(said.split())

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        text = _tidy(answer.text)
        said, colon, reading = (part.strip() for part in text.partition(":"))
        if not colon or not said or not reading:
            raise PromptParseError(
                f"the semantic answer is {text!r}; expected 'UNDERSTOOD: READING'.", answer.text
            )
        found = _RELATION.search(said)
        phrase, relation = (said[: found.start()], said[found.start() :]) if found else (said, "")
        reading = reading.rpartition(",")[2].partition(" at ")[0].strip()
        ambiguous = reading == SEVERAL
        named = reading not in (ABSENT, SEVERAL)
        present = ambiguous or (named and not _found_again(answer.text))
        *attributes, category = (reading if named else phrase.partition(" not ")[0]).split() or [""]
        return SemanticPrompt(
            text=text,
            category=category,
            attributes=tuple(attributes),
            relations=(relation,) if relation else (),
            confidence=token_confidence(answer, lambda token: bool(token.strip(" :"))),
            present=present,
            ambiguous=ambiguous,
            embedding=answer.hidden_states,
        )

    def spatial_turn(self, semantic: SemanticPrompt) -> str:
        return SPATIAL_TURN

    def direct_turn(self, command: str) -> str:
        return f"{self.semantic_turn(command)} {DIRECT_TURN}"

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        words = LOC_PATTERN.sub(" ", answer.text).strip()
        if words in (ABSENT, SEVERAL):
            error = TargetNotFound if words == ABSENT else TargetAmbiguous
            raise error(f"the MLLM says {words!r} for the place of the object.", words)
        bins = [int(digits) for digits in LOC_PATTERN.findall(answer.text)]
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
            text=readable(words),
            box_xyxy_px=box,
            confidence=token_confidence(
                answer, lambda token: LOC_PATTERN.search(token) is not None
            ),
            embedding=answer.hidden_states,
        )

    def repair_turn(self, error: str) -> str:
        return SPATIAL_TURN

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> str:
        shares = np.asarray(box_xyxy_px, np.float64) / (width_px, height_px, width_px, height_px)
        return f"{VERIFICATION_TURN} {location_tokens(shares)}"

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


def _found_again(answer: str) -> bool:
    """Whether the object that ``answer`` names last is one that it named before.

    Neither what was counted before the target nor what the target relates to is the target: the
    model went over the same object again because it saw no other.
    """
    sighted = _sighted(answer)
    if not sighted:
        return False
    *before, (name, place) = sighted
    return any(
        said.endswith(name) and int(np.abs(there - place).max()) <= _SAME_PLACE_BINS
        for said, there in before
    )


def _sighted(answer: str) -> list[tuple[str, Array]]:
    """What stands before each point in ``answer``, and the two bins of the point."""
    found, end = [], 0
    for point in _POINT.finditer(answer):
        found.append((answer[end : point.start()].strip(" ,:"), np.array(point.groups(), int)))
        end = point.end()
    return found


def _tidy(text: str) -> str:
    """The answer with words for its points, and without the decoder's blanks around punctuation."""
    text = readable(LOC_PATTERN.sub(" ", _POINT.sub(_place_words, text)))
    for mark, tidy in ((" :", ":"), (" ,", ","), (" - ", "-")):
        text = text.replace(mark, tidy)
    return text


def _place_words(point: re.Match[str]) -> str:
    x, y = ((int(digits) + 0.5) / LOC_BINS for digits in point.groups())
    return f" at {region_of(x, y)} "


FAMILY = PpcrTiny()
