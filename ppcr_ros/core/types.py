"""What flows between the stages.

One frozen dataclass stands at each boundary, checked when it is made. Pixel coordinates have their
origin at the top left corner of the frame, x to the right and y down. A box ``xyxy`` is half-open:
``x2`` and ``y2`` lie one past the last pixel, so ``x2 - x1`` is the width in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ppcr_ros.core.errors import InvalidFrameError, PromptParseError, SegmentationError
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.grasp.grasp_target import GraspTarget

Array: TypeAlias = npt.NDArray[Any]


class Status(IntEnum):
    """How a run ended. The numbers are those of ``ReferringSegmentation.msg``."""

    OK = 0
    NOT_FOUND = 1
    """The MLLM says that the object is not in the image."""
    PARSE_FAILED = 2
    """The MLLM wrote no valid prompt, not even after one repair try."""
    LOW_CONFIDENCE = 3
    """There is a mask, but it is below the configured floor: not to be grasped."""
    CANCELLED = 4
    ERROR = 5
    AMBIGUOUS = 6
    """The MLLM says that several objects fit the command: nothing is chosen; say which is meant."""


def _describe(value: object) -> str:
    """What an array or another value is, for an error message."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return f"{type(value).__name__} {value!r:.60}"


@dataclass(frozen=True)
class Frame:
    """One camera image and what belongs to it.

    Attributes:
        rgb: (H, W, 3) uint8, colour order red, green, blue.
        stamp_ns: time of the exposure, nanoseconds since the epoch of the camera's clock.
        frame_id: name of the camera's optical frame (REP 103: x right, y down, z forward).
        depth_m: (H, W) float32, metres along the optical axis, NaN or 0 where unknown; or None.
        camera_matrix: (3, 3) float64 intrinsics in pixels; or None.
        received_sec: when the image arrived, by ``time.monotonic()``; None for one from a file.
        depth_problem: why there is no depth or no camera matrix, for a person; may be empty.

    Raises:
        InvalidFrameError: when an array has another shape or dtype.
    """

    rgb: Array
    stamp_ns: int = 0
    frame_id: str = ""
    depth_m: Array | None = None
    camera_matrix: Array | None = None
    received_sec: float | None = None
    depth_problem: str = ""

    def __post_init__(self) -> None:
        rgb = self.rgb
        if (
            not isinstance(rgb, np.ndarray)
            or rgb.dtype != np.uint8
            or rgb.ndim != 3
            or rgb.shape[2] != 3
        ):
            raise InvalidFrameError(
                f"rgb is {_describe(rgb)}; expected an array of shape (H, W, 3) and dtype uint8 in "
                "red, green, blue order. Convert the image first."
            )
        if rgb.shape[0] < 1 or rgb.shape[1] < 1:
            raise InvalidFrameError(
                f"the image is {rgb.shape[1]}x{rgb.shape[0]} pixels; expected at least 1x1. "
                "Check that the camera driver fills in the image."
            )
        depth = self.depth_m
        if depth is not None and (
            not isinstance(depth, np.ndarray)
            or depth.dtype != np.float32
            or depth.shape != rgb.shape[:2]
        ):
            raise InvalidFrameError(
                f"depth_m is {_describe(depth)}; expected shape {rgb.shape[:2]} and dtype float32, "
                "aligned with the colour image. Publish depth registered to the colour camera."
            )
        matrix = self.camera_matrix
        if matrix is not None and (not isinstance(matrix, np.ndarray) or matrix.shape != (3, 3)):
            raise InvalidFrameError(f"camera_matrix is {_describe(matrix)}; expected shape (3, 3).")

    @property
    def height_px(self) -> int:
        return int(self.rgb.shape[0])

    @property
    def width_px(self) -> int:
        return int(self.rgb.shape[1])


def _check_confidence(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is {value!r}; expected a number from 0 to 1.")


@dataclass(frozen=True)
class SemanticPrompt:
    """Stage 1's product: what the target is (PPCR's Semantic Segmentation Prompt).

    Attributes:
        text: what the MLLM wrote, cleaned of markup.
        category: the kind of object, as a noun: ``ball``.
        attributes: what sets it apart by itself: ``("small", "green")``.
        relations: what sets it apart by its surroundings: ``("left of the large red cube",)``.
        confidence: 0..1, from the probabilities of the tokens.
        present: False where the MLLM says that no such object is in the image.
        ambiguous: True where the MLLM says that several objects fit, and does not choose.
        embedding: (n_tokens, d) float32, the MLLM's last hidden states over the answer; or None.
        doubt: why the object that the MLLM names cannot be meant, where ``present`` is False all
            the same; else "".
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

    def __post_init__(self) -> None:
        if not self.category.strip():
            raise PromptParseError(
                "the semantic prompt names no category; expected a noun such as 'ball'.", self.text
            )
        _check_confidence("confidence", self.confidence)


@dataclass(frozen=True)
class SpatialPrompt:
    """Stage 2's product: where the target is and how far it extends.

    Attributes:
        text: what the MLLM wrote, cleaned of markup.
        box_xyxy_px: (4,) float32, in the frame's own pixels, half-open, x1 < x2 and y1 < y2.
        points_xy_px: (n, 2) float32, in the frame's own pixels; n may be 0.
        point_labels: (n,) int32, 1 on the target and 0 on what is not the target.
        confidence: 0..1, from the probabilities of the coordinate tokens.
        embedding: (n_tokens, d) float32, the MLLM's last hidden states over the answer; or None.
    """

    text: str
    box_xyxy_px: Array
    points_xy_px: Array = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    point_labels: Array = field(default_factory=lambda: np.zeros((0,), np.int32))
    confidence: float = 0.0
    embedding: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        box = self.box_xyxy_px
        if not isinstance(box, np.ndarray) or box.shape != (4,) or box.dtype != np.float32:
            raise PromptParseError(
                f"the box is {_describe(box)}; expected (4,) float32: x1, y1, x2, y2.", self.text
            )
        if not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
            raise PromptParseError(
                f"the box is {box.tolist()}; expected x1 < x2 and y1 < y2 in pixels.", self.text
            )
        n = len(self.point_labels)
        if self.points_xy_px.shape != (n, 2) or self.point_labels.shape != (n,):
            raise PromptParseError(
                f"points are {_describe(self.points_xy_px)} and labels "
                f"{_describe(self.point_labels)}; expected (n, 2) and (n,).",
                self.text,
            )
        _check_confidence("confidence", self.confidence)


@dataclass(frozen=True)
class MaskCandidates:
    """What a segmenter answers to one joint prompt: several masks to choose from.

    Attributes:
        masks: (n, H, W) bool, n >= 1, in the frame's own pixels.
        scores: (n,) float32, 0..1, the segmenter's own estimate of each mask's IoU.
    """

    masks: Array
    scores: Array

    def __post_init__(self) -> None:
        masks, scores = self.masks, self.scores
        if (
            masks.ndim != 3
            or masks.dtype != np.bool_
            or not len(masks)
            or scores.shape != (len(masks),)
        ):
            raise SegmentationError(
                f"masks are {_describe(masks)} and scores {_describe(scores)}; expected (n, H, W) "
                "bool and (n,) with n of at least 1."
            )


@dataclass(frozen=True)
class Segmentation:
    """Stage 3's product: the object's pixels.

    Attributes:
        mask: (H, W) bool, in the frame's own pixels, with at least one pixel set.
        score: 0..1, how sure the segmenter and both prompts are of this mask together; for models
            that were calibrated, the probability that it is the right object's.
        box_xyxy_px: (4,) float32, the tight, half-open box of the mask.
        evidence: what the score was made of; None where it is the segmenter's own.
    """

    mask: Array
    score: float
    box_xyxy_px: Array
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        if self.mask.ndim != 2 or self.mask.dtype != np.bool_:
            raise SegmentationError(f"mask is {_describe(self.mask)}; expected (H, W) bool.")
        _check_confidence("score", self.score)

    @classmethod
    def from_mask(cls, mask: Array, score: float) -> Segmentation:
        """The segmentation of ``mask`` (H, W) bool, with its tight box worked out.

        Raises:
            SegmentationError: when no pixel is set; a failure is never an empty mask.
        """
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            raise SegmentationError("the mask has no pixel set; expected at least one.")
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
        return cls(mask=mask, score=float(score), box_xyxy_px=box)


StageOutput: TypeAlias = SemanticPrompt | SpatialPrompt | Segmentation


@dataclass(frozen=True)
class StageSeconds:
    """Wall-clock seconds of one run, by stage; 0 where a stage was not reached.

    ``encode`` is the segmenter's image encoder, which may run beside the first two stages, so the
    sum can exceed ``total``.
    """

    semantic: float = 0.0
    spatial: float = 0.0
    encode: float = 0.0
    segmentation: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class ModelNames:
    """Which models answered, as the configuration names them."""

    mllm: str = ""
    segmenter: str = ""


@dataclass(frozen=True)
class Result:
    """How one command about one frame ended, whatever the ending.

    The stages' products are None where they were not reached, or are left out by
    ``pipeline.guidance``. ``message`` is empty for `Status.OK` and says what happened and what to
    do otherwise. ``grasp`` is there wherever ``segmentation`` is; without depth it says so.
    ``out_of_memory`` tells, of `Status.ERROR`, that memory ran out.

    Where ``tracked``, the mask was followed from an earlier answer to the same command, the MLLM
    was not asked about this image, and there is no spatial prompt. ``age_sec`` is how much later
    the image was taken than the one that the MLLM answered about.
    """

    status: Status
    command: str
    message: str = ""
    command_id: str = ""
    stamp_ns: int = 0
    frame_id: str = ""
    semantic: SemanticPrompt | None = None
    spatial: SpatialPrompt | None = None
    segmentation: Segmentation | None = None
    grasp: GraspTarget | None = None
    seconds: StageSeconds = field(default_factory=StageSeconds)
    models: ModelNames = field(default_factory=ModelNames)
    out_of_memory: bool = False
    tracked: bool = False
    age_sec: float = 0.0
