"""LLaVA's SigLIP tower and projector run layer by layer, for small models on a CPU.

The same weights as in transformers, with the queries, keys and values of a layer as one product,
and without what transformers does around each layer. Sums are taken in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppcr_ros.models.cpu.packed_linear import PackedLinear


class ImageFeatures(NamedTuple):
    """What the language model reads of an image; named as in transformers.

    Attributes:
        pooler_output: for each image (n, d) float32, one row for each image token.
    """

    pooler_output: list[Tensor]


@dataclass(frozen=True)
class _Layer:
    """One layer; the queries come out scaled for attention."""

    before_attention: nn.LayerNorm
    queries_keys_values: PackedLinear
    attention_output: PackedLinear
    before_mlp: nn.LayerNorm
    up: PackedLinear
    down: PackedLinear


class SiglipTower:
    """The vision tower and the projector of a LLaVA model, in float32 on a CPU.

    Weights that change later are not seen.
    """

    @torch.no_grad()
    def __init__(self, model: Any) -> None:
        tower, config = model.vision_tower, model.config
        self._heads: int = config.vision_config.num_attention_heads
        self._patches: nn.Conv2d = tower.embeddings.patch_embedding
        self._positions: Tensor = tower.embeddings.position_embedding.weight.detach()
        self._layers = [_joined(layer, len(self._positions)) for layer in tower.encoder.layers]
        count, wanted = len(self._layers), config.vision_feature_layer
        numbers = [wanted] if isinstance(wanted, int) else wanted
        # 0 is what goes into the first layer, and -1 what comes out of the last one.
        self._wanted = [number % (count + 1) for number in numbers]
        self._projector = model.multi_modal_projector

    @staticmethod
    def fits(model: Any) -> bool:
        """Whether ``model`` is one of whose images this tower makes what transformers would."""
        base = getattr(model, "model", None)
        tower: Any = getattr(base, "vision_tower", None)
        if type(model).__name__ != "LlavaForConditionalGeneration":
            return False
        if type(tower).__name__ != "SiglipVisionModel":
            return False
        plain = (
            model.device.type == "cpu"
            and model.dtype == torch.float32
            and tower.config.hidden_act == "gelu_pytorch_tanh"
            and model.config.vision_feature_select_strategy == "full"
        )
        return plain and all(
            type(linear) is nn.Linear
            for layer in tower.encoder.layers
            for linear in (*_attention_inputs(layer), layer.self_attn.out_proj, *_mlp(layer))
        )

    def takes(self, pixels: Any) -> bool:
        """Whether ``pixels`` are a batch of the tower's own size."""
        if not isinstance(pixels, Tensor) or pixels.ndim != 4:
            return False
        rows, columns = (n // side for n, side in zip(pixels.shape[2:], self._side, strict=True))
        return rows * columns == len(self._positions)

    @property
    def _side(self) -> tuple[int, ...]:
        return tuple(self._patches.kernel_size)

    def __call__(self, pixels: Tensor) -> ImageFeatures:
        """What is seen of ``pixels`` (b, 3, S, S) float32."""
        hidden = self._patches(pixels).flatten(2).transpose(1, 2) + self._positions
        kept = {0: hidden}
        for number, layer in enumerate(self._layers, start=1):
            hidden = self._layer(layer, hidden)
            kept[number] = hidden
        seen = torch.cat([kept[number] for number in self._wanted], dim=-1)
        return ImageFeatures(list(self._projector(seen)))

    def _layer(self, layer: _Layer, hidden: Tensor) -> Tensor:
        """(b, n, d) to (b, n, d)."""
        batch, n, _ = hidden.shape
        joined = layer.queries_keys_values(layer.before_attention(hidden))
        split = joined.view(batch, n, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = split.unbind(0)
        attended = functional.scaled_dot_product_attention(queries, keys, values, scale=1.0)
        attended = attended.transpose(1, 2).reshape(hidden.shape)
        hidden = layer.attention_output(attended).add_(hidden)
        return layer.down(layer.up(layer.before_mlp(hidden))).add_(hidden)


def _attention_inputs(layer: Any) -> tuple[Any, Any, Any]:
    attention = layer.self_attn
    return attention.q_proj, attention.k_proj, attention.v_proj


def _mlp(layer: Any) -> tuple[Any, Any]:
    return layer.mlp.fc1, layer.mlp.fc2


def _joined(layer: Any, rows: int) -> _Layer:
    parts, (up, down) = _attention_inputs(layer), _mlp(layer)
    scales = (layer.self_attn.scale, 1.0, 1.0)
    weight = torch.cat([part.weight * s for part, s in zip(parts, scales, strict=True)])
    bias = None
    if all(part.bias is not None for part in parts):
        bias = torch.cat([part.bias * s for part, s in zip(parts, scales, strict=True)])
    return _Layer(
        before_attention=layer.layer_norm1,
        queries_keys_values=PackedLinear(weight, bias, rows=rows),
        attention_output=PackedLinear.of(layer.self_attn.out_proj, rows=rows),
        before_mlp=layer.layer_norm2,
        up=PackedLinear.of(up, rows=rows, activation="gelu_tanh"),
        down=PackedLinear.of(down, rows=rows),
    )
