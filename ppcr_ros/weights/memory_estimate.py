"""Memory estimate of a pair of models: one for the node, the doctor and the sizing page.

Computed from the models' shapes, never measured. A shape comes from a checkpoint's own
``config.json`` and the headers of its weight files (`shape_of_checkpoint`), or from a table of
published architectures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HALF_BYTES, FLOAT32_BYTES = 2, 4
BYTES_PER_WEIGHT = {
    "none": 2.0, "int8": 1.0, "int4": 0.5 + 1 / 64 + 4 / (64 * 256), "fp8": 1.0 + 4 / 128**2,
}  # fmt: skip
"""Of a quantised matrix in 16 bits, by quantisation; nf4 has 8-bit scales per 64, FP8 one per block
of 128 x 128."""
CONTEXT_BYTES = 1_000_000_000
"""CUDA context, libraries and the caching allocator's slack, assumed."""
TEXT_TOKENS, WRITTEN_TOKENS = 547 + 250, 50 + 63
"""Of both stages: what is read beside the image, and what is written, counted in Qwen3's tokens."""
_VGA_PX = (640, 480)
_DECODER, _NOT_QUANTISED = ("layers.",), ("visual", "vision", "embed", "lm_head", "projector")


@dataclass(frozen=True)
class MllmShape:
    """Parts of an MLLM's architecture that its memory depends on.

    Attributes:
        matrices: parameters that quantisation makes smaller: the decoder's matrices.
        parameters: all of them.
        layers: blocks of the decoder that keep keys and values.
        kv_heads: of keys and values.
        head_width: of one head.
        width: of the decoder's hidden states.
        mlp_width: inside its MLP.
        image_tokens: that the decoder reads of a 640 x 480 image.
        patches: of it in the vision tower, all tiles together.
        vision_width: of a patch in the vision tower.
        vision_mlp_width: inside the vision tower's MLP.
    """

    matrices: int
    parameters: int
    layers: int
    kv_heads: int
    head_width: int
    width: int
    mlp_width: int
    image_tokens: int
    patches: int
    vision_width: int
    vision_mlp_width: int

    def weight_bytes(self, quantization: str, *, half: bool) -> float:
        """The weights; quantisation makes the decoder's matrices smaller, and nothing else."""
        width = HALF_BYTES if half else FLOAT32_BYTES
        per_weight = width if quantization == "none" else BYTES_PER_WEIGHT[quantization]
        return self.matrices * per_weight + (self.parameters - self.matrices) * width

    def cache_bytes(self, tokens: int) -> int:
        """Keys and values of ``tokens`` in 16 bits."""
        return tokens * self.layers * 2 * self.kv_heads * self.head_width * HALF_BYTES

    @property
    def activation_bytes(self) -> int:
        """The largest matrices that are held at a time while image and text are read."""
        tokens = self.image_tokens + TEXT_TOKENS
        read = tokens * (2 * self.mlp_width + 4 * self.width)
        seen = self.patches * (2 * self.vision_mlp_width + 4 * self.vision_width)
        return max(read, seen) * HALF_BYTES

    def working_bytes(self) -> float:
        """What a command takes beside the weights."""
        tokens = self.image_tokens + TEXT_TOKENS + WRITTEN_TOKENS
        return self.cache_bytes(tokens) + self.activation_bytes


def shape_of_checkpoint(
    config: Mapping[str, Any], tensors: Mapping[str, Sequence[int]]
) -> MllmShape | None:
    """The shape of a checkpoint; None where its configuration does not say enough.

    Args:
        config: its ``config.json``.
        tensors: the shape of each weight by its name, from the headers of its files.
    """
    text = config.get("text_config") or config
    vision = config.get("vision_config") or {}
    try:
        width, heads = int(text["hidden_size"]), int(text["num_attention_heads"])
        layers = text.get("layer_types") or ["full_attention"] * int(text["num_hidden_layers"])
        patch_px = int(vision.get("patch_size", 14))
        merged = int(vision.get("spatial_merge_size", vision.get("scale_factor", 1)))
        patches = math.prod(side // patch_px for side in _VGA_PX)
        vision_width = int(vision.get("hidden_size", vision.get("embed_dim", 1152)))
        return MllmShape(
            matrices=sum(math.prod(s) for name, s in tensors.items() if _is_matrix(name, s)),
            parameters=sum(map(math.prod, tensors.values())),
            layers=sum("linear" not in kind for kind in layers),
            kv_heads=int(text.get("num_key_value_heads", heads)),
            head_width=int(text.get("head_dim") or width // heads),
            width=width,
            mlp_width=int(text["intermediate_size"]),
            image_tokens=patches // merged**2,
            patches=patches,
            vision_width=vision_width,
            vision_mlp_width=int(vision.get("intermediate_size", 4 * vision_width)),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _is_matrix(name: str, shape: Sequence[int]) -> bool:
    """Whether a weight is a matrix of the decoder's blocks."""
    inside = any(part in name for part in _DECODER)
    return inside and len(shape) == 2 and not any(part in name for part in _NOT_QUANTISED)
