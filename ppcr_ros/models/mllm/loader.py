"""Loading an MLLM: its files, its processor, its weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText
from transformers.utils import logging

from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import ConfigError, ModelLoadError
from ppcr_ros.core.knowledge import KNOWLEDGE_FILE, Knowledge
from ppcr_ros.models import loading
from ppcr_ros.models.mllm import prequantized
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.mllm.processors import load_processor
from ppcr_ros.models.mllm.session import TransformersMllm
from ppcr_ros.models.safety import refuse_foreign_code


def load(config: MllmConfig, family: MllmFamily, *, offline: bool) -> TransformersMllm:
    """The model of ``config`` as a session of ``family``.

    Raises:
        ModelLoadError: see `ppcr_ros.models.factory.load_mllm`.
    """
    device = loading.pick_device(config.device)
    dtype = loading.pick_dtype(config.dtype, device)
    quantization = loading.quantization_config(
        config.quantization, dtype, family.unquantized_modules
    )
    folder = loading.resolve_folder(config.model, config.revision, offline=offline, embedded="mllm")
    refuse_foreign_code(folder)
    model_type = _check_architecture(folder, family)
    prequantized.check(folder, config)
    loading.check_weights(folder)
    loading.check_tokenizer(folder)
    pinned = f"@{config.revision}" if config.revision else ""
    name = f"{config.family}:{config.model}{pinned}"
    with loading.load_errors(f"the processor of {name} in {folder}"):
        processor = load_processor(folder, model_type)
    _limit_image_tokens(config, family, processor)
    known = folder / KNOWLEDGE_FILE
    with loading.load_errors(f"the MLLM {name} in {folder}"):
        model = _load_model(folder, name, device, dtype, quantization)
        return TransformersMllm(
            name,
            family,
            model,
            processor,
            constrain_answers=config.constrain_answers,
            knowledge=Knowledge.load(known) if known.is_file() else None,
            exact=config.dtype != "auto",
        )


def _limit_image_tokens(config: MllmConfig, family: MllmFamily, processor: Any) -> None:
    least, most = config.min_image_tokens, config.max_image_tokens
    if least and most and least > most:
        raise ConfigError(
            f"mllm.min_image_tokens is {least} and mllm.max_image_tokens {most}; expected the "
            "least not above the most."
        )
    if (least or most) and not family.limit_image_tokens(processor, least, most):
        raise ConfigError(
            f"mllm.min_image_tokens is {least} and mllm.max_image_tokens {most}, and the family "
            f"{family.name} sees every image in the same number of tokens. Set both to 0."
        )


def _check_architecture(folder: Path, family: MllmFamily) -> str:
    model_type = loading.read_config(folder).get("model_type")
    if model_type not in family.model_types:
        raise ModelLoadError(
            f"{folder} holds a model of type {model_type!r}; the family {family.name} expects "
            f"{' or '.join(family.model_types)}. Set mllm.family to the model's own family, or "
            "mllm.model to a model of this family."
        )
    return str(model_type)


def _load_model(
    folder: Path, name: str, device: torch.device, dtype: torch.dtype, quantization: Any | None
) -> Any:
    options: dict[str, Any] = {}
    if quantization is not None:
        options["quantization_config"] = quantization
    # Straight to the device where accelerate allows it: no second copy in the host's memory.
    placed = quantization is not None or (
        device.type != "cpu" and importlib.util.find_spec("accelerate") is not None
    )
    if placed:
        options["device_map"] = {"": device}
    with no_progress_bar():
        model, info = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    loading.check_loading_info(name, info)
    prequantized.settle(model, folder, dtype)
    loading.let_go_of_files(model)
    return (model if placed else model.to(device)).eval()


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Keep transformers' bar over local files out of a node's log."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
