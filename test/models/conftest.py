"""Checkpoints of the real model classes: tiny, random, written once for a test run."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_lab.bench.random_tokenizer import TEMPLATE as QWEN_TEMPLATE
from ppcr_ros.core.types import Frame

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")

CORPUS = [
    "could you please hand me the small green ball left of the large red cube",
    '{"present": true, "category": "ball", "attributes": ["small"], "relations": [], "bbox_2d": [',
    "yes Yes no No null false detect segment answer en where is it in the image second from left",
    "That answer could not be used. Answer the same question again with the JSON object alone.",
    "User: Assistant: system user assistant You are a helpful assistant.",
]

IDEFICS_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
LLAVA_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{% for part in message['content'] %}"
    "{{ '<image>' if part['type'] == 'image' else part['text'] }}{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_level_tokenizer(special: list[str], plain: tuple[str, ...] = (), **names: Any) -> Any:
    """A byte-level BPE tokenizer with single digits, as Qwen's and SmolLM's are."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Digits(individual_digits=True),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=420,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens(list(plain))
    tokenizer.add_special_tokens(special)
    extra = [token for token in special if token not in names.values()]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        additional_special_tokens=extra,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **names,
    )


def save(folder: Path, model: Any, *parts: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder


TEXT = {
    "hidden_size": 64,  # 4-bit quantisation works on blocks of 64
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.4,
    "tie_word_embeddings": False,
}


def _qwen_tokenizer() -> Any:
    tokenizer = byte_level_tokenizer(
        [
            "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|box_start|>", "<|box_end|>",
            "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
        ],
        plain=("<tool_call>", "</tool_call>"),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )  # fmt: skip
    tokenizer.chat_template = QWEN_TEMPLATE
    return tokenizer


def _save_qwen(folder: Path, model_class: Any, config: Any, patch_size: int) -> Path:
    # Saved in parts, as the published folders are; the video processor needs torchvision.
    tokenizer = _qwen_tokenizer()
    image_processor = transformers.models.qwen2_vl.image_processing_pil_qwen2_vl
    processor = image_processor.Qwen2VLImageProcessorPil(
        patch_size=patch_size, min_pixels=56 * 56, max_pixels=112 * 168
    )
    save(folder, model_class(config), processor, tokenizer)
    written = (folder / "preprocessor_config.json").read_text(encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(
        written.replace("Qwen2VLImageProcessorPil", "Qwen2VLImageProcessor"), encoding="utf-8"
    )
    return folder


def _qwen_ids(tokenizer: Any) -> dict[str, int]:
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
        "eos_token_id": "<|im_end|>",
        "pad_token_id": "<|endoftext|>",
    }
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}


def _qwen(folder: Path, name: str, text: dict[str, Any], vision: dict[str, Any]) -> Path:
    """A checkpoint of the architecture ``name``, with ``text`` and ``vision`` of its own."""
    tokenizer = _qwen_tokenizer()
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3]}
    sizes = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 4,
        "out_hidden_size": 64,
    }  # fmt: skip
    config = getattr(transformers, f"{name}Config")(
        text_config={**TEXT, "vocab_size": len(tokenizer), "rope_parameters": rope, **text},
        vision_config={**sizes, **vision},
        tie_word_embeddings=False,
        **_qwen_ids(tokenizer),
    )
    model_class = getattr(transformers, f"{name}ForConditionalGeneration")
    return _save_qwen(folder, model_class, config, patch_size=vision["patch_size"])


def qwen2_5_vl(folder: Path) -> Path:
    vision = {"patch_size": 14, "fullatt_block_indexes": [1], "window_size": 56}
    return _qwen(folder, "Qwen2_5_VL", {}, vision)


def qwen3_vl(folder: Path) -> Path:
    vision = {"patch_size": 16, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    return _qwen(folder, "Qwen3VL", {"head_dim": 16}, vision)


def qwen3_5(folder: Path) -> Path:
    rope = {
        "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0,
        "mrope_section": [2, 3, 3],
    }  # fmt: skip
    text = {
        "head_dim": 16,
        "layer_types": ["linear_attention", "full_attention"],
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "rope_parameters": rope,
    }
    return _qwen(folder, "Qwen3_5", text, {"patch_size": 16, "num_position_embeddings": 64})


def _idefics(folder: Path, kind: str) -> Path:
    rows = [f"<row_{r}_col_{c}>" for r in range(1, 3) for c in range(1, 3)]
    tokenizer = byte_level_tokenizer(
        [
            "<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<image>",
            "<end_of_utterance>", "<global-img>", *rows,
        ],
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
    )  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": 64, "patch_size": 8,
    }  # fmt: skip
    text = {**TEXT, "model_type": "llama", "vocab_size": len(tokenizer), "pad_token_id": 0}
    ids = {
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        "pad_token_id": tokenizer.pad_token_id,
    }
    size = {"longest_edge": 64}
    settings = {"size": size, "max_image_size": size, "do_image_splitting": False}
    if kind == "idefics3":
        config_class = transformers.Idefics3Config
        model_class = transformers.Idefics3ForConditionalGeneration
        images = (
            transformers.models.idefics3.image_processing_pil_idefics3.Idefics3ImageProcessorPil
        )
    else:
        config_class = transformers.SmolVLMConfig
        model_class = transformers.SmolVLMForConditionalGeneration
        images = transformers.models.smolvlm.image_processing_pil_smolvlm.SmolVLMImageProcessorPil
    config = config_class(
        text_config=text, vision_config=vision, scale_factor=2, tie_word_embeddings=False, **ids
    )
    processor = transformers.Idefics3Processor(
        images(**settings), tokenizer, image_seq_len=16, chat_template=IDEFICS_TEMPLATE
    )
    save(folder, model_class(config), processor)
    if kind == "smolvlm":
        for name in ("processor_config.json", "preprocessor_config.json"):
            if (path := folder / name).exists():
                written = path.read_text(encoding="utf-8").replace("Idefics3Proc", "SmolVLMProc")
                path.write_text(written, encoding="utf-8")
    return folder


def idefics3(folder: Path) -> Path:
    return _idefics(folder, "idefics3")


def smolvlm(folder: Path) -> Path:
    return _idefics(folder, "smolvlm")


def paligemma(folder: Path) -> Path:
    tokenizer = byte_level_tokenizer(
        ["<pad>", "<eos>", "<bos>", "<unk>"],
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
    )
    images = transformers.models.siglip.image_processing_pil_siglip.SiglipImageProcessorPil
    processor = transformers.PaliGemmaProcessor(
        images(size={"height": 56, "width": 56}, image_seq_length=16), tokenizer
    )
    config = transformers.PaliGemmaConfig(
        text_config={
            **TEXT, "model_type": "gemma2", "vocab_size": len(tokenizer), "head_dim": 16,
            "sliding_window": 4096, "query_pre_attn_scalar": 16, "num_image_tokens": 16,
            "pad_token_id": 0, "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 48,
            "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 56, "patch_size": 14,
            "vision_use_head": False,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=64,
        hidden_size=64,
        tie_word_embeddings=False,
    )  # fmt: skip
    return save(folder, transformers.PaliGemmaForConditionalGeneration(config), processor)


def llava(folder: Path) -> Path:
    """The embedded model's class, with location tokens that are special tokens."""
    tokenizer = byte_level_tokenizer(
        [
            "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>", "<image>",
            *(f"<loc{i:03d}>" for i in range(128)),
        ],
        pad_token="<|pad|>",
        eos_token="<|end|>",
    )  # fmt: skip
    images = transformers.models.clip.image_processing_pil_clip.CLIPImageProcessorPil
    processor = transformers.LlavaProcessor(
        image_processor=images(
            size={"height": 56, "width": 56}, crop_size={"height": 56, "width": 56}
        ),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="full",
        chat_template=LLAVA_TEMPLATE,
        image_token="<image>",
        num_additional_image_tokens=0,
    )
    config = transformers.LlavaConfig(
        text_config={**TEXT, "model_type": "llama", "vocab_size": len(tokenizer)},
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 48,
            "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 56, "patch_size": 14,
            "vision_use_head": False,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=False,
    )  # fmt: skip
    return save(folder, transformers.LlavaForConditionalGeneration(config), processor)


def gemma(name: str) -> Callable[[Path], Path]:
    """What writes a checkpoint of a function of ``gemma_checkpoints.py``, which lies beside."""

    def write(folder: Path) -> Path:
        beside = runpy.run_path(str(Path(__file__).with_name("gemma_checkpoints.py")))
        parts = beside[name](byte_level_tokenizer, TEXT)
        return save(folder, *(part for part in parts if part is not None))

    return write


BUILDERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "qwen2_5_vl": ("qwen2_5_vl", qwen2_5_vl),
    "qwen3_vl": ("qwen3_vl", qwen3_vl),
    "qwen3_5": ("qwen3_5", qwen3_5),
    "idefics3": ("idefics3", idefics3),
    "smolvlm": ("idefics3", smolvlm),
    "paligemma": ("paligemma", paligemma),
    "llava": ("ppcr_tiny", llava),
    "gemma3": ("gemma4", gemma("gemma3")),
    "gemma4": ("gemma4", gemma("gemma4")),
}
"""For each kind of checkpoint the family that loads it and the function that writes it."""


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a tiny random checkpoint of a kind in `BUILDERS`, once; do not change its files."""
    from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

    make_torchvision_importable()
    torch.set_num_threads(1)
    folders: dict[str, Path] = {}

    def write(kind: str) -> Path:
        if kind not in folders:
            torch.manual_seed(7)
            folders[kind] = BUILDERS[kind][1](tmp_path_factory.mktemp("checkpoints") / kind)
        return folders[kind]

    return write


@pytest.fixture(scope="session")
def family_of() -> Callable[[str], str]:
    """The family in the configuration for a kind of checkpoint."""
    return lambda kind: BUILDERS[kind][0]


@pytest.fixture(scope="session")
def load_tiny(checkpoint: Callable[[str], Path]) -> Callable[[str], Any]:
    """Loads a tiny checkpoint through the factory, once for each kind."""
    from ppcr_ros.core.config import MllmConfig
    from ppcr_ros.models import factory

    loaded: dict[str, Any] = {}

    def load(kind: str) -> Any:
        if kind not in loaded:
            config = MllmConfig(family=BUILDERS[kind][0], model=str(checkpoint(kind)), device="cpu")
            loaded[kind] = factory.load_mllm(config, offline=True)
        return loaded[kind]

    return load


@pytest.fixture
def frame() -> Frame:
    """A wide frame (H 60, W 90) of coloured noise."""
    pixels = np.random.default_rng(3).integers(0, 256, (60, 90, 3))
    return Frame(rgb=pixels.astype(np.uint8))
