"""The processor of a checkpoint folder, also where parts that are not needed here are missing.

Qwen-VL's, Gemma 4's and SmolVLM's processors insist on a video processor, which insists on
torchvision, and SmolVLM's on num2words as well. Only images are asked about here, so that those
processors are put together from their image processor and tokenizer where the whole cannot be had.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

_log = logging.getLogger(__name__)
_IMAGE_ONLY = ("qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "smolvlm",
               "gemma4")  # fmt: skip
_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def load_processor(folder: Path, model_type: str) -> Any:
    """The processor in ``folder`` for a model of ``model_type``; with images, if not with videos.

    Raises:
        Exception: whatever transformers raises for files that are missing or do not fit.
    """
    make_torchvision_importable()
    try:
        return AutoProcessor.from_pretrained(folder, **_LOCAL)
    except Exception as error:
        if model_type not in _IMAGE_ONLY:
            raise
        _log.info("%s: no video processor (%s); its image processor is used alone", folder, error)
        return _image_processor_and_tokenizer(folder, model_type)


def _image_processor_and_tokenizer(folder: Path, model_type: str) -> Any:
    import transformers

    image_processor = AutoImageProcessor.from_pretrained(folder, **_LOCAL)
    tokenizer = AutoTokenizer.from_pretrained(folder, **_LOCAL)
    settings, _ = transformers.ProcessorMixin.get_processor_dict(folder, local_files_only=True)
    template = settings.get("chat_template") or tokenizer.chat_template
    if model_type == "smolvlm":
        # The same prompt around an image, without SmolVLM's videos.
        return transformers.Idefics3Processor(
            image_processor,
            tokenizer,
            image_seq_len=int(settings.get("image_seq_len", 169)),
            chat_template=template,
        )
    if model_type == "gemma4":
        return _gemma4(image_processor, tokenizer, template)
    whole: Any = (
        transformers.Qwen2_5_VLProcessor
        if model_type == "qwen2_5_vl"
        else transformers.Qwen3VLProcessor
    )

    class ImageOnly(whole):
        # transformers reads from this signature that there is no video processor.
        def __init__(self, image_processor: Any, tokenizer: Any, chat_template: Any = None) -> None:
            super().__init__(image_processor, tokenizer, None, chat_template=chat_template)

    ImageOnly.__name__ = f"{whole.__name__}ImageOnly"
    return ImageOnly(image_processor, tokenizer, chat_template=template)


def _gemma4(image_processor: Any, tokenizer: Any, template: Any) -> Any:
    import transformers

    whole: Any = transformers.Gemma4Processor

    class Gemma4ProcessorImageOnly(whole):
        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            if argument is None:  # neither sounds nor videos
                return type(None)
            return super().check_argument_for_proper_class(argument_name, argument)

    return Gemma4ProcessorImageOnly(None, image_processor, tokenizer, None, chat_template=template)


def image_token_id(processor: Any) -> int:
    """The token that stands for a piece of an image in what a processor returns.

    Gemma 3's processor names another one: what a prompt holds in the image's place.
    """
    own = getattr(processor.tokenizer, "image_token_id", None)
    return int(processor.image_token_id if own is None else own)
