"""ppcr-tiny's architecture and processor: a small Llava (SigLIP tower, Llama decoder).

The tower's position table and the input of its projector make absolute position readable: the
table begins as a 2-D sinusoid, and the projector sees the patch embeddings beside the last layer.
Without that a model of this size learns what is there long before it learns where.
"""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer
from torch.nn.functional import interpolate

from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

make_torchvision_importable()  # transformers imports torchvision wherever it is installed

from transformers import (  # noqa: E402
    CLIPImageProcessor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
)

from ppcr_ros.core.errors import ModelLoadError  # noqa: E402
from ppcr_ros.models.mllm.tiny_understanding import LOC_BINS, loc_token  # noqa: E402

IMAGE_SIZE_PX, PATCH_SIZE_PX = 320, 16
GRID = IMAGE_SIZE_PX // PATCH_SIZE_PX
WIDTH, VISION_LAYERS, TEXT_LAYERS, HEADS, MLP = 256, 6, 4, 4, 640

PAD, UNKNOWN, USER, ASSISTANT, END, IMAGE = (
    "<|pad|>", "<|unk|>", "<|user|>", "<|assistant|>", "<|end|>", "<image>",
)  # fmt: skip

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|user|>' if message['role'] == 'user' else '<|assistant|>' }}"
    "{% for part in message['content'] %}"
    "{{ '<image>' if part['type'] == 'image' else part['text'] }}"
    "{% endfor %}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(corpus: Iterable[str], vocab_size: int = 1200) -> PreTrainedTokenizerFast:
    """A lower-case word-piece tokenizer with the template's and the location tokens."""
    tokenizer = Tokenizer(WordPiece(unk_token=UNKNOWN, max_input_chars_per_word=40))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    special = [PAD, UNKNOWN, USER, ASSISTANT, END, IMAGE]
    special += [loc_token(index) for index in range(LOC_BINS)]
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789.,:;!?'\"-()/<>|_&+%#@*")
    trainer = WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=alphabet,
        continuing_subword_prefix="##",
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return _fast_tokenizer(tokenizer, special)


def _fast_tokenizer(tokenizer: Tokenizer, special: list[str]) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        eos_token=END,
        additional_special_tokens=[token for token in special if token not in (PAD, UNKNOWN, END)],
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def extended_tokenizer(
    tokenizer: PreTrainedTokenizerFast,
    corpus: Iterable[str],
    *,
    least: int = 40,
    most: int = 256,
) -> PreTrainedTokenizerFast:
    """``tokenizer`` with tokens of their own for words of ``corpus`` that it cuts into pieces.

    What it knows keeps its number. At most ``most`` words are added, those that come most often,
    each at ``least`` times.
    """
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    known: dict[str, int] = document["model"]["vocab"]
    backend = tokenizer.backend_tokenizer
    counts: Counter[str] = Counter()
    for text in corpus:
        normal = backend.normalizer.normalize_str(text)
        counts.update(word for word, _ in backend.pre_tokenizer.pre_tokenize_str(normal))
    new = [word for word, count in counts.most_common() if count >= least and word not in known]
    # Special tokens have numbers of their own, which may lie beyond those of the words.
    size = len(tokenizer)
    for word in new[:most]:
        known[word], size = size, size + 1
    special = [PAD, UNKNOWN, USER, ASSISTANT, END, IMAGE]
    special += [loc_token(index) for index in range(LOC_BINS)]
    return _fast_tokenizer(Tokenizer.from_str(json.dumps(document)), special)


def with_vocabulary(
    model: LlavaForConditionalGeneration,
    before: PreTrainedTokenizerFast,
    after: PreTrainedTokenizerFast,
) -> LlavaForConditionalGeneration:
    """``model`` with rows for the tokens that ``after`` has more than ``before``.

    A new word begins as the mean of the pieces that it was cut into.
    """
    if len(after) == len(before):
        return model
    model.resize_token_embeddings(len(after), mean_resizing=False)
    tables = (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    with torch.no_grad():
        for word, number in after.get_vocab().items():
            if number >= len(before):
                pieces = before(word, add_special_tokens=False)["input_ids"]
                for table in tables:
                    table[number] = table[pieces].mean(dim=0)
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that was saved into ``folder``.

    Raises:
        ModelLoadError: when there is none.
    """
    if not (folder / "tokenizer.json").is_file():
        raise ModelLoadError(f"{folder} holds no tokenizer.json; expected a folder of ppcr-tiny.")
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def build_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """The processor: the whole image squeezed to a square, pixels -1..1."""
    image_processor = CLIPImageProcessor(
        size={"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX},
        do_center_crop=False,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    return LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=PATCH_SIZE_PX,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
        image_token=IMAGE,
        num_additional_image_tokens=0,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """The model with fresh weights, float32."""
    config = LlavaConfig(
        vision_config=SiglipVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=VISION_LAYERS,
            num_attention_heads=HEADS,
            image_size=IMAGE_SIZE_PX,
            patch_size=PATCH_SIZE_PX,
            vision_use_head=False,
        ).to_dict(),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=MLP,
            num_hidden_layers=TEXT_LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=1024,
            tie_word_embeddings=False,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        ).to_dict(),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=GRID * GRID,
        vision_feature_layer=[0, -1],
        vision_feature_select_strategy="full",
        tie_word_embeddings=False,
    )
    model = LlavaForConditionalGeneration(config)
    table: torch.nn.Embedding = model.model.vision_tower.embeddings.position_embedding
    with torch.no_grad():
        table.weight.copy_(sinusoid_2d(GRID, WIDTH))
    return model


def sinusoid_2d(grid: int, width: int) -> torch.Tensor:
    """A (grid * grid, width) table, float32: half the channels tell the row, half the column."""
    quarter = width // 4
    frequency = torch.exp(torch.arange(quarter) * (-math.log(100.0) / quarter)) * math.pi / 2
    place = torch.arange(grid)[:, None] * frequency
    axis = torch.cat([place.sin(), place.cos()], dim=1)
    rows = axis[:, None].expand(grid, grid, -1)
    columns = axis[None].expand(grid, grid, -1)
    return torch.cat([rows, columns], dim=2).reshape(grid * grid, width)


def save_checkpoint(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    folder: Path,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write a folder that transformers' Auto classes load; weights as float16 safetensors.

    ``weights`` stand in for the model's own, where they are given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = model.state_dict() if weights is None else weights
    half = {name: tensor.to(torch.float16) for name, tensor in weights.items()}
    model.save_pretrained(folder, state_dict=half)
    processor.save_pretrained(folder)


def load_checkpoint(folder: Path) -> LlavaForConditionalGeneration:
    """The model that `save_checkpoint` wrote into ``folder``, in float32 to be trained on.

    One that was made for images of another size gets a position table for these.
    """
    model = LlavaForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return model if model.config.vision_config.image_size == IMAGE_SIZE_PX else _resized(model)


def load_to_go_on(
    folder: Path, tokenizer: PreTrainedTokenizerFast
) -> LlavaForConditionalGeneration:
    """The model of ``folder`` to go on from: as deep as new ones, with ``tokenizer``'s words."""
    model = deepened(load_checkpoint(folder))
    return with_vocabulary(model, load_tokenizer(folder), tokenizer)


def deepened(model: LlavaForConditionalGeneration) -> LlavaForConditionalGeneration:
    """``model`` with a tower of `VISION_LAYERS` layers that computes what it did before.

    New layers stand behind the others as copies of the last, with what they add set to zero (block
    expansion: Wu et al., LLaMA Pro: Progressive LLaMA with Block Expansion, ACL 2024).
    """
    before = model.config.vision_config.num_hidden_layers
    if before >= VISION_LAYERS:
        return model
    config = copy.deepcopy(model.config)
    config.vision_config.num_hidden_layers = VISION_LAYERS
    deeper, weights = LlavaForConditionalGeneration(config), model.state_dict()
    layers = "model.vision_tower.encoder.layers"
    last = f"{layers}.{before - 1}."
    for name in [name for name in weights if name.startswith(last)]:
        adds = ".out_proj." in name or ".fc2." in name
        copied = torch.zeros_like(weights[name]) if adds else weights[name]
        for number in range(before, VISION_LAYERS):
            weights[f"{layers}.{number}.{name.removeprefix(last)}"] = copied
    deeper.load_state_dict(weights)
    return deeper


def _resized(model: LlavaForConditionalGeneration) -> LlavaForConditionalGeneration:
    """``model`` for images of `IMAGE_SIZE_PX`: its position table is interpolated."""
    config = copy.deepcopy(model.config)
    config.vision_config.image_size, config.image_seq_length = IMAGE_SIZE_PX, GRID * GRID
    resized, weights = LlavaForConditionalGeneration(config), model.state_dict()
    (name,) = (key for key in weights if key.endswith("position_embedding.weight"))
    before = math.isqrt(len(weights[name]))
    table = weights[name].T.reshape(1, WIDTH, before, before)
    table = interpolate(table, size=(GRID, GRID), mode="bicubic")
    weights[name] = table.reshape(WIDTH, GRID * GRID).T.contiguous()
    resized.load_state_dict(weights)
    return resized
