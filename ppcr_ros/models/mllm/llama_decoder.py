"""A Llama language model run layer by layer, for small models on a CPU.

A model of a few million parameters computes a token in less time than transformers takes to get to
it: masks, cache objects, hooks and wrappers are made anew for every token. Here the same weights
are applied to one sequence with a preallocated key/value cache and nothing else. The arithmetic is
that of ``transformers.LlamaModel`` in evaluation mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_MIN_CAPACITY = 128


class LlamaCache:
    """Keys and values of one sequence, with room to grow.

    It answers to the part of transformers' ``Cache`` that `Engine` uses.
    """

    layers: tuple[Any, ...] = ()

    def __init__(self, n_layers: int, n_heads: int, head_width: int, like: Tensor) -> None:
        self._length = 0
        self._pairs = like.new_empty((n_layers, 2, n_heads, 0, head_width))

    def get_seq_length(self) -> int:
        """How many tokens have been read."""
        return self._length

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens; ``tokens_to_remove`` is negative or 0, as in transformers."""
        self._length = max(0, self._length - abs(tokens_to_remove))

    def reserve(self, n: int) -> None:
        """Have room for ``n`` more tokens."""
        needed, pairs = self._length + n, self._pairs
        if needed > pairs.shape[3]:
            shape = (*pairs.shape[:3], max(2 * needed, _MIN_CAPACITY), pairs.shape[4])
            self._pairs = pairs.new_empty(shape)
            self._pairs[:, :, :, : self._length] = pairs[:, :, :, : self._length]

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write (heads, n, head_width) behind what has been read; all of a layer's are returned.

        `advance` counts them, once all layers have written.
        """
        end = self._length + keys.shape[1]
        all_keys, all_values = self._pairs[layer, :, :, :end]
        all_keys[:, self._length :] = keys
        all_values[:, self._length :] = values
        return all_keys, all_values

    def advance(self, n: int) -> None:
        """The last ``n`` tokens have been written in every layer."""
        self._length += n


@dataclass(frozen=True)
class _Layer:
    """One layer's weights, those that read the same input joined to one matrix."""

    input_norm: Tensor
    queries_keys_values: Tensor
    attention_output: Tensor
    mlp_norm: Tensor
    gate_up: Tensor
    down: Tensor


class LlamaDecoder:
    """The language model and head of a transformers model, in float32 on a CPU.

    The model's own projections become views of the joined matrices, so that nothing is held twice.
    """

    def __init__(self, language_model: Any, head: nn.Linear) -> None:
        config = language_model.config
        self._heads: int = config.num_attention_heads
        self._key_heads: int = config.num_key_value_heads
        self._width: int = language_model.layers[0].self_attn.head_dim
        self._epsilon: float = config.rms_norm_eps
        self._layers = [_joined(layer) for layer in language_model.layers]
        self._norm: Tensor = language_model.norm.weight
        self._head, self._embeddings = head, language_model.embed_tokens
        positions = torch.arange(config.max_position_embeddings)[None]
        cos, sin = language_model.rotary_emb(self._norm, positions)
        half = self._width // 2
        # rotate_half as a multiplication: the sine carries its sign.
        self._cos, self._sin = cos[0], torch.cat([-sin[0, :, :half], sin[0, :, half:]], dim=-1)

    @staticmethod
    def fits(model: Any) -> bool:
        """Whether ``model`` is one that this decoder runs as transformers would."""
        language_model: Any = getattr(getattr(model, "model", None), "language_model", None)
        head = model.get_output_embeddings()
        if type(language_model).__name__ != "LlamaModel" or type(head) is not nn.Linear:
            return False
        config = language_model.config
        plain = (
            model.device.type == "cpu"
            and model.dtype == torch.float32
            and type(model).__name__ == "LlavaForConditionalGeneration"
            and config.hidden_act == "silu"
            and (config.rope_parameters or {}).get("rope_type") == "default"
            and head.bias is None
        )
        return plain and all(
            type(linear) is nn.Linear and linear.bias is None
            for layer in language_model.layers
            for linear in _linears(layer)
        )

    def cache(self) -> LlamaCache:
        """The cache of an empty sequence."""
        return LlamaCache(len(self._layers), self._key_heads, self._width, self._norm)

    def embed(self, ids: Tensor) -> Tensor:
        """(1, n, d) the embeddings of (1, n) ``ids``."""
        embedded: Tensor = self._embeddings(ids)
        return embedded

    def read(self, cache: LlamaCache, embedded: Tensor, *, keep: int = 1) -> tuple[Tensor, Tensor]:
        """Read (1, n, d) token embeddings; what the last ``keep`` of them predict.

        Returns:
            (keep, vocabulary) logits, and the (keep, d) hidden states they are made of.

        Raises:
            ValueError: when the sequence gets longer than the model's positions.
        """
        n, start = embedded.shape[1], cache.get_seq_length()
        if start + n > len(self._cos):
            raise ValueError(
                f"the conversation has {start + n} tokens; the model has {len(self._cos)} "
                "positions."
            )
        cache.reserve(n)
        turn = self._cos[start : start + n, None], self._sin[start : start + n, None]
        mask = None
        if n > 1:
            mask = torch.ones((n, start + n), dtype=torch.bool).tril(start)
        hidden = embedded[0]
        for index, layer in enumerate(self._layers):
            kept = keep if index + 1 == len(self._layers) else n
            hidden = self._layer(index, layer, hidden, cache, turn, mask, kept)
        cache.advance(n)
        hidden = self._normed(hidden, self._norm)
        return self._head(hidden[None])[0], hidden

    def _layer(
        self,
        index: int,
        layer: _Layer,
        hidden: Tensor,
        cache: LlamaCache,
        turn: tuple[Tensor, Tensor],
        mask: Tensor | None,
        kept: int,
    ) -> Tensor:
        """One layer over (n, d); of the last one only the ``kept`` last rows are wanted."""
        n, first = len(hidden), len(hidden) - kept
        joined = functional.linear(
            self._normed(hidden, layer.input_norm), layer.queries_keys_values
        ).view(n, -1, self._width)
        turned = joined[:, : self._heads + self._key_heads]
        half = self._width // 2
        swapped = torch.cat([turned[..., half:], turned[..., :half]], dim=-1)
        turned = turned * turn[0] + swapped * turn[1]
        queries, keys = turned.transpose(0, 1).split([self._heads, self._key_heads])
        values = joined[:, self._heads + self._key_heads :].transpose(0, 1)
        keys, values = cache.extend(index, keys, values)
        attended = functional.scaled_dot_product_attention(
            queries[None, :, first:],
            keys[None],
            values[None],
            attn_mask=None if mask is None else mask[first:],
            enable_gqa=self._heads != self._key_heads,
        )[0]
        attended = attended.transpose(0, 1).reshape(kept, -1)
        hidden = hidden[first:] + functional.linear(attended, layer.attention_output)
        gate, up = functional.linear(self._normed(hidden, layer.mlp_norm), layer.gate_up).chunk(
            2, dim=-1
        )
        return hidden + functional.linear(functional.silu(gate) * up, layer.down)

    def _normed(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(hidden, weight.shape, weight, self._epsilon)


def _linears(layer: Any) -> tuple[Any, ...]:
    attention, mlp = layer.self_attn, layer.mlp
    return (
        attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj,
        mlp.gate_proj, mlp.up_proj, mlp.down_proj,
    )  # fmt: skip


def _joined(layer: Any) -> _Layer:
    query, key, value, output, gate, up, down = _linears(layer)
    return _Layer(
        input_norm=layer.input_layernorm.weight,
        queries_keys_values=_share(query, key, value),
        attention_output=output.weight,
        mlp_norm=layer.post_attention_layernorm.weight,
        gate_up=_share(gate, up),
        down=down.weight,
    )


def _share(*linears: nn.Linear) -> Tensor:
    """The weights of ``linears`` as one matrix, of which theirs are views from now on."""
    joined = torch.cat([linear.weight.detach() for linear in linears])
    parts = joined.split([len(linear.weight) for linear in linears])
    for linear, part in zip(linears, parts, strict=True):
        linear.weight.data = part
    return joined
