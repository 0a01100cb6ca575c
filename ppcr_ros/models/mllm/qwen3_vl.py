"""Qwen3-VL: boxes on a grid of 0 to 1000 along each side, whatever the image's shape."""

from __future__ import annotations

from typing import ClassVar

from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.family import ChatProcessor
from ppcr_ros.models.mllm.image_tokens import limit_pixels, whole_patches
from ppcr_ros.models.mllm.json_family import JsonFamily


class Qwen3Vl(JsonFamily):
    """Qwen/Qwen3-VL-2B-Instruct and its larger siblings, dense or mixture of experts."""

    name: ClassVar[str] = "qwen3_vl"
    model_types: ClassVar[tuple[str, ...]] = ("qwen3_vl", "qwen3_vl_moe")
    stop_tokens: ClassVar[tuple[str, ...]] = ("<|im_end|>", "<|endoftext|>")
    unquantized_modules: ClassVar[tuple[str, ...]] = ("lm_head", "model.visual")
    coordinates: ClassVar[str] = (
        "whole numbers from 0 to 1000, relative to the image's width for x and its height for y"
    )

    def served_size_px(
        self, frame_size_px: tuple[int, int], least: int, most: int
    ) -> tuple[int, int]:
        if not least and not most:
            return frame_size_px
        return whole_patches(frame_size_px, 32, least or 4, most or 16384)

    def limit_image_tokens(self, processor: ChatProcessor, least: int, most: int) -> bool:
        return limit_pixels(processor.image_processor, least, most)

    def full_scale(self, answer: Answer) -> tuple[float, float]:
        return 1000.0, 1000.0


FAMILY = Qwen3Vl()
