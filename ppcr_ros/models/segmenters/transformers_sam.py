"""SAM of transformers (``SamModel``): box and points."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.types import Array
from ppcr_ros.models.segmenters.base import EncodedFrame, fitted_size
from ppcr_ros.models.segmenters.mask_sizes import resized_positive, unpadded
from ppcr_ros.models.segmenters.transformers_loading import (
    PromptedTransformersSam,
    load_network,
    load_processor,
)


def load(config: SegmenterConfig, *, offline: bool) -> TransformersSam:
    """The SAM checkpoint folder or hub repository ``config.model``.

    Raises:
        ModelLoadError: when a file is missing or broken, or the checkpoint is of another kind.
    """
    model, folder, device = load_network(config, "SamModel", ("sam",), offline=offline)
    processor = load_processor(folder, "AutoImageProcessor")
    return TransformersSam(
        model, processor, name=config.model, device=device, multimask=config.multimask
    )


class TransformersSam(PromptedTransformersSam):
    """A `transformers.SamModel` with its image processor; the image encoder's dtype is its own."""

    @property
    def input_side_px(self) -> int:
        return int(self._model.config.vision_config.image_size)

    def _embed(self, rgb: Array) -> tuple[Tensor, tuple[int, int]]:
        size_px = fitted_size(rgb.shape[0], rgb.shape[1], self.input_side_px)
        return self._model.get_image_embeddings(self._pixels(rgb)), size_px

    def _no_prompt(self) -> dict[str, Tensor | None]:
        return dict.fromkeys(("input_points", "input_labels", "input_boxes"))

    def _image_inputs(self, embedding: Any) -> dict[str, Any]:
        return {"image_embeddings": embedding}

    def _masks_at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        return resized_positive(
            unpadded(logits, self.input_side_px, encoded.input_size_px), encoded.frame_size_px
        )
