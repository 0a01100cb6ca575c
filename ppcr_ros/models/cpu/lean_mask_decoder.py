"""segment-anything's mask decoder run without its modules, for small models on a CPU.

A mask takes a hundred and more small layers, which PyTorch needs longer to get to than to compute.
The same weights are used here: what the image's patches are multiplied by is one product, the
places of the patches are multiplied once for all images, and the upscaling keeps each patch's
pixels together until there are masks. Sums are taken in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

from ppcr_ros.models.cpu.packed_linear import PackedLinear

_TOKENS = 16
"""About so many tokens a prompt has, with those that masks and scores are made of."""


@dataclass(frozen=True)
class _Block:
    """One block of the transformer.

    Attributes:
        first: whether it is the first one, in which the tokens meet each other without their places
            and without what they were before.
        norms: after each of its four parts.
        own_queries_keys, own_values, own_output: of the attention among the tokens.
        image: (n, d) to keys and values for the tokens, and queries to them.
        image_places: (n, ...) what the patches' places add to these.
        queries, to_tokens: of the attention of the tokens to the image.
        up, down: of the perceptron.
        keys, values, to_image: of the attention of the image to the tokens.
    """

    first: bool
    norms: tuple[nn.LayerNorm, ...]
    own_queries_keys: PackedLinear
    own_values: PackedLinear
    own_output: PackedLinear
    image: PackedLinear
    image_places: Tensor
    queries: PackedLinear
    to_tokens: PackedLinear
    up: PackedLinear
    down: PackedLinear
    keys: PackedLinear
    values: PackedLinear
    to_image: PackedLinear


class LeanMaskDecoder:
    """A `segment_anything.modeling.MaskDecoder`, in float32 on a CPU.

    Weights that change later are not seen.

    Args:
        decoder: the library's.
        positions: (1, d, rows, columns) of the prompt encoder, the same for all images.
    """

    @torch.no_grad()
    def __init__(self, decoder: Any, positions: Tensor) -> None:
        transformer, final = decoder.transformer, decoder.transformer.final_attn_token_to_image
        self._heads: int = transformer.num_heads
        self._n_masks: int = decoder.num_mask_tokens
        self._own_tokens = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        places = positions[0].flatten(1).t()
        self._blocks = [_block(block, places) for block in transformer.layers]
        self._queries, self._to_tokens = _few(final.q_proj), _few(final.out_proj)
        self._image = PackedLinear.of(final.k_proj, final.v_proj, rows=len(places))
        self._image_places = _at_places([(final.k_proj, True), (final.v_proj, False)], places)
        self._norm: nn.LayerNorm = transformer.norm_final_attn
        first, self._up_norm, _, second, _ = decoder.output_upscaling
        self._up_first = _subpixels(first, rows=len(places))
        self._up_second = _subpixels(second, rows=4 * len(places), activation="gelu")
        networks = zip(*(net.layers for net in decoder.output_hypernetworks_mlps), strict=True)
        self._networks = [
            (
                torch.stack([layer.weight.t() for layer in layers]),
                torch.stack([layer.bias[None] for layer in layers]),
            )
            for layers in networks
        ]
        self._scores = [_few(layer) for layer in decoder.iou_prediction_head.layers]

    @staticmethod
    def fits(decoder: Any) -> bool:
        """Whether ``decoder`` is one that can be run so: the library's own, and not in training."""
        if type(decoder).__name__ != "MaskDecoder" or not hasattr(decoder, "output_upscaling"):
            return False
        still = all(
            weight.device.type == "cpu"
            and weight.dtype == torch.float32
            and not weight.requires_grad
            for weight in decoder.parameters()
        )
        kinds = [type(layer).__name__ for layer in decoder.output_upscaling]
        return (
            still
            and kinds == ["ConvTranspose2d", "LayerNorm2d", "GELU", "ConvTranspose2d", "GELU"]
            and all(type(block.mlp.act) is nn.ReLU for block in decoder.transformer.layers)
        )

    def __call__(self, embedding: Tensor, sparse: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        """All masks of one image and prompt, the single one first.

        Args:
            embedding: (d, rows, columns) of the image encoder.
            sparse: (m, d) prompt tokens.
            dense: (d, rows, columns) of the prompt encoder.

        Returns:
            (4, 4 * rows, 4 * columns) logits and (4,) scores.
        """
        tokens = torch.cat([self._own_tokens, sparse])
        image = (embedding + dense).flatten(1).t().contiguous()
        queries = tokens
        for block in self._blocks:
            queries, image = self._through(block, queries, tokens, image)
        keys, values = self._image(image).add_(self._image_places).chunk(2, dim=-1)
        attended = self._attend(self._queries(queries + tokens), keys, values)
        queries = self._norm(self._to_tokens(attended).add_(queries))
        scores = self._scores[0](queries[:1])
        for layer in self._scores[1:]:
            scores = layer(scores.relu_())
        upscaled = self._upscaled(image)
        masks = upscaled @ self._of_masks(queries[1 : 1 + self._n_masks]).t()
        rows, columns = embedding.shape[1:]
        # Each patch's row and column, then those of the two halvings.
        split = masks.view(rows, columns, 2, 2, 2, 2, -1).permute(6, 0, 2, 4, 1, 3, 5)
        return split.reshape(-1, 4 * rows, 4 * columns), scores[0]

    def _through(
        self, block: _Block, queries: Tensor, tokens: Tensor, image: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The tokens attend to each other and to the image, and the image to them."""
        norm1, norm2, norm3, norm4 = block.norms
        placed = queries if block.first else queries + tokens
        own_queries, own_keys = block.own_queries_keys(placed).chunk(2, dim=-1)
        attended = self._attend(own_queries, own_keys, block.own_values(queries))
        attended = block.own_output(attended)
        queries = norm1(attended if block.first else attended.add_(queries))

        seen = block.image(image).add_(block.image_places)
        image_keys, image_values, image_queries = seen.chunk(3, dim=-1)
        attended = self._attend(block.queries(queries + tokens), image_keys, image_values)
        queries = norm2(block.to_tokens(attended).add_(queries))
        queries = norm3(block.down(block.up(queries).relu_()).add_(queries))

        keys, values = block.keys(queries + tokens), block.values(queries)
        attended = self._attend(image_queries, keys, values)
        return queries, norm4(block.to_image(attended).add_(image))

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(n, d) queries over (m, d) keys and values; (n, d)."""
        attended = scaled_dot_product_attention(
            self._heads_of(queries), self._heads_of(keys), self._heads_of(values)
        )
        return attended.transpose(1, 2).reshape(len(queries), -1)

    def _heads_of(self, x: Tensor) -> Tensor:
        return x.view(1, len(x), self._heads, -1).transpose(1, 2)

    def _upscaled(self, image: Tensor) -> Tensor:
        """(16 * n, d / 8) of the patches (n, d): 16 pixels for each."""
        x = self._up_first(image).view(4 * len(image), -1)
        norm = self._up_norm
        x = gelu(layer_norm(x, x.shape[1:], norm.weight, norm.bias, norm.eps))
        return self._up_second(x).view(16 * len(image), -1)

    def _of_masks(self, tokens: Tensor) -> Tensor:
        """(masks, d / 8) of the masks' tokens (masks, d), each through a network of its own."""
        x = tokens[:, None]
        for number, (weight, bias) in enumerate(self._networks):
            x = torch.baddbmm(bias, x.relu() if number else x, weight)
        return x[:, 0]


def _block(block: Any, places: Tensor) -> _Block:
    own, to_tokens = block.self_attn, block.cross_attn_token_to_image
    to_image, rows = block.cross_attn_image_to_token, len(places)
    seen = [to_tokens.k_proj, to_tokens.v_proj, to_image.q_proj]
    return _Block(
        first=block.skip_first_layer_pe,
        norms=(block.norm1, block.norm2, block.norm3, block.norm4),
        own_queries_keys=PackedLinear.of(own.q_proj, own.k_proj, rows=_TOKENS),
        own_values=_few(own.v_proj),
        own_output=_few(own.out_proj),
        image=PackedLinear.of(*seen, rows=rows),
        image_places=_at_places(list(zip(seen, (True, False, True), strict=True)), places),
        queries=_few(to_tokens.q_proj),
        to_tokens=_few(to_tokens.out_proj),
        up=_few(block.mlp.lin1),
        down=_few(block.mlp.lin2),
        keys=_few(to_image.k_proj),
        values=_few(to_image.v_proj),
        to_image=PackedLinear.of(to_image.out_proj, rows=rows),
    )


def _few(layer: Any) -> PackedLinear:
    return PackedLinear.of(layer, rows=_TOKENS)


def _at_places(layers: list[tuple[Any, bool]], places: Tensor) -> Tensor:
    """What the patches' places add to the layers' outputs; nothing where they are not told."""
    added = [
        places @ layer.weight.t() if told else places.new_zeros(len(places), layer.out_features)
        for layer, told in layers
    ]
    return torch.cat(added, dim=-1)


def _subpixels(convolution: Any, *, rows: int, activation: str = "") -> PackedLinear:
    """A doubling of the image as a product: (n, inputs) to (n, 4 * outputs), pixel by pixel."""
    weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)
    return PackedLinear(weight, convolution.bias.repeat(4), rows=rows, activation=activation)
