"""ROS messages to the core's types and back."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image, RegionOfInterest
from std_msgs.msg import Header

from ppcr_ros.camera.frames import (
    CameraInfoError,
    DepthError,
    camera_matrix,
    image_to_frame,
    stamp_to_ns,
)
from ppcr_ros.camera.message_fields import (
    crop_mask,
    instance_fields,
    instance_ids,
    mask_pixels,
    region_fields,
    result_fields,
    semantic_fields,
    spatial_fields,
    stamp_fields,
)
from ppcr_ros.core.outside_text import printable
from ppcr_ros.core.types import (
    Array,
    Candidate,
    Instance,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
)
from ppcr_ros.msg import Candidate as CandidateMsg
from ppcr_ros.msg import Instance as InstanceMsg
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.msg import SemanticPrompt as SemanticPromptMsg
from ppcr_ros.msg import SpatialPrompt as SpatialPromptMsg
from ppcr_ros.ros.grasp_message import grasp_to_msg, result_grasp_to_msg

__all__ = [
    "CameraInfoError",
    "DepthError",
    "box_to_region",
    "camera_matrix",
    "candidate_to_msg",
    "image_to_frame",
    "instance_to_msg",
    "make_header",
    "mask_to_image",
    "result_to_msg",
    "rgb_to_image",
    "semantic_to_msg",
    "spatial_to_msg",
    "stamp_to_ns",
]


def make_header(stamp_ns: int, frame_id: str) -> Header:
    """The header of everything that comes from one image."""
    return Header(stamp=Time(**stamp_fields(stamp_ns)), frame_id=frame_id)


def rgb_to_image(rgb: Array, header: Header) -> Image:
    """``rgb`` (H, W, 3) uint8 as an rgb8 image."""
    return _to_image(rgb, "rgb8", header)


def mask_to_image(mask: Array, header: Header) -> Image:
    """``mask`` (H, W) bool as a mono8 image: 255 on the object, 0 elsewhere."""
    return _to_image(mask_pixels(mask), "mono8", header)


def _to_image(pixels: Array, encoding: str, header: Header) -> Image:
    return Image(
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=pixels[0].nbytes,
        data=array("B", pixels.tobytes()),  # rclpy checks any other sequence byte by byte
    )


def box_to_region(box_xyxy_px: Array) -> RegionOfInterest:
    """The smallest whole-pixel region that holds a half-open box (4,), in pixels."""
    return RegionOfInterest(**region_fields(box_xyxy_px))


def semantic_to_msg(prompt: SemanticPrompt, header: Header, command_id: str) -> SemanticPromptMsg:
    """Stage 1's product as a message."""
    return SemanticPromptMsg(header=header, command_id=command_id, **semantic_fields(prompt))


def spatial_to_msg(prompt: SpatialPrompt, header: Header, command_id: str) -> SpatialPromptMsg:
    """Stage 2's product as a message, in the pixels of the source image."""
    fields = _listed(spatial_fields(prompt), but="box_xyxy_px")
    return SpatialPromptMsg(header=header, command_id=command_id, **fields)


def _listed(fields: dict[str, Any], but: str = "") -> dict[str, Any]:
    """``fields`` with lists for arrays of any length, for which rclpy takes no NumPy array."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) and name != but else value
        for name, value in fields.items()
    }


def result_to_msg(result: Result) -> ReferringSegmentation:
    """How a command ended; the products of stages that were not reached stay empty."""
    header = make_header(result.stamp_ns, result.frame_id)
    message = ReferringSegmentation(header=header, **_listed(result_fields(result)))
    message.message = printable(message.message)  # it may tell of what came from outside
    if result.semantic is not None:
        message.semantic_prompt = semantic_to_msg(result.semantic, header, result.command_id)
    if result.spatial is not None:
        message.spatial_prompt = spatial_to_msg(result.spatial, header, result.command_id)
    if result.segmentation is not None:
        message.box = box_to_region(result.segmentation.box_xyxy_px)
        message.mask = mask_to_image(result.segmentation.mask, header)
        _fill_instances(message, result.segmentation, header)
    message.candidates = [candidate_to_msg(item, header) for item in result.candidates]
    message.grasp = result_grasp_to_msg(result, header)
    if len(message.instances) == 1:
        message.instances[0].grasp = message.grasp
    return message


def _fill_instances(message: ReferringSegmentation, found: Segmentation, header: Header) -> None:
    """Each object by itself, and the destination."""
    message.instances = [
        instance_to_msg(instance, number, header)
        for number, instance in enumerate(found.instances, 1)
    ]
    ids = instance_ids(found)
    if ids is not None:
        message.instance_ids = _to_image(ids, "mono8", header)
    if found.destination is not None:
        message.destination = instance_to_msg(found.destination, 1, header)


def instance_to_msg(instance: Instance, number: int, header: Header) -> InstanceMsg:
    """One object of a result, ``number`` from 1 on."""
    message = InstanceMsg(
        box=box_to_region(instance.box_xyxy_px),
        mask=_to_image(crop_mask(instance.mask, instance.box_xyxy_px), "mono8", header),
        **instance_fields(instance, number),
    )
    if instance.grasp is not None:
        message.grasp = grasp_to_msg(instance.grasp, header)
    return message


def candidate_to_msg(candidate: Candidate, header: Header) -> CandidateMsg:
    """One of several objects that fit."""
    box_xyxy_px = candidate.box_xyxy_px
    message = CandidateMsg(
        number=candidate.number, words=candidate.words, box=box_to_region(box_xyxy_px)
    )
    if candidate.mask is not None:
        message.mask = _to_image(crop_mask(candidate.mask, box_xyxy_px), "mono8", header)
    return message
