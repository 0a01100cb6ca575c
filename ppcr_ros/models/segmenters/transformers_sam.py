"""SAM of transformers (``SamModel``): box and points."""

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
    fitted_size,
)
from ppcr_ros.models.segmenters.mask_sizes import resized_positive, unpadded
from ppcr_ros.models.segmenters.prompted import PromptEncoderSegmenter
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


_PROMPT_INPUTS = ("input_points", "input_labels", "input_boxes", "input_masks")


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

    @property
    def network(self) -> Any:
        return self._model

    def _embed(self, rgb: Array) -> tuple[Tensor, tuple[int, int]]:
        size_px = fitted_size(rgb.shape[0], rgb.shape[1], self._side_px)
        inputs = self._processor(
            images=rgb,
            input_data_format="channels_last",
            return_tensors="pt",
            device=self._device,
        )
        return self._model.get_image_embeddings(inputs["pixel_values"].to(self._device)), size_px

    @property
    def prompt_width(self) -> int:
        return int(self._model.config.prompt_encoder_config.hidden_size)

    @property
    def input_side_px(self) -> int:
        return self._side_px

    @property
    def mask_decoder(self) -> Any:
        return self._model.mask_decoder

    def embed_prompts(
        self, encoded: EncodedFrame, prompts: BoxAndPoints | None
    ) -> tuple[Tensor, Tensor]:
        inputs: dict[str, Tensor | None] = dict.fromkeys(_PROMPT_INPUTS)
        if prompts is not None:
            inputs = prompt_tensors(encoded, prompts, self._device)
        sparse, dense = self._model.prompt_encoder(**inputs)
        if sparse is None:  # SAM's empty prompt
            return torch.zeros((0, self.prompt_width), device=self._device), dense
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
        logits, scores = decoder(
            image_embeddings=embedding,
            image_positional_embeddings=positions.expand(len(sparse), -1, -1, -1),
            sparse_prompt_embeddings=sparse[:, None],
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
        )
        return logits[:, 0], scores[:, 0]

    def _masks_at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        return resized_positive(
            unpadded(logits, self._side_px, encoded.input_size_px), encoded.frame_size_px
        )
