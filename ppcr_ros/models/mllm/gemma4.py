"""Gemma 3 and Gemma 4: boxes as ``box_2d``, y first, on a grid of 0 to 1000 along each side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.family import ChatProcessor
from ppcr_ros.models.mllm.json_family import JsonFamily

IMAGE_TOKENS = (70, 140, 280, 560, 1120)
"""That Gemma 4 may make of an image, at most."""


class Gemma4(JsonFamily):
    """google/gemma-4-E4B-it and its siblings; Gemma 3 writes its boxes in the same way."""

    name: ClassVar[str] = "gemma4"
    model_types: ClassVar[tuple[str, ...]] = ("gemma4", "gemma3")
    stop_tokens: ClassVar[tuple[str, ...]] = ("<end_of_turn>", "<turn|>")
    template_options: ClassVar[Mapping[str, bool]] = {"enable_thinking": False}
    unquantized_modules: ClassVar[tuple[str, ...]] = (
        "lm_head",
        "model.vision_tower",
        "model.embed_vision",
        "model.multi_modal_projector",
    )
    y_first: ClassVar[bool] = True
    coordinates: ClassVar[str] = (
        "whole numbers from 0 to 1000, relative to the image's height for y and its width for x"
    )

    def limit_image_tokens(self, processor: ChatProcessor, least: int, most: int) -> bool:
        images = processor.image_processor
        if not hasattr(images, "max_soft_tokens"):  # Gemma 3
            return False
        fit = [n for n in IMAGE_TOKENS if n >= least and (not most or n <= most)]
        if not fit:
            raise ConfigError(
                f"mllm.min_image_tokens is {least} and mllm.max_image_tokens {most}; expected a "
                f"range that holds one of {', '.join(map(str, IMAGE_TOKENS))}, as Gemma 4 was "
                "trained with."
            )
        images.max_soft_tokens = min(fit, key=lambda n: abs(n - images.max_soft_tokens))
        return True

    def full_scale(self, answer: Answer) -> tuple[float, float]:
        return 1000.0, 1000.0


FAMILY = Gemma4()
