"""Scripted models: an MLLM that says what it is told to, and a segmenter with given masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import PromptParseError, TargetAmbiguous, TargetNotFound
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Array, Frame, MaskCandidates, SemanticPrompt, SpatialPrompt

HEIGHT_PX, WIDTH_PX = 24, 32
Reply = str | Callable[[CancelToken], str]


class ScriptedDialect:
    """Answers are ``attributes category``, ``none ...``, ``several ...``, or ``x1 y1 x2 y2``."""

    direct: bool = True
    reads_intents: bool = False
    lists_candidates: bool = False

    def semantic_turn(self, command: str) -> Turn:
        return Turn(f"what? {command}")

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        words = answer.text.split()
        if not words:
            raise PromptParseError("expected a noun.", answer.text)
        present = words[0] != "none"
        several = words[0] == "several"
        return SemanticPrompt(answer.text, words[-1], tuple(words[:-1]), (), 0.9, present, several)

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        return Turn(f"where? {semantic.category}")

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        if answer.text == "none":
            raise TargetNotFound("the MLLM says that it is not there: none", answer.text)
        if answer.text == "several":
            raise TargetAmbiguous("the MLLM says that there are several", answer.text)
        try:
            boxes = [[float(word) for word in box.split()] for box in answer.text.split(";")]
        except ValueError as error:
            raise PromptParseError("expected four numbers.", answer.text) from error
        array = np.array(boxes, np.float32)
        return SpatialPrompt(answer.text, array[0], confidence=0.8, boxes_xyxy_px=array)

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn | None:
        return Turn(f"which? {semantic.category}") if self.lists_candidates else None

    def direct_turn(self, command: str) -> Turn | None:
        return Turn(f"where at once? {command}") if self.direct else None

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        return Turn(f"again: {error}")

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> Turn | None:
        return Turn(f"is {box_xyxy_px.astype(int).tolist()} of {width_px}x{height_px} it?")


@dataclass
class ScriptedConversation:
    mllm: ScriptedMllm

    def read_image(self) -> None:
        self.mllm.read.append(self)

    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        self.mllm.turns.append((turn.text, max_new_tokens))
        reply = self.mllm.replies[len(self.mllm.turns) - 1]
        text = reply if isinstance(reply, str) else reply(cancel)
        cancel.raise_if_cancelled()
        return Answer(text)

    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float:
        self.mllm.verifications.append(turn.text)
        cancel.raise_if_cancelled()
        return self.mllm.yes.get(turn.text, 0.5)


@dataclass
class ScriptedMllm:
    """Gives ``replies`` one after the other; a callable is called in the middle of an answer."""

    replies: Sequence[Reply] = ("red mug", "4 4 12 12")
    yes: dict[str, float] = field(default_factory=dict)
    name: str = "scripted-mllm"
    dialect: Any = field(default_factory=ScriptedDialect)
    turns: list[tuple[str, int]] = field(default_factory=list)
    verifications: list[str] = field(default_factory=list)
    opened: list[Frame] = field(default_factory=list)
    read: list[ScriptedConversation] = field(default_factory=list)

    def open(self, frame: Frame) -> ScriptedConversation:
        self.opened.append(frame)
        self.turns.clear()
        return ScriptedConversation(self)


def box_mask(x1: int, y1: int, x2: int, y2: int) -> Array:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    mask[y1:y2, x1:x2] = True
    return mask


@dataclass
class ScriptedSegmenter:
    """Answers with masks that are the given boxes; hooks are called while it works."""

    boxes: Sequence[tuple[int, int, int, int]] = ((4, 4, 12, 12),)
    scores: Sequence[float] = (0.9,)
    name: str = "scripted-segmenter"
    on_encode: Callable[[], None] = lambda: None
    on_segment: Callable[[], None] = lambda: None
    encoded: list[Frame] = field(default_factory=list)
    prompts: list[tuple[Any, SemanticPrompt | None, SpatialPrompt | None]] = field(
        default_factory=list
    )

    def encode(self, frame: Frame) -> Any:
        self.encoded.append(frame)
        self.on_encode()
        return ("embedding", frame.stamp_ns)

    def segment(
        self, encoded: Any, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> MaskCandidates:
        self.prompts.append((encoded, semantic, spatial))
        self.on_segment()
        masks = np.stack([box_mask(*box) for box in self.boxes])
        return MaskCandidates(masks, np.array(self.scores, np.float32))


@pytest.fixture
def scripted_mllm() -> type[ScriptedMllm]:
    return ScriptedMllm


@pytest.fixture
def scripted_segmenter() -> type[ScriptedSegmenter]:
    return ScriptedSegmenter


@pytest.fixture
def make_mask() -> Callable[[int, int, int, int], Array]:
    return box_mask


@pytest.fixture
def frame() -> Frame:
    return Frame(np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8), stamp_ns=42, frame_id="camera")
