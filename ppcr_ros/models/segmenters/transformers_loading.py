"""Base of transformers' segmenters: strict loading, an image encoder in half precision, and the
prompt encoder and mask decoder of a SAM."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.core.types import Array
from ppcr_ros.models.loading import (
    check_loading_info,
    check_weights,
    let_go_of_files,
    load_errors,
    pick_device,
    pick_dtype,
    read_config,
    resolve_folder,
)
from ppcr_ros.models.safety import refuse_foreign_code
from ppcr_ros.models.segmenters.base import BoxAndPoints, EncodedFrame, TorchSegmenter
from ppcr_ros.models.segmenters.object_hint import NO_HINT, ObjectHint
from ppcr_ros.models.segmenters.prompted import PromptEncoderSegmenter
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


def load_network(
    config: SegmenterConfig, class_name: str, model_types: tuple[str, ...], *, offline: bool
) -> tuple[Any, Path, torch.device]:
    """The model of ``config.model``, where its processor's files lie, and the device it is for.

    Its vision encoder computes in ``config.dtype``; see `load_checkpoint` for the arguments.

    Raises:
        ModelLoadError: when a file is missing or broken, or the checkpoint is of another kind.
    """
    device = pick_device(config.device)
    checkpoint = load_checkpoint(config, class_name, model_types, offline=offline)
    compute_in(checkpoint.model.vision_encoder, pick_dtype(config.dtype, device))
    return checkpoint.model, checkpoint.folder, device


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


class TransformersSegmenter(TorchSegmenter):
    """A segmentation model of transformers with its image processor."""

    def __init__(
        self, model: Any, processor: Any, *, name: str, device: torch.device, multimask: bool
    ) -> None:
        super().__init__(name, device, multimask=multimask)
        self._model = model.to(device)
        self._processor = processor

    @property
    def network(self) -> Any:
        return self._model

    def _pixels(self, rgb: Array) -> Tensor:
        """What the processor makes of ``rgb`` (H, W, 3) uint8: (1, 3, h, w) float32."""
        inputs = self._processor(
            images=rgb,
            input_data_format="channels_last",
            return_tensors="pt",
            device=self._device,
        )
        pixels: Tensor = inputs["pixel_values"].to(self._device)
        return pixels


class PromptedTransformersSam(TransformersSegmenter, PromptEncoderSegmenter):
    """A SAM of transformers with a prompt encoder and a mask decoder."""

    @property
    def prompt_width(self) -> int:
        return int(self._model.config.prompt_encoder_config.hidden_size)

    @property
    def mask_decoder(self) -> Any:
        return self._model.mask_decoder

    def embed_prompts(
        self,
        encoded: EncodedFrame,
        prompts: BoxAndPoints | None,
        hint: ObjectHint = NO_HINT,
    ) -> tuple[Tensor, Tensor]:
        if prompts is None:
            inputs = self._no_prompt()
        else:
            inputs = _prompt_tensors(encoded, prompts, self._device)
        sparse, dense = self._model.prompt_encoder(input_masks=None, **inputs)
        if sparse is None:  # SAM's empty prompt
            return torch.zeros((0, self.prompt_width), device=self._device), dense
        return sparse[0, 0], dense

    def decode(
        self,
        decoder: nn.Module,
        embedding: Any,
        sparse: Tensor,
        dense: Tensor,
        *,
        multimask: bool,
    ) -> tuple[Tensor, Tensor]:
        positions = self._model.get_image_wide_positional_embeddings()
        logits, scores, *_ = decoder(
            image_positional_embeddings=positions.expand(len(sparse), -1, -1, -1),
            sparse_prompt_embeddings=sparse[:, None],
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            **self._image_inputs(embedding),
        )
        return logits[:, 0], scores[:, 0]

    @abstractmethod
    def _no_prompt(self) -> dict[str, Tensor | None]:
        """The prompt encoder's ``input_points``, ``input_labels`` and ``input_boxes`` for none."""

    @abstractmethod
    def _image_inputs(self, embedding: Any) -> dict[str, Any]:
        """The arguments under which the mask decoder takes an image ``embedding``."""


def _prompt_tensors(
    encoded: EncodedFrame, prompts: BoxAndPoints, device: torch.device
) -> dict[str, Tensor | None]:
    """The prompts in the encoder's input pixels, as SAM's and SAM 2's prompt encoders take them."""
    box = torch.from_numpy(encoded.to_input(prompts.box_xyxy_px.reshape(2, 2)))
    points, labels = None, None
    if len(prompts.point_labels):
        points = torch.from_numpy(encoded.to_input(prompts.points_xy_px))[None, None].to(device)
        labels = torch.from_numpy(prompts.point_labels)[None, None].to(device)
    return {
        "input_points": points,
        "input_labels": labels,
        "input_boxes": box.reshape(1, 1, 4).to(device),
    }
