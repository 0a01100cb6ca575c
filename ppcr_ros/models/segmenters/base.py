"""Base of all segmenters: prompts, streams, and masks at the frame's size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppcr_ros.core.boxes import clip_box
from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.types import Array, Frame, MaskCandidates, SemanticPrompt, SpatialPrompt
from ppcr_ros.models.devices import placement
from ppcr_ros.models.memory import memory_errors
from ppcr_ros.models.segmenters.object_hint import NO_HINT, ObjectHint
from ppcr_ros.models.segmenters.region import Region


@dataclass(frozen=True)
class EncodedFrame:
    """A frame's image embedding.

    Attributes:
        embedding: what the family's mask decoder takes, on the segmenter's device; None where the
            region around a box is to be looked at, which is not known yet.
        frame_size_px: (height, width) of the frame.
        input_size_px: (height, width) of the resized frame that the encoder saw, padding left out.
        rgb: (H, W, 3) uint8, the frame, where a part of it is still to be looked at.
        parts: what was looked at so far: regions (None for all of the frame) with embeddings.
    """

    embedding: Any
    frame_size_px: tuple[int, int]
    input_size_px: tuple[int, int]
    rgb: Array | None = None
    parts: dict[Region | None, EncodedFrame] = field(default_factory=dict, compare=False)

    @property
    def input_scale_xy(self) -> Array:
        """Pixels of the encoder's input for one of the frame, (2,) float64."""
        (height, width), (input_height, input_width) = self.frame_size_px, self.input_size_px
        return np.array([input_width / width, input_height / height], np.float64)

    def to_input(self, points_xy_px: Array) -> Array:
        """Points (..., 2) of the frame in the pixels of the encoder's input, float32."""
        return np.asarray(points_xy_px * self.input_scale_xy, np.float32)


@dataclass(frozen=True)
class BoxAndPoints:
    """A spatial prompt cut to the frame.

    Attributes:
        box_xyxy_px: (4,) float32, in the frame's pixels, within the frame.
        points_xy_px: (n, 2) float32, in the frame's pixels, those within the frame.
        point_labels: (n,) int32, 1 on the target, 0 not.
    """

    box_xyxy_px: Array
    points_xy_px: Array
    point_labels: Array

    @classmethod
    def within(cls, spatial: SpatialPrompt, *, height_px: int, width_px: int) -> BoxAndPoints:
        """``spatial`` with its box clipped and without the points that lie outside the frame.

        Raises:
            SegmentationError: when the box lies wholly outside the frame.
        """
        box = clip_box(spatial.box_xyxy_px, width_px=width_px, height_px=height_px)
        if box is None:
            raise SegmentationError(
                f"the box {spatial.box_xyxy_px.tolist()} lies outside the frame of "
                f"{width_px}x{height_px} pixels; expected x1, y1, x2, y2 in the frame's own "
                "pixels. Check the coordinate convention of mllm.family."
            )
        x, y = spatial.points_xy_px[:, 0], spatial.points_xy_px[:, 1]
        inside = (x >= 0) & (x < width_px) & (y >= 0) & (y < height_px)
        points = spatial.points_xy_px[inside].astype(np.float32)
        return cls(box, points, spatial.point_labels[inside].astype(np.int32))

    def seen_in(self, region: Region) -> BoxAndPoints:
        """The same in the pixels of a region that holds the box; points outside it are left out."""
        points = region.to_region(self.points_xy_px)
        inside = ((points >= 0) & (points < (region.width_px, region.height_px))).all(axis=1)
        box = region.to_region(self.box_xyxy_px.reshape(2, 2)).reshape(4)
        return BoxAndPoints(box, points[inside], self.point_labels[inside])


class TorchSegmenter(ABC):
    """A promptable segmenter in torch; implements `ppcr_ros.core.interfaces.Segmenter`.

    ``encode`` and ``segment`` may run at the same time on different threads: the modules hold no
    state of a frame, and on CUDA the encoder has a stream of its own beside the MLLM's.
    """

    def __init__(self, name: str, device: torch.device, *, multimask: bool) -> None:
        self.name = name
        self._device = device
        self._multimask = multimask
        self.looks_at_region = False
        """Whether the region around a box is encoded in place of the whole frame."""
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    @property
    @abstractmethod
    def network(self) -> Any:
        """The library's model, all of it."""

    def encode(self, frame: Frame) -> EncodedFrame:
        """The image embedding of ``frame``, ready for use on any thread and stream.

        Where the region around a box is looked at nothing is encoded before that box is known, and
        `segment` raises what this would.

        Raises:
            SegmentationError: when the frame is too narrow to be resized.
            OutOfMemoryError: when memory runs out.
        """
        size_px = frame.height_px, frame.width_px
        if self.looks_at_region:
            return EncodedFrame(None, size_px, size_px, rgb=frame.rgb)
        return self._encode(frame.rgb)

    @memory_errors("the segmenter's image encoder")
    def _encode(self, rgb: Array) -> EncodedFrame:
        with torch.inference_mode(), self._own_stream():
            embedding, input_size_px = self._embed(rgb)
            if self._stream is not None:
                self._stream.synchronize()
        return EncodedFrame(embedding, (rgb.shape[0], rgb.shape[1]), input_size_px)

    def look_at(
        self,
        encoded: EncodedFrame,
        prompts: BoxAndPoints | None,
        hint: ObjectHint = NO_HINT,
    ) -> tuple[EncodedFrame, Region | None]:
        """What the mask decoder is to see, and where in the frame that is; None for all of it.

        Where ``hint`` has a point the region is around that as well.

        Raises:
            SegmentationError: when the frame is too narrow to be resized.
        """
        if encoded.rgb is None:
            return encoded, None
        region = None
        if prompts is not None:
            box, (height, width) = prompts.box_xyxy_px, encoded.frame_size_px
            box = np.clip(hint.surroundings(box), 0.0, (width, height, width, height))
            seen = (part for part in encoded.parts if part is not None and part.serves(box))
            region = next(seen, None) or Region.around(box, height_px=height, width_px=width)
        if region not in encoded.parts:
            rgb = encoded.rgb if region is None else region.of(encoded.rgb)
            encoded.parts[region] = self._encode(rgb)
        return encoded.parts[region], region

    @memory_errors("the segmenter")
    def segment(
        self,
        encoded: EncodedFrame,
        semantic: SemanticPrompt | None,
        spatial: SpatialPrompt | None,
    ) -> MaskCandidates:
        """The candidate masks (n, H, W) in the frame's own pixels with their scores.

        Raises:
            SegmentationError: when the box lies outside the frame, the segmenter cannot work from
                the prompts that there are, or the model answers NaN.
            OutOfMemoryError: when memory runs out.
        """
        if semantic is None and spatial is None:
            raise SegmentationError(
                f"{self.name} was given no prompt; expected a semantic or a spatial prompt."
            )
        height, width = encoded.frame_size_px
        prompts = None
        if spatial is not None:
            prompts = BoxAndPoints.within(spatial, height_px=height, width_px=width)
        hint = self.hint(semantic, prompts, encoded.frame_size_px)
        seen, region = self.look_at(encoded, prompts, hint)
        if region is not None and prompts is not None:
            prompts, hint = prompts.seen_in(region), hint.seen_in(region)
        with torch.inference_mode():
            logits, scores = self._decode(seen, semantic, spatial, prompts, hint)
            masks = self._masks_at_frame_size(logits, seen).cpu().numpy()
            if region is not None:
                masks = region.in_frame(masks, height_px=height, width_px=width)
            scores_array = scores.float().cpu().numpy()
        if not np.isfinite(scores_array).all():
            raise SegmentationError(
                f"{self.name} gave the mask scores {scores_array.tolist()}; expected finite "
                "numbers. Set segmenter.dtype to float32, or to bfloat16 where the device has it."
            )
        return MaskCandidates(masks, np.clip(scores_array, 0.0, 1.0))

    @cached_property
    def placement(self) -> str:
        """Where it runs and in which number format, such as ``cuda:0 bfloat16``."""
        return placement([self.network])

    def _own_stream(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def hint(
        self,
        semantic: SemanticPrompt | None,
        prompts: BoxAndPoints | None,
        frame_size_px: tuple[int, int],
    ) -> ObjectHint:
        """What of the semantic prompt is told beside the box; nothing but where it was taught."""
        return NO_HINT

    @abstractmethod
    def _embed(self, rgb: Array) -> tuple[Any, tuple[int, int]]:
        """The embedding of ``rgb`` (H, W, 3) uint8, and the (height, width) it was resized to."""

    @abstractmethod
    def _decode(
        self,
        encoded: EncodedFrame,
        semantic: SemanticPrompt | None,
        spatial: SpatialPrompt | None,
        prompts: BoxAndPoints | None,
        hint: ObjectHint,
    ) -> tuple[Tensor, Tensor]:
        """Mask logits (n, h, w) at the model's own size, positive inside, and scores (n,).

        Args:
            encoded: the frame.
            semantic: stage 1's product; or None.
            spatial: stage 2's product as it came; or None.
            prompts: ``spatial`` cut to the frame; None where that is None.
            hint: what `hint` gave, in the pixels of what is seen.
        """

    @abstractmethod
    def _masks_at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        """Where ``logits`` (n, h, w) are positive in the frame's own pixels: (n, H, W) bool."""


def fitted_size(height_px: int, width_px: int, longest_px: int) -> tuple[int, int]:
    """(height, width) of a frame resized so that its longest side is ``longest_px``.

    Raises:
        SegmentationError: when the other side would have no pixel left.
    """
    scale = longest_px / max(height_px, width_px)
    fitted = int(height_px * scale + 0.5), int(width_px * scale + 0.5)
    if min(fitted) < 1:
        raise SegmentationError(
            f"the frame is {width_px}x{height_px} pixels; resized to a longest side of "
            f"{longest_px} it would have no height or width left. Crop the image."
        )
    return fitted
