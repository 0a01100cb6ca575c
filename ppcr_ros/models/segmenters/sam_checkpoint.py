"""Reading the published ``sam_vit_*.pth`` checkpoints, and saying what is wrong with a bad one."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models.segmenters.sam_architecture import VARIANTS, sam_of_weights

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

_POSITIONS = "image_encoder.pos_embed"


def load_checkpoint(path: str | Path, variant: str) -> Sam:
    """The Sam of a ``.pth`` file of the architecture ``variant``: float32, CPU, evaluation mode.

    Only tensors are read; a file that wants to run code is refused.

    Raises:
        ModelLoadError: when the file is missing, truncated, no checkpoint or of another variant.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelLoadError(
            f"there is no checkpoint file {path}; expected a sam_{variant}_*.pth file. Check "
            "segmenter.model; for a hub name set segmenter.family to sam, sam2 or sam3."
        )
    tensors = _tensors_of(_read(path), path)
    found = _variant_of(tensors)
    if found is not None and found != variant:
        raise ModelLoadError(
            f"the checkpoint {path} is a {found}; expected {variant}. Set segmenter.variant to "
            f"{found}, or segmenter.model to a sam_{variant}_*.pth file."
        )
    expected = f"segment-anything's {variant}"
    return sam_of_weights(VARIANTS[variant], tensors, path, expected=expected)


def _read(path: Path) -> Any:
    again = "Download it again and compare its size with the publisher's."
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"(?:GLOBAL|class/global) (\S+)", str(error))
        if code is None:
            raise ModelLoadError(
                f"{path} is no PyTorch checkpoint ({path.stat().st_size} bytes); it may be a web "
                f"page or a Git LFS pointer saved under that name. {again}"
            ) from error
        raise ModelLoadError(
            f"the checkpoint {path} asks for {code[1]}, which is program code; expected tensors "
            "only. It was not run. Get the file from its publisher, or save model.state_dict()."
        ) from error
    except (EOFError, OSError, RuntimeError, ValueError) as error:
        raise ModelLoadError(
            f"cannot read the checkpoint {path} ({path.stat().st_size} bytes), it may be "
            f"truncated: {str(error) or 'the file ends too soon'} {again}"
        ) from error


def _tensors_of(content: Any, path: Path) -> dict[str, torch.Tensor]:
    if not isinstance(content, dict) or not content:
        raise ModelLoadError(
            f"the checkpoint {path} holds a {type(content).__name__}; expected the state_dict of a "
            "segment-anything model. Save model.state_dict() and use that file."
        )
    if not all(isinstance(value, torch.Tensor) for value in content.values()):
        keys = ", ".join(map(str, list(content)[:5]))
        raise ModelLoadError(
            f"the checkpoint {path} holds {keys}; expected tensors by name at its top level. If it "
            "is a training checkpoint, save the model's state_dict by itself."
        )
    return content


def _variant_of(tensors: dict[str, torch.Tensor]) -> str | None:
    positions = tensors.get(_POSITIONS)
    width = positions.shape[-1] if positions is not None else None
    return next((name for name, sizes in VARIANTS.items() if sizes.embed_dim == width), None)
