"""ROS messages to the core's types and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from cv_bridge import CvBridge
from sensor_msgs.msg import Image, RegionOfInterest
from std_msgs.msg import Header

from ppcr_ros.core.types import Array, Result, SemanticPrompt, SpatialPrompt
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.msg import SemanticPrompt as SemanticPromptMsg
from ppcr_ros.msg import SpatialPrompt as SpatialPromptMsg
from ppcr_ros.ros.frames import (
    CameraInfoError,
    DepthError,
    camera_matrix,
    image_to_frame,
    stamp_to_ns,
)
from ppcr_ros.ros.grasp_message import grasp_to_msg

_NS_PER_SEC = 1_000_000_000
_MIN_STAMP_NS, _MAX_STAMP_NS = -(2**31) * _NS_PER_SEC, 2**31 * _NS_PER_SEC - 1
"""The seconds of ``builtin_interfaces/Time`` are an int32."""
_bridge = CvBridge()

__all__ = [
    "CameraInfoError",
    "DepthError",
    "box_to_region",
    "camera_matrix",
    "image_to_frame",
    "make_header",
    "mask_to_image",
    "result_to_msg",
    "rgb_to_image",
    "semantic_to_msg",
    "spatial_to_msg",
    "stamp_to_ns",
]


def make_header(stamp_ns: int, frame_id: str) -> Header:
    """The header of everything that comes from one image.

    A stamp beyond what the message can hold, of a driver that fills in more than a second of
    nanoseconds at the end of time, becomes the nearest that it can.
    """
    sec, nanosec = divmod(min(max(stamp_ns, _MIN_STAMP_NS), _MAX_STAMP_NS), _NS_PER_SEC)
    return Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=frame_id)


def rgb_to_image(rgb: Array, header: Header) -> Image:
    """``rgb`` (H, W, 3) uint8 as an rgb8 image."""
    return _to_image(rgb, "rgb8", header)


def mask_to_image(mask: Array, header: Header) -> Image:
    """``mask`` (H, W) bool as a mono8 image: 255 on the object, 0 elsewhere."""
    return _to_image(mask.astype(np.uint8) * np.uint8(255), "mono8", header)


def _to_image(pixels: Array, encoding: str, header: Header) -> Image:
    message: Any = _bridge.cv2_to_imgmsg(np.ascontiguousarray(pixels), encoding)
    message.header = header
    return message


def box_to_region(box_xyxy_px: Array) -> RegionOfInterest:
    """The smallest whole-pixel region that holds a half-open box (4,), in pixels."""
    x1, y1 = (int(value) for value in np.floor(box_xyxy_px[:2]))
    x2, y2 = (int(value) for value in np.ceil(box_xyxy_px[2:]))
    x1, y1 = max(x1, 0), max(y1, 0)
    return RegionOfInterest(x_offset=x1, y_offset=y1, width=max(x2 - x1, 0), height=max(y2 - y1, 0))


def semantic_to_msg(prompt: SemanticPrompt, header: Header, command_id: str) -> SemanticPromptMsg:
    """Stage 1's product as a message."""
    return SemanticPromptMsg(
        header=header,
        command_id=command_id,
        text=prompt.text,
        category=prompt.category,
        attributes=list(prompt.attributes),
        relations=list(prompt.relations),
        confidence=float(prompt.confidence),
        present=prompt.present,
        ambiguous=prompt.ambiguous,
    )


def spatial_to_msg(prompt: SpatialPrompt, header: Header, command_id: str) -> SpatialPromptMsg:
    """Stage 2's product as a message, in the pixels of the source image."""
    return SpatialPromptMsg(
        header=header,
        command_id=command_id,
        text=prompt.text,
        box_xyxy_px=prompt.box_xyxy_px.astype(np.float32),
        points_xy_px=[float(value) for value in prompt.points_xy_px.reshape(-1)],
        point_labels=[int(label) for label in prompt.point_labels],
        confidence=float(prompt.confidence),
    )


def result_to_msg(result: Result) -> ReferringSegmentation:
    """How a command ended; the products of stages that were not reached stay empty."""
    header, seconds = make_header(result.stamp_ns, result.frame_id), result.seconds
    message = ReferringSegmentation(
        header=header,
        command=result.command,
        command_id=result.command_id,
        status=int(result.status),
        message=result.message,
        tracked=result.tracked,
        age_seconds=result.age_sec,
        semantic_seconds=seconds.semantic,
        spatial_seconds=seconds.spatial,
        encode_seconds=seconds.encode,
        segmentation_seconds=seconds.segmentation,
        total_seconds=seconds.total,
        mllm_model=result.models.mllm,
        segmenter_model=result.models.segmenter,
    )
    if result.semantic is not None:
        message.semantic_prompt = semantic_to_msg(result.semantic, header, result.command_id)
    if result.spatial is not None:
        message.spatial_prompt = spatial_to_msg(result.spatial, header, result.command_id)
    if result.segmentation is not None:
        message.box = box_to_region(result.segmentation.box_xyxy_px)
        message.mask = mask_to_image(result.segmentation.mask, header)
        message.score = float(result.segmentation.score)
    message.grasp = grasp_to_msg(result, header)
    return message
