"""segment-anything's own Sam: the published checkpoints, and the small one that ships embedded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ppcr_ros.core.config import EMBEDDED, SegmenterConfig
from ppcr_ros.core.paths import usable_path
from ppcr_ros.core.types import Array, SemanticPrompt
from ppcr_ros.models.cpu.engine import CompiledNetwork
from ppcr_ros.models.cpu.networks import image_encoder, mask_decoder
from ppcr_ros.models.loading import pick_device, pick_dtype, resolve_folder
from ppcr_ros.models.segmenters.base import (
    BoxAndPoints,
    EncodedFrame,
    fitted_size,
)
from ppcr_ros.models.segmenters.fused_attention import fuse_attention
from ppcr_ros.models.segmenters.mask_sizes import resized_positive, unpadded
from ppcr_ros.models.segmenters.object_hint import NO_HINT, ObjectHint
from ppcr_ros.models.segmenters.prompt_words import hint_tokens
from ppcr_ros.models.segmenters.prompted import PromptEncoderSegmenter
from ppcr_ros.models.segmenters.sam_architecture import load_architecture, load_sam
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
    segmenter = SegmentAnythingSegmenter(
        load_weights(config, offline=offline),
        name=config.model,
        device=device,
        dtype=dtype,
        multimask=config.multimask,
        exact=config.dtype != "auto",
    )
    folder = _own_folder(config, offline=offline)
    segmenter.looks_at_region = folder is not None and load_architecture(folder).look == "region"
    return segmenter


def load_weights(config: SegmenterConfig, *, offline: bool) -> Sam:
    """The library's Sam of ``config.model``, in float32 on the CPU.

    Raises:
        ModelLoadError: as `load`.
    """
    folder = _own_folder(config, offline=offline)
    if folder is not None:
        return load_sam(folder)
    return load_checkpoint(usable_path(config.model, "segmenter.model"), config.variant)


def _own_folder(config: SegmenterConfig, *, offline: bool) -> Path | None:
    """The folder of `save_sam` that ``config.model`` names; None for a published checkpoint."""
    if config.model == EMBEDDED or usable_path(config.model, "segmenter.model").is_dir():
        return resolve_folder(config.model, "", offline=offline, embedded="segmenter")
    return None


class SegmentAnythingSegmenter(PromptEncoderSegmenter):
    """A `segment_anything.modeling.Sam`; masks are those of `segment_anything.SamPredictor`.

    Only the image encoder runs in ``dtype``: the prompt encoder and the mask decoder are light, and
    coordinates lose whole pixels in 16 bits.
    """

    def __init__(
        self,
        sam: Sam,
        *,
        name: str,
        device: torch.device,
        dtype: torch.dtype,
        multimask: bool,
        exact: bool = True,
    ) -> None:
        """Take a Sam; without ``exact`` a CPU may run the image encoder in bfloat16."""
        super().__init__(name, device, multimask=multimask)
        self._sam = sam.to(device).eval().requires_grad_(False)
        self._sam.image_encoder.to(dtype)
        self._dtype = dtype
        self._side_px: int = sam.image_encoder.img_size
        self._engine = image_encoder(self._sam.image_encoder, exact=exact)
        if self._engine is None:
            fuse_attention(sam)
        self._mask_engines: dict[Any, CompiledNetwork | None] = {}

    @property
    def network(self) -> Any:
        return self._sam

    @property
    def takes_words(self) -> bool:
        """Whether the Sam was taught words of the semantic prompt."""
        return hasattr(self._sam, "prompt_words")

    def hint(
        self,
        semantic: SemanticPrompt | None,
        prompts: BoxAndPoints | None,
        frame_size_px: tuple[int, int],
    ) -> ObjectHint:
        if not self.takes_words:
            return NO_HINT
        box = None if prompts is None else prompts.box_xyxy_px
        return ObjectHint.of(semantic, box, frame_size_px)

    def _why_not_semantic_alone(self) -> str:
        if not self.takes_words:
            return super()._why_not_semantic_alone()
        return (
            f"{self.name} was given no box, and a semantic prompt without a place, from which it "
            "could work alone. Choose another pipeline.guidance, or an MLLM that points at objects."
        )

    def _guided_by(self, hint: ObjectHint) -> bool:
        return self.takes_words and hint.point_xy_px is not None

    def _embed(self, rgb: Array) -> tuple[Tensor, tuple[int, int]]:
        size_px = fitted_size(rgb.shape[0], rgb.shape[1], self._side_px)
        resized = np.asarray(Image.fromarray(rgb).resize(size_px[::-1], Image.Resampling.BILINEAR))
        if self._engine is not None:
            return self._engine(self._normalised(resized))[0], size_px
        pixels = torch.tensor(resized, device=self._device)
        image = self._sam.preprocess(pixels.permute(2, 0, 1)[None])
        return self._sam.image_encoder(image.to(self._dtype)).float(), size_px

    def _normalised(self, resized: Array) -> Tensor:
        """What the library's ``preprocess`` makes of (h, w, 3) uint8, on this thread alone."""
        height, width = resized.shape[:2]
        image = np.zeros((1, 3, self._side_px, self._side_px), np.float32)
        mean, deviation = (
            x.numpy().reshape(3) for x in (self._sam.pixel_mean, self._sam.pixel_std)
        )
        image[0, :, :height, :width] = ((resized - mean) / deviation).transpose(2, 0, 1)
        return torch.from_numpy(image)

    @property
    def prompt_width(self) -> int:
        return int(self._sam.prompt_encoder.embed_dim)

    @property
    def input_side_px(self) -> int:
        return self._side_px

    @property
    def mask_decoder(self) -> Any:
        return self._sam.mask_decoder

    def embed_prompts(
        self,
        encoded: EncodedFrame,
        prompts: BoxAndPoints | None,
        hint: ObjectHint = NO_HINT,
    ) -> tuple[Tensor, Tensor]:
        boxes, points = None, None
        if prompts is not None:
            corners = encoded.to_input(prompts.box_xyxy_px.reshape(2, 2))
            boxes = torch.from_numpy(corners).reshape(1, 4).to(self._device)
            if len(prompts.point_labels):
                coordinates = torch.from_numpy(encoded.to_input(prompts.points_xy_px))[None]
                labels = torch.from_numpy(prompts.point_labels)[None]
                points = coordinates.to(self._device), labels.to(self._device)
        sparse, dense = self._sam.prompt_encoder(points=points, boxes=boxes, masks=None)
        if self.takes_words:
            told = hint_tokens(self._sam, [hint.scaled(encoded.input_scale_xy)])
            sparse = torch.cat([sparse, told], dim=1)
        return sparse[0], dense

    def decode(
        self,
        decoder: nn.Module,
        embedding: Any,
        sparse: Tensor,
        dense: Tensor,
        *,
        multimask: bool,
    ) -> tuple[Tensor, Tensor]:
        logits, scores = self.decode_all(decoder, embedding, sparse, dense)
        chosen = slice(1, None) if multimask else slice(0, 1)
        return logits[:, chosen], scores[:, chosen]

    def decode_all(
        self, decoder: Any, embedding: Any, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        engine = None if torch.is_grad_enabled() else self._mask_engine(decoder)
        positions = None if engine else self._sam.prompt_encoder.get_dense_pe()

        def of_one(image: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
            if engine is not None:
                found, quality = engine(image[None], tokens[None], dense)
                return found, quality
            masks, scores = decoder.predict_masks(
                image_embeddings=image[None],
                image_pe=positions,
                sparse_prompt_embeddings=tokens[None],
                dense_prompt_embeddings=dense,
            )
            return masks[0], scores[0]

        # The decoder takes many prompts for one image; here every prompt has its own image.
        if torch.is_grad_enabled() and len(sparse) > 1:
            batch: tuple[Tensor, Tensor] = torch.vmap(of_one)(embedding, sparse)
            return batch
        answers = [of_one(*pair) for pair in zip(embedding, sparse, strict=True)]
        return torch.stack([masks for masks, _ in answers]), torch.stack([s for _, s in answers])

    def _mask_engine(self, decoder: Any) -> CompiledNetwork | None:
        """``decoder`` as an engine runs it; None where it is left to the library."""
        if decoder not in self._mask_engines:
            positions = self._sam.prompt_encoder.get_dense_pe()
            self._mask_engines[decoder] = mask_decoder(decoder, positions)
        return self._mask_engines[decoder]

    def _masks_at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        above = unpadded(logits, self._side_px, encoded.input_size_px) - float(
            self._sam.mask_threshold
        )
        return resized_positive(above, encoded.frame_size_px)
