"""A prompt adapter's folder: ``config.json``, ``model.safetensors`` and maybe a tuned mask decoder.

The tuned decoder, ``mask_decoder.safetensors``, holds the segmenter's mask decoder as it was
trained together with the adapter; it is used where the adapter is, and only there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models.loading import check_weights, load_strictly, load_tensors, read_config
from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes, PromptAdapter

MODEL_TYPE = "ppcr_prompt_adapter"
VERSION = 1
CONFIG_FILE, WEIGHTS_FILE, DECODER_FILE = (
    "config.json",
    "model.safetensors",
    "mask_decoder.safetensors",
)


@dataclass(frozen=True)
class Partner:
    """One of the two models that an adapter was trained for, named as the configuration does.

    Attributes:
        family: ``mllm.family`` or ``segmenter.family``.
        model: ``mllm.model`` or ``segmenter.model``.
        revision: the hub commit; may be empty.
    """

    family: str
    model: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.family}:{self.model}" + (f"@{self.revision}" if self.revision else "")


@dataclass(frozen=True)
class AdapterConfig:
    """Contents of ``config.json``.

    Attributes:
        mllm: whose hidden states it reads.
        segmenter: whose mask decoder it writes to.
        sizes: of the network.
        tuned_decoder: whether `DECODER_FILE` belongs to it.
        trained_on: facts of the training, for the reader.
        validation: figures on held-out samples, for the reader.
    """

    mllm: Partner
    segmenter: Partner
    sizes: AdapterSizes
    tuned_decoder: bool = False
    trained_on: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedAdapter:
    """A loaded adapter folder.

    Attributes:
        config: its ``config.json``.
        network: float32, CPU, evaluation mode.
        decoder: the tuned mask decoder's tensors by name, float32; or None.
        folder: where it came from.
    """

    config: AdapterConfig
    network: PromptAdapter
    decoder: Mapping[str, Tensor] | None
    folder: Path


def save_adapter(
    folder: str | Path,
    config: AdapterConfig,
    network: PromptAdapter,
    decoder: nn.Module | None = None,
    *,
    half: bool = False,
) -> None:
    """Write an adapter folder, which is made if need be; with ``half`` in float16.

    Args:
        folder: where to.
        config: its ``tuned_decoder`` is set by ``decoder``.
        network: the adapter.
        decoder: the mask decoder that was trained with it, if it was.
        half: whether to store the weights as float16.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "model_type": MODEL_TYPE,
        "version": VERSION,
        **asdict(config),
        "tuned_decoder": decoder is not None,
    }
    text = json.dumps(document, indent=2) + "\n"
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
    dtype = torch.float16 if half else torch.float32
    _save(network, folder / WEIGHTS_FILE, dtype)
    if decoder is not None:
        _save(decoder, folder / DECODER_FILE, dtype)
    else:
        (folder / DECODER_FILE).unlink(missing_ok=True)


def _save(module: nn.Module, path: Path, dtype: torch.dtype) -> None:
    tensors = {
        name: tensor.detach().cpu().to(dtype).contiguous()
        for name, tensor in module.state_dict().items()
    }
    save_file(tensors, path, metadata={"format": "pt"})


def load_adapter_config(folder: str | Path) -> AdapterConfig:
    """The ``config.json`` of an adapter folder.

    Raises:
        ModelLoadError: when it is missing, unreadable, of a newer version or of something else.
    """
    folder = Path(folder)
    document = read_config(folder)
    path = folder / CONFIG_FILE
    if document.get("model_type") != MODEL_TYPE:
        raise ModelLoadError(
            f"{path} describes a model of type {document.get('model_type')!r}; expected "
            f"{MODEL_TYPE!r}. Set segmenter.prompt_adapter to a folder that ppcr train adapter "
            "wrote, or to none."
        )
    if document.get("version") != VERSION:
        raise ModelLoadError(
            f"{path} is of version {document.get('version')!r}; expected {VERSION}. Train the "
            "adapter again, or use the ppcr_ros that wrote it."
        )
    try:
        return AdapterConfig(
            mllm=Partner(**document["mllm"]),
            segmenter=Partner(**document["segmenter"]),
            sizes=AdapterSizes(**document["sizes"]),
            tuned_decoder=bool(document["tuned_decoder"]),
            trained_on=dict(document.get("trained_on", {})),
            validation=dict(document.get("validation", {})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelLoadError(
            f"{path} does not describe a prompt adapter: {error}. Restore the file from where it "
            "came, or train the adapter again."
        ) from error


def load_adapter(folder: str | Path) -> SavedAdapter:
    """The adapter that `save_adapter` wrote into ``folder``: float32, CPU, evaluation mode.

    Raises:
        ModelLoadError: when a file is missing, truncated or does not fit ``config.json``.
    """
    folder = Path(folder)
    config = load_adapter_config(folder)
    check_weights(folder)
    network = PromptAdapter(config.sizes)
    path = folder / WEIGHTS_FILE
    load_strictly(network, load_tensors(path), path, expected=f"the {CONFIG_FILE} beside it")
    decoder = load_tensors(folder / DECODER_FILE) if config.tuned_decoder else None
    return SavedAdapter(config, network.eval().requires_grad_(False), decoder, folder)
