"""Tiny random checkpoints of Gemma 3 and Gemma 4, which attend both ways inside an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import transformers

SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>"]
NAMES = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}


def _template(turn: str, end: str, image: str, thoughts: str) -> str:
    role = "('model' if message['role'] == 'assistant' else message['role'])"
    return (
        "{{ bos_token }}{% for message in messages %}"
        f"{{{{ '{turn}' + {role} + '\\n' }}}}"
        "{% for part in message['content'] %}"
        f"{{{{ '{image}' if part['type'] == 'image' else part['text'] }}}}"
        f"{{% endfor %}}{end}\n{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{{{{ '{turn}model\\n' }}}}{thoughts}{{% endif %}}"
    )


GEMMA3_TEMPLATE = _template("<start_of_turn>", "<end_of_turn>", "<start_of_image>", "")
GEMMA4_TEMPLATE = _template(
    "<|turn>", "<turn|>", "<|image|>",
    "{% if not enable_thinking %}<|channel>thought\n<channel|>{% endif %}",
)  # fmt: skip


def gemma4(tokenizer_of: Callable[..., Any], text: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The model, its image processor and its tokenizer."""
    extra = {
        "image_token": "<|image|>", "boi_token": "<|image>", "eoi_token": "<image|>",
        "audio_token": "<|audio|>", "boa_token": "<|audio>", "eoa_token": "<audio|>",
    }  # fmt: skip
    marks = ["<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|video|>"]
    tokenizer = tokenizer_of(
        [*SPECIAL, *marks, *extra.values()], **NAMES, extra_special_tokens=extra
    )
    tokenizer.chat_template = GEMMA4_TEMPLATE
    images = transformers.models.gemma4.image_processing_pil_gemma4.Gemma4ImageProcessorPil(
        patch_size=8, max_soft_tokens=70, pooling_kernel_size=2
    )
    config = transformers.Gemma4Config(
        text_config={
            **text,
            "vocab_size": len(tokenizer),
            "head_dim": 16,
            "global_head_dim": 32,
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "num_kv_shared_layers": 2,
            "sliding_window": 24,
            "vocab_size_per_layer_input": len(tokenizer),
            "hidden_size_per_layer_input": 8,
            "use_bidirectional_attention": "vision",
            **_ids(tokenizer, "pad", "bos", "eos"),
        },
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "patch_size": 8,
            "pooling_kernel_size": 2, "position_embedding_size": 64,
        },
        audio_config=None,
        video_token_id=tokenizer.convert_tokens_to_ids("<|video|>"),
        tie_word_embeddings=False,
        **_ids(tokenizer, "image", "boi", "eoi", "audio"),
    )  # fmt: skip
    return transformers.Gemma4ForConditionalGeneration(config), images, tokenizer


def gemma3(tokenizer_of: Callable[..., Any], text: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The model, its processor, and nothing."""
    extra = {
        "image_token": "<image_soft_token>", "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
    }  # fmt: skip
    marks = ["<start_of_turn>", "<end_of_turn>"]
    tokenizer = tokenizer_of(
        [*SPECIAL, *marks, *extra.values()], **NAMES, extra_special_tokens=extra
    )
    images = transformers.models.gemma3.image_processing_pil_gemma3.Gemma3ImageProcessorPil(
        size={"height": 56, "width": 56}
    )
    processor = transformers.Gemma3Processor(
        images, tokenizer, image_seq_length=4, chat_template=GEMMA3_TEMPLATE
    )
    config = transformers.Gemma3Config(
        text_config={
            **text,
            "vocab_size": len(tokenizer),
            "head_dim": 16,
            "query_pre_attn_scalar": 16,
            "layer_types": ["sliding_attention", "full_attention"],
            "sliding_window": 24,
            **_ids(tokenizer, "pad", "bos", "eos"),
        },
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 48,
            "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 56, "patch_size": 14,
            "vision_use_head": False,
        },
        mm_tokens_per_image=4,
        image_token_index=tokenizer.image_token_id,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        tie_word_embeddings=False,
    )  # fmt: skip
    return transformers.Gemma3ForConditionalGeneration(config), processor, None


def _ids(tokenizer: Any, *names: str) -> dict[str, int]:
    return {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in names}
