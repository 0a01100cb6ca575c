"""Camera messages to the core's frame.

No message type is imported, so that a recorded message is read alike on a machine without ROS:
anything with the fields of the ``sensor_msgs`` type will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ppcr_ros.camera.encodings import MAX_PIXELS, decode_colour, decode_compressed, decode_depth
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array, Frame

_NS_PER_SEC = 1_000_000_000


class CameraInfoError(InvalidFrameError):
    """The camera_info belongs to an image of another size."""


class DepthError(InvalidFrameError):
    """The depth image is unusable, or not registered to the colour image."""


def image_to_frame(
    image: Any,
    depth: Any = None,
    camera_info: Any = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Frame:
    """The frame of an image and what belongs to it.

    Args:
        image: colour, ``sensor_msgs/Image`` in one of `COLOUR_FORMATS` or
            ``sensor_msgs/CompressedImage`` as JPEG or PNG.
        depth: registered to the colour image and as large as it; 16UC1 (mm) or 32FC1 (m).
        camera_info: of the colour image; without effect where the camera is not calibrated.
        max_pixels: a larger image is refused.

    Raises:
        InvalidFrameError: when one of them is unusable, or their sizes disagree; of the kind
            `DepthError` or `CameraInfoError` where only ``depth`` or ``camera_info`` is at fault.
    """
    decode = decode_colour if hasattr(image, "encoding") else decode_compressed
    rgb = decode(image, max_pixels=max_pixels)
    height, width = rgb.shape[:2]
    depth_m = None if depth is None else _depth_m(depth)
    if depth_m is not None and depth_m.shape != rgb.shape[:2]:
        raise DepthError(
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


def _depth_m(depth: Any) -> Array:
    try:
        return decode_depth(depth)
    except InvalidFrameError as error:
        raise DepthError(str(error)) from error


def camera_matrix(info: Any, *, width_px: int, height_px: int) -> Array | None:
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


def stamp_to_ns(stamp: Any) -> int:
    """Nanoseconds since the epoch."""
    return int(stamp.sec) * _NS_PER_SEC + int(stamp.nanosec)
