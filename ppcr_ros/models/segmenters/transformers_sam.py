"""SAM of transformers (``SamModel``): box and points."""

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
    fitted_size,
    unpad_logits,
)
from ppcr_ros.models.segmenters.transformers_loading import (
    compute_in,
    load_checkpoint,
    load_processor,
)


def load(config: SegmenterConfig, *, offline: bool) -> TransformersSam:
    """The SAM checkpoint folder or hub repository ``config.model``.

    Raises:
        ModelLoadError: when a file is missing or broken, or the checkpoint is of another kind.
    """
    device = pick_device(config.device)
    checkpoint = load_checkpoint(config, "SamModel", ("sam",), offline=offline)
    compute_in(checkpoint.model.vision_encoder, pick_dtype(config.dtype, device))
    processor = load_processor(checkpoint.folder, "AutoImageProcessor")
    return TransformersSam(
        checkpoint.model, processor, name=config.model, device=device, multimask=config.multimask
    )


def prompt_tensors(
    encoded: EncodedFrame, prompts: BoxAndPoints, device: torch.device
) -> dict[str, Tensor | None]:
    """The prompts in the encoder's input pixels, as SAM's and SAM 2's prompt encoders take them."""
    box = torch.from_numpy(encoded.to_input(prompts.box_xyxy_px.reshape(2, 2)))
    points, labels = None, None
    if len(prompts.point_labels):
        points = torch.from_numpy(encoded.to_input(prompts.points_xy_px))[None, None].to(device)
        labels = torch.from_numpy(prompts.point_labels)[None, None].to(device)
    return {
        "input_points": points,
        "input_labels": labels,
        "input_boxes": box.reshape(1, 1, 4).to(device),
        "input_masks": None,
    }


class TransformersSam(PromptEncoderSegmenter):
    """A `transformers.SamModel` with its image processor; the image encoder's dtype is its own."""

    def __init__(
        self, model: Any, processor: Any, *, name: str, device: torch.device, multimask: bool
    ) -> None:
        super().__init__(name, device, multimask=multimask)
        self._model = model.to(device)
        self._processor = processor
        self._side_px: int = model.config.vision_config.image_size

    def _embed(self, rgb: Array) -> tuple[Tensor, tuple[int, int]]:
        size_px = fitted_size(rgb.shape[0], rgb.shape[1], self._side_px)
        inputs = self._processor(
            images=rgb,
            input_data_format="channels_last",
            return_tensors="pt",
            device=self._device,
        )
        return self._model.get_image_embeddings(inputs["pixel_values"].to(self._device)), size_px

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
        logits, scores = model.mask_decoder(
            image_embeddings=encoded.embedding,
            image_positional_embeddings=model.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=self._multimask,
        )
        return logits[0, 0], scores[0, 0]

    def _at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        return unpad_logits(logits, encoded, self._side_px)
