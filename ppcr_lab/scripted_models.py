"""Models of a few lines behind the real pipeline: for tests and for the trials of robustness.

`KeywordMllm` answers by the words of the command; `ReplyMllm` gives prepared answers in turn.
`BoxSegmenter` fills the box of the spatial prompt; `MaskSegmenter` answers with given masks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ppcr_lab.scripted_dialect import SilentDialect
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.errors import (
    PromptParseError,
    SegmentationError,
    TargetAmbiguous,
    TargetNotFound,
)
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.scoring import ScoreCalibration
from ppcr_ros.core.types import (
    Array,
    Frame,
    MaskCandidates,
    Result,
    SemanticPrompt,
    SpatialPrompt,
    StageOutput,
    Status,
)

_POLL_SEC = 0.005
_DEADLINE_SEC = 180.0


def box_masks(boxes: Sequence[Sequence[float]], height_px: int, width_px: int) -> Array:
    """(n, height, width) bool masks of boxes ``x1, y1, x2, y2``, widened to whole pixels."""
    masks: Array = np.zeros((len(boxes), height_px, width_px), np.bool_)
    for mask, box in zip(masks, boxes, strict=True):
        left, top = np.floor(box[:2]).astype(int)
        right, bottom = np.ceil(box[2:]).astype(int)
        mask[top:bottom, left:right] = True
    return masks


@dataclass
class KeywordDialect(SilentDialect):
    """Reads an answer as ``the attributes category``.

    A "unicorn" is never there, a "ghost" has no place, of "twins" there are two, and "nonsense"
    cannot be read.

    Attributes:
        box_xyxy_px: where everything is; None for the second quarter of the image's sides.
    """

    box_xyxy_px: tuple[float, float, float, float] | None = None
    reads_intents: bool = False

    def semantic_turn(self, command: str) -> Turn:
        return Turn(command)

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        if "nonsense" in answer.text:
            raise PromptParseError("no object in the answer.", answer.text)
        words = answer.text.split()
        return SemanticPrompt(
            text=answer.text,
            category=words[-1],
            attributes=tuple(word for word in words[:-1] if word != "the"),
            confidence=0.9,
            present="unicorn" not in words,
            ambiguous="twins" in words,
        )

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        return Turn(f"where {semantic.category}")

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        if "ghost" in answer.text:
            raise TargetNotFound("nothing there", answer.text)
        quarter = (width_px / 4, height_px / 4, width_px / 2, height_px / 2)
        box = np.array(self.box_xyxy_px or quarter, np.float32)
        centre = box.reshape(2, 2).mean(0, keepdims=True)
        return SpatialPrompt(answer.text, box, centre, np.ones(1, np.int32), 0.9)

    def direct_turn(self, command: str) -> Turn | None:
        return Turn(f"where at once {command}")

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        return Turn("nonsense again")


def _open_gate() -> threading.Event:
    gate = threading.Event()
    gate.set()
    return gate


@dataclass
class KeywordMllm:
    """An MLLM, and its conversation, that answers each turn with a text made of it.

    Attributes:
        dialect: how it is asked and read.
        respond: makes the answer's text of the turn's; its own text as it is.
        answer_sec: how long an answer takes; a cancellation ends it at once.
        slow_word: only turns that hold it take so long; all, where it is empty.
        gate: while it is shut, an answer waits for it or for a cancellation.
        asked: set with each turn.
        frames: the frames that conversations were opened about.
        read: those that were read before a turn.
        turns: what was asked, in order.
    """

    dialect: Any = field(default_factory=KeywordDialect)
    respond: Callable[[str], str] = str
    answer_sec: float = 0.0
    slow_word: str = ""
    name: str = "scripted-mllm"
    gate: threading.Event = field(default_factory=_open_gate)
    asked: threading.Event = field(default_factory=threading.Event)
    frames: list[Frame] = field(default_factory=list)
    read: list[Frame] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)

    def open(self, frame: Frame) -> KeywordMllm:
        self.frames.append(frame)
        return self

    def read_image(self) -> None:
        self.read.append(self.frames[-1])

    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        """The text that ``respond`` makes of ``turn``; a turn with "explode" in it raises."""
        self.turns.append(turn.text)
        self.asked.set()
        ready_sec = time.monotonic() + (self.answer_sec if self.slow_word in turn.text else 0.0)
        deadline_sec = ready_sec + _DEADLINE_SEC
        while not self.gate.wait(_POLL_SEC):
            cancel.raise_if_cancelled()
            if time.monotonic() > deadline_sec:
                raise TimeoutError("nobody opened the gate")
        while (left_sec := ready_sec - time.monotonic()) > 0:
            cancel.raise_if_cancelled()
            time.sleep(min(_POLL_SEC, left_sec))
        cancel.raise_if_cancelled()
        if "explode" in turn.text:
            raise RuntimeError("CUDA out of memory")
        text = self.respond(turn.text)
        return Answer(text, (text,), np.full(1, 0.9, np.float32))

    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float:
        return 1.0


class ReplyDialect(SilentDialect):
    """Reads ``attributes category``, ``none ...``, ``several ...``, or ``x1 y1 x2 y2; ...``."""

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


Reply = str | Callable[[CancelToken], str]


@dataclass
class ReplyMllm:
    """Gives ``replies`` one after the other; a callable is called in the middle of an answer.

    Attributes:
        yes: the probability of a yes to each question of verification; 0.5 where it is not named.
        turns: the questions about the frame of the last conversation, each with its token limit.
        verifications: the questions of verification.
        opened: the frames of the conversations.
        read: the conversations that read their image ahead.
    """

    replies: Sequence[Reply] = ("red mug", "4 4 12 12")
    yes: dict[str, float] = field(default_factory=dict)
    name: str = "scripted-mllm"
    dialect: Any = field(default_factory=ReplyDialect)
    turns: list[tuple[str, int]] = field(default_factory=list)
    verifications: list[str] = field(default_factory=list)
    opened: list[Frame] = field(default_factory=list)
    read: list[ReplyConversation] = field(default_factory=list)

    def open(self, frame: Frame) -> ReplyConversation:
        self.opened.append(frame)
        self.turns.clear()
        return ReplyConversation(self)


@dataclass
class ReplyConversation:
    """A conversation of a `ReplyMllm`."""

    mllm: ReplyMllm

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
class BoxSegmenter:
    """A segmenter that fills the box of the spatial prompt."""

    name: str = "scripted-segmenter"

    def encode(self, frame: Frame) -> tuple[int, int]:
        return frame.height_px, frame.width_px

    def segment(
        self,
        encoded: tuple[int, int],
        semantic: SemanticPrompt | None,
        spatial: SpatialPrompt | None,
    ) -> MaskCandidates:
        if spatial is None:
            raise SegmentationError(f"{self.name} needs a box.")
        masks = box_masks([spatial.box_xyxy_px.tolist()], *encoded)
        return MaskCandidates(masks, np.array([0.9], np.float32))


class SegmenterCall(NamedTuple):
    """Prompts that a segmenter was given."""

    encoded: Any
    semantic: SemanticPrompt | None
    spatial: SpatialPrompt | None


@dataclass
class MaskSegmenter:
    """Answers with masks that are the given boxes; hooks are called while it works.

    Attributes:
        boxes: ``x1, y1, x2, y2`` of each mask, in pixels.
        scores: 0..1, one a mask.
        encoded: the frames that were encoded.
        prompts: what `segment` was given, call by call.
    """

    boxes: Sequence[tuple[int, int, int, int]] = ((4, 4, 12, 12),)
    scores: Sequence[float] = (0.9,)
    size_px: tuple[int, int] = (24, 32)
    name: str = "scripted-segmenter"
    on_encode: Callable[[], None] = lambda: None
    on_segment: Callable[[], None] = lambda: None
    encoded: list[Frame] = field(default_factory=list)
    prompts: list[SegmenterCall] = field(default_factory=list)

    def encode(self, frame: Frame) -> Any:
        self.encoded.append(frame)
        self.on_encode()
        return ("embedding", frame.stamp_ns)

    def segment(
        self, encoded: Any, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> MaskCandidates:
        self.prompts.append(SegmenterCall(encoded, semantic, spatial))
        self.on_segment()
        masks = box_masks(self.boxes, *self.size_px)
        return MaskCandidates(masks, np.array(self.scores, np.float32))


@dataclass
class KeywordPipelines:
    """Builds the real pipeline on a `KeywordMllm` and a `BoxSegmenter`, and holds both.

    Attributes:
        configs: the configurations of the pipelines that were built.
        calibration: of the pipelines that are built from then on.
    """

    mllm: KeywordMllm = field(default_factory=KeywordMllm)
    segmenter: BoxSegmenter = field(default_factory=BoxSegmenter)
    calibration: ScoreCalibration | None = None
    configs: list[Config] = field(default_factory=list)

    def build(self, config: Config) -> PPCRPipeline:
        """The pipeline of ``config``."""
        self.configs.append(config)
        return PPCRPipeline(self.mllm, self.segmenter, config, self.calibration)


def scripted_calibration(bias: float, weight: float = 0.1, **fields: Any) -> ScoreCalibration:
    """A calibration to what stands for the masks of scripted models that are not asked again."""
    terms = ("segmenter", "agreement", "spatial", "semantic")
    return ScoreCalibration(bias, dict.fromkeys(terms, weight), **fields)


def run_scripted(
    mllm: Any, segmenter: Any, frame: Frame, config: Config | None = None, **options: Any
) -> Result:
    """The result for "the red mug"; ``options`` of the pipeline where there is no ``config``."""
    config = config or Config(pipeline=PipelineConfig(**options))
    with PPCRPipeline(mllm, segmenter, config) as pipeline:
        return pipeline.run(frame, "the red mug")


class ResultLog:
    """Keeps what a `CommandWorker` gives out, as its outlet or as a command's listener.

    Attributes:
        stages: the command_id and the product of each stage, in order.
        frames: the frame of each result; None where there was none.
        results: the results, in order.
        clearings: how often the target was taken away.
    """

    def __init__(self) -> None:
        self.stages: list[tuple[str, StageOutput]] = []
        self.frames: list[Frame | None] = []
        self.results: list[Result] = []
        self.clearings = 0

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        self.stages.append((command_id, output))

    def result(self, result: Result, frame: Frame | None) -> None:
        self.frames.append(frame)
        self.results.append(result)

    def cleared(self) -> None:
        self.clearings += 1

    @property
    def endings(self) -> dict[str, Status]:
        """How each command ended, by its command_id."""
        return {result.command_id: result.status for result in self.results}
