"""segment-anything's own Sam: the published checkpoints, and the small one that ships embedded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ppcr_ros.core.config import EMBEDDED, SegmenterConfig
from ppcr_ros.core.types import Array
from ppcr_ros.models.loading import pick_device, pick_dtype, resolve_folder
from ppcr_ros.models.segmenters.base import (
    BoxAndPoints,
    EncodedFrame,
    PromptEncoderSegmenter,
    fitted_size,
    unpad_logits,
)
from ppcr_ros.models.segmenters.sam_architecture import load_sam
from ppcr_ros.models.segmenters.sam_checkpoint import load_checkpoint

if TYPE_CHECKING:
    from segment_anything.modeling import Sam


def load(config: SegmenterConfig, *, offline: bool) -> SegmentAnythingSegmenter:
    """The segmenter of ``config.model``: 'embedded', a folder of `save_sam`, or a ``.pth`` file.

    This family never downloads, ``offline`` or not.

    Raises:
        ModelLoadError: when the weights are missing, broken or of another architecture.
    """
    device = pick_device(config.device)
    dtype = pick_dtype(config.dtype, device)
    path = Path(config.model).expanduser()
    if config.model == EMBEDDED or path.is_dir():
        folder = resolve_folder(config.model, "", offline=offline, embedded="segmenter")
        sam = load_sam(folder)
    else:
        sam = load_checkpoint(path, config.variant)
    return SegmentAnythingSegmenter(
        sam, name=config.model, device=device, dtype=dtype, multimask=config.multimask
    )


class SegmentAnythingSegmenter(PromptEncoderSegmenter):
    """A `segment_anything.modeling.Sam`; masks are those of `segment_anything.SamPredictor`.

    Only the image encoder runs in ``dtype``: the prompt encoder and the mask decoder are light, and
    coordinates lose whole pixels in 16 bits.
    """

    def __init__(
        self, sam: Sam, *, name: str, device: torch.device, dtype: torch.dtype, multimask: bool
    ) -> None:
        super().__init__(name, device, multimask=multimask)
        self._sam = sam.to(device).eval().requires_grad_(False)
        self._sam.image_encoder.to(dtype)
        self._dtype = dtype
        self._side_px: int = sam.image_encoder.img_size

    def _embed(self, rgb: Array) -> tuple[Tensor, tuple[int, int]]:
        size_px = fitted_size(rgb.shape[0], rgb.shape[1], self._side_px)
        resized = np.asarray(Image.fromarray(rgb).resize(size_px[::-1], Image.Resampling.BILINEAR))
        pixels = torch.tensor(resized, device=self._device)
        image = self._sam.preprocess(pixels.permute(2, 0, 1)[None])
        return self._sam.image_encoder(image.to(self._dtype)).float(), size_px

    def predict(
        self,
        encoded: EncodedFrame,
        prompts: BoxAndPoints,
        extra_sparse_tokens: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        sam = self._sam
        box = torch.from_numpy(encoded.to_input(prompts.box_xyxy_px.reshape(2, 2)))
        points = None
        if len(prompts.point_labels):
            coordinates = torch.from_numpy(encoded.to_input(prompts.points_xy_px))[None]
            labels = torch.from_numpy(prompts.point_labels)[None]
            points = coordinates.to(self._device), labels.to(self._device)
        sparse, dense = sam.prompt_encoder(
            points=points, boxes=box.reshape(1, 4).to(self._device), masks=None
        )
        if extra_sparse_tokens is not None:
            sparse = torch.cat([sparse, extra_sparse_tokens[None]], dim=1)
        logits, scores = sam.mask_decoder(
            image_embeddings=encoded.embedding,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=self._multimask,
        )
        return logits[0], scores[0]

    def _at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        return unpad_logits(logits, encoded, self._side_px) - float(self._sam.mask_threshold)
