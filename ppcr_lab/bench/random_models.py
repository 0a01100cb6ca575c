"""The real architectures with random weights: speed needs no trained ones, and no download.

A model is made where it will run, without a detour over the disk. With quantised weights it takes
that detour, so that they are loaded as those of a published checkpoint are. The tokenizer is a
small one of the same kind as the published; the embedding table and the language head have the
published number of rows, for both cost time.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ppcr_lab.bench.random_tokenizer import qwen_like_tokenizer
from ppcr_lab.sizing.architectures import MLLMS, Decoder, MllmArchitecture
from ppcr_ros.core.config import MllmConfig, SegmenterConfig
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.models.loading import pick_device, pick_dtype
from ppcr_ros.models.segmenters.sam_architecture import VARIANTS, SamArchitecture
from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

if TYPE_CHECKING:
    from ppcr_lab.bench.baselines import BoxPredictor
    from ppcr_ros.models.mllm.session import TransformersMllm

_SEED = 7


@dataclass(frozen=True)
class _Vision:
    """The sizes of a vision tower that are not in the tables of `ppcr_lab.sizing`."""

    layers: int
    width: int
    mlp_width: int
    heads: int
    patch_px: int
    positions: int = 2304
    deepstack: tuple[int, ...] = (5, 11, 17)
    full_layers: tuple[int, ...] = (7, 15, 23, 31)


@dataclass(frozen=True)
class RandomMllm:
    """An MLLM that can be made.

    Attributes:
        family: its family in the configuration.
        text: its decoder's sizes.
        vision: its vision tower's.
        mrope: how its rotary positions are shared among time, height and width.
        rope_theta: their base.
    """

    family: str
    text: Decoder
    vision: _Vision
    mrope: tuple[int, int, int]
    rope_theta: float


def _published(
    family: str, known: MllmArchitecture, mrope: tuple[int, int, int], theta: float
) -> RandomMllm:
    seen = known.vision
    vision = _Vision(seen.layers, seen.width, seen.mlp_width, 16, seen.patch_px, seen.positions)
    return RandomMllm(family, known.text, vision, mrope, theta)


_SMALL = Decoder(151_936, 64, 4, 4, 2, 16, 192)
RANDOM_MLLMS: dict[str, RandomMllm] = {
    "qwen2_5_vl_3b": _published(
        "qwen2_5_vl", MLLMS["Qwen/Qwen2.5-VL-3B-Instruct"], (16, 24, 24), 1e6
    ),
    "qwen3_vl_2b": _published("qwen3_vl", MLLMS["Qwen/Qwen3-VL-2B-Instruct"], (24, 20, 20), 5e6),
    "qwen3_vl_4b": _published("qwen3_vl", MLLMS["Qwen/Qwen3-VL-4B-Instruct"], (24, 20, 20), 5e6),
    "qwen2_5_vl_small": RandomMllm(
        "qwen2_5_vl", replace(_SMALL, qkv_bias=True),
        _Vision(2, 64, 128, 4, 14, full_layers=(1,)), (2, 3, 3), 1e6,
    ),
    "qwen3_vl_small": RandomMllm(
        "qwen3_vl", replace(_SMALL, qk_norm=True),
        _Vision(2, 64, 128, 4, 16, positions=256, deepstack=(0,)), (2, 3, 3), 5e6,
    ),
}  # fmt: skip
"""By the name on the command line; the small ones are for a CPU, and for tests."""

SAM2 = "sam2_hiera_tiny"
SAM_SMALL = "sam_small"
RANDOM_SAMS: dict[str, SamArchitecture] = {SAM_SMALL: SamArchitecture(), **VARIANTS}
RANDOM_SEGMENTERS = (*RANDOM_SAMS, SAM2)
"""By the name on the command line; `SAM_SMALL` has the size of the embedded one."""


class UnknownRandomModel(PPCRError):  # noqa: N818 - says what is not known
    """A name that is none of those that can be made."""


def check_names(mllm: str, segmenter: str) -> None:
    """See that both can be made.

    Raises:
        UnknownRandomModel: when one cannot.
    """
    _of(RANDOM_MLLMS, mllm, "MLLM")
    _of(dict.fromkeys(RANDOM_SEGMENTERS), segmenter, "segmenter")


def random_mllm(name: str, config: MllmConfig) -> TransformersMllm:
    """The MLLM ``name`` with random weights, on the device and in the numbers of ``config``.

    Raises:
        UnknownRandomModel: for another name.
        ModelLoadError: when the device or the quantisation cannot be had.
        OutOfMemoryError: when it does not fit into memory.
    """
    wanted = _of(RANDOM_MLLMS, name, "MLLM")
    make_torchvision_importable()  # before transformers
    from ppcr_ros.models.factory import mllm_family
    from ppcr_ros.models.memory import memory_errors
    from ppcr_ros.models.mllm import loader
    from ppcr_ros.models.mllm.processors import load_processor
    from ppcr_ros.models.mllm.session import TransformersMllm

    device = pick_device(config.device)
    dtype = pick_dtype(config.dtype, device)
    family = mllm_family(wanted.family)
    with tempfile.TemporaryDirectory(prefix="ppcr-random-") as temporary:
        folder = Path(temporary)
        tokenizer = _write_processor(wanted, folder)
        settings = settings_of(wanted, tokenizer)
        settings.save_pretrained(folder)
        with memory_errors(f"the MLLM {name} with random weights"):
            model = _with_random_weights(settings, device, dtype)
            if config.quantization != "none":
                with loader.no_progress_bar():
                    model.save_pretrained(folder)
                del model
                loaded = loader.load(
                    replace(config, family=wanted.family, model=str(folder)), family, offline=True
                )
                loaded.name = _model_label(name, config.quantization)
                return loaded
        processor = load_processor(folder, settings.model_type)
    return TransformersMllm(
        _model_label(name, ""), family, model, processor, constrain_answers=config.constrain_answers
    )


def random_segmenter(name: str, config: SegmenterConfig) -> tuple[Any, BoxPredictor]:
    """The segmenter ``name`` with random weights, and what a model card would run in its place.

    Raises:
        UnknownRandomModel: for another name.
        ModelLoadError: when the device cannot be had.
        OutOfMemoryError: when it does not fit into memory.
    """
    makers: dict[str, Callable[[], tuple[Any, BoxPredictor]]] = {
        **{known: partial(_sam, known, config) for known in RANDOM_SAMS},
        SAM2: partial(_sam2, config),
    }
    make: Callable[[], tuple[Any, BoxPredictor]] = _of(makers, name, "segmenter")
    from ppcr_ros.models.memory import memory_errors

    make_torchvision_importable()
    torch.manual_seed(_SEED)
    with memory_errors(f"the segmenter {name} with random weights"):
        return make()


def _model_label(name: str, quantization: str) -> str:
    return f"{name} (random weights{', ' * bool(quantization)}{quantization})"


def _of(known: dict[str, Any], name: str, what: str) -> Any:
    if name not in known:
        raise UnknownRandomModel(
            f"{name!r} is no {what} that can be made with random weights; expected one of "
            f"{', '.join(known)}."
        )
    return known[name]


def _with_random_weights(settings: Any, device: torch.device, dtype: torch.dtype) -> Any:
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(_SEED)
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(settings, dtype=dtype)
    return model.to(device).eval().requires_grad_(False)


def _write_processor(wanted: RandomMllm, folder: Path) -> Any:
    """Tokenizer and image processor in ``folder``, as the published folders have them."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
        Qwen2VLImageProcessorPil,
    )

    tokenizer = qwen_like_tokenizer()
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(
        patch_size=wanted.vision.patch_px, min_pixels=56 * 56, max_pixels=1280 * 28 * 28
    ).save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    written = path.read_text(encoding="utf-8")
    path.write_text(
        written.replace("Qwen2VLImageProcessorPil", "Qwen2VLImageProcessor"), encoding="utf-8"
    )
    return tokenizer


def settings_of(wanted: RandomMllm, tokenizer: Any) -> Any:
    """transformers' configuration of ``wanted``."""
    import transformers

    text, seen = wanted.text, wanted.vision
    ids = {
        "image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>",
        "eos_token_id": "<|im_end|>", "pad_token_id": "<|endoftext|>",
    }  # fmt: skip
    rope = {
        "rope_type": "default",
        "mrope_section": list(wanted.mrope),
        "rope_theta": wanted.rope_theta,
    }
    text_config = {
        "vocab_size": text.vocabulary, "hidden_size": text.width, "num_hidden_layers": text.layers,
        "num_attention_heads": text.heads, "num_key_value_heads": text.kv_heads,
        "head_dim": text.head_width, "intermediate_size": text.mlp_width,
        "tie_word_embeddings": text.tied, "rope_parameters": rope,
    }  # fmt: skip
    vision_config: dict[str, Any] = {
        "depth": seen.layers, "hidden_size": seen.width, "intermediate_size": seen.mlp_width,
        "num_heads": seen.heads, "patch_size": seen.patch_px, "out_hidden_size": text.width,
    }  # fmt: skip
    if wanted.family == "qwen3_vl":
        rope["mrope_interleaved"] = True
        vision_config["num_position_embeddings"] = seen.positions
        vision_config["deepstack_visual_indexes"] = list(seen.deepstack)
    else:
        vision_config["fullatt_block_indexes"] = list(seen.full_layers)
    kinds: dict[str, Any] = {
        "qwen3_vl": transformers.Qwen3VLConfig,
        "qwen2_5_vl": transformers.Qwen2_5_VLConfig,
    }
    return kinds[wanted.family](
        text_config=text_config,
        vision_config=vision_config,
        tie_word_embeddings=text.tied,
        **{name: tokenizer.convert_tokens_to_ids(token) for name, token in ids.items()},
    )


def _sam(name: str, config: SegmenterConfig) -> tuple[Any, BoxPredictor]:
    from ppcr_lab.bench.baselines import SamPredictorOfLibrary, SegmenterInTurn
    from ppcr_ros.models.segmenters.sam_architecture import build_sam
    from ppcr_ros.models.segmenters.segment_anything_segmenter import SegmentAnythingSegmenter

    device = pick_device(config.device)
    dtype = pick_dtype(config.dtype, device)
    with torch.device(device):
        sam = build_sam(RANDOM_SAMS[name])
    whole = dtype == torch.float32  # the library's predictor has no other number format
    of_library = copy.deepcopy(sam) if whole else None
    segmenter = SegmentAnythingSegmenter(
        sam, name=_model_label(name, ""), device=device, dtype=dtype, multimask=config.multimask
    )
    if of_library is None:
        return segmenter, SegmenterInTurn(segmenter)
    return segmenter, SamPredictorOfLibrary(of_library.to(device), multimask=config.multimask)


def _sam2(config: SegmenterConfig) -> tuple[Any, BoxPredictor]:
    import transformers

    from ppcr_lab.bench.baselines import SegmenterInTurn
    from ppcr_ros.models.segmenters.transformers_loading import compute_in
    from ppcr_ros.models.segmenters.transformers_sam2 import TransformersSam2

    device = pick_device(config.device)
    with torch.device(device):
        model = transformers.Sam2Model(transformers.Sam2Config()).eval().requires_grad_(False)
    compute_in(model.vision_encoder, pick_dtype(config.dtype, device))
    segmenter = TransformersSam2(
        model,
        transformers.Sam2ImageProcessor(),
        name=_model_label(SAM2, ""),
        device=device,
        multimask=config.multimask,
    )
    return segmenter, SegmenterInTurn(segmenter)
