"""Training the embedded segmenter: a small segment-anything Sam that both prompts guide.

The boxes of stage 2 are off by some pixels, or by more, so the prompts are true boxes with noise
and, beside them, what stage 1 says of the object (`ppcr_lab.training.segmenter_data`); the target
is the object's visible pixels. It learns from whole pictures and, more often, from the region
around a box, which is what it is shown on the robot (`ppcr_ros.models.segmenters.region`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as nnf

from ppcr_lab.sim.geometry import foreign_share
from ppcr_lab.training import parallel
from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX, RenderedScenes
from ppcr_lab.training.run import TrainingRun, cosine, muon_and_adamw, set_rate
from ppcr_lab.training.segmenter_data import (
    WORDS,
    PromptDrawer,
    PromptedImage,
    PromptMix,
    seen_boxes,
)
from ppcr_ros.models.segmenters.prompt_words import PromptWords, hint_tokens
from ppcr_ros.models.segmenters.region import Region
from ppcr_ros.models.segmenters.sam_architecture import (
    SamArchitecture,
    build_sam,
    load_sam,
    save_sam,
)

_SPOILT_BY = 0.4
_CROWDED_SHARE = 0.15
"""Of an object's box that shows others, for it to count as crowded when measured."""


_View: TypeAlias = tuple[RenderedScenes, int, Region | None, int | None]
"""Scenes, the row of one, what is looked at of it (None: all), and the object asked for (None:
every one)."""


@dataclass(frozen=True)
class SegmenterRecipe:
    """Recipe of the embedded Sam; the README beside the weights says how they were made."""

    seed: int = 0
    steps: int = 3280
    images_per_step: int = 8
    learning_rate: float = 1.0e-3
    weight_decay: float = 0.02
    warmup_steps: int = 100
    mix: PromptMix = field(default_factory=PromptMix)
    checkpoint_every: int = 250
    start_share: float = 0.0

    def continuing(self) -> SegmenterRecipe:
        """This recipe for weights that are trained already: two thirds of the rate, and of what
        comes out a share of the weights before (see `MllmRecipe.continuing`)."""
        rate = self.learning_rate / 1.5
        return replace(self, steps=800, warmup_steps=30, learning_rate=rate, start_share=0.3)


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
        self._architecture = SamArchitecture(look="region", words=WORDS)
        sam = build_sam(self._architecture) if start is None else load_sam(start)
        if not hasattr(sam, "prompt_words"):  # weights of before, which take boxes alone
            sam.prompt_words = PromptWords(WORDS, self._architecture.prompt_embed_dim)
        self._sam = sam.to(self._device)
        self._drawer = PromptDrawer(recipe.mix, self._architecture.image_size_px)
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
            self._drawer.learnt(self._train[part], int(row - self._starts[part]), rng)
            for part, row in zip(parts, rows, strict=True)
        ]
        self._sam.train()
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses = self._losses([item for item in batch if len(item)])
        losses["loss"].backward()
        parallel.average_gradients(self._sam.parameters())
        torch.nn.utils.clip_grad_norm_(self._sam.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
        return {name: round(float(value.detach()), 4) for name, value in losses.items()}

    def _losses(self, batch: list[PromptedImage]) -> dict[str, torch.Tensor]:
        images = torch.stack([self._preprocessed(item) for item in batch])
        with self.autocast():
            embeddings = self._sam.image_encoder(images)
            answers = [
                decode_all(self._sam, embedding[None], item)
                for embedding, item in zip(embeddings, batch, strict=True)
            ]
        logits = torch.cat([masks for masks, _ in answers]).float()
        scores = torch.cat([score for _, score in answers]).float()
        truth = torch.cat([item.masks for item in batch]).to(self._device)
        return mask_losses(logits, scores, truth)

    def _preprocessed(self, item: PromptedImage) -> torch.Tensor:
        pixels = torch.from_numpy(item.rgb).permute(2, 0, 1)
        image: torch.Tensor = self._sam.preprocess(pixels.to(self._device))
        return image

    @torch.no_grad()
    def validate(self, images: int = 20) -> dict[str, float]:
        """Mean IoU of the first mask on held-out scenes of each world.

        By true boxes and the whole image; and by the region around boxes that are true or spoilt,
        alone or with what stage 1 says, of all objects and of the crowded ones.
        """
        self._sam.eval()
        found = {}
        for world, scenes in self._val.items():
            count = min(images, len(scenes))
            found[f"{world}_iou_whole"] = self._mean_iou(
                [(scenes, row, None, None) for row in range(count)], 0.0, told=False
            )
            for crowded, suffix in ((0.0, ""), (_CROWDED_SHARE, "_crowded")):
                views = list(_views_of_objects(scenes, count, crowded))
                for name, spoilt_by in (("true", 0.0), ("spoilt", _SPOILT_BY)):
                    for guided, told in (("box", False), ("both", True)):
                        iou = self._mean_iou(views, spoilt_by, told=told)
                        found[f"{world}_iou_{name}_{guided}{suffix}"] = iou
        return {name: round(iou, 4) for name, iou in found.items()}

    def _mean_iou(self, views: list[_View], spoilt_by: float, *, told: bool) -> float:
        ious: list[float] = []
        for number, (scenes, row, region, index) in enumerate(views):
            rng = np.random.default_rng([1, number])
            item = self._drawer.measured(
                scenes, row, region, rng, spoilt_by=spoilt_by, told=told, only=index
            )
            if len(item):
                embedding = self._sam.image_encoder(self._preprocessed(item)[None])
                logits, _ = decode_all(self._sam, embedding, item)
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


def _views_of_objects(scenes: RenderedScenes, images: int, least_foreign: float) -> Iterator[_View]:
    """The regions around at most two objects of each scene whose boxes show so much of others."""
    for row in range(images):
        instance = scenes.instance[row]
        boxes = [
            (index, box)
            for index, box in seen_boxes(scenes.records[row])
            if foreign_share(instance, index, box) >= least_foreign
        ]
        for index, box in boxes[:2]:
            region = Region.around(box, height_px=HEIGHT_PX, width_px=WIDTH_PX)
            yield scenes, row, region, index


def decode_all(
    sam: Any, embedding: torch.Tensor, item: PromptedImage
) -> tuple[torch.Tensor, torch.Tensor]:
    """All four masks of Sam's decoder for n prompts: logits (n, 4, h, w), scores (n, 4)."""
    device = embedding.device
    boxes = None if item.boxes is None else item.boxes.to(device)
    points = None
    if item.points is not None:
        points = item.points[:, None].to(device), torch.ones(len(item), 1, device=device)
    if boxes is None:
        sparse, dense = sam.prompt_encoder(points=None, boxes=None, masks=None)
        sparse = sparse.expand(len(item), -1, -1)
    else:
        sparse, dense = sam.prompt_encoder(points=points, boxes=boxes, masks=None)
    told = hint_tokens(sam, item.hints)
    logits, scores = sam.mask_decoder.predict_masks(
        image_embeddings=embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=torch.cat([sparse, told], dim=1),
        dense_prompt_embeddings=dense,
    )
    return logits, scores


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
