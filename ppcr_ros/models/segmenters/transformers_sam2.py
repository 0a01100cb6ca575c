"""SAM 2 of transformers (``Sam2Model``): box and points, with high-resolution features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.types import Array
from ppcr_ros.models.loading import pick_device, pick_dtype
from ppcr_ros.models.segmenters.base import (
    BoxAndPoints,
    EncodedFrame,
    PromptEncoderSegmenter,
    resize_logits,
)
from ppcr_ros.models.segmenters.transformers_loading import (
    compute_in,
    load_checkpoint,
    load_processor,
)
from ppcr_ros.models.segmenters.transformers_sam import prompt_tensors


def load(config: SegmenterConfig, *, offline: bool) -> TransformersSam2:
    """The SAM 2 checkpoint folder or hub repository ``config.model``; those of the video model too.

    Raises:
        ModelLoadError: when a file is missing or broken, or the checkpoint is of another kind.
    """
    device = pick_device(config.device)
    checkpoint = load_checkpoint(config, "Sam2Model", ("sam2", "sam2_video"), offline=offline)
    compute_in(checkpoint.model.vision_encoder, pick_dtype(config.dtype, device))
    processor = load_processor(checkpoint.folder, "Sam2ImageProcessor")
    return TransformersSam2(
        checkpoint.model, processor, name=config.model, device=device, multimask=config.multimask
    )


class TransformersSam2(PromptEncoderSegmenter):
    """A `transformers.Sam2Model` with its image processor, which stretches frames to a square."""

    def __init__(
        self, model: Any, processor: Any, *, name: str, device: torch.device, multimask: bool
    ) -> None:
        super().__init__(name, device, multimask=multimask)
        self._model = model.to(device)
        self._processor = processor

    def _embed(self, rgb: Array) -> tuple[list[Tensor], tuple[int, int]]:
        inputs = self._processor(
            images=rgb,
            input_data_format="channels_last",
            return_tensors="pt",
            device=self._device,
        )
        pixels = inputs["pixel_values"].to(self._device)
        size_px = int(pixels.shape[-2]), int(pixels.shape[-1])
        return self._model.get_image_embeddings(pixels), size_px

    def predict(
        self,
        encoded: EncodedFrame,
        prompts: BoxAndPoints,
        extra_sparse_tokens: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        model = self._model
        sparse, dense = model.prompt_encoder(**prompt_tensors(encoded, prompts, self._device))
        if extra_sparse_tokens is not None:
            sparse = torch.cat([sparse, extra_sparse_tokens[None, None]], dim=2)
        logits, scores, _, _ = model.mask_decoder(
            image_embeddings=encoded.embedding[-1],
            image_positional_embeddings=model.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=self._multimask,
            high_resolution_features=encoded.embedding[:-1],
        )
        return logits[0, 0], scores[0, 0]

    def _at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        return resize_logits(logits, encoded.frame_size_px)
