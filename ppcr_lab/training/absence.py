"""``ppcr train absence``: how readily ppcr-tiny says *absent*, a bias folded into the model's head.

How often a model says so too rarely, or where the thing is in sight, is a matter of one number once
it sees as well as it can. It is chosen on held-out scenes of the worlds that were learnt from.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ppcr_lab.training.conversations import ConversationEncoder
from ppcr_lab.training.grounding_data import BatchSampler, load_grounding_scenes
from ppcr_lab.training.tiny_checkpoint import (
    build_processor,
    load_checkpoint,
    load_tokenizer,
    save_checkpoint,
)
from ppcr_lab.training.tiny_losses import states_before, tower_states, use_training_attention
from ppcr_ros.models.mllm.tiny_understanding import ABSENT

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

_BATCHES, _IMAGES = 2, 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mllm", type=Path, required=True, help="folder of the trained MLLM")
    parser.add_argument(
        "--held-out", type=Path, nargs="+", required=True, help="scenes that it was not trained on"
    )
    parser.add_argument("--bias", type=float, required=True, help="in units of the logit")
    parser.add_argument("--into", type=Path, required=True, help="folder of the new MLLM")


def run(args: argparse.Namespace) -> int:
    with_absent_bias(args.mllm, args.held_out, args.bias, args.into)
    print(f"wrote {args.into}; fit what it knows of itself anew: ppcr train knowledge")
    return 0


@torch.no_grad()
def with_absent_bias(
    start: Path, scenes: Sequence[Path], bias: float, into: Path, *, images: int = _IMAGES
) -> None:
    """Write the model of ``start`` into ``into``, its logit of *absent* higher by ``bias``.

    The head has no biases: the word's row gets a share of the mean state from which the next thing
    is named, so that its logit rises by ``bias`` there on average and by little elsewhere.

    Args:
        start: an export of `MllmTraining`.
        scenes: folders of held-out scenes, which tell that mean.
        bias: in units of the logit.
        into: the new folder.
        images: of each folder in each of two batches.
    """
    tokenizer, model = load_tokenizer(start), load_checkpoint(start)
    use_training_attention(model)
    states = torch.cat([naming_states(model, tokenizer, folder, images) for folder in scenes])
    mean = states.mean(dim=0)
    absent = int(tokenizer.convert_tokens_to_ids(ABSENT))
    model.lm_head.weight[absent] += bias * mean / mean.dot(mean)
    save_checkpoint(model, build_processor(tokenizer), into)


@torch.no_grad()
def naming_states(
    model: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    scenes: Path,
    images: int,
) -> torch.Tensor:
    """(n, WIDTH) float32: the states from which stage 1 names a thing, or says *absent*."""
    encoder = ConversationEncoder(tokenizer)
    marks = torch.tensor(tokenizer.convert_tokens_to_ids([":", ","]))
    sampler = BatchSampler(
        [load_grounding_scenes(scenes)],
        encoder,
        images_per_batch=images,
        conversations_per_image=12,
        rows_per_image=4,
        seed=0,
        augment=False,
    )
    found = []
    for number in range(_BATCHES):
        batch = sampler.batch(number)
        _, image_tokens = tower_states(model, batch.pixels, batch.seen)
        states = states_before(model, image_tokens, batch, encoder)
        named = torch.isin(batch.ids[:, :, :-1], marks) & batch.learnt[:, :, 1:]
        found.append(states[named].float())
    return torch.cat(found)
