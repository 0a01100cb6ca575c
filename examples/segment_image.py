"""Find what a sentence names in an image file, without ROS.

    python3 examples/segment_image.py [IMAGE [WORDS ...]]

Without arguments: one of the recorded frames, and "the white mug". Writes ``overlay.png``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ppcr_ros.core.config import Config
from ppcr_ros.core.types import Frame, SemanticPrompt, SpatialPrompt, StageOutput, Status
from ppcr_ros.drawing import draw_result
from ppcr_ros.models.factory import build_pipeline

RECORDED = Path(__file__).resolve().parents[1] / "ppcr_lab/sim/recordings/demo-0001_rgb.png"


def print_stage(output: StageOutput) -> None:
    """One line as soon as a stage has ended."""
    if isinstance(output, SemanticPrompt):
        print("1 semantic:     ", output.text)
    elif isinstance(output, SpatialPrompt):
        print("2 spatial:      ", output.box_xyxy_px.round().tolist(), "px")
    else:
        print("3 segmentation: ", int(output.mask.sum()), "px, score", round(output.score, 2))


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDED
    words = " ".join(sys.argv[2:]) or "the white mug"
    frame = Frame(rgb=np.asarray(Image.open(path).convert("RGB")))
    with build_pipeline(Config()) as pipeline:
        result = pipeline.run(frame, words, on_stage=print_stage)
    print(result.status.name, result.message)
    Image.fromarray(draw_result(frame.rgb, result)).save("overlay.png")
    return 0 if result.status is Status.OK else 1


if __name__ == "__main__":
    sys.exit(main())
