"""What transformers' segmenters share: strict loading, and half precision for the image encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models.loading import (
    check_loading_info,
    check_weights,
    let_go_of_files,
    load_errors,
    read_config,
    resolve_folder,
)
from ppcr_ros.models.safety import refuse_foreign_code
from ppcr_ros.models.torchvision_schemas import make_torchvision_importable


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        model: the transformers model: float32, CPU, evaluation mode.
        folder: where its processor files lie.
    """

    model: Any
    folder: Path


def load_checkpoint(
    config: SegmenterConfig, class_name: str, model_types: tuple[str, ...], *, offline: bool
) -> Checkpoint:
    """Load ``config.model`` as transformers' class ``class_name``, from safetensors only.

    Args:
        config: names the folder or hub repository and its revision.
        class_name: for example ``Sam2Model``.
        model_types: the values of ``model_type`` in ``config.json`` that the class can load.
        offline: whether only the local cache may be used.

    Raises:
        ModelLoadError: when a file is missing or broken, or the checkpoint is of another kind.
    """
    folder = resolve_folder(config.model, config.revision, offline=offline, embedded="segmenter")
    refuse_foreign_code(folder)
    kind = read_config(folder).get("model_type")
    if kind not in model_types:
        raise ModelLoadError(
            f"{folder} holds a model of type {kind!r}; segmenter.family {config.family} expects "
            f"{' or '.join(model_types)}. Set segmenter.family or segmenter.model so that they fit."
        )
    check_weights(folder)
    make_torchvision_importable()
    import transformers

    with load_errors(f"the segmenter {config.model}"):
        model, info = getattr(transformers, class_name).from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    check_loading_info(config.model, info)
    let_go_of_files(model)
    return Checkpoint(model.eval().requires_grad_(False), folder)


def load_processor(folder: Path, class_name: str) -> Any:
    """transformers' processor ``class_name`` (an Auto class or a concrete one) of ``folder``.

    Raises:
        ModelLoadError: when its files or a library that it needs are missing.
    """
    import transformers

    with load_errors(f"the image processor in {folder}"):
        return getattr(transformers, class_name).from_pretrained(folder, local_files_only=True)


def compute_in(module: nn.Module, dtype: torch.dtype) -> None:
    """Let ``module`` compute in ``dtype`` while the rest of its model goes on in float32.

    Prompt encoders and mask decoders are light, and coordinates lose whole pixels in 16 bits.
    """
    if dtype == torch.float32:
        return
    module.to(dtype)
    module.register_forward_pre_hook(
        lambda _, args, kwargs: (_cast(args, dtype), _cast(kwargs, dtype)), with_kwargs=True
    )
    module.register_forward_hook(lambda _, args, output: _cast(output, torch.float32))


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """``value`` with every floating point tensor in it as ``dtype``; containers keep their type."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):  # transformers' ModelOutput is one
        return type(value)(**{key: _cast(item, dtype) for key, item in value.items()})
    if isinstance(value, (tuple, list)):
        return type(value)(_cast(item, dtype) for item in value)
    return value
