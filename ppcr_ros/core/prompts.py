"""Semantic and spatial prompts of stages 1 and 2. `ppcr_ros.core.types` hands them on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from ppcr_ros.core.checks import Array, check_confidence, check_share, describe
from ppcr_ros.core.errors import PromptParseError


class Intent(IntEnum):
    """Intent of a command. The numbers are those of ``SemanticPrompt.msg``."""

    FIND = 0
    """An object, several, or a part of one; with a destination or without."""
    PROHIBITION = 1
    """That something be left alone, and nothing else: ``don't touch the red mug``."""
    NOTHING = 2
    """Nothing that can be seen: ``where am I``."""


@dataclass(frozen=True)
class Seen:
    """An object that the MLLM has named and pointed at.

    Attributes:
        words: what sets it apart: ``small green ball``.
        x_share: of a point on it, 0..1 of the image's width.
        y_share: likewise, of its height.
    """

    words: str
    x_share: float
    y_share: float


@dataclass(frozen=True)
class SemanticPrompt:
    """Stage 1's product: what the target is (PPCR's Semantic Segmentation Prompt).

    Attributes:
        text: what the MLLM wrote, cleaned of markup.
        category: the kind of object, as a noun: ``ball``.
        attributes: what sets it apart by itself: ``("small", "green")``.
        relations: what sets it apart by its surroundings: ``("left of the large red cube",)``.
        confidence: 0..1, from the probabilities of the tokens; 1 where a person has chosen what is
            meant among candidates.
        present: False where the MLLM says that no such object is in the image.
        ambiguous: True where the MLLM says that several objects fit, and does not choose.
        embedding: (n_tokens, d) float32, the MLLM's last hidden states over the answer; or None.
        doubt: why the object that the MLLM names cannot be meant, where ``present`` is False all
            the same; else "".
        intent: what the command asks for; where it is not `Intent.FIND` no mask is made.
        part: the part of the target that was named, ``handle``; or "".
        quantity: how many objects are asked for; None for all that fit.
        targets: a phrase for each target where several that differ are named, ``("red mug", "green
            ball")``; empty where one phrase says it all.
        destination: what the target is to be brought to, ``white bowl``; or "".
        destination_relation: how it is to lie there, ``in``, ``left of``; or "".
        seen: objects that the MLLM has named and pointed at, such as the several that fit.
        not_found_probability: 0..1, that no such object is in the image; None where the model has
            no estimate of it.
    """

    text: str
    category: str
    attributes: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    confidence: float = 0.0
    present: bool = True
    ambiguous: bool = False
    embedding: Array | None = field(default=None, repr=False)
    doubt: str = ""
    intent: Intent = Intent.FIND
    part: str = ""
    quantity: int | None = 1
    targets: tuple[str, ...] = ()
    destination: str = ""
    destination_relation: str = ""
    seen: tuple[Seen, ...] = ()
    not_found_probability: float | None = None

    @property
    def phrase(self) -> str:
        """The target in a few words: ``small green ball``, or all that were named."""
        return " and ".join(self.targets) or " ".join((*self.attributes, self.category))

    @property
    def several(self) -> bool:
        """Whether more than one object is asked for."""
        return self.quantity != 1 or len(self.targets) > 1

    def __post_init__(self) -> None:
        if self.quantity is not None and self.quantity < 1:
            raise PromptParseError(
                f"the quantity is {self.quantity}; expected at least 1, or None for all.", self.text
            )
        if self.not_found_probability is not None:
            check_share("not_found_probability", self.not_found_probability)
        if not self.category.strip():
            raise PromptParseError(
                "the semantic prompt names no category; expected a noun such as 'ball'.", self.text
            )
        check_confidence(self.confidence)


@dataclass(frozen=True)
class SpatialPrompt:
    """Stage 2's product: where the target is and how far it extends.

    Attributes:
        text: what the MLLM wrote, cleaned of markup.
        box_xyxy_px: (4,) float32, in the frame's own pixels, half-open, x1 < x2 and y1 < y2; of
            the first instance where there are several.
        points_xy_px: (n, 2) float32, in the frame's own pixels, of the first instance; n may be 0.
        point_labels: (n,) int32, 1 on the target and 0 on what is not the target.
        confidence: 0..1, from the probabilities of the coordinate tokens; NaN where an engine
            tells none.
        embedding: (n_tokens, d) float32, the MLLM's last hidden states over the answer; or None.
        boxes_xyxy_px: (k, 4) float32, a box for each instance, ``box_xyxy_px`` first; always
            made of that where there is one alone.
        box_words: what each of the boxes is called, k long; or empty.
        destination_box_xyxy_px: (4,) float32, of what the target is to be brought to; or None.
    """

    text: str
    box_xyxy_px: Array
    points_xy_px: Array = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    point_labels: Array = field(default_factory=lambda: np.zeros((0,), np.int32))
    confidence: float = 0.0
    embedding: Array | None = field(default=None, repr=False)
    boxes_xyxy_px: Array = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    box_words: tuple[str, ...] = ()
    destination_box_xyxy_px: Array | None = None

    def __post_init__(self) -> None:
        self._check_box("box", self.box_xyxy_px)
        if len(self.boxes_xyxy_px) <= 1:  # one may come from a prompt whose box was replaced
            object.__setattr__(self, "boxes_xyxy_px", self.box_xyxy_px[None])
        for number, box in enumerate(self.boxes_xyxy_px, 1):
            self._check_box(f"box {number} of {len(self.boxes_xyxy_px)}", box)
        if not np.array_equal(self.boxes_xyxy_px[0], self.box_xyxy_px):
            raise PromptParseError(
                f"the first of the boxes is {self.boxes_xyxy_px[0].tolist()}; expected the box "
                f"{self.box_xyxy_px.tolist()}.",
                self.text,
            )
        if self.box_words and len(self.box_words) != len(self.boxes_xyxy_px):
            raise PromptParseError(
                f"{len(self.boxes_xyxy_px)} boxes have {len(self.box_words)} names; expected one "
                "for each, or none at all.",
                self.text,
            )
        if self.destination_box_xyxy_px is not None:
            self._check_box("destination's box", self.destination_box_xyxy_px)
        n = len(self.point_labels)
        if self.points_xy_px.shape != (n, 2) or self.point_labels.shape != (n,):
            raise PromptParseError(
                f"points are {describe(self.points_xy_px)} and labels "
                f"{describe(self.point_labels)}; expected (n, 2) and (n,).",
                self.text,
            )
        check_confidence(self.confidence)

    def _check_box(self, what: str, box: Array) -> None:
        if not isinstance(box, np.ndarray) or box.shape != (4,) or box.dtype != np.float32:
            raise PromptParseError(
                f"the {what} is {describe(box)}; expected (4,) float32: x1, y1, x2, y2.", self.text
            )
        if not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
            raise PromptParseError(
                f"the {what} is {box.tolist()}; expected x1 < x2 and y1 < y2 in pixels.", self.text
            )

    def of_box(self, number: int) -> SpatialPrompt:
        """The same for instance ``number`` alone, from 0 on; the points are the first one's."""
        box, words = self.boxes_xyxy_px[number], self.box_words[number : number + 1]
        if len(self.boxes_xyxy_px) == 1:
            return self
        if number == 0:
            return replace(self, boxes_xyxy_px=box[None], box_words=words)
        return SpatialPrompt(
            self.text, box, confidence=self.confidence, embedding=self.embedding, box_words=words
        )
