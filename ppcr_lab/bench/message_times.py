"""Measures the conversions of the ROS side alone: images in, masks and overlays out."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from ppcr_lab.bench.timing import Quantiles, repeated
from ppcr_ros.core.types import Frame, Result, Segmentation, SemanticPrompt, SpatialPrompt, Status

SIZE_PX = (1920, 1080)
NO_ROS = "rclpy or the built messages (ppcr_ros.msg) cannot be imported: source the ROS workspace"


def ros_missing() -> str:
    """Why ROS cannot be used in this process; empty where it can."""
    try:
        found = all(importlib.util.find_spec(name) for name in ("rclpy", "ppcr_ros.msg"))
    except ModuleNotFoundError:
        found = False
    return "" if found else NO_ROS


def measure_messages(n: int) -> dict[str, Quantiles]:
    """The times of the conversions at 1080p; needs ROS."""
    from std_msgs.msg import Header

    from ppcr_ros.drawing import draw_result
    from ppcr_ros.ros import conversions

    width, height = SIZE_PX
    rgb = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    result = drawn_result(rgb)
    mask = result.segmentation.mask if result.segmentation else np.zeros((height, width), bool)
    header = Header(frame_id="camera")
    message: Any = conversions.rgb_to_image(rgb, header)

    def overlay() -> object:
        return conversions.rgb_to_image(draw_result(rgb, result), header)

    return {
        "rgb8 in": repeated(lambda: conversions.image_to_frame(message), n),
        "mask out": repeated(lambda: conversions.mask_to_image(mask, header), n),
        "overlay out": repeated(overlay, n),
        "result out": repeated(lambda: conversions.result_to_msg(result), n),
    }


def drawn_result(rgb: Any) -> Result:
    """A result whose mask is a disc of a tenth of the frame's height in the middle of ``rgb``."""
    height, width = rgb.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    mask = (rows - height // 2) ** 2 + (columns - width // 2) ** 2 < (height // 10) ** 2
    segmentation = Segmentation.from_mask(mask, 0.9)
    frame = Frame(rgb=rgb)
    return Result(
        Status.OK,
        "the ball",
        stamp_ns=frame.stamp_ns,
        semantic=SemanticPrompt("green ball", "ball", ("green",), confidence=0.9),
        spatial=SpatialPrompt("middle", segmentation.box_xyxy_px, confidence=0.9),
        segmentation=segmentation,
    )
