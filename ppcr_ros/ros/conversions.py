"""ROS messages to the core's types and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from cv_bridge import CvBridge
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array, Frame, Result, SemanticPrompt, SpatialPrompt
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.msg import SemanticPrompt as SemanticPromptMsg
from ppcr_ros.msg import SpatialPrompt as SpatialPromptMsg
from ppcr_ros.ros.encodings import decode_colour, decode_compressed, decode_depth

_NS_PER_SEC = 1_000_000_000
_bridge = CvBridge()


class CameraInfoError(InvalidFrameError):
    """The camera_info belongs to an image of another size."""


def image_to_frame(
    image: Image | CompressedImage,
    depth: Image | None = None,
    camera_info: CameraInfo | None = None,
) -> Frame:
    """The frame of an image and what belongs to it.

    Args:
        image: colour, raw in one of `COLOUR_FORMATS` or compressed as JPEG or PNG.
        depth: registered to the colour image and as large as it; 16UC1 (mm) or 32FC1 (m).
        camera_info: of the colour image; without effect where the camera is not calibrated.

    Raises:
        InvalidFrameError: when one of them is unusable, or their sizes disagree; of the kind
            `CameraInfoError` where only ``camera_info`` is at fault.
    """
    rgb = decode_compressed(image) if isinstance(image, CompressedImage) else decode_colour(image)
    height, width = rgb.shape[:2]
    depth_m = None if depth is None else decode_depth(depth)
    if depth_m is not None and depth_m.shape != rgb.shape[:2]:
        raise InvalidFrameError(
            f"the depth image is {depth_m.shape[1]}x{depth_m.shape[0]} pixels and the colour image "
            f"{width}x{height}; expected the same size. Publish depth registered to the colour "
            "camera (aligned_depth_to_color, depth_registered)."
        )
    return Frame(
        rgb=rgb,
        stamp_ns=stamp_to_ns(image.header.stamp),
        frame_id=image.header.frame_id,
        depth_m=depth_m,
        camera_matrix=None
        if camera_info is None
        else camera_matrix(camera_info, width_px=width, height_px=height),
    )


def camera_matrix(info: CameraInfo, *, width_px: int, height_px: int) -> Array | None:
    """The intrinsics (3, 3) float64, in pixels, of an image of the given size.

    Binning and the region of interest are taken into account. Lens distortion is not: the image is
    taken to be rectified.

    Returns:
        None where the camera is not calibrated (the focal length is 0).

    Raises:
        CameraInfoError: when ``info`` describes an image of another size; a driver that leaves
            the size 0 is believed.
    """
    matrix: Array = np.array(info.k, np.float64).reshape(3, 3)
    if not np.isfinite(matrix).all() or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        return None
    roi, scale = info.roi, np.array([max(info.binning_x, 1), max(info.binning_y, 1)], np.float64)
    window = np.array([roi.width or info.width, roi.height or info.height])
    if window.any() and (window // scale).tolist() != [width_px, height_px]:
        raise CameraInfoError(
            f"camera_info describes {info.width}x{info.height} pixels (binning {info.binning_x}, "
            f"region {roi.width}x{roi.height}) and the image has {width_px}x{height_px}; expected "
            "the same. Remap camera_info to the topic of this image's camera."
        )
    matrix[0, 2] -= roi.x_offset
    matrix[1, 2] -= roi.y_offset
    matrix[:2] /= scale[:, None]
    return matrix


def stamp_to_ns(stamp: Time) -> int:
    """Nanoseconds since the epoch."""
    return int(stamp.sec) * _NS_PER_SEC + int(stamp.nanosec)


def make_header(stamp_ns: int, frame_id: str) -> Header:
    """The header of everything that comes from one image."""
    sec, nanosec = divmod(stamp_ns, _NS_PER_SEC)
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
    return message
