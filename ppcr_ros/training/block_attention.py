"""Attention of many conversations that share one image, without the entries that a mask would hide.

The sequence is a shared prefix followed by K rows of L tokens, each row holding one conversation or
several. A full attention over it computes (P + K L)^2 scores of which most are masked out; done by
blocks it is P^2 + K L (P + L).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as nnf

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
    **_: Any,
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
    batch, heads, total, width = query.shape
    rows, length = row_mask.shape[1:3]
    causal = torch.ones(prefix, prefix, dtype=torch.bool, device=query.device).tril()
    head = _fused(query[:, :, :prefix], key[:, :, :prefix], value[:, :, :prefix], causal, scaling)
    seen = row_mask.new_ones(batch, rows, length, prefix)
    mask = torch.cat([seen, row_mask], dim=-1).reshape(batch * rows, 1, length, prefix + length)

    def split(tensor: torch.Tensor) -> torch.Tensor:
        own = tensor[:, :, prefix:].reshape(batch, heads, rows, length, width)
        return own.transpose(1, 2).reshape(batch * rows, heads, length, width)

    def with_prefix(tensor: torch.Tensor) -> torch.Tensor:
        shared = tensor[:, None, :, :prefix].expand(-1, rows, -1, -1, -1)
        return torch.cat([shared.reshape(-1, heads, prefix, width), split(tensor)], dim=2)

    tail = _fused(split(query), with_prefix(key), with_prefix(value), mask, scaling)
    tail = tail.reshape(batch, rows, heads, length, width).transpose(1, 2)
    out = torch.cat([head, tail.reshape(batch, heads, total - prefix, width)], dim=2)
    return out.transpose(1, 2).contiguous(), None


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
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of all to all over (B, H, T, d), for the tower; gives (B, T, H, d), no weights."""
    out = _fused(query, key, value, None, scaling)
    return out.transpose(1, 2).contiguous(), None


def _fused(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float | None,
) -> torch.Tensor:
    if query.device.type != "cpu":
        return nnf.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
    # The CPU's fused kernel is several times slower backwards in bfloat16 than in float32.
    with torch.autocast("cpu", enabled=False):
        return nnf.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=mask, scale=scaling
        )


for _name, _function in ((SHARED_PREFIX, shared_prefix_attention), (FULL, full_attention)):
    ALL_ATTENTION_FUNCTIONS.register(_name, _function)
    ALL_MASK_ATTENTION_FUNCTIONS.register(_name, lambda *args, **kwargs: None)
