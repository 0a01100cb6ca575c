"""Training ppcr-tiny's MLLM: first the tower on dense truth, then all of it on conversations."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ppcr_lab.training import parallel
from ppcr_lab.training.conversations import ConversationEncoder, understanding_of
from ppcr_lab.training.grounding_data import (
    Batch,
    BatchSampler,
    GroundingScenes,
    load_grounding_scenes,
)
from ppcr_lab.training.run import TrainingRun, cosine, muon_and_adamw, set_rate
from ppcr_lab.training.tiny_checkpoint import (
    GRID,
    build_model,
    build_processor,
    extended_tokenizer,
    load_to_go_on,
    load_tokenizer,
    save_checkpoint,
    train_tokenizer,
)
from ppcr_lab.training.tiny_losses import (
    DenseHeads,
    answer_losses,
    tower_states,
    use_training_attention,
)
from ppcr_ros.models.mllm.ppcr_tiny import DIRECT_TURN, SPATIAL_TURN, VERIFICATION_TURN
from ppcr_ros.models.mllm.tiny_understanding import ABSENT, LOC_PATTERN, SEVERAL

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

HEADS_RATE = 1e-2
"""The learning rate of the dense heads while they are trained alone."""


@dataclass(frozen=True)
class MllmRecipe:
    """Recipe of ppcr-tiny's MLLM; the README beside the weights says how they were made.

    First ``heads_steps`` of the dense heads alone, on a tower that stays as it is; then
    ``tower_steps`` of the tower with them; then ``steps`` of everything, on conversations. Until
    the share ``all_patches_from`` of the schedule the tower sees ``patches_seen`` patches of an
    image, then all. Of the
    weights that are exported ``start_share`` are those that the run went on from.
    """

    seed: int = 0
    heads_steps: int = 0
    tower_steps: int = 600
    steps: int = 4050
    images_per_step: int = 32
    tower_images_per_step: int = 64
    conversations_per_image: int = 12
    rows_per_image: int = 4
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    warmup_steps: int = 100
    dense_weight: float = 1.0
    patches_seen: int = GRID * GRID // 2
    all_patches_from: float = 0.75
    checkpoint_every: int = 100
    start_share: float = 0.0
    compiled: bool = True

    def continuing(self) -> MllmRecipe:
        """This recipe for weights that are trained already: two thirds of the rate, soon reached,
        no steps of the tower alone, and first of all the heads of the dense truth, which nobody
        ships, catch up.

        What comes out is a mean of the weights before and after. What a model was good at fades
        while it learns more; the mean keeps it, and most of what was learnt (WiSE-FT: Wortsman et
        al., Robust fine-tuning of zero-shot models, CVPR 2022). Words that the weights have no
        token for get one of their own.
        """
        return replace(
            self,
            heads_steps=30,
            tower_steps=0,
            warmup_steps=30,
            learning_rate=self.learning_rate / 1.5,
            start_share=0.3,
        )


class MllmTraining(TrainingRun):
    """The training of ppcr-tiny's MLLM.

    Args:
        folder: the run folder.
        train: folders of rendered scenes to learn from.
        val: folders of rendered scenes to measure on, each by itself.
        recipe: sizes, rates and seed.
        start: an export to go on from, instead of fresh weights; see `MllmRecipe.continuing`.
        device: see `TrainingRun`.
        minutes: see `TrainingRun`.
    """

    name = "train mllm"

    def __init__(
        self,
        folder: Path,
        train: list[Path],
        val: list[Path],
        recipe: MllmRecipe,
        *,
        start: Path | None = None,
        device: str = "cpu",
        minutes: float | None = None,
    ) -> None:
        super().__init__(
            folder,
            steps=recipe.heads_steps + recipe.tower_steps + recipe.steps,
            checkpoint_every=recipe.checkpoint_every,
            device=device,
            minutes=minutes,
        )
        self._recipe, self._start = recipe, start
        torch.manual_seed(recipe.seed)
        with parallel.first_alone():
            scenes = [load_grounding_scenes(path) for path in train]
            held_out = {path.name: load_grounding_scenes(path) for path in val}
            self._tokenizer = _tokenizer(folder / "tokenizer", scenes, start)
        self._encoder = ConversationEncoder(self._tokenizer)
        if start is None:
            model = build_model(self._tokenizer)
        else:
            model = load_to_go_on(start, self._tokenizer)
        self._before = None
        if start is not None:
            self._before = {name: value.clone() for name, value in model.state_dict().items()}
        self._model = model.to(self._device)
        use_training_attention(self._model)
        if recipe.compiled and _has_compiler():
            self._model.model.vision_tower.encoder.compile(dynamic=False)
            self._model.model.language_model.compile(dynamic=False)
        self._heads = DenseHeads().to(self._device)
        shares = parallel.world_size()
        self._tower_data = self._sampler(scenes, recipe.tower_images_per_step // shares)
        self._data = self._sampler(scenes, recipe.images_per_step // shares)
        self._val = {
            name.replace("-", "_"): self._sampler([part], 50, augment=False).batch(0)
            for name, part in held_out.items()
        }
        self._optimizers = muon_and_adamw(
            self._model.named_parameters(),
            others=self._heads.parameters(),
            rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
        self.resume()

    def _sampler(
        self, scenes: list[GroundingScenes], images: int, augment: bool = True
    ) -> BatchSampler:
        return BatchSampler(
            scenes,
            self._encoder,
            images_per_batch=images,
            conversations_per_image=self._recipe.conversations_per_image,
            rows_per_image=self._recipe.rows_per_image,
            seed=self._recipe.seed,
            augment=augment,
        )

    def _rate(self, progress: float) -> float:
        recipe = self._recipe
        if self._step < recipe.heads_steps:
            return HEADS_RATE
        # The decoder starts cold when the tower's own steps are done, so the rate warms up twice.
        since = self._step - recipe.heads_steps
        since -= recipe.tower_steps if since >= recipe.tower_steps else 0
        warm = min(1.0, (since + 1) / recipe.warmup_steps)
        return recipe.learning_rate * warm * cosine((progress - 0.1) / 0.9)

    def train_step(self, progress: float) -> dict[str, float]:
        tower_only = self._step < self._recipe.heads_steps + self._recipe.tower_steps
        data = self._tower_data if tower_only else self._data
        number = self._step * parallel.world_size() + parallel.rank()
        early = progress < self._recipe.all_patches_from
        patches = self._recipe.patches_seen if early else GRID * GRID
        batch = data.batch(number, conversations=not tower_only, patches=patches)
        batch = _to(batch, self._device)
        set_rate(self._optimizers, self._rate(progress))
        self._model.train()
        losses = self._losses(batch, tower_only)
        loss = sum((v for k, v in losses.items() if not k.startswith("acc_")), torch.zeros(()))
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients(self._parameters())
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
        return {name: round(float(value.detach()), 4) for name, value in losses.items()}

    def _parameters(self) -> list[torch.nn.Parameter]:
        return [*self._model.parameters(), *self._heads.parameters()]

    def _losses(self, batch: Batch, tower_only: bool) -> dict[str, torch.Tensor]:
        with self.autocast():
            last, image_tokens = tower_states(self._model, batch.pixels, batch.seen)
            heads_only = self._step < self._recipe.heads_steps
            dense = self._heads(last.detach() if heads_only else last, batch)
            dense = {
                k: v if k.startswith("acc_") else self._recipe.dense_weight * v
                for k, v in dense.items()
            }
            if tower_only:
                return dense
            answers = answer_losses(self._model, image_tokens, batch, self._encoder)
        return {**dense, **answers}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The losses and shares on held-out scenes of each world, under teacher forcing."""
        self._model.eval()
        found: dict[str, float] = {}
        # Not worth compiling for: it is rare, and its batches have another size.
        with torch.compiler.set_stance("force_eager"):
            for world, batch in self._val.items():
                losses = self._losses(_to(batch, self._device), False)
                found |= {f"{world}_{key}": round(float(v), 4) for key, v in losses.items()}
        return found

    def state(self) -> dict[str, Any]:
        return {
            "recipe": asdict(self._recipe),
            "model": self._model.state_dict(),
            "heads": self._heads.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self._model.load_state_dict(state["model"])
        self._heads.load_state_dict(state["heads"])
        for optimizer, values in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)

    def export(self, folder: Path) -> None:
        """Write the model and its processor as transformers' Auto classes load them."""
        weights = self._model.state_dict()
        if self._before is not None:
            share = self._recipe.start_share
            weights = {
                name: torch.lerp(tensor, self._before[name].to(tensor.device), share)
                for name, tensor in weights.items()
            }
        save_checkpoint(self._model, build_processor(self._tokenizer), folder, weights)


def _has_compiler() -> bool:
    """Whether torch.compile can work here; it saves about a fifth of the time of a step."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), "g++", "clang++"))


def _to(batch: Batch, device: torch.device) -> Batch:
    return Batch(**{name: getattr(batch, name).to(device) for name in batch.__dataclass_fields__})


def _tokenizer(
    folder: Path, scenes: Iterable[GroundingScenes], start: Path | None
) -> PreTrainedTokenizerFast:
    """The run's tokenizer: that of ``start`` with the words that it lacks, or one trained on the
    commands and answers; made once."""
    if not folder.exists():
        corpus = _corpus(scenes)
        if start is None:
            made = train_tokenizer(corpus)
        else:
            made = extended_tokenizer(load_tokenizer(start), corpus)
        made.save_pretrained(folder)
    return load_tokenizer(folder)


def _corpus(scenes: Iterable[GroundingScenes]) -> Iterator[str]:
    yield f"{SPATIAL_TURN} {DIRECT_TURN} {VERIFICATION_TURN} yes no {ABSENT} {SEVERAL}"
    for part in scenes:
        for record in part.records:
            for command in record.commands:
                said = understanding_of(command, record).text
                yield f"{command.text} {LOC_PATTERN.sub(' ', said)}"
