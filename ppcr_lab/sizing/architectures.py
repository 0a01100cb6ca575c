"""The published architectures of the models that the configuration files name, as numbers.

The sizes are those of each model's ``config.json`` on the hub; where transformers' default
configuration class has the same ones, they are taken from there (noted as `source`). The tests
build the same architectures with the real classes, without memory, and compare the parameters one
by one and the operations as PyTorch counts them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_ros.weights.memory_estimate import MllmShape


@dataclass(frozen=True)
class Decoder:
    """A language model's decoder with gated MLPs and grouped queries.

    Attributes:
        vocabulary: tokens.
        width: of the hidden states.
        layers: blocks.
        heads: of the queries.
        kv_heads: of keys and values.
        head_width: of one head.
        mlp_width: inside the MLP.
        tied: whether the language head is the embedding table.
        qkv_bias: whether queries, keys and values have a bias.
        qk_norm: whether queries and keys are normalised.
        norms: normalisations in a block.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    mlp_width: int
    tied: bool = True
    qkv_bias: bool = False
    qk_norm: bool = False
    norms: int = 2

    @property
    def linear_parameters(self) -> int:
        """The matrices of all blocks: what quantisation makes smaller."""
        queries, keys = self.heads * self.head_width, self.kv_heads * self.head_width
        attention = self.width * (2 * queries + 2 * keys)
        return self.layers * (attention + 3 * self.width * self.mlp_width)

    @property
    def small_parameters(self) -> int:
        """Normalisations and biases."""
        bias = (self.heads + 2 * self.kv_heads) * self.head_width if self.qkv_bias else 0
        norms = self.norms * self.width + (2 * self.head_width if self.qk_norm else 0)
        return self.layers * (bias + norms) + self.width

    @property
    def table_parameters(self) -> int:
        """The embedding table, or the language head, which has the same shape."""
        return self.vocabulary * self.width

    @property
    def parameters(self) -> int:
        """All of it."""
        tables = self.table_parameters * (1 if self.tied else 2)
        return self.linear_parameters + self.small_parameters + tables

    def cache_bytes(self, tokens: int) -> int:
        """Keys and values of ``tokens`` in 16 bits; `MllmShape` has the same."""
        return tokens * self.layers * 2 * self.kv_heads * self.head_width * 2

    def prefill_flops(self, tokens: int, before: int = 0) -> float:
        """The operations to read ``tokens`` at once, after ``before`` that are in the cache."""
        seen = tokens * (before + tokens / 2)
        attention = 4 * self.layers * self.heads * self.head_width * seen
        return 2.0 * self.linear_parameters * tokens + attention + 2.0 * self.table_parameters


@dataclass(frozen=True)
class VisionTower:
    """A plain vision transformer before the language model, with what joins the two.

    Attributes:
        layers: blocks.
        width: of a patch.
        mlp_width: inside the MLP.
        patch_px: side of a patch.
        gated: whether the MLP has a gate.
        rms_norm: whether its normalisations have no bias.
        frames: how many copies of an image make one patch.
        patch_bias: whether the patch embedding has a bias.
        positions: in its table of positions; 0 where it has none.
        final_norm: whether a normalisation ends it.
        joining_parameters: of the projection into the language model.
        window: patches in an attention window; 0 for none.
        full_layers: blocks that see the whole image although there are windows.
    """

    layers: int
    width: int
    mlp_width: int
    patch_px: int
    joining_parameters: int
    gated: bool = False
    rms_norm: bool = False
    frames: int = 1
    patch_bias: bool = True
    positions: int = 0
    final_norm: bool = False
    window: int = 0
    full_layers: int = 0

    @property
    def linear_parameters(self) -> int:
        """The matrices of all blocks."""
        mlp = (3 if self.gated else 2) * self.width * self.mlp_width
        return self.layers * (4 * self.width * self.width + mlp)

    @property
    def parameters(self) -> int:
        """All of it, with the projection."""
        norm = self.width * (1 if self.rms_norm else 2)
        mlp_bias = self.mlp_width * (2 if self.gated else 1) + self.width
        small = self.layers * (2 * norm + 4 * self.width + mlp_bias)
        patch = 3 * self.frames * self.patch_px**2 * self.width + self.width * self.patch_bias
        rest = self.positions * self.width + norm * self.final_norm + self.joining_parameters
        return self.linear_parameters + small + patch + rest

    def flops(self, patches: int, images: int = 1) -> float:
        """The operations for ``images`` of so many ``patches`` each."""
        full = self.full_layers if self.window else self.layers
        seen = full * patches + (self.layers - full) * min(self.window, patches)
        attention = 4 * self.width * patches * seen
        joined = self.joining_parameters * patches / 4
        return images * (2.0 * self.linear_parameters * patches + attention + 2.0 * joined)


@dataclass(frozen=True)
class MllmArchitecture:
    """A multimodal language model, and what it makes of a 640 x 480 image.

    Attributes:
        vision: its vision tower.
        text: its decoder.
        patches: of one image (or tile) in the vision tower.
        tiles: how many images the vision tower sees.
        image_tokens: that the decoder reads for the whole image.
        source: where the numbers are from.
        continues_cache: whether stage 2 goes on from stage 1's keys and values; one that cannot
            reads everything again.
    """

    vision: VisionTower
    text: Decoder
    patches: int
    tiles: int
    image_tokens: int
    source: str
    continues_cache: bool = True

    @property
    def shape(self) -> MllmShape:
        """What its memory depends on."""
        text, vision = self.text, self.vision
        return MllmShape(
            matrices=text.linear_parameters,
            parameters=self.parameters,
            layers=text.layers,
            kv_heads=text.kv_heads,
            head_width=text.head_width,
            width=text.width,
            mlp_width=text.mlp_width,
            image_tokens=self.image_tokens,
            patches=self.tiles * self.patches,
            vision_width=vision.width,
            vision_mlp_width=vision.mlp_width,
        )

    @property
    def parameters(self) -> int:
        """All of it."""
        return self.vision.parameters + self.text.parameters


@dataclass(frozen=True)
class SegmenterArchitecture:
    """A promptable segmenter.

    Attributes:
        encoder_parameters: of the image encoder, which computes in `segmenter.dtype`.
        other_parameters: of the rest, which stays in float32.
        encoder_flops: for one image, at the one size that it takes.
        score_matrix: entries of the largest attention matrix that is held as a whole; 0 where
            attention is computed in tiles.
        source: where the numbers are from.
    """

    encoder_parameters: int
    other_parameters: int
    encoder_flops: float
    score_matrix: int
    source: str

    @property
    def parameters(self) -> int:
        """All of it."""
        return self.encoder_parameters + self.other_parameters


SAM_DECODER_PARAMETERS = 4_064_816
"""Prompt encoder and mask decoder of the first SAM, with the table of positions."""


def sam_vit(
    width: int, layers: int, heads: int, global_layers: int, source: str
) -> SegmenterArchitecture:
    """The first SAM with a vision transformer of this size, at 1024 px: 64 x 64 patches."""
    patches, window, head = 64 * 64, 14 * 14, width // heads
    linear = layers * 12 * width * width
    small = layers * (4 * width + 5 * width + 4 * width)
    relative = head * 2 * (global_layers * 127 + (layers - global_layers) * 27)
    patch = 3 * 16 * 16 * width + width + patches * width
    neck = 256 * width + 256 * 256 * 9 + 4 * 256
    windows = 25  # 70 x 70 patches, because 64 is no multiple of 14
    # Attention inside a window sees the padded patches too; the MLP and what is global do not.
    attention = (
        4 * width * (global_layers * patches**2 + (layers - global_layers) * windows * window**2)
    )
    matrices = (
        2
        * width
        * width
        * (
            layers * 8 * patches
            + 4 * (global_layers * patches + (layers - global_layers) * windows * window)
        )
    )
    convolutions = 2 * patches * (3 * 16 * 16 * width + 256 * width + 256 * 256 * 9)
    # Each query times a row of relative positions for either axis.
    positions = (
        4
        * width
        * (global_layers * patches * 64 + (layers - global_layers) * windows * window * 14)
    )
    return SegmenterArchitecture(
        encoder_parameters=linear + small + relative + patch + neck,
        other_parameters=SAM_DECODER_PARAMETERS,
        encoder_flops=float(attention + matrices + convolutions + positions),
        score_matrix=heads * patches**2,
        source=source,
    )


def _qwen3_vl(text: Decoder, source: str) -> MllmArchitecture:
    merged = 4 * 1024
    # Four mergers: one at the end, three on the way (deepstack).
    merger = merged * merged + merged + merged * text.width + text.width
    joining = 4 * merger + 2 * 1024 + 3 * 2 * merged
    vision = VisionTower(
        24, 1024, 4096, 16, joining_parameters=joining, frames=2, positions=2304
    )  # fmt: skip
    return MllmArchitecture(
        vision, text, patches=40 * 30, tiles=1, image_tokens=20 * 15, source=source
    )


_QWEN3_VL_2B = _qwen3_vl(
    Decoder(151_936, 2048, 28, 16, 8, 128, 6144, qk_norm=True),
    "config.json of Qwen/Qwen3-VL-2B-Instruct; the hub counts the same 2,127,532,032 parameters",
)
_QWEN3_VL_4B = _qwen3_vl(
    Decoder(151_936, 2560, 36, 32, 8, 128, 9728, qk_norm=True),
    "config.json of Qwen/Qwen3-VL-4B-Instruct",
)
_QWEN2_5_VL_3B = MllmArchitecture(
    VisionTower(
        32, 1280, 3420, 14, gated=True, rms_norm=True, frames=2, patch_bias=False, window=64,
        full_layers=4,
        joining_parameters=1280 + 5120 * 5120 + 5120 + 5120 * 2048 + 2048,
    ),
    Decoder(151_936, 2048, 36, 16, 2, 128, 11_008, qkv_bias=True),
    patches=46 * 34,
    tiles=1,
    image_tokens=23 * 17,
    source="config.json of Qwen/Qwen2.5-VL-3B-Instruct; vision tower: transformers' default",
)  # fmt: skip
_SMOLVLM_500M = MllmArchitecture(
    VisionTower(
        12, 768, 3072, 16, positions=1024, final_norm=True, joining_parameters=768 * 16 * 960
    ),
    Decoder(49_280, 960, 32, 15, 5, 64, 2560, tied=False),
    patches=32 * 32,
    tiles=13,  # 2048 x 1536 in tiles of 512, and the whole image once
    image_tokens=13 * 64,
    source="config.json of HuggingFaceTB/SmolVLM-500M-Instruct; its weights are 1.02 GB in 16 bits",
)
_PALIGEMMA2_3B_448 = MllmArchitecture(
    VisionTower(
        27, 1152, 4304, 14, positions=1024, final_norm=True,
        joining_parameters=1152 * 2304 + 2304,
    ),
    Decoder(257_216, 2304, 26, 8, 4, 256, 9216, norms=4),
    patches=1024,
    tiles=1,
    image_tokens=1024,
    source="config.json of google/paligemma2-3b-mix-448 as its fine-tunes repeat it",
    continues_cache=False,
)  # fmt: skip

MLLMS: dict[str, MllmArchitecture] = {
    "Qwen/Qwen3-VL-2B-Instruct": _QWEN3_VL_2B,
    "Qwen/Qwen3-VL-4B-Instruct": _QWEN3_VL_4B,
    "Qwen/Qwen2.5-VL-3B-Instruct": _QWEN2_5_VL_3B,
    "HuggingFaceTB/SmolVLM-500M-Instruct": _SMOLVLM_500M,
    "google/paligemma2-3b-mix-448": _PALIGEMMA2_3B_448,
}
"""By the name on the hub."""

_SAM_B = sam_vit(768, 12, 12, 4, "transformers' default SamConfig, which is facebook/sam-vit-base")
_SAM_L = sam_vit(1024, 24, 16, 4, "config.json of facebook/sam-vit-large")
_SAM_H = sam_vit(1280, 32, 16, 4, "config.json of facebook/sam-vit-huge")
_COUNTED = "; operations as PyTorch counts them"

SEGMENTERS: dict[str, SegmenterArchitecture] = {
    "facebook/sam-vit-base": _SAM_B,
    "facebook/sam-vit-large": _SAM_L,
    "facebook/sam-vit-huge": _SAM_H,
    "vit_b": _SAM_B,
    "vit_l": _SAM_L,
    "vit_h": _SAM_H,
    "facebook/sam2.1-hiera-tiny": SegmenterArchitecture(
        27_219_136, 4_221_585, 291.1e9, 0, f"transformers' default Sam2Config{_COUNTED}"
    ),
    "facebook/sam2.1-hiera-small": SegmenterArchitecture(
        34_316_992, 4_221_585, 358.8e9, 0, f"sam2.1_hiera_s.yaml: stages 1, 2, 11, 2{_COUNTED}"
    ),
    "facebook/sam3": SegmenterArchitecture(
        454_038_784, 386_337_590, 5613.5e9, 0, f"transformers' default Sam3Config{_COUNTED}"
    ),
}
"""By the name on the hub, or by ``segmenter.variant`` for a ``.pth`` checkpoint."""
