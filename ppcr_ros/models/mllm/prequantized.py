"""Checkpoints whose weights were published quantised, such as those of Qwen3-VL in FP8."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import Any

import torch

from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import ConfigError, ModelLoadError
from ppcr_ros.models import loading

_log = logging.getLogger(__name__)
_FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)


def quantized_as(folder: Path) -> str:
    """How a checkpoint is quantised, as its config.json says; "" where it is not."""
    found = loading.read_config(folder).get("quantization_config")
    return str(found.get("quant_method", "")) if isinstance(found, dict) else ""


def check(folder: Path, config: MllmConfig) -> None:
    """See that a quantised checkpoint can be loaded as it is configured.

    Raises:
        ConfigError: where it is to be quantised once more.
        ModelLoadError: where a package is missing.
    """
    method = quantized_as(folder)
    if not method:
        return
    if config.quantization != "none":
        raise ConfigError(
            f"mllm.quantization is {config.quantization}, and {folder} holds weights that are "
            f"quantised already ({method}). Set mllm.quantization to none, or take the checkpoint "
            "in 16 bits."
        )
    if importlib.util.find_spec("accelerate") is None:
        raise ModelLoadError(
            f"{folder} holds weights that are quantised ({method}), which needs accelerate, and "
            "that is not installed. Run pip install accelerate, or take the checkpoint in 16 bits."
        )


def settle(model: Any, folder: Path, dtype: torch.dtype) -> None:
    """Bring a loaded model to one number format where its FP8 weights were widened.

    transformers widens them where no GPU computes in FP8, each to the format of its own scales and
    not to the one that was asked for.
    """
    if quantized_as(folder) != "fp8" or any(p.dtype in _FP8 for p in model.parameters()):
        return
    model.to(dtype)
    _log.warning(
        "%s: nothing here computes in FP8 (a GPU of compute capability 8.9 does), so that its "
        "weights are widened to %s: they take the memory of the checkpoint in that format.",
        folder, str(dtype).removeprefix("torch."),
    )  # fmt: skip
