"""The interfaces of the models, as the stages use them.

``ppcr_ros.models`` implements these with torch; tests implement them with a few lines of Python.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ppcr_ros.core.answer_form import AnswerForm
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.types import (
    Array,
    Frame,
    MaskCandidates,
    SemanticPrompt,
    SpatialPrompt,
)
from ppcr_ros.core.window import WHOLE_FRAME, Window


@dataclass(frozen=True)
class Turn:
    """Question to an MLLM, and what is known of its answer.

    Attributes:
        text: the question, as plain text; the chat template is applied by the conversation.
        form: the form that the answer should have; None where it has none.
        expected: what the answer most likely begins with. It is read along with the turn and kept
            as far as the model would have written it, which saves steps and changes no answer.
        n_locations: so many location tokens make the answer whole, and nothing is written behind
            the last of them; 0 where the model says when it has ended.
    """

    text: str
    form: AnswerForm | None = None
    expected: str = ""
    n_locations: int = 0

    @property
    def likely_beginning(self) -> str:
        """What the answer most likely begins with: as expected, or as its form begins."""
        return self.expected or ("" if self.form is None else self.form.beginning)


@dataclass(frozen=True)
class Answer:
    """Answer of an MLLM in one turn.

    Attributes:
        text: the decoded answer, special tokens left out except location tokens.
        tokens: the n answer tokens as text, location tokens included, the end token left out.
        probabilities: (n,) float32, 0..1, the model's probability of each token; with ``tokens``
            empty where an engine does not tell them.
        offsets: (n,) float32, how many steps of a coordinate each location token is from the mean
            of those that were nearly as likely; empty where that is not known.
        image_size_px: (width, height) of the resized image that the model saw, for families that
            answer in its pixels.
        hidden_states: (n, d) float32, the last hidden states over the answer; or None.
        truncated: True where the token limit ended the answer.
        window: the part of the frame that the model saw.
    """

    text: str
    tokens: tuple[str, ...] = ()
    probabilities: Array = field(default_factory=lambda: np.zeros((0,), np.float32))
    offsets: Array = field(default_factory=lambda: np.zeros((0,), np.float32), repr=False)
    image_size_px: tuple[int, int] = (0, 0)
    hidden_states: Array | None = field(default=None, repr=False)
    truncated: bool = False
    window: Window = WHOLE_FRAME


class Dialect(Protocol):
    """Questions to one MLLM family, and the readers of its answers.

    ``parse_semantic`` and ``parse_spatial`` raise `PromptParseError` where the answer holds no
    valid prompt, and ``parse_spatial`` raises `TargetNotFound` where it says that the object is not
    there, and `TargetAmbiguous` where it says that there are several.
    """

    def semantic_turn(self, command: str) -> Turn:
        """Stage 1's question; ``command`` is quoted as data, never as an instruction."""
        ...

    def parse_semantic(self, answer: Answer) -> SemanticPrompt: ...

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        """Stage 2's question, conditioned on stage 1's product."""
        ...

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        """Stage 2's product in the pixels of a frame of the given size."""
        ...

    @property
    def reads_intents(self) -> bool:
        """Whether stage 1 understands a whole command: part, quantity, destination and all.

        Where it does not, it is asked for one kind of object at a time.
        """
        ...

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn | None:
        """What to ask where several objects fit, for all of them; None where there is no such turn.

        `parse_spatial` reads the answer. Where it is None, ``semantic.seen`` names them.
        """
        ...

    def direct_turn(self, command: str) -> Turn | None:
        """Stage 2's question straight from the command; None where the family has none.

        `parse_spatial` reads the answer, and raises `TargetNotFound` or `TargetAmbiguous` where it
        says that no object, or more than one, fits.
        """
        ...

    def direct_all_turn(self, command: str) -> Turn | None:
        """The same question for every object that the command fits; `parse_spatial` reads it."""
        ...

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        """What to say after an answer to ``turn`` that could not be read; ``error`` says why."""
        ...

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> Turn | None:
        """A yes/no question whether the box holds the target; None where the family has none."""
        ...


class Conversation(Protocol):
    """One MLLM conversation about one frame; each turn continues the last one's cache."""

    def read_image(self) -> None:
        """Read the image now, and not with the first turn, which is answered sooner then.

        What follows is the same whether it was called or not.
        """
        ...

    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        """Say ``turn`` and return the greedy answer.

        Raises:
            Cancelled: between two tokens, when ``cancel`` was raised.
        """
        ...

    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float | None:
        """The probability 0..1 of a yes to ``turn``; the conversation is left as it was.

        None where the model does not tell its probabilities.
        """
        ...


@runtime_checkable
class BeginsAgain(Protocol):
    """A conversation from which another about the same image is begun without reading it again."""

    def begin_again(self) -> Conversation | None:
        """A conversation in which nothing has been said; None where the image must be read."""
        ...


class Mllm(Protocol):
    """A loaded multimodal language model."""

    name: str
    dialect: Dialect

    def open(self, frame: Frame) -> Conversation:
        """Begin a conversation about ``frame``; cheap, the image is encoded by the first turn."""
        ...


@runtime_checkable
class TellsKinds(Protocol):
    """A conversation whose model's image tokens tell what they show, whatever the model says."""

    def kind_probability(self, kind: str, box_xyxy: Array) -> float | None:
        """The chance 0..1 that what lies in a box is of a kind; None where that is not known.

        Args:
            kind: ``mug``.
            box_xyxy: (4,) in shares of the frame.
        """
        ...


@runtime_checkable
class LooksCloser(Protocol):
    """A model that can be shown a part of a frame, and tells where things are in the whole frame.

    Its conversations have an attribute ``things``: the `Window` in which all that it has a name for
    lies, once the image has been read; None where it sees nothing.
    """

    def open_window(self, frame: Frame, window: Window) -> Conversation:
        """Begin a conversation about ``window`` of ``frame``; places are told of the frame."""
        ...


class Segmenter(Protocol):
    """A loaded promptable segmenter."""

    name: str

    def encode(self, frame: Frame) -> Any:
        """The image embedding of ``frame``: the heavy part, once per frame, on any thread."""
        ...

    def segment(
        self, encoded: Any, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> MaskCandidates:
        """The masks that the prompts jointly ask for, in the frame's own pixels.

        Raises:
            SegmentationError: when it cannot work from the prompts that are given.
        """
        ...


@runtime_checkable
class PhraseSegmenter(Protocol):
    """A segmenter that finds every instance of a phrase by itself."""

    def segment_phrase(self, encoded: Any, semantic: SemanticPrompt) -> MaskCandidates:
        """Every instance of ``semantic``'s phrase, the surest first.

        Raises:
            TargetNotFound: when there is none.
        """
        ...
