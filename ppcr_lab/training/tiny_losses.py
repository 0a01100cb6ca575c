"""Losses of ppcr-tiny: of its answers, and of dense truth for the image tokens.

The dense loss (per patch: is an object there, its size, colour and shape, and where its box's edges
are in the whole image) is what lets a model of this size learn to ground from scratch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as nnf
from torch import nn

from ppcr_lab.training import block_attention
from ppcr_lab.training.conversations import ConversationEncoder
from ppcr_lab.training.grounding_data import ATTRIBUTES, Batch
from ppcr_lab.training.tiny_checkpoint import GRID, WIDTH
from ppcr_ros.models.mllm.tiny_understanding import LOC_BINS

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration

PREFIX = 1 + GRID * GRID
"""The place of a conversation's first word, behind the user token and all image tokens."""
COORDINATE_SIGMA_BINS = 1.2


class DenseHeads(nn.Module):
    """Read the dense truth off the tower's last layer; used in training only, not shipped."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.objectness = nn.Linear(WIDTH, 1)
        self.attributes = nn.ModuleList(nn.Linear(WIDTH, len(v)) for v in ATTRIBUTES.values())
        self.edges = nn.Linear(WIDTH, 4)

    def forward(self, hidden: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Losses and, under ``acc_``, shares of right answers; ``hidden`` is (B, S, WIDTH)."""
        features = self.norm(hidden.float())
        shown = batch.patch_object.gather(1, batch.seen)
        present = shown >= 0
        index = shown.clamp(min=0)
        logit = self.objectness(features)[..., 0]
        out = {"object": nnf.binary_cross_entropy_with_logits(logit, present.float())}
        rows = features[present]
        attributes = batch.attributes.gather(1, index[..., None].expand(-1, -1, len(ATTRIBUTES)))[
            present
        ]
        for column, (name, head) in enumerate(zip(ATTRIBUTES, self.attributes, strict=True)):
            scores = head(rows)
            out[name] = nnf.cross_entropy(scores, attributes[:, column])
            out[f"acc_{name}"] = (scores.argmax(1) == attributes[:, column]).float().mean()
        truth = batch.boxes.gather(1, index[..., None].expand(-1, -1, 4))[present]
        error = (self.edges(rows).sigmoid() - truth).abs()
        out["edges"] = 8.0 * error.mean()
        out["acc_edge_error_bins"] = error.mean() * LOC_BINS
        return out


def use_training_attention(model: LlavaForConditionalGeneration) -> None:
    """Let the model's attention layers use `block_attention`; a saved model does not."""
    model.model.language_model.config._attn_implementation = block_attention.SHARED_PREFIX
    model.model.vision_tower.config._attn_implementation = block_attention.FULL


def tower_states(
    model: LlavaForConditionalGeneration, pixels: torch.Tensor, seen: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The tower's last layer (B, S, WIDTH) and the projected image tokens (B, S, WIDTH).

    ``seen`` (B, S) int64 numbers the patches that the tower looks at, in rising order. Half of them
    teach nearly as much as all, in half the time (FLIP: Li et al., Scaling Language-Image
    Pre-training via Masking, CVPR 2023).
    """
    tower = model.model.vision_tower
    first = tower.embeddings(pixels)
    first = first.gather(1, seen[..., None].expand(-1, -1, first.shape[2]))
    last = tower.encoder(inputs_embeds=first).last_hidden_state
    return last, model.model.multi_modal_projector(torch.cat([first, last], dim=-1))


def states_before(
    model: LlavaForConditionalGeneration,
    image_tokens: torch.Tensor,
    batch: Batch,
    encoder: ConversationEncoder,
) -> torch.Tensor:
    """(B, K, L - 1, WIDTH): what each token of the rows but the first is written from."""
    count, rows, length = batch.ids.shape
    embed = model.model.language_model.embed_tokens
    first = embed(batch.ids.new_full((count, 1), encoder.user))
    words = embed(batch.ids.reshape(count, rows * length))
    start = torch.cat([batch.seen.new_zeros(count, 1), 1 + batch.seen], dim=1)
    hidden = model.model.language_model(
        inputs_embeds=torch.cat([first, image_tokens.to(words.dtype), words], dim=1),
        prefix=start.shape[1],
        row_mask=block_attention.own_row_mask(batch.segments),
        position_ids=torch.cat([start, PREFIX + batch.places.flatten(1)], dim=1),
        use_cache=False,
    ).last_hidden_state
    states: torch.Tensor = hidden[:, start.shape[1] :].reshape(count, rows, length, -1)[:, :, :-1]
    return states


def answer_losses(
    model: LlavaForConditionalGeneration,
    image_tokens: torch.Tensor,
    batch: Batch,
    encoder: ConversationEncoder,
) -> dict[str, torch.Tensor]:
    """The losses of both stages' answers, and shares of right tokens under ``acc_``."""
    hidden = states_before(model, image_tokens, batch, encoder)
    target, learnt, edges = batch.ids[:, :, 1:], batch.learnt[:, :, 1:], batch.edges[:, :, 1:]
    logits = model.lm_head(hidden[learnt]).float()
    target, edges = target[learnt], edges[learnt]
    place = edges >= 0
    word_logits, place_logits = logits[~place], logits[place]
    place_truth = soft_bins(edges[place], logits.shape[1], encoder.first_loc)
    floor = -(place_truth * place_truth.clamp(min=1e-9).log()).sum(1).mean()
    guess = place_logits.argmax(1) - encoder.first_loc
    return {
        "words": nnf.cross_entropy(word_logits, target[~place]),
        "places": nnf.cross_entropy(place_logits, place_truth) - floor.detach(),
        "acc_words": (word_logits.argmax(1) == target[~place]).float().mean(),
        "acc_place_2bins": ((guess - edges[place]).abs() <= 2.5).float().mean(),
    }


def soft_bins(edges: torch.Tensor, vocabulary: int, first_loc: int) -> torch.Tensor:
    """(n, vocabulary) float32: a Gaussian over the location tokens around each of ``edges``."""
    centres = torch.arange(LOC_BINS, device=edges.device) + 0.5
    weight = torch.exp(-0.5 * ((centres - edges[:, None]) / COORDINATE_SIGMA_BINS) ** 2)
    truth = edges.new_zeros(len(edges), vocabulary)
    truth[:, first_loc : first_loc + LOC_BINS] = weight / weight.sum(1, keepdim=True)
    return truth
