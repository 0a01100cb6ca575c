"""SAM 2 of transformers (``Sam2Model``): box and points, with high-resolution features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.types import Array
from ppcr_ros.models.segmenters.base import EncodedFrame
from ppcr_ros.models.segmenters.mask_sizes import resized_positive
from ppcr_ros.models.segmenters.transformers_loading import (
    PromptedTransformersSam,
    load_network,
    load_processor,
)


def load(config: SegmenterConfig, *, offline: bool) -> TransformersSam2:
    """The SAM 2 checkpoint folder or hub repository ``config.model``; those of the video model too.

    Raises:
        ModelLoadError: when a file is missing or broken, or the checkpoint is of another kind.
    """
    kinds = ("sam2", "sam2_video")
    model, folder, device = load_network(config, "Sam2Model", kinds, offline=offline)
    processor = load_processor(folder, "Sam2ImageProcessor")
    return TransformersSam2(
        model, processor, name=config.model, device=device, multimask=config.multimask
    )


class TransformersSam2(PromptedTransformersSam):
    """A `transformers.Sam2Model` with its image processor, which stretches frames to a square."""

    @property
    def input_side_px(self) -> int:
        return int(self._model.config.prompt_encoder_config.image_size)

    def _embed(self, rgb: Array) -> tuple[list[Tensor], tuple[int, int]]:
        pixels = self._pixels(rgb)
        size_px = int(pixels.shape[-2]), int(pixels.shape[-1])
        return self._model.get_image_embeddings(pixels), size_px

    def _no_prompt(self) -> dict[str, Tensor | None]:  # a point that is none
        return {
            "input_points": torch.zeros((1, 1, 1, 2), device=self._device),
            "input_labels": torch.full((1, 1, 1), -1, dtype=torch.int32, device=self._device),
            "input_boxes": None,
        }

    def _image_inputs(self, embedding: Any) -> dict[str, Any]:
        return {"image_embeddings": embedding[-1], "high_resolution_features": embedding[:-1]}

    def _masks_at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        return resized_positive(logits, encoded.frame_size_px)
