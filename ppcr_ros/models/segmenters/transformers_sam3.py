"""SAM 3 of transformers (``Sam3Model``): the semantic prompt's phrase and the box together."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError, TargetNotFound
from ppcr_ros.core.types import Array, MaskCandidates, SemanticPrompt, SpatialPrompt
from ppcr_ros.models.memory import memory_errors
from ppcr_ros.models.segmenters.base import BoxAndPoints, EncodedFrame
from ppcr_ros.models.segmenters.mask_sizes import resized_positive
from ppcr_ros.models.segmenters.object_hint import ObjectHint
from ppcr_ros.models.segmenters.transformers_loading import (
    TransformersSegmenter,
    load_network,
    load_processor,
)
from ppcr_ros.models.torchvision_schemas import has_torchvision_operators

_log = logging.getLogger(__name__)

SURE = 0.5
"""From this score on an instance of a phrase is one, where all are asked for."""
CANDIDATES = 3
"""How many of the many instances are offered, as many as the masks of SAM and SAM 2."""


def load(config: SegmenterConfig, *, offline: bool) -> TransformersSam3:
    """The SAM 3 checkpoint folder or hub repository ``config.model``; those of the video model too.

    Raises:
        ModelLoadError: when a file is missing or broken, the checkpoint is of another kind, or the
            installed torchvision does not fit torch on CUDA.
    """
    kinds = ("sam3", "sam3_video")
    model, folder, device = load_network(config, "Sam3Model", kinds, offline=offline)
    if not has_torchvision_operators():
        _check_roi_align(device)
    images = load_processor(folder, "Sam3ImageProcessor")
    tokenizer = load_processor(folder, "AutoTokenizer")
    return TransformersSam3(
        model,
        images,
        tokenizer,
        name=config.model,
        device=device,
        multimask=config.multimask,
    )


def _check_roi_align(device: torch.device) -> None:
    if device.type != "cpu":
        raise ModelLoadError(
            "SAM 3 looks at the box through torchvision's roi_align, and the installed torchvision "
            f"does not fit torch {torch.__version__}. Install the torchvision that belongs to it, "
            "or set segmenter.device to cpu."
        )
    _log.warning(
        "torchvision's compiled operators do not fit torch %s: SAM 3 looks at the box through "
        "torchvision's slower Python roi_align.",
        torch.__version__,
    )


NO_PHRASE = "visual"
"""What SAM 3 was trained to read where the box alone says what is meant."""


def phrase_of(semantic: SemanticPrompt | None) -> str:
    """The noun phrase that SAM 3 is asked for: ``small green ball``; `NO_PHRASE` for None.

    Relations are left out: SAM 3 was trained on simple noun phrases, and the box tells the
    instances apart.
    """
    return NO_PHRASE if semantic is None else " ".join((*semantic.attributes, semantic.category))


class TransformersSam3(TransformersSegmenter):
    """A `transformers.Sam3Model`, which finds every instance of a phrase that looks like the box.

    The instances are ordered by their own score and by how well their boxes fit the spatial
    prompt; the best are the candidates. It takes no points.
    """

    def __init__(
        self,
        model: Any,
        image_processor: Any,
        tokenizer: Any,
        *,
        name: str,
        device: torch.device,
        multimask: bool,
    ) -> None:
        super().__init__(model, image_processor, name=name, device=device, multimask=multimask)
        self._tokenizer = tokenizer

    def _embed(self, rgb: Array) -> tuple[Any, tuple[int, int]]:
        pixels = self._pixels(rgb)
        size_px = int(pixels.shape[-2]), int(pixels.shape[-1])
        return self._model.get_vision_features(pixels), size_px

    def _decode(
        self,
        encoded: EncodedFrame,
        semantic: SemanticPrompt | None,
        spatial: SpatialPrompt | None,
        prompts: BoxAndPoints | None,
        hint: ObjectHint,
    ) -> tuple[Tensor, Tensor]:
        box = None if prompts is None else self._box_share(encoded, prompts)
        masks, boxes, scores = self._instances(encoded, semantic, box)
        # The small term keeps the order by score where no instance touches the box.
        rank = scores if box is None else scores * (_iou(boxes, box) + 1e-6)
        best = rank.topk(min(CANDIDATES if self._multimask else 1, len(rank))).indices
        return masks[best], scores[best]

    @memory_errors("the segmenter")
    def segment_phrase(self, encoded: EncodedFrame, semantic: SemanticPrompt) -> MaskCandidates:
        """Every instance of the semantic prompt's phrase that the model is sure of, surest first.

        Raises:
            TargetNotFound: when it is sure of none.
            OutOfMemoryError: when memory runs out.
        """
        seen, _ = self.look_at(encoded, None)
        with torch.inference_mode():
            logits, _, scores = self._instances(seen, semantic, None)
            order = scores.argsort(descending=True)
            order = order[scores[order] >= SURE]
            if not len(order):
                raise TargetNotFound(f"{self.name} sees no {phrase_of(semantic)}.")
            masks = self._masks_at_frame_size(logits[order], seen).cpu().numpy()
            return MaskCandidates(masks, np.clip(scores[order].float().cpu().numpy(), 0.0, 1.0))

    def _instances(
        self, encoded: EncodedFrame, semantic: SemanticPrompt | None, box: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mask logits (n, h, w), boxes (n, 4) in shares, and scores (n,) of all that it sees."""
        text = self._tokenizer(
            [phrase_of(semantic)],
            return_tensors="pt",
            padding="max_length",
            max_length=self._model.config.text_config.max_position_embeddings,
            truncation=True,
        ).to(self._device)
        with _eager_roi_align():
            found = self._model(
                vision_embeds=encoded.embedding,
                input_ids=text["input_ids"],
                attention_mask=text["attention_mask"],
                **({} if box is None else self._box_inputs(box)),
            )
        scores = found.pred_logits[0].sigmoid() * found.presence_logits[0].sigmoid()
        return found.pred_masks[0], found.pred_boxes[0], scores

    def _box_share(self, encoded: EncodedFrame, prompts: BoxAndPoints) -> Tensor:
        """The box (4,) xyxy as shares 0..1 of the frame's sides."""
        height, width = encoded.frame_size_px
        frame = torch.tensor([width, height, width, height], device=self._device)
        return torch.from_numpy(prompts.box_xyxy_px).to(self._device) / frame

    def _box_inputs(self, box: Tensor) -> dict[str, Tensor]:
        """What the model takes for ``box`` (4,) xyxy: its centre and size, marked as positive."""
        centre_and_size = torch.cat([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])
        return {
            "input_boxes": centre_and_size[None, None],
            "input_boxes_labels": torch.ones((1, 1), dtype=torch.long, device=self._device),
        }

    def _masks_at_frame_size(self, logits: Tensor, encoded: EncodedFrame) -> Tensor:
        # SAM 3 resizes probabilities where its predecessors resize logits.
        return resized_positive(logits.sigmoid() - 0.5, encoded.frame_size_px)


def _iou(boxes: Tensor, box: Tensor) -> Tensor:
    """Intersection over union (n,) of ``boxes`` (n, 4) with ``box`` (4,), xyxy of the same unit."""
    overlap = torch.minimum(boxes[:, 2:], box[2:]) - torch.maximum(boxes[:, :2], box[:2])
    inter = overlap.clamp(min=0).prod(dim=1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1) + (box[2:] - box[:2]).prod() - inter
    return inter / union


def _eager_roi_align() -> AbstractContextManager[Any]:
    """Keep torchvision's Python roi_align from being compiled, which would need a C++ compiler."""
    if has_torchvision_operators():
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance
