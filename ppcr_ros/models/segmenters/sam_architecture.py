"""segment-anything's Sam at any size: how it is built, saved to a folder and loaded back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ppcr_ros.core.documents import read_json
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models.loading import load_strictly
from ppcr_ros.models.segmenters.prompt_words import PromptWords
from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

MODEL_TYPE = "segment_anything"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True)
class SamArchitecture:
    """The sizes of a Sam; the defaults are those of the embedded model.

    Attributes:
        image_size_px: the side of the square image that the encoder sees.
        patch_size_px: the side of one encoder patch.
        embed_dim: width of the image encoder, split among ``num_heads``.
        depth: number of encoder blocks.
        num_heads: attention heads of the encoder.
        window_size: side of an attention window, in patches.
        global_attn_indexes: the blocks that attend to the whole image.
        prompt_embed_dim: width of image embedding, prompts and mask decoder.
        mask_in_chans: channels of the prompt encoder's mask branch.
        decoder_depth: number of two-way blocks of the mask decoder.
        decoder_mlp_dim: hidden width of the decoder's MLPs.
        decoder_num_heads: attention heads of the decoder.
        iou_head_hidden_dim: hidden width of the head that estimates each mask's IoU.
        look: what it was trained to see: the ``whole`` image, or also the ``region`` around a box.
        words: of the semantic prompt, what it was taught; see `prompt_words`. Empty for the
            library's own Sam, which takes boxes and points alone.

    Raises:
        ValueError: when the sizes do not fit each other.
    """

    image_size_px: int = 256
    patch_size_px: int = 8
    embed_dim: int = 96
    depth: int = 4
    num_heads: int = 4
    window_size: int = 8
    global_attn_indexes: tuple[int, ...] = (3,)
    prompt_embed_dim: int = 96
    mask_in_chans: int = 8
    decoder_depth: int = 2
    decoder_mlp_dim: int = 384
    decoder_num_heads: int = 4
    iou_head_hidden_dim: int = 96
    look: str = "whole"
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for item in fields(self):
            value, lowest = getattr(self, item.name), 0 if item.name == "window_size" else 1
            if item.name in ("global_attn_indexes", "look", "words"):
                continue
            if type(value) is not int or value < lowest:
                raise ValueError(f"{item.name} is {value!r}; expected a whole number >= {lowest}.")
        if self.look not in ("whole", "region"):
            raise ValueError(f"look is {self.look!r}; expected 'whole' or 'region'.")
        _check_divides("patch_size_px", self.patch_size_px, "image_size_px", self.image_size_px)
        _check_divides("num_heads", self.num_heads, "embed_dim", self.embed_dim)
        # The decoder's cross attention works at half the width, its masks at an eighth of it.
        _check_divides("8", 8, "prompt_embed_dim", self.prompt_embed_dim)
        _check_divides(
            "decoder_num_heads",
            self.decoder_num_heads,
            "prompt_embed_dim / 2",
            self.prompt_embed_dim // 2,
        )
        _check_divides("4", 4, "mask_in_chans", self.mask_in_chans)
        if not isinstance(self.words, tuple) or not all(isinstance(w, str) for w in self.words):
            raise ValueError(f"words is {self.words!r}; expected a list of words.")
        blocks = self.global_attn_indexes
        if not isinstance(blocks, tuple) or not set(blocks) <= set(range(self.depth)):
            raise ValueError(
                f"global_attn_indexes is {blocks!r}; expected block numbers below the depth "
                f"{self.depth}."
            )

    @property
    def grid_size(self) -> int:
        """The side of the image embedding, in patches."""
        return self.image_size_px // self.patch_size_px


def _check_divides(divisor_name: str, divisor: int, name: str, value: int) -> None:
    if value % divisor:
        divisor_text = divisor_name if divisor_name == str(divisor) else f"{divisor_name} {divisor}"
        raise ValueError(f"{name} is {value}; expected a multiple of {divisor_text}.")


def _published(embed_dim: int, depth: int, num_heads: int, every: int) -> SamArchitecture:
    return SamArchitecture(
        image_size_px=1024,
        patch_size_px=16,
        embed_dim=embed_dim,
        depth=depth,
        num_heads=num_heads,
        window_size=14,
        global_attn_indexes=tuple(range(every - 1, depth, every)),
        prompt_embed_dim=256,
        mask_in_chans=16,
        decoder_depth=2,
        decoder_mlp_dim=2048,
        decoder_num_heads=8,
        iou_head_hidden_dim=256,
    )


VARIANTS: dict[str, SamArchitecture] = {
    "vit_b": _published(embed_dim=768, depth=12, num_heads=12, every=3),
    "vit_l": _published(embed_dim=1024, depth=24, num_heads=16, every=6),
    "vit_h": _published(embed_dim=1280, depth=32, num_heads=16, every=8),
}
"""The architectures of the published ``sam_vit_*.pth`` checkpoints."""


def build_sam(architecture: SamArchitecture) -> Sam:
    """A Sam with random weights, in evaluation mode, float32, on torch's default device."""
    make_torchvision_importable()  # segment_anything imports torchvision at its own top level
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    width = architecture.prompt_embed_dim
    grid = (architecture.grid_size, architecture.grid_size)
    sam = Sam(
        image_encoder=ImageEncoderViT(
            img_size=architecture.image_size_px,
            patch_size=architecture.patch_size_px,
            embed_dim=architecture.embed_dim,
            depth=architecture.depth,
            num_heads=architecture.num_heads,
            mlp_ratio=4,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=architecture.global_attn_indexes,
            window_size=architecture.window_size,
            out_chans=width,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=width,
            image_embedding_size=grid,
            input_image_size=(architecture.image_size_px, architecture.image_size_px),
            mask_in_chans=architecture.mask_in_chans,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=architecture.decoder_depth,
                embedding_dim=width,
                num_heads=architecture.decoder_num_heads,
                mlp_dim=architecture.decoder_mlp_dim,
            ),
            transformer_dim=width,
            iou_head_depth=3,
            iou_head_hidden_dim=architecture.iou_head_hidden_dim,
        ),
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    )
    if architecture.words:
        sam.prompt_words = PromptWords(architecture.words, width)
    sam.eval()
    return sam


def save_sam(
    sam: Sam, architecture: SamArchitecture, folder: str | Path, *, half: bool = False
) -> None:
    """Write ``config.json`` and ``model.safetensors`` into ``folder``, which is made if need be.

    With ``half`` the parameters are stored as float16; buffers (the positional frequencies) stay
    float32, for an error in them is multiplied by the image's size.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {name for name, _ in sam.named_parameters()}
    tensors = {
        name: tensor.detach()
        .cpu()
        .to(torch.float16 if half and name in parameters else torch.float32)
        for name, tensor in sam.state_dict().items()
    }
    document = {"model_type": MODEL_TYPE, **asdict(architecture)}
    text = json.dumps(document, indent=2) + "\n"
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS_FILE
    )


def load_architecture(folder: str | Path) -> SamArchitecture:
    """Read the ``config.json`` that `save_sam` wrote.

    Raises:
        ModelLoadError: when it is missing, unreadable or describes something else.
    """
    path = Path(folder) / CONFIG_FILE
    try:
        document: Any = read_json(path)
    except (OSError, ValueError) as error:
        raise ModelLoadError(
            f"cannot read {path}: {error}; expected a folder with {CONFIG_FILE} and "
            f"{WEIGHTS_FILE}. Check segmenter.model; a .pth checkpoint is named as a file."
        ) from error
    kind = document.get("model_type") if isinstance(document, dict) else None
    if kind != MODEL_TYPE:
        raise ModelLoadError(
            f"{path} describes a model of type {kind!r}; expected {MODEL_TYPE!r}. A folder of "
            "transformers' is loaded with segmenter.family sam, sam2 or sam3."
        )
    values = {name: value for name, value in document.items() if name != "model_type"}
    unknown = sorted(set(values) - {item.name for item in fields(SamArchitecture)})
    if unknown:
        raise ModelLoadError(
            f"{path} has the unknown field {unknown[0]!r}; it may be of a newer version. "
            "Update ppcr_ros, or remove the field."
        )
    for name in ("global_attn_indexes", "words"):
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    try:
        return SamArchitecture(**values)
    except ValueError as error:
        raise ModelLoadError(f"{path}: {error} Restore the file from where it came.") from error


def load_sam(folder: str | Path) -> Sam:
    """The Sam that `save_sam` wrote into ``folder``: float32, CPU, evaluation mode.

    Raises:
        ModelLoadError: when a file is missing, truncated, or of another architecture.
    """
    architecture = load_architecture(folder)
    path = Path(folder) / WEIGHTS_FILE
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelLoadError(
            f"cannot read the weights {path}: {error}; the file is missing or truncated. "
            "Copy or download it again."
        ) from error
    return sam_of_weights(
        architecture, tensors, path, expected=f"the architecture of the {CONFIG_FILE} beside it"
    )


def sam_of_weights(
    architecture: SamArchitecture, tensors: Mapping[str, torch.Tensor], path: Path, *, expected: str
) -> Sam:
    """A Sam made of ``tensors``, which come from ``path``: float32, evaluation mode.

    Raises:
        ModelLoadError: when a name or shape does not fit, naming the first and ``expected``.
    """
    with torch.device("meta"):  # no time and memory for random weights that are replaced at once
        sam = build_sam(architecture)
    load_strictly(sam, tensors, path, expected=expected, assign=True)
    return sam
