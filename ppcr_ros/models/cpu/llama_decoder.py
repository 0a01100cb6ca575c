"""A Llama language model run layer by layer, for small models on a CPU.

A model of a few million parameters computes a token in less time than transformers takes to get to
it: masks, cache objects, hooks and wrappers are made anew for every token. Here the same weights
are applied to one sequence with a preallocated key/value cache and nothing else. The arithmetic is
that of ``transformers.LlamaModel`` in evaluation mode; sums are taken in another order.

The matrices are copies: those that read the same input are joined to one, and have the norm before
them multiplied in, of which is left a number for each token. They lie as a product with several
rows takes them, and once more as a single row is multiplied: in two parts, so that two cores
read them, for a product with one row lasts as long as its matrix takes to be read. A whole prompt
is read by an engine, where there is one; it takes 2.6 times as long as this for a single token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppcr_ros.core.types import Array
from ppcr_ros.models.cpu.engine import CompiledNetwork

_MIN_CAPACITY = 128
_SPARE = 2
"""How many caches that nobody needs any more are kept for those to come."""
_LEAST_FOR_ENGINE = 64
"""A shorter text is read as fast without the engine."""


class LlamaCache:
    """Keys and values of one sequence, with room to grow.

    It answers to the part of transformers' ``Cache`` that `Engine` uses.
    """

    layers: tuple[Any, ...] = ()

    def __init__(self, empty: Tensor, spare: list[Tensor]) -> None:
        """Begin with ``empty`` (layers, 2, heads, 0, head_width); ``spare`` are used again."""
        self._length, self._pairs, self._spare = 0, empty, spare

    def __del__(self) -> None:
        if self._pairs.shape[3] and len(self._spare) < _SPARE:
            self._spare.append(self._pairs)

    def get_seq_length(self) -> int:
        """How many tokens have been read."""
        return self._length

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens; ``tokens_to_remove`` is negative or 0, as in transformers."""
        self._length = max(0, self._length - abs(tokens_to_remove))

    def first(self, n: int) -> LlamaCache:
        """Another sequence, of the first ``n`` tokens of this one."""
        other = LlamaCache(self._pairs[:, :, :, :0], self._spare)
        other.reserve(n)
        other._pairs[:, :, :, :n] = self._pairs[:, :, :, :n]
        other._length = n
        return other

    def reserve(self, n: int) -> None:
        """Have room for ``n`` more tokens."""
        needed, pairs = self._length + n, self._pairs
        if needed > pairs.shape[3]:
            # Memory that is new to the process takes longer to get than keys take to be copied.
            fresh = self._spare.pop() if self._spare else pairs
            if needed > fresh.shape[3]:
                shape = (*pairs.shape[:3], max(2 * needed, _MIN_CAPACITY), pairs.shape[4])
                fresh = pairs.new_empty(shape)
            self._pairs = fresh
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

    def fill(self, pairs: Sequence[Array]) -> None:
        """Write the first tokens: keys and values (heads, n, head_width) of each layer in turn."""
        n = pairs[0].shape[1]
        places = self._pairs.flatten(0, 1).numpy()
        for place, pair in zip(places, pairs, strict=True):
            place[:, :n] = pair
        self._length = n

    def token_views(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Where one more token goes and all with it; advances by one, and reserves its place.

        Each has two entries for a layer, keys and values: (heads, head_width) of the token, and
        (heads, n, head_width) of all that is read with it.
        """
        self.reserve(1)
        flat = self._pairs.flatten(0, 1)
        place, self._length = self._length, self._length + 1
        return flat.select(2, place).unbind(0), flat.narrow(2, 0, self._length).unbind(0)

    def advance(self, n: int) -> None:
        """The last ``n`` tokens have been written in every layer."""
        self._length += n


class _Row:
    """A single row (1, n), as a product takes it and as a product is written into it.

    Attributes:
        whole: (1, n) itself.
        spread: (parts, 1, n) the same row for each part of a matrix.
        split: (parts, 1, n / parts) what each part of a matrix makes of another row.
    """

    def __init__(self, whole: Tensor, parts: int) -> None:
        self.whole, self.spread = whole, whole.expand(parts, 1, -1)
        self.split = whole.view(parts, 1, -1)


@dataclass(frozen=True)
class _Product:
    """A product with a matrix (inputs, outputs).

    Attributes:
        weight: (outputs, inputs), for several rows.
        parts: (parts, inputs, outputs / parts), for a single one.
    """

    weight: Tensor
    parts: Tensor

    @classmethod
    def of(cls, weight: Tensor, parts: int) -> _Product:
        """With ``weight`` (outputs, inputs), as a linear layer has it."""
        lying = torch.stack([part.t() for part in weight.chunk(parts)]).contiguous()
        return cls(weight.detach(), lying)

    def of_rows(self, rows: Tensor) -> Tensor:
        """``rows`` (n, inputs) times the matrix."""
        return functional.linear(rows, self.weight)

    def of_row(self, row: _Row, output: _Row, *, scale: float = 1.0, add: bool = False) -> None:
        """``output`` becomes ``row @ matrix * scale``, or that is added to it.

        What stood in it is not looked at otherwise.
        """
        split = output.split
        torch.baddbmm(split, row.spread, self.parts, beta=int(add), alpha=scale, out=split)


@dataclass(frozen=True)
class _Layer:
    """One layer's products; the queries come out scaled for attention."""

    queries_keys_values: _Product
    attention_output: _Product
    gate_up: _Product
    down: _Product


class _Scratch:
    """Buffers for one token's way through the layers; no token allocates them anew."""

    def __init__(
        self, n_heads: int, n_key_heads: int, head_width: int, d: int, inner: int, parts: int
    ) -> None:
        turned, grouped = n_heads + n_key_heads, n_heads // n_key_heads
        self.hidden = _Row(torch.empty(1, d), parts)
        self.joined = _Row(torch.empty(1, (turned + n_key_heads) * head_width), parts)
        heads = self.joined.whole.view(-1, head_width)
        self.to_turn, self.values = heads[:turned], heads[turned:]
        self.halves = self.to_turn.view(turned, 2, head_width // 2)
        self.turned = torch.empty(turned, head_width)
        self.queries = self.turned[:n_heads].view(n_key_heads, grouped, head_width)
        self.keys = self.turned[n_heads:]
        self.attended = torch.empty(n_key_heads, grouped, head_width)
        self.attended_row = _Row(self.attended.view(1, -1), parts)
        self.gate_up = _Row(torch.empty(1, 2 * inner), parts)
        self.gate, self.up = self.gate_up.whole[:, :inner], self.gate_up.whole[:, inner:]
        self.gated = _Row(torch.empty(1, inner), parts)


class LlamaDecoder:
    """The language model and head of a transformers model, in float32 on a CPU.

    One sequence at a time on one thread at a time. Weights that change later are not seen.
    """

    @torch.no_grad()
    def __init__(
        self, language_model: Any, head: nn.Linear, engine: CompiledNetwork | None = None
    ) -> None:
        """Take the modules, and the engine's `prompt_reader` of them, where there is one."""
        config, self._engine = language_model.config, engine
        self._spare: list[Tensor] = []
        self._heads: int = config.num_attention_heads
        self._key_heads: int = config.num_key_value_heads
        self._width: int = language_model.layers[0].self_attn.head_dim
        self._epsilon: float = config.rms_norm_eps
        # Heads are of even width, for they are turned by halves.
        lengths = (config.hidden_size, config.intermediate_size, head.out_features)
        even = all(length % 2 == 0 for length in lengths)
        self.parts = 2 if even and torch.get_num_threads() > 1 else 1
        self._layers = [_joined(layer, self._width, self.parts) for layer in language_model.layers]
        self._norm = language_model.norm.weight.detach().clone()
        self._head, self._n_words = _Product.of(head.weight, self.parts), head.out_features
        self._embeddings: Tensor = language_model.embed_tokens.weight.detach()
        positions = torch.arange(config.max_position_embeddings)[None]
        cos, sin = language_model.rotary_emb(self._norm, positions)
        half = self._width // 2
        # rotate_half as a multiplication: the sine carries its sign.
        self._cos, self._sin = cos[0], torch.cat([-sin[0, :, :half], sin[0, :, half:]], dim=-1)
        self._scratch = _Scratch(
            self._heads,
            self._key_heads,
            self._width,
            config.hidden_size,
            config.intermediate_size,
            self.parts,
        )

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
        shape = (len(self._layers), 2, self._key_heads, 0, self._width)
        return LlamaCache(self._norm.new_empty(shape), self._spare)

    def embed(self, ids: Tensor) -> Tensor:
        """(1, n, d) the embeddings of (1, n) ``ids``."""
        return functional.embedding(ids, self._embeddings)

    def read(self, cache: LlamaCache, embedded: Tensor, *, keep: int = 1) -> tuple[Tensor, Tensor]:
        """Read (1, n, d) token embeddings; what the last ``keep`` of them predict.

        Returns:
            (keep, vocabulary) logits, and the (keep, d) hidden states they are made of.

        Raises:
            ValueError: when the sequence gets longer than the model's positions.
        """
        n, start = embedded.shape[1], cache.get_seq_length()
        self._check_length(start + n)
        cache.reserve(n)
        if self._engine is not None and not start and keep == 1 and n >= _LEAST_FOR_ENGINE:
            return self._engine.run([embedded[0]], partial(self._keep, cache))
        turn = self._cos[start : start + n, None], self._sin[start : start + n, None]
        mask = None
        if n > 1 and (start or keep > 1):  # else all see what is before them and nothing else
            mask = torch.ones((n, start + n), dtype=torch.bool).tril(start)
        hidden = embedded[0]
        for index, layer in enumerate(self._layers):
            kept = keep if index + 1 == len(self._layers) else n
            hidden = self._layer(index, layer, hidden, cache, turn, mask, kept)
        cache.advance(n)
        hidden = self._normed(hidden) * self._norm
        return self._head.of_rows(hidden), hidden

    @staticmethod
    def _keep(cache: LlamaCache, outputs: list[Array]) -> tuple[Tensor, Tensor]:
        """Keep the engine's keys and values; logits and hidden state of the last token."""
        logits, hidden, *pairs = outputs
        cache.fill(pairs)
        return torch.from_numpy(logits.copy()), torch.from_numpy(hidden.copy())

    def read_token(self, cache: LlamaCache, id_: int) -> tuple[Tensor, Tensor]:
        """Read one token, as `read` does; (1, vocabulary) logits and the (1, d) hidden state.

        Raises:
            ValueError: as `read`.
        """
        position, scratch = cache.get_seq_length(), self._scratch
        self._check_length(position + 1)
        news, alls = cache.token_views()
        cos, sin = self._cos[position], self._sin[position]
        hidden = scratch.hidden
        hidden.whole.copy_(self._embeddings[id_])
        row = hidden.whole[0]
        for index, layer in enumerate(self._layers):
            place = 2 * index
            layer.queries_keys_values.of_row(hidden, scratch.joined, scale=self._scale(row))
            torch.mul(scratch.to_turn, cos, out=scratch.turned)
            swapped = scratch.halves.flip(1).view_as(scratch.turned)
            scratch.turned.addcmul_(swapped, sin)
            news[place].copy_(scratch.keys)
            news[place + 1].copy_(scratch.values)
            scores = torch.bmm(scratch.queries, alls[place].transpose(1, 2))
            torch.bmm(torch.softmax(scores, -1), alls[place + 1], out=scratch.attended)
            layer.attention_output.of_row(scratch.attended_row, hidden, add=True)
            layer.gate_up.of_row(hidden, scratch.gate_up, scale=self._scale(row))
            torch.mul(functional.silu(scratch.gate), scratch.up, out=scratch.gated.whole)
            layer.down.of_row(scratch.gated, hidden, add=True)
        normed = hidden.whole * self._scale(row) * self._norm
        logits = normed.new_empty((1, self._n_words))
        self._head.of_row(_Row(normed, self.parts), _Row(logits, self.parts))
        return logits, normed

    def _check_length(self, n: int) -> None:
        if n > len(self._cos):
            raise ValueError(
                f"the conversation has {n} tokens; the model has {len(self._cos)} positions."
            )

    def _scale(self, row: Tensor) -> float:
        """What the norm multiplies a token (d,) by."""
        return 1.0 / math.sqrt(torch.dot(row, row).item() / row.shape[0] + self._epsilon)

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
        joined = layer.queries_keys_values.of_rows(self._normed(hidden)).view(n, -1, self._width)
        turned = joined[:, : self._heads + self._key_heads]
        half = self._width // 2
        swapped = torch.cat([turned[..., half:], turned[..., :half]], dim=-1)
        turned = (turned * turn[0]).addcmul_(swapped, turn[1])
        queries, keys = turned.transpose(0, 1).split([self._heads, self._key_heads])
        values = joined[:, self._heads + self._key_heads :].transpose(0, 1)
        keys, values = cache.extend(index, keys, values)
        attended = functional.scaled_dot_product_attention(
            queries[None, :, first:],
            keys[None],
            values[None],
            attn_mask=None if mask is None else mask[first:],
            is_causal=mask is None and kept > 1,
            scale=1.0,
            enable_gqa=self._heads != self._key_heads,
        )[0]
        attended = attended.transpose(0, 1).reshape(kept, -1)
        hidden = layer.attention_output.of_rows(attended).add_(hidden[first:])
        gate, up = layer.gate_up.of_rows(self._normed(hidden)).chunk(2, dim=-1)
        return layer.down.of_rows(functional.silu(gate).mul_(up)).add_(hidden)

    def _normed(self, hidden: Tensor) -> Tensor:
        """``hidden`` (n, d) normed, without the weight that is multiplied into what follows."""
        mean = hidden.square().mean(dim=-1, keepdim=True)
        return hidden * mean.add_(self._epsilon).rsqrt_()


def _linears(layer: Any) -> tuple[Any, ...]:
    attention, mlp = layer.self_attn, layer.mlp
    return (
        attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj,
        mlp.gate_proj, mlp.up_proj, mlp.down_proj,
    )  # fmt: skip


def _joined(layer: Any, head_width: int, parts: int) -> _Layer:
    query, key, value, output, gate, up, down = (part.weight.detach() for part in _linears(layer))
    queries_keys_values = torch.cat([query / math.sqrt(head_width), key, value])
    gate_up = torch.cat([gate, up])
    before_attention, before_mlp = layer.input_layernorm, layer.post_attention_layernorm
    return _Layer(
        queries_keys_values=_Product.of(queries_keys_values * before_attention.weight, parts),
        attention_output=_Product.of(output, parts),
        gate_up=_Product.of(gate_up * before_mlp.weight, parts),
        down=_Product.of(down, parts),
    )
