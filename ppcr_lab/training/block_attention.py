"""Attention of many conversations that share one image, without the entries that a mask would hide.

The sequence is a shared prefix followed by K rows of L tokens, each row holding one conversation or
several. A full attention over it computes (P + K L)^2 scores of which most are masked out; done by
blocks it is P^2 + K L (P + L).
"""

from __future__ import annotations

from typing import Any

import torch

from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

make_torchvision_importable()  # transformers imports torchvision wherever it is installed

from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS  # noqa: E402
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: E402

SHARED_PREFIX, FULL = "ppcr_shared_prefix", "ppcr_full"


def shared_prefix_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    prefix: int,
    row_mask: torch.Tensor,
    scaling: float | None = None,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within the prefix and, for each conversation, over the prefix and itself.

    Args:
        module: the attention layer that calls; not used.
        query: (B, H, P + K L, d); ``key`` and ``value`` likewise, with as many heads.
        attention_mask: not used, the structure is given by the next two.
        prefix: P, tokens that all conversations see.
        row_mask: (B, K, L, L) bool, which tokens of its own row a token sees; see `own_row_mask`.
        scaling: of the scores, by default d ** -0.5.

    Returns:
        (B, P + K L, H, d), as transformers' attention functions do, and no weights.
    """
    batch, heads, _, width = query.shape
    rows, length = row_mask.shape[1:3]
    query = query * (width**-0.5 if scaling is None else scaling)
    image, words = slice(None, prefix), slice(prefix, None)
    causal = torch.ones(prefix, prefix, dtype=torch.bool, device=query.device).tril()
    scores = query[:, :, image] @ key[:, :, image].transpose(-1, -2)
    head = _softmax(scores.masked_fill(~causal, -torch.inf)) @ value[:, :, image]

    def by_row(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.reshape(batch, heads, rows, length, -1)

    asked = query[:, :, words]
    own = by_row(asked) @ by_row(key[:, :, words]).transpose(-1, -2)
    own = own.masked_fill(~row_mask[:, None], -torch.inf).flatten(2, 3)
    weights = _softmax(torch.cat([asked @ key[:, :, image].transpose(-1, -2), own], dim=-1))
    of_own = by_row(weights[..., prefix:]) @ by_row(value[:, :, words])
    tail = weights[..., :prefix] @ value[:, :, image] + of_own.flatten(2, 3)
    return torch.cat([head, tail], dim=2).transpose(1, 2).contiguous(), None


def own_row_mask(segments: torch.Tensor) -> torch.Tensor:
    """(B, K, L, L) bool: a token sees the earlier ones of its conversation, and itself.

    ``segments`` (B, K, L) numbers the conversations of a row.
    """
    same = segments[..., :, None] == segments[..., None, :]
    return same.tril()


def full_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of all to all over (B, H, T, d), for the tower; gives (B, T, H, d), no weights."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    weights = _softmax(query * scale @ key.transpose(-1, -2))
    return (weights @ value).transpose(1, 2).contiguous(), None


def _softmax(scores: torch.Tensor) -> torch.Tensor:
    """Softmax over the last axis, in the scores' own type.

    In bfloat16 the plain products and this take half the time of PyTorch's fused CPU kernel.
    """
    with torch.autocast(scores.device.type, enabled=False):
        return scores.softmax(dim=-1)


for _name, _function in ((SHARED_PREFIX, shared_prefix_attention), (FULL, full_attention)):
    ALL_ATTENTION_FUNCTIONS.register(_name, _function)
    ALL_MASK_ATTENTION_FUNCTIONS.register(_name, lambda *args, **kwargs: None)
