"""The data types that the stages hand on.

One frozen dataclass stands at each boundary, checked when it is made. Pixel coordinates have their
origin at the top left corner of the frame, x to the right and y down. A box ``xyxy`` is half-open:
``x2`` and ``y2`` lie one past the last pixel, so ``x2 - x1`` is the width in pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

import numpy as np

from ppcr_ros.core.checks import Array, describe
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.masks import Candidate, Instance, MaskCandidates, Segmentation
from ppcr_ros.core.prompts import Intent, Seen, SemanticPrompt, SpatialPrompt

__all__ = [
    "Array",
    "Candidate",
    "Frame",
    "Instance",
    "Intent",
    "MaskCandidates",
    "ModelNames",
    "Result",
    "Seen",
    "Segmentation",
    "SemanticPrompt",
    "SpatialPrompt",
    "StageOutput",
    "StageSeconds",
    "Status",
]


class Status(IntEnum):
    """Ending of a run. The numbers are those of ``ReferringSegmentation.msg``, whose 0 is UNKNOWN.

    A run never ends so: it is what a message says that nobody has filled in.
    """

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
    OK = 7


@dataclass(frozen=True)
class Rectification:
    """Maps that free a raw image of its lens's distortion.

    Attributes:
        source_xy_px: (H, W, 2) int16, for each pixel of the rectified image the pixel x, y of the
            raw one that it shows; -1 where there is none.
        camera_matrix: (3, 3) float64 intrinsics of the rectified image, in pixels.
    """

    source_xy_px: Array
    camera_matrix: Array

    def applied(self, values: Array) -> Array:
        """``values`` (H, W, ...) of the raw image, for each pixel of the rectified; 0 where none.

        Nothing is mixed: a depth between an object and its background is on neither.
        """
        x, y = self.source_xy_px[..., 0], self.source_xy_px[..., 1]
        taken: Array = values[np.maximum(y, 0), np.maximum(x, 0)]
        taken[(x < 0) | (y < 0)] = 0
        return taken

    def raw_pixel_of(self, x: float, y: float) -> tuple[float, float] | None:
        """Where the raw image shows what lies at a pixel of the rectified one; None where nowhere.

        To half a pixel, which is what the map is rounded to.
        """
        height_px, width_px = self.source_xy_px.shape[:2]
        left, top = math.floor(x), math.floor(y)
        if not (0 <= left < width_px - 1 and 0 <= top < height_px - 1):
            return None
        corners = self.source_xy_px[top : top + 2, left : left + 2].astype(np.float64)
        if (corners < 0).any():
            return None
        across, down = x - left, y - top
        upper, lower = corners[:, 0] * (1.0 - across) + corners[:, 1] * across
        raw_x, raw_y = upper * (1.0 - down) + lower * down
        return float(raw_x), float(raw_y)


@dataclass(frozen=True)
class Frame:
    """One camera image and what belongs to it.

    Attributes:
        rgb: (H, W, 3) uint8, colour order red, green, blue.
        stamp_ns: time of the exposure, nanoseconds since the epoch of the camera's clock.
        frame_id: name of the camera's optical frame (REP 103: x right, y down, z forward).
        depth_m: (H, W) float32, metres along the optical axis, NaN or 0 where unknown; or None.
        camera_matrix: (3, 3) float64 intrinsics in pixels; or None.
        rectification: what frees the image of its lens's distortion; None where ``camera_matrix``
            holds for it as it is.
        received_sec: when the image arrived, by ``time.monotonic()``; None for one from a file.
        stamp_lag_sec: how far the stamp lay behind the node's clock when the image arrived; None
            where nobody can tell.
        depth_problem: why there is no depth or no camera matrix, for a person; may be empty.
        geometry_doubts: why depth or intrinsics may be another image's, a sentence each; such a
            frame is searched, but nothing on it is graspable.
        projection_doubts: those of them for which a point in space may not be where
            ``camera_matrix`` shows it.
        image_frame_id: the frame_id that the image itself carries, where ``frame_id`` is another;
            may be empty.

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
    rectification: Rectification | None = None
    stamp_lag_sec: float | None = None
    geometry_doubts: tuple[str, ...] = ()
    projection_doubts: tuple[str, ...] = ()
    image_frame_id: str = ""

    def __post_init__(self) -> None:
        rgb = self.rgb
        if (
            not isinstance(rgb, np.ndarray)
            or rgb.dtype != np.uint8
            or rgb.ndim != 3
            or rgb.shape[2] != 3
        ):
            raise InvalidFrameError(
                f"rgb is {describe(rgb)}; expected an array of shape (H, W, 3) and dtype uint8 in "
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
                f"depth_m is {describe(depth)}; expected shape {rgb.shape[:2]} and dtype float32, "
                "aligned with the colour image. Publish depth registered to the colour camera."
            )
        matrix = self.camera_matrix
        if matrix is not None and (not isinstance(matrix, np.ndarray) or matrix.shape != (3, 3)):
            raise InvalidFrameError(f"camera_matrix is {describe(matrix)}; expected shape (3, 3).")

    @property
    def height_px(self) -> int:
        return int(self.rgb.shape[0])

    @property
    def width_px(self) -> int:
        return int(self.rgb.shape[1])


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
    """Names of the models that answered, as the configuration has them."""

    mllm: str = ""
    segmenter: str = ""


@dataclass(frozen=True)
class Result:
    """Result of one command about one frame, whatever the ending.

    The stages' products are None where they were not reached, or are left out by
    ``pipeline.guidance``. ``message`` is empty for `Status.OK` and says what happened and what to
    do otherwise. ``grasp`` is there wherever ``segmentation`` is; without depth it says so.
    ``out_of_memory`` tells, of `Status.ERROR`, that memory ran out, and ``mllm_unavailable`` that
    the engine which serves the MLLM did not answer; ``cleared``, of `Status.CANCELLED`, that the
    command was to clear the target, which has been done.

    Where ``tracked``, the mask was followed from an earlier answer to the same command, the MLLM
    was not asked about this image, and there is no spatial prompt. ``age_sec`` is how much later
    the image was taken than the one that the MLLM answered about.

    ``candidates`` are what several objects fit, where `Status.AMBIGUOUS`, and ``question`` asks
    which is meant. ``say`` is one plain sentence to be spoken, whatever the status.
    ``reply_to`` is the command_id of the result whose question the command has answered; "" where
    it is no reply. ``point_xy_px`` is what was pointed at, in the frame's own pixels; or None.
    ``unfamiliarity`` is how unlike what the MLLM has learnt from the image is, above 1 unlike all
    of it; the message says so then. None where the model does not know.
    ``not_found_probability`` is 0..1 that no such object is in the image; None where the model has
    no estimate of it.
    ``looks`` is how many looks were taken at the image, further ones after the first.
    ``score_floor`` is the score that its mask needed for `Status.OK`.
    ``asked_for`` is by which words what was found can be asked for again, where ``command`` is a
    reply that means nothing without its question; "" where ``command`` says it.
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
    mllm_unavailable: bool = False
    cleared: bool = False
    tracked: bool = False
    age_sec: float = 0.0
    candidates: tuple[Candidate, ...] = ()
    question: str = ""
    say: str = ""
    not_found_probability: float | None = None
    reply_to: str = ""
    point_xy_px: tuple[float, float] | None = None
    unfamiliarity: float | None = None
    looks: int = 1
    score_floor: float = 0.0
    asked_for: str = ""

    @property
    def expected_mask_iou(self) -> float | None:
        """The segmenter's own estimate 0..1 of the mask's IoU with its object, if it made one."""
        found = self.segmentation
        return None if found is None or found.evidence is None else found.evidence.segmenter
