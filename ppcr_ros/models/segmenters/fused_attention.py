"""segment-anything's attention layers on PyTorch's fused attention.

The library writes every head's scores out, adds the relative positions to them in two more passes
over memory, and divides by the softmax's sum in another. Here the positions are laid out once as
the mask of `scaled_dot_product_attention`. The weights and their names are the library's; sums are
taken in another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

make_torchvision_importable()  # segment_anything imports torchvision at its own top level
from segment_anything.modeling import image_encoder, transformer  # noqa: E402

if TYPE_CHECKING:
    from segment_anything.modeling import Sam


class FusedImageAttention(image_encoder.Attention):
    """Attention of an image encoder's block, over a window or over the whole image."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, d) to (B, H, W, d)."""
        batch, height, width, _ = x.shape
        qkv = self.qkv(x).reshape(batch, height * width, 3, self.num_heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        positions = None
        if self.use_rel_pos:
            rows = to_all_places(height, self.rel_pos_h)
            positions = added_by_places(query, rows, to_all_places(width, self.rel_pos_w))
        attended = scaled_dot_product_attention(query, key, value, positions, scale=self.scale)
        joined: Tensor = self.proj(attended.transpose(1, 2).reshape(x.shape))
        return joined


def to_all_places(side: int, table: Tensor) -> Tensor:
    """(side, d, side) what each place along an axis is multiplied by, for a key at each place."""
    relative: Tensor = image_encoder.get_rel_pos(side, side, table)
    return relative.transpose(1, 2)


def added_by_places(queries: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """What the key's place relative to the query's adds to a score.

    Args:
        queries: (B, heads, H * W, d).
        rows: (H, d, H) of `to_all_places`.
        columns: (W, d, W) likewise.

    Returns:
        (B, heads, H * W, H * W).
    """
    asked = queries.unflatten(2, (len(rows), len(columns)))
    by_row = (asked @ rows).unsqueeze(-1)
    by_column = (asked.transpose(2, 3) @ columns).transpose(2, 3).unsqueeze(-2)
    added: Tensor = (by_row + by_column).flatten(4, 5).flatten(2, 3)
    return added


class FusedDecoderAttention(transformer.Attention):
    """Attention between the mask decoder's tokens and the image.

    The library's own where it is trained: there `torch.vmap` goes over frames, for which the fused
    one has no rule.
    """

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, n, d) queries over (B, m, d) keys and values; (B, n, d)."""
        if torch.is_grad_enabled():
            plain: Tensor = super().forward(q, k, v)
            return plain
        query, key, value = (
            self._separate_heads(projection(x), self.num_heads)
            for projection, x in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v))
        )
        attended = scaled_dot_product_attention(query, key, value)
        joined: Tensor = self.out_proj(self._recombine_heads(attended))
        return joined


_FUSED = {
    image_encoder.Attention: FusedImageAttention,
    transformer.Attention: FusedDecoderAttention,
}


def fuse_attention(sam: Sam) -> None:
    """Let every attention layer of ``sam`` compute as its fused counterpart does."""
    for module in sam.modules():
        if type(module) in _FUSED:
            module.__class__ = _FUSED[type(module)]
