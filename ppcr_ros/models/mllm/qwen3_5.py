"""Qwen3.5: multimodal throughout, boxes on a grid of 0 to 1000 along each side.

Its checkpoints think aloud unless the template is told not to. Most of its layers attend linearly:
their state cannot be taken back, so that nothing is guessed ahead of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ppcr_ros.models.mllm.qwen3_vl import Qwen3Vl


class Qwen35(Qwen3Vl):
    """Qwen/Qwen3.5-4B and its siblings, dense or mixture of experts."""

    name: ClassVar[str] = "qwen3_5"
    model_types: ClassVar[tuple[str, ...]] = ("qwen3_5", "qwen3_5_moe")
    template_options: ClassVar[Mapping[str, bool]] = {"enable_thinking": False}


FAMILY = Qwen35()
