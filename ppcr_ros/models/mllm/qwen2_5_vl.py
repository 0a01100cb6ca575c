"""Qwen2.5-VL: boxes in the pixels of the resized image.

The image processor resizes each side to a multiple of 28 within a budget of pixels, and the model
was trained to answer in the pixels of that image, whose size is that of the patch grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ppcr_ros.core.errors import PromptParseError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.family import ChatProcessor
from ppcr_ros.models.mllm.image_tokens import limit_pixels, whole_patches
from ppcr_ros.models.mllm.json_family import JsonFamily

_TOKEN_PX = 28
_SERVED_TOKENS = 1280
"""An engine's own limit is not known here; this is below that of every one by default."""


class Qwen25Vl(JsonFamily):
    """Qwen/Qwen2.5-VL-3B-Instruct and its larger siblings."""

    name: ClassVar[str] = "qwen2_5_vl"
    model_types: ClassVar[tuple[str, ...]] = ("qwen2_5_vl",)
    stop_tokens: ClassVar[tuple[str, ...]] = ("<|im_end|>", "<|endoftext|>")
    unquantized_modules: ClassVar[tuple[str, ...]] = ("lm_head", "model.visual")
    coordinates: ClassVar[str] = "whole numbers, in pixels of the image as you see it"

    def full_scale(self, answer: Answer) -> tuple[float, float]:
        width_px, height_px = answer.image_size_px
        if width_px < 1 or height_px < 1:
            raise PromptParseError(
                f"the size of the resized image is {answer.image_size_px}; without it the answer's "
                "pixels mean nothing.",
                answer.text,
            )
        return float(width_px), float(height_px)

    def limit_image_tokens(self, processor: ChatProcessor, least: int, most: int) -> bool:
        return limit_pixels(processor.image_processor, least, most)

    def served_size_px(
        self, frame_size_px: tuple[int, int], least: int, most: int
    ) -> tuple[int, int]:
        # A size that the engine leaves alone: its answer counts the pixels of what it saw.
        return whole_patches(frame_size_px, _TOKEN_PX, least or 4, most or _SERVED_TOKENS)

    def seen_size_px(
        self, processor: ChatProcessor, inputs: Mapping[str, Any], frame_size_px: tuple[int, int]
    ) -> tuple[int, int]:
        _, rows, columns = (int(n) for n in inputs["image_grid_thw"][0])
        patch_px = int(processor.image_processor.patch_size)
        return columns * patch_px, rows * patch_px


FAMILY = Qwen25Vl()
