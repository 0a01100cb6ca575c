"""Gemma 3 and Gemma 4: boxes as ``box_2d``, y first, on a grid of 0 to 1000 along each side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.json_family import JsonFamily


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

    def full_scale(self, answer: Answer) -> tuple[float, float]:
        return 1000.0, 1000.0


FAMILY = Gemma4()
