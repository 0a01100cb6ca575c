"""A small tokenizer of the kind that Qwen's models have, made from the questions themselves.

Byte level, digits one by one, and a token for each common word: an answer takes about as many
tokens as with the published vocabulary.
"""

from __future__ import annotations

from typing import Any

from ppcr_ros.models.mllm import json_turns

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
FILLERS = (
    "small", "red", "cube", "on", "the", "table", "beside", "a", "blue", "bowl", "left", "of", "it",
)  # fmt: skip
"""Words that an answer is made longer with, each a token of its own."""
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}"
    "{{ message['content'] }}<|im_end|>\n{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEXTS = (
    json_turns.SYSTEM, json_turns.SEMANTIC, json_turns.SPATIAL, json_turns.DIRECT,
    json_turns.REPAIR, json_turns.VERIFICATION, "yes no user system assistant",
    'could you please hand me the small green ball left of the large red cube ["red"], ["", ""]}',
    " ".join(("", *FILLERS)), '{"bbox_2d": null}',
)  # fmt: skip
_VOCABULARY = 4000


def qwen_like_tokenizer() -> Any:
    """The tokenizer, with Qwen's control tokens and a template that renders as Qwen's does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXTS * 3, trainer)  # a word that is met once is not merged
    tokenizer.add_special_tokens(list(SPECIAL))
    names: dict[str, Any] = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        additional_special_tokens=[token for token in SPECIAL if token not in names.values()],
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **names,
    )
    made.chat_template = TEMPLATE
    return made
