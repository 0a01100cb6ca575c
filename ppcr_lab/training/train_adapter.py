"""Phase 2 of training a prompt adapter: tokens that lead the mask decoder to the true masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ppcr_lab.evaluation.metrics import mask_iou
from ppcr_lab.training import parallel
from ppcr_lab.training.adapter_batches import EmbeddedPrompts, FitSample
from ppcr_lab.training.run import TrainingRun, cosine, set_rate
from ppcr_lab.training.train_segmenter import mask_losses
from ppcr_ros.core.boxes import clip_box
from ppcr_ros.core.errors import PPCRError, SegmentationError
from ppcr_ros.core.scoring import CALIBRATION_FILE
from ppcr_ros.core.stages.segmentation import segment_instance
from ppcr_ros.core.types import Array, SemanticPrompt, SpatialPrompt
from ppcr_ros.models.segmenters.adapter_files import AdapterConfig, save_adapter
from ppcr_ros.models.segmenters.object_hint import NO_HINT
from ppcr_ros.models.segmenters.prompt_adapter import PromptAdapter, padded_states
from ppcr_ros.models.segmenters.prompted import PromptEncoderSegmenter, batch_embeddings

JOINT, SEMANTIC_ONLY, SPATIAL_ONLY, NO_STATES_OF_BOX = range(4)


@dataclass(frozen=True)
class AdapterRecipe:
    """Recipe of an adapter's training.

    Attributes:
        seed: of weights, batches and dropout.
        steps: length of the schedule.
        batch: samples of a step.
        learning_rate: of the adapter.
        decoder_rate: of the mask decoder, where it is trained as well.
        weight_decay: of both.
        warmup_steps: over which the rates rise.
        train_decoder: whether a copy of the mask decoder learns with the adapter.
        semantic_only: the share of samples that come without box and spatial states.
        spatial_only: the share of samples that come without semantic states.
        spoilt: the share of samples whose box is off by more than the MLLM's own, with a standard
            deviation of ``spoilt_by`` of its sides; half of them come without spatial states too,
            so that what was said must tell which of the things in the box is meant.
        checkpoint_every: steps between two checkpoints, each with a validation.
        val_samples: held-out samples of a validation, at most.
    """

    seed: int = 0
    steps: int = 2000
    batch: int = 16
    learning_rate: float = 1.0e-3
    decoder_rate: float = 3.0e-4
    weight_decay: float = 0.02
    warmup_steps: int = 100
    train_decoder: bool = False
    semantic_only: float = 0.3
    spatial_only: float = 0.1
    spoilt: float = 0.3
    spoilt_by: float = 0.2
    checkpoint_every: int = 250
    val_samples: int = 128


class AdapterTraining(TrainingRun):
    """The training of a `PromptAdapter` for one MLLM and one segmenter.

    The image encoder and the prompt encoder are frozen. Prompts are dropped at random, so that the
    adapter serves with both prompts, with the semantic prompt alone and with the spatial one alone.

    Args:
        folder: the run folder.
        samples: what the MLLM wrote, with embeddings and truth.
        segmenter: gets the adapter, and goes on using it after the training.
        config: goes into the adapter's folder; names the sizes.
        recipe: rates, shares and seed.
        prefetch: whether the next step's samples are loaded beside the step, which pays where the
            step runs on a GPU.
        minutes: see `TrainingRun`.

    Raises:
        PPCRError: when there is no sample to learn from, or the folder's checkpoint is that of an
            adapter of other sizes.
    """

    name = "fit adapter"

    def __init__(
        self,
        folder: Path,
        samples: EmbeddedPrompts,
        segmenter: PromptEncoderSegmenter,
        config: AdapterConfig,
        recipe: AdapterRecipe,
        *,
        prefetch: bool = False,
        minutes: float | None = None,
    ) -> None:
        super().__init__(
            folder,
            steps=recipe.steps,
            checkpoint_every=recipe.checkpoint_every,
            device=str(segmenter.device),
            minutes=minutes,
        )
        if not samples.train_rows:
            raise PPCRError(
                "there is no sample to learn from; the MLLM wrote no usable prompts, or too few "
                "for the held-out share. Look at the count of outcomes, or raise --limit."
            )
        self._samples, self._segmenter = samples, segmenter
        self._config, self._recipe = config, recipe
        torch.manual_seed(recipe.seed)
        self.adapter = PromptAdapter(config.sizes).to(self._device)
        self._tuned: nn.Module | None = None
        if recipe.train_decoder:
            self._tuned = segmenter.decoder_copy().to(self._device).requires_grad_(True)
        segmenter.attach(self.adapter, self._tuned)
        self._decoder: nn.Module = self._tuned or segmenter.mask_decoder
        self._optimizers = [self._adamw(self.adapter, recipe.learning_rate)]
        if self._tuned is not None:
            self._optimizers.append(self._adamw(self._tuned, recipe.decoder_rate))
        self._loader = ThreadPoolExecutor(1, "ppcr-load") if prefetch else None
        self._next: tuple[int, Future[list[FitSample]]] | None = None
        self._validation: dict[str, float] = {}
        self._changed = False
        self.resume()

    def _adamw(self, module: nn.Module, rate: float) -> torch.optim.Optimizer:
        decay = self._recipe.weight_decay
        return torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay)

    def _trained(self) -> Iterator[nn.Parameter]:
        yield from self.adapter.parameters()
        if self._tuned is not None:
            yield from self._tuned.parameters()

    def train_step(self, progress: float) -> dict[str, float]:
        recipe = self._recipe
        scale = min(1.0, (self._step + 1) / recipe.warmup_steps) * cosine(progress)
        rates = (recipe.learning_rate, recipe.decoder_rate)
        for optimizer, rate in zip(self._optimizers, rates, strict=False):
            set_rate([optimizer], rate * scale)
            optimizer.zero_grad(set_to_none=True)
        self.adapter.train()
        self._decoder.train()
        losses = self._losses(self._batch(), self._modes(self._step)[0])
        losses["loss"].backward()
        parallel.average_gradients(self._trained())
        torch.nn.utils.clip_grad_norm_(self._trained(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
        self._changed = True
        return {name: round(float(value.detach()), 4) for name, value in losses.items()}

    def _rng(self, step: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self._recipe.seed, purpose, step, parallel.rank()])

    def _modes(self, step: int) -> tuple[Array, Array]:
        """For each sample of a step which prompts it comes with, and whether its box is spoilt."""
        recipe, rng, count = self._recipe, self._rng(step, 1), self._per_process
        alone = (recipe.semantic_only, recipe.spatial_only)
        modes = rng.choice(
            (JOINT, SEMANTIC_ONLY, SPATIAL_ONLY), count, p=(1.0 - sum(alone), *alone)
        )
        # Nothing tells which thing is meant where neither the box nor the words do.
        spoilt = (rng.random(count) < recipe.spoilt) & (modes != SEMANTIC_ONLY)
        return np.where(spoilt, rng.choice((JOINT, NO_STATES_OF_BOX), count), modes), spoilt

    @property
    def _per_process(self) -> int:
        return max(self._recipe.batch // parallel.world_size(), 1)

    def load_batch(self, step: int) -> list[FitSample]:
        """The samples of one step, the same for the same seed."""
        rows, rng = self._samples.train_rows, self._rng(step, 0)
        chosen = rng.integers(len(rows), size=self._per_process)

        def spoil(box: Array) -> Array:
            return spoilt_box(box, rng, self._recipe.spoilt_by)

        return [
            self._samples.load(
                rows[number], spoil if off else None, whole=bool(mode == SEMANTIC_ONLY)
            )
            for number, mode, off in zip(chosen, *self._modes(step), strict=True)
        ]

    def _batch(self) -> list[FitSample]:
        if self._loader is None:
            return self.load_batch(self._step)
        ahead, self._next = self._next, None
        batch = (
            ahead[1].result() if ahead and ahead[0] == self._step else self.load_batch(self._step)
        )
        self._next = self._step + 1, self._loader.submit(self.load_batch, self._step + 1)
        return batch

    def _losses(self, batch: list[FitSample], modes: Array) -> dict[str, Tensor]:
        prompted = []
        with torch.no_grad():
            for sample, mode in zip(batch, modes, strict=True):
                box = None if mode == SEMANTIC_ONLY else sample.prompts
                told = NO_HINT if mode == SPATIAL_ONLY else sample.hint
                prompted.append(self._segmenter.embed_prompts(sample.seen, box, told))
        states = [self._states(s, int(mode)) for s, mode in zip(batch, modes, strict=True)]
        with torch.autocast(
            self._device.type, dtype=torch.bfloat16, enabled=self._device.type == "cuda"
        ):
            tokens = self.adapter(*padded_states(states))
            logits, scores, order = [], [], []
            for rows in _alike([len(sparse) for sparse, _ in prompted]):
                sparse = torch.stack([torch.cat([prompted[i][0], tokens[i]]) for i in rows])
                answer = self._segmenter.decode_all(
                    self._decoder,
                    batch_embeddings([batch[i].seen for i in rows]),
                    sparse,
                    prompted[rows[0]][1],
                )
                logits.append(answer[0])
                scores.append(answer[1])
                order += rows
        truth = torch.stack([batch[i].truth for i in order]).to(self._device)
        return mask_losses(torch.cat(logits).float(), torch.cat(scores).float(), truth)

    def _states(self, sample: FitSample, mode: int) -> tuple[Tensor | None, Tensor | None]:
        semantic, spatial = sample.written.semantic, sample.written.spatial
        return (
            None if mode == SPATIAL_ONLY else self._tensor(semantic.embedding),
            None if mode in (SEMANTIC_ONLY, NO_STATES_OF_BOX) else self._tensor(spatial.embedding),
        )

    def _tensor(self, states: Array | None) -> Tensor | None:
        return None if states is None else torch.from_numpy(states).to(self._device)

    def validate(self) -> dict[str, float]:
        """Mean IoU on held-out samples by what the segmenter is given, as at inference.

        ``no_adapter`` is the segmenter as it is, with the box alone; the others are the guidances
        of the same names, with the adapter. ``spoilt`` are those whose box is further off, about
        which the spatial prompt's own states say nothing.
        """
        self.adapter.eval()
        self._decoder.eval()
        ious: dict[str, list[float]] = {}
        for row in self._samples.val_rows[: self._recipe.val_samples]:
            sample = self._samples.load(row)
            semantic, spatial = sample.written.semantic, sample.written.spatial
            bare = replace(semantic, embedding=None), replace(spatial, embedding=None)
            off = replace(bare[1], box_xyxy_px=self._spoilt(sample, row))
            for name, prompts in (
                ("no_adapter", bare),
                ("semantic_only", (semantic, None)),
                ("spatial_only", (None, spatial)),
                ("progressive", (semantic, spatial)),
                ("no_adapter_spoilt", (bare[0], off)),
                ("progressive_spoilt", (semantic, off)),
            ):
                ious.setdefault(f"val_iou_{name}", []).append(self._iou(sample, *prompts))
        self._validation = {name: round(float(np.mean(x)), 4) for name, x in ious.items()}
        return self._validation

    def _spoilt(self, sample: FitSample, row: int) -> Array:
        height, width = sample.encoded.frame_size_px
        box, rng = sample.written.spatial.box_xyxy_px, np.random.default_rng(row)
        off = spoilt_box(box, rng, self._recipe.spoilt_by)
        return box if clip_box(off, width_px=width, height_px=height) is None else off

    def _iou(
        self, sample: FitSample, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> float:
        try:
            answer = segment_instance(self._segmenter, sample.encoded, semantic, spatial)
        except SegmentationError:
            return 0.0
        return mask_iou(answer.mask, sample.written.mask)

    def state(self) -> dict[str, Any]:
        return {
            "recipe": asdict(self._recipe),
            "sizes": asdict(self._config.sizes),
            "models": [str(self._config.mllm), str(self._config.segmenter)],
            "weights": dict(self._config.trained_on.get("weights_sha256", {})),
            "adapter": self.adapter.state_dict(),
            "decoder": None if self._tuned is None else self._tuned.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        own = self.state()
        same = all(state[name] == own[name] for name in ("sizes", "models", "weights"))
        if not same or (state["decoder"] is None) != (self._tuned is None):
            tuned = "without" if state["decoder"] is None else "with"
            raise PPCRError(
                f"{self._folder} holds the checkpoint of another adapter: of {state['models']} "
                f"(weights {state['weights']}), {state['sizes']}, {tuned} a tuned "
                "decoder. Give the same options, another --into, or --no-resume to begin anew."
            )
        self.adapter.load_state_dict(state["adapter"])
        if self._tuned is not None:
            self._tuned.load_state_dict(state["decoder"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def export(self, folder: Path) -> None:
        """Write the adapter's folder, as ``segmenter.prompt_adapter`` takes it."""
        facts = {**self._config.trained_on, "steps": self._step, **_recipe_facts(self._recipe)}
        shown = len(self._samples.val_rows[: self._recipe.val_samples])
        config = replace(
            self._config, trained_on=facts, validation={"samples": shown, **self._validation}
        )
        save_adapter(folder, config, self.adapter, self._tuned, half=True)
        if self._changed:
            (folder / CALIBRATION_FILE).unlink(missing_ok=True)  # it was fitted to another adapter


def _recipe_facts(recipe: AdapterRecipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in ("seed", "batch", "train_decoder")}


def _alike(lengths: Iterable[int]) -> list[list[int]]:
    """The places of equal ``lengths`` together: a decoder takes prompts of one length at a time."""
    groups: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        groups.setdefault(length, []).append(place)
    return list(groups.values())


def spoilt_box(box: Array, rng: np.random.Generator, deviation: float) -> Array:
    """``box`` (4,) xyxy with each edge moved by so much of the side, and at least a pixel wide."""
    sides = np.tile(box[2:] - box[:2], 2)
    moved = box + rng.normal(0.0, deviation, 4) * sides
    low = np.minimum(moved[:2], moved[2:] - 1.0)
    spoilt: Array = np.concatenate([low, np.maximum(moved[2:], low + 1.0)]).astype(np.float32)
    return spoilt
