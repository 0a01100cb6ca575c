"""A model family of one's own: how it is asked, and how its answers become boxes in pixels.

    python3 examples/own_family.py

It is what a file in ``ppcr_ros/models/mllm/`` holds; CONTRIBUTING.md says where its name goes. No
model is loaded: the answers below are what such a model might write.
"""

from __future__ import annotations

import sys
from typing import ClassVar

from ppcr_ros.core.errors import AnswerError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.json_family import JsonFamily


class PercentVl(JsonFamily):
    """An imagined model whose boxes are percent of the image's sides."""

    name: ClassVar[str] = "percent_vl"
    model_types: ClassVar[tuple[str, ...]] = ("percent_vl",)
    coordinates: ClassVar[str] = "numbers from 0 to 100, in percent of the image's width and height"

    def full_scale(self, answer: Answer) -> tuple[float, float]:
        return 100.0, 100.0


def main() -> int:
    family = PercentVl()
    print("stage 1 is asked:\n", family.semantic_turn("hand me the red mug").text)
    semantic = family.parse_semantic(
        Answer('{"target": "red mug", "category": "mug", "attributes": ["red"], "present": true}')
    )
    print("\nand understands:", semantic.category, semantic.attributes)
    print("\nstage 2 is asked:\n", family.spatial_turn(semantic).text)
    for text in ('{"bbox_2d": [25, 50, 37.5, 75]}', '{"bbox_2d": null}', "I am not sure."):
        try:
            spatial = family.parse_spatial(Answer(text), width_px=640, height_px=480)
            print(f"{text:40}", spatial.box_xyxy_px.tolist(), "px")
        except AnswerError as error:
            print(f"{text:40}", type(error).__name__, error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
