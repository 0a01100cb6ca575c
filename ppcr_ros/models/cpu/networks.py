"""The embedded models' networks as an engine takes them: plain modules of tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppcr_ros.models.cpu.engine import CompiledNetwork, compiled

_EXAMPLE_TOKENS = 320


class ImageTower(nn.Module):
    """The vision tower and the projector of a LLaVA model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower, self.projector = model.vision_tower, model.multi_modal_projector
        wanted = model.config.vision_feature_layer
        self.wanted = [wanted] if isinstance(wanted, int) else list(wanted)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, d) tokens of one image (1, 3, S, S)."""
        states = self.tower(pixels, output_hidden_states=True).hidden_states
        seen = torch.cat([states[number] for number in self.wanted], dim=-1)
        tokens: Tensor = self.projector(seen)[0]
        return tokens


class PrefillNetwork(nn.Module):
    """A Llama over the first tokens of a sequence, with its head over the last of them.

    Matrices that read the same input are joined to one, and the last layer makes no more than keys
    and values of all tokens but the last.
    """

    def __init__(self, language_model: Any, head: nn.Linear) -> None:
        super().__init__()
        config = language_model.config
        self.heads, self.key_heads = config.num_attention_heads, config.num_key_value_heads
        self.width, self.epsilon = language_model.layers[0].self_attn.head_dim, config.rms_norm_eps
        places = torch.arange(config.max_position_embeddings)[None]
        cos, sin = language_model.rotary_emb(language_model.norm.weight, places)
        self.cos, self.sin = nn.Buffer(cos[0]), nn.Buffer(sin[0])
        self.layers, self.norm, self.head = language_model.layers, language_model.norm, head

    def forward(self, embedded: Tensor) -> tuple[Tensor, ...]:
        """Of token embeddings (n, d): logits (1, vocabulary) and hidden state (1, d) behind the
        last token, then keys and values of each layer, (key heads, n, head width)."""
        n, half, hidden = embedded.shape[0], self.width // 2, embedded
        cos, sin = self.cos[:n, None], self.sin[:n, None]
        pairs: list[Tensor] = []
        for number, layer in enumerate(self.layers, start=1):
            attention, mlp, last = layer.self_attn, layer.mlp, number == len(self.layers)
            parts = (attention.q_proj, attention.k_proj, attention.v_proj)
            joined = self._product(self._normed(hidden, layer.input_layernorm), *parts)
            joined = joined.view(n, -1, self.width)
            turned = joined[:, : self.heads + self.key_heads]
            swapped = torch.cat([-turned[..., half:], turned[..., :half]], dim=-1)
            turned = turned * cos + swapped * sin
            queries, keys = turned.transpose(0, 1).split([self.heads, self.key_heads])
            values = joined[:, self.heads + self.key_heads :].transpose(0, 1)
            pairs += [keys, values]
            if last:
                queries, hidden = queries[:, -1:], hidden[-1:]
            groups = self.heads // self.key_heads
            if groups > 1:
                keys, values = (x.repeat_interleave(groups, 0) for x in (keys, values))
            attended = functional.scaled_dot_product_attention(
                queries[None], keys[None], values[None], is_causal=not last
            )[0]
            hidden = hidden + attention.o_proj(attended.transpose(0, 1).flatten(1))
            normed = self._normed(hidden, layer.post_attention_layernorm)
            gate, up = self._product(normed, mlp.gate_proj, mlp.up_proj).chunk(2, dim=-1)
            hidden = hidden + mlp.down_proj(functional.silu(gate) * up)
        hidden = self._normed(hidden, self.norm)
        return (self.head(hidden), hidden, *pairs)

    def _normed(self, hidden: Tensor, norm: Any) -> Tensor:
        scale = torch.rsqrt(hidden.pow(2).mean(dim=-1, keepdim=True) + self.epsilon)
        normed: Tensor = hidden * scale * norm.weight
        return normed

    @staticmethod
    def _product(hidden: Tensor, *parts: Any) -> Tensor:
        return functional.linear(hidden, torch.cat([part.weight for part in parts]))


class MaskNetwork(nn.Module):
    """A `segment_anything.modeling.MaskDecoder` for one image and prompt."""

    decoder: Any

    def __init__(self, decoder: nn.Module, positions: Tensor) -> None:
        super().__init__()
        self.decoder = decoder
        self.positions = nn.Buffer(positions.detach().clone())

    def forward(self, embedding: Tensor, sparse: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        """All masks (4, h, w) and scores (4,), the single one first.

        Args:
            embedding: (1, d, rows, columns).
            sparse: (1, m, d).
            dense: (1, d, rows, columns).
        """
        masks, scores = self.decoder.predict_masks(
            image_embeddings=embedding,
            image_pe=self.positions,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
        )
        return masks[0], scores[0]


def image_tower(model: Any, *, exact: bool) -> CompiledNetwork | None:
    """The engine's tower of a LLaVA model of SigLIP and Llama; None where it has none."""
    base: Any = getattr(model, "model", None)
    tower: Any = getattr(base, "vision_tower", None)
    if type(model).__name__ != "LlavaForConditionalGeneration" or model.dtype != torch.float32:
        return None
    if type(tower).__name__ != "SiglipVisionModel":
        return None
    if model.config.vision_feature_select_strategy != "full":
        return None
    side = tower.config.image_size
    example = torch.linspace(-1.0, 1.0, 3 * side * side).view(1, 3, side, side).sin_()
    return compiled("tower", ImageTower(base).eval(), (example,), [(1, 3, side, side)], exact=exact)


def prompt_reader(language_model: Any, head: nn.Linear, *, exact: bool) -> CompiledNetwork | None:
    """The engine's reading of a whole prompt; None where it has none.

    For what `LlamaDecoder` fits.
    """
    embeddings = language_model.embed_tokens.weight.detach()
    example = embeddings[torch.arange(_EXAMPLE_TOKENS) % len(embeddings)]
    reader = PrefillNetwork(language_model, head).eval()
    return compiled("prompt", reader, (example,), [(-1, example.shape[1])], exact=exact)


def image_encoder(encoder: Any, *, exact: bool) -> CompiledNetwork | None:
    """The engine's image encoder of a Sam; None where it has none."""
    side = encoder.img_size
    example = torch.linspace(-2.0, 2.0, 3 * side * side).view(1, 3, side, side).sin_()
    return compiled("encoder", encoder, (example,), [(1, 3, side, side)], exact=exact)


def mask_decoder(decoder: Any, positions: Tensor) -> CompiledNetwork | None:
    """The engine's mask decoder of a Sam, in float32; None where it has none.

    It takes what `MaskNetwork` takes.
    """
    if not hasattr(decoder, "predict_masks") or any(w.requires_grad for w in decoder.parameters()):
        return None
    shape = tuple(positions.shape)
    embedding = torch.linspace(-1.0, 1.0, positions.numel()).view(shape)
    sparse = torch.linspace(-1.0, 1.0, 7 * shape[1]).view(1, 7, shape[1])
    examples = (embedding, sparse, functional.normalize(embedding))
    shapes = [shape, (1, -1, shape[1]), shape]
    network = MaskNetwork(decoder, positions).eval()
    return compiled("masks", network, examples, shapes, exact=True)
