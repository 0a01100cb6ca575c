"""Idefics3 and SmolVLM: no grounding convention of their own.

They were not trained to write boxes in one fixed form. A grid of 0 to 1000 along each side is asked
for, because it does not depend on how the image was resized and split, and it is what a fine-tune
for grounding would most likely use.
"""

from __future__ import annotations

from typing import ClassVar

from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.json_family import JsonFamily


class Idefics3(JsonFamily):
    """HuggingFaceM4/Idefics3-8B-Llama3, HuggingFaceTB/SmolVLM-Instruct and SmolVLM2."""

    name: ClassVar[str] = "idefics3"
    model_types: ClassVar[tuple[str, ...]] = ("idefics3", "smolvlm")
    answer_lead: ClassVar[str] = " "  # the template ends in "Assistant:"
    stop_tokens: ClassVar[tuple[str, ...]] = ("<end_of_utterance>",)
    unquantized_modules: ClassVar[tuple[str, ...]] = (
        "lm_head",
        "model.vision_model",
        "model.connector",
    )
    coordinates: ClassVar[str] = (
        "whole numbers from 0 to 1000, where x is 0 at the left edge and 1000 at the right edge of "
        "the image, and y is 0 at the top edge and 1000 at the bottom edge"
    )

    def full_scale(self, answer: Answer) -> tuple[float, float]:
        return 1000.0, 1000.0


FAMILY = Idefics3()
