"""Training the embedded segmenter: a small segment-anything Sam that follows imprecise boxes.

The boxes of stage 2 are off by some pixels, so the prompts are true boxes with noise; the target is
the object's visible pixels. It learns from whole pictures and, more often, from the region around a
box, which is what it is shown on the robot (`ppcr_ros.models.segmenters.region`).
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nnf
from PIL import Image

from ppcr_lab.training import parallel
from ppcr_lab.training.photography import photographed
from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX, RenderedScenes, SceneRecord
from ppcr_lab.training.run import TrainingRun, cosine, muon_and_adamw, set_rate
from ppcr_ros.core.boxes import covered_share
from ppcr_ros.core.types import Array
from ppcr_ros.models.segmenters.region import Region
from ppcr_ros.models.segmenters.sam_architecture import (
    SamArchitecture,
    build_sam,
    load_sam,
    save_sam,
)

_MIN_BOX_SIDE_PX = 5.0
_LEAST_SHARE_INSIDE = 0.7
"""Of an object's box that lies in a region, for the object to be asked for there."""


@dataclass(frozen=True)
class SegmenterRecipe:
    """How the embedded Sam is trained; models/embedded/README.md says how the weights were made."""

    seed: int = 0
    steps: int = 3280
    images_per_step: int = 8
    objects_per_image: int = 4
    learning_rate: float = 1.0e-3
    weight_decay: float = 0.02
    warmup_steps: int = 100
    box_noise: float = 0.09
    region_share: float = 0.7
    region_margins: tuple[float, float] = (1.5, 4.0)
    checkpoint_every: int = 100
    start_share: float = 0.0

    def continuing(self) -> SegmenterRecipe:
        """This recipe for weights that are trained already: two thirds of the rate, and of what
        comes out a share of the weights before (see `MllmRecipe.continuing`)."""
        rate = self.learning_rate / 1.5
        return replace(self, steps=800, warmup_steps=30, learning_rate=rate, start_share=0.3)


@dataclass(frozen=True)
class PromptedImage:
    """One image and its prompts, in the pixels of the encoder's square.

    Attributes:
        image: (3, S, S) float32, normalised and padded as `Sam.preprocess` does.
        boxes: (n, 4) float32, xyxy with noise.
        masks: (n, S, S) float32, 0 or 1.
    """

    image: torch.Tensor
    boxes: torch.Tensor
    masks: torch.Tensor


class SegmenterTraining(TrainingRun):
    """The training of the embedded segmenter.

    Args:
        folder: the run folder.
        train: folders of rendered scenes to learn from.
        val: folders of rendered scenes to measure on, each by itself.
        recipe: sizes, rates and seed.
        start: an export to go on from, instead of fresh weights.
        device: see `TrainingRun`.
        minutes: see `TrainingRun`.
    """

    name = "train segmenter"

    def __init__(
        self,
        folder: Path,
        train: list[Path],
        val: list[Path],
        recipe: SegmenterRecipe,
        *,
        start: Path | None = None,
        device: str = "cpu",
        minutes: float | None = None,
    ) -> None:
        super().__init__(
            folder,
            steps=recipe.steps,
            checkpoint_every=recipe.checkpoint_every,
            device=device,
            minutes=minutes,
        )
        self._recipe = recipe
        torch.manual_seed(recipe.seed)
        self._architecture = SamArchitecture(look="region")
        sam = build_sam(self._architecture) if start is None else load_sam(start)
        self._sam = sam.to(self._device)
        self._before = None
        if start is not None:
            self._before = {name: tensor.clone() for name, tensor in sam.state_dict().items()}
        self._train = [RenderedScenes.load(path) for path in train]
        self._starts = np.cumsum([0] + [len(part) for part in self._train])
        self._val = {path.name.replace("-", "_"): RenderedScenes.load(path) for path in val}
        self._optimizers = muon_and_adamw(
            self._sam.named_parameters(),
            rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
        self.resume()

    def train_step(self, progress: float) -> dict[str, float]:
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, self._step, parallel.rank()])
        warm = min(1.0, (self._step + 1) / recipe.warmup_steps)
        set_rate(self._optimizers, recipe.learning_rate * warm * cosine(progress))
        rows = rng.integers(self._starts[-1], size=recipe.images_per_step // parallel.world_size())
        parts = np.searchsorted(self._starts, rows, side="right") - 1
        batch = [
            self.learnt(self._train[part], int(row - self._starts[part]), rng)
            for part, row in zip(parts, rows, strict=True)
        ]
        self._sam.train()
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses = self._losses([item for item in batch if len(item.boxes)])
        losses["loss"].backward()
        parallel.average_gradients(self._sam.parameters())
        torch.nn.utils.clip_grad_norm_(self._sam.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
        return {name: round(float(value.detach()), 4) for name, value in losses.items()}

    def _losses(self, batch: list[PromptedImage]) -> dict[str, torch.Tensor]:
        images = torch.stack([item.image for item in batch]).to(self._device)
        with self.autocast():
            embeddings = self._sam.image_encoder(images)
            answers = [
                decode_all(self._sam, embedding[None], item.boxes.to(self._device))
                for embedding, item in zip(embeddings, batch, strict=True)
            ]
        logits = torch.cat([masks for masks, _ in answers]).float()
        scores = torch.cat([score for _, score in answers]).float()
        truth = torch.cat([item.masks for item in batch]).to(self._device)
        return mask_losses(logits, scores, truth)

    def learnt(self, scenes: RenderedScenes, row: int, rng: np.random.Generator) -> PromptedImage:
        """A scene as another camera may have seen it, or the region around one of its objects."""
        recipe, boxes = self._recipe, _seen_boxes(scenes.records[row])
        region = None
        if boxes and rng.random() < recipe.region_share:
            box = boxes[int(rng.integers(len(boxes)))][1]
            margin = float(np.exp(rng.uniform(*np.log(recipe.region_margins))))
            around = noisy_box(box, rng, recipe.box_noise, (WIDTH_PX, HEIGHT_PX))
            region = Region.around(around, height_px=HEIGHT_PX, width_px=WIDTH_PX, margin=margin)
        rgb = photographed(scenes.rgb[row], scenes.instance[row] >= 0, rng)
        return self._prompted(scenes, row, rgb, region, rng, recipe.box_noise)

    def _prompted(
        self,
        scenes: RenderedScenes,
        row: int,
        rgb: Array,
        region: Region | None,
        rng: np.random.Generator,
        noise: float,
    ) -> PromptedImage:
        region = region or Region(0, 0, WIDTH_PX, HEIGHT_PX)
        side = self._architecture.image_size_px
        scale = side / region.width_px
        size = (side, round(side * HEIGHT_PX / WIDTH_PX))
        picture = Image.fromarray(region.of(rgb)).resize(size, Image.Resampling.BILINEAR)
        shown = Image.fromarray(region.of(scenes.instance[row]).astype(np.uint8))
        labels = np.asarray(shown.resize(size, Image.Resampling.NEAREST))
        boxes = [
            (index, region.to_region(box.reshape(2, 2)).reshape(4) * scale)
            for index, box in _seen_boxes(scenes.records[row])
            if covered_share(box, _box_of(region)) >= _LEAST_SHARE_INSIDE
        ]
        chosen = rng.permutation(len(boxes))[: self._recipe.objects_per_image]
        masks = np.zeros((len(chosen), side, side), np.float32)
        for place, which in enumerate(chosen):
            masks[place, : size[1], : size[0]] = labels == boxes[which][0]
        noisy = [noisy_box(boxes[which][1], rng, noise, size) for which in chosen]
        pixels = torch.from_numpy(np.array(picture, np.float32)).permute(2, 0, 1)
        return PromptedImage(
            image=self._sam.preprocess(pixels.to(self._device)),
            boxes=torch.from_numpy(np.array(noisy, np.float32).reshape(-1, 4)),
            masks=torch.from_numpy(masks),
        )

    @torch.no_grad()
    def validate(self, images: int = 64) -> dict[str, float]:
        """Mean IoU of the first mask on held-out scenes of each world, by what is looked at.

        True and noisy boxes, the whole image and the region around the box; each mask at the size
        of what the encoder sees.
        """
        self._sam.eval()
        found = {}
        for world, scenes in self._val.items():
            for name, noise in (("true", 0.0), ("noisy", self._recipe.box_noise)):
                for look in ("whole", "region"):
                    iou = self._mean_iou(scenes, min(images, len(scenes)), noise, look)
                    found[f"{world}_iou_{name}_box_{look}"] = round(iou, 4)
        return found

    def _mean_iou(self, scenes: RenderedScenes, images: int, noise: float, look: str) -> float:
        rng = np.random.default_rng(1)
        ious: list[float] = []
        for row in range(images):
            regions: list[Region | None] = [None]
            if look == "region":
                regions = [
                    Region.around(box, height_px=HEIGHT_PX, width_px=WIDTH_PX)
                    for _, box in _seen_boxes(scenes.records[row])[:2]
                ]
            for region in regions:
                item = self._prompted(scenes, row, scenes.rgb[row], region, rng, noise)
                if len(item.boxes):
                    embedding = self._sam.image_encoder(item.image[None])
                    logits, _ = decode_all(self._sam, embedding, item.boxes.to(self._device))
                    ious += mask_iou(logits[:, :1], item.masks.to(self._device))[:, 0].tolist()
        return float(np.mean(ious)) if ious else 0.0

    def state(self) -> dict[str, Any]:
        return {
            "recipe": asdict(self._recipe),
            "model": self._sam.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self._sam.load_state_dict(state["model"])
        for optimizer, values in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)

    def export(self, folder: Path) -> None:
        """Write the folder that the package ships."""
        sam = self._sam
        if self._before is not None:
            sam = copy.deepcopy(sam)
            share = self._recipe.start_share
            weights = {
                name: torch.lerp(tensor, self._before[name], share)
                for name, tensor in sam.state_dict().items()
            }
            sam.load_state_dict(weights)
        save_sam(sam, self._architecture, folder, half=True)


def _seen_boxes(record: SceneRecord) -> list[tuple[int, Array]]:
    """The objects of a scene that are seen, with their boxes (4,) float32, xyxy in its pixels."""
    return [
        (index, np.array(box, np.float32))
        for index, box in enumerate(record.boxes_xyxy_px)
        if box is not None
    ]


def _box_of(region: Region) -> Array:
    right, low = region.x_px + region.width_px, region.y_px + region.height_px
    return np.array([region.x_px, region.y_px, right, low], np.float32)


def decode_all(
    sam: Any, embedding: torch.Tensor, boxes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """All four masks of Sam's decoder for ``boxes`` (n, 4): logits (n, 4, h, w), scores (n, 4)."""
    sparse, dense = sam.prompt_encoder(points=None, boxes=boxes, masks=None)
    logits, scores = sam.mask_decoder.predict_masks(
        image_embeddings=embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
    )
    return logits, scores


def noisy_box(
    box: Array, rng: np.random.Generator, noise: float, size_px: tuple[int, int]
) -> Array:
    """``box`` (4,), its centre and sides disturbed by ``noise`` of its size, inside the image."""
    width, height = box[2] - box[0], box[3] - box[1]
    strength = noise * (2.5 if rng.random() < 0.15 else 1.0)
    shift, grow = rng.normal(0.0, strength, 2), np.exp(rng.normal(0.0, strength, 2))
    centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]) + shift * (width, height)
    half = np.maximum(np.array([width, height]) * grow, _MIN_BOX_SIDE_PX) / 2
    low = np.clip(centre - half, 0.0, np.array(size_px) - _MIN_BOX_SIDE_PX)
    high = np.clip(centre + half, low + _MIN_BOX_SIDE_PX, np.array(size_px, np.float64))
    noisy: Array = np.concatenate([low, high]).astype(np.float32)
    return noisy


def mask_losses(
    logits: torch.Tensor, scores: torch.Tensor, truth: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Cross entropy and dice of the single mask and of the best of three, and the scores' error.

    Args:
        logits: (n, 4, h, w); the first is Sam's single mask, the others its multimask answer.
        scores: (n, 4) estimated IoU.
        truth: (n, S, S) float32; compared at the logits' resolution as shares of each pixel.
    """
    coverage = nnf.interpolate(truth[:, None], size=logits.shape[-2:], mode="area")
    expected = coverage.expand_as(logits)
    entropy = nnf.binary_cross_entropy_with_logits(logits, expected, reduction="none")
    # An object is a small part of the image: its neighbourhood counts as much as all the rest.
    weight = 1.0 + 20.0 * nnf.max_pool2d(coverage, 9, stride=1, padding=4)
    entropy = (entropy * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))
    shares = logits.sigmoid()
    overlap = (shares * expected).sum(dim=(2, 3))
    dice = 1.0 - (2.0 * overlap + 1.0) / (shares.sum(dim=(2, 3)) + expected.sum(dim=(2, 3)) + 1.0)
    each = 2.0 * entropy + dice
    masks = each[:, 0].mean() + each[:, 1:].min(dim=1).values.mean()
    iou = mask_iou(logits, truth)
    score = nnf.mse_loss(scores, iou)
    return {"loss": masks + score, "masks": masks, "score": score, "acc_iou": iou[:, 0].mean()}


@torch.no_grad()
def mask_iou(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(n, k) IoU of the masks ``logits`` (n, k, h, w) with ``truth`` (n, S, S), at its size."""
    masks = nnf.interpolate(logits, size=truth.shape[-2:], mode="bilinear") > 0
    expected = truth[:, None] > 0.5
    union = (masks | expected).sum(dim=(2, 3))
    return (masks & expected).sum(dim=(2, 3)) / union.clamp(min=1)
