"""SAM 2 of transformers (``Sam2Model``): box and points, with high-resolution features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.types import Array
from ppcr_ros.models.loading import pick_device, pick_dtype
from ppcr_ros.models.segmenters.base import (
    BoxAndPoints,
    EncodedFrame,
)
from ppcr_ros.models.segmenters.mask_sizes import resized_positive
from ppcr_ros.models.segmenters.prompted import PromptEncoderSegmenter
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

    @property
    def network(self) -> Any:
        return self._model

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

    @property
    def prompt_width(self) -> int:
        return int(self._model.config.prompt_encoder_config.hidden_size)

    @property
    def input_side_px(self) -> int:
        return int(self._model.config.prompt_encoder_config.image_size)

    @property
    def mask_decoder(self) -> Any:
        return self._model.mask_decoder

    def embed_prompts(
        self, encoded: EncodedFrame, prompts: BoxAndPoints | None
    ) -> tuple[Tensor, Tensor]:
        if prompts is None:  # SAM 2's empty prompt: a point that is none
            inputs: dict[str, Tensor | None] = {
                "input_points": torch.zeros((1, 1, 1, 2), device=self._device),
                "input_labels": torch.full((1, 1, 1), -1, dtype=torch.int32, device=self._device),
                "input_boxes": None,
                "input_masks": None,
            }
        else:
            inputs = prompt_tensors(encoded, prompts, self._device)
        sparse, dense = self._model.prompt_encoder(**inputs)
        return sparse[0, 0], dense

    def decode(
        self,
        decoder: nn.Module,
        embedding: Any,
        sparse: Tensor,
        dense: Tensor,
        *,
        multimask: bool,
    ) -> tuple[Tensor, Tensor]:
        positions = self._model.get_image_wide_positional_embeddings()
        logits, scores, _, _ = decoder(
            image_embeddings=embedding[-1],
            image_positional_embeddings=positions.expand(len(sparse), -1, -1, -1),
            sparse_prompt_embeddings=sparse[:, None],
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            high_resolution_features=embedding[:-1],
        )
        return logits[:, 0], scores[:, 0]

    def _masks_at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        return resized_positive(logits, encoded.frame_size_px)
