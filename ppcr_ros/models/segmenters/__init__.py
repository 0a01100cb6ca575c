"""Stage 3's models: one file per family, each with a ``load`` of its own."""

from __future__ import annotations

from importlib import import_module

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.core.interfaces import Segmenter

MODULES = {
    "segment_anything": "segment_anything_segmenter",
    "sam": "transformers_sam",
    "sam2": "transformers_sam2",
    "sam3": "transformers_sam3",
}
"""Where each ``segmenter.family`` lives, below this package."""


def load(config: SegmenterConfig, *, offline: bool) -> Segmenter:
    """The segmenter that ``config`` names; imports its family, and torch with it, only now.

    Raises:
        ModelLoadError: when the family's library is not installed, or its weights are missing,
            broken or of another architecture.
    """
    try:
        family = import_module(f"{__name__}.{MODULES[config.family]}")
        loaded = family.load(config, offline=offline)
        if config.look != "auto":
            loaded.looks_at_region = config.look == "region"
        segmenter: Segmenter = loaded
    except ModuleNotFoundError as error:
        raise ModelLoadError(
            f"segmenter.family {config.family} needs the Python package {error.name}, which is not "
            f"installed. Run pip install {error.name}, or choose another segmenter.family."
        ) from error
    return segmenter
