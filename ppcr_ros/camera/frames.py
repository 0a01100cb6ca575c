"""Camera messages to the core's frame.

No message type is imported, so that a recorded message is read alike on a machine without ROS:
anything with the fields of the ``sensor_msgs`` type will do.
"""

from __future__ import annotations

from typing import Any

from ppcr_ros.camera.compressed import decode_compressed
from ppcr_ros.camera.encodings import MAX_PIXELS, decode_colour, decode_depth
from ppcr_ros.camera.intrinsics import CameraInfoError as CameraInfoError
from ppcr_ros.camera.intrinsics import camera_matrix as camera_matrix
from ppcr_ros.camera.intrinsics import image_intrinsics
from ppcr_ros.camera.transports import is_zstd, unpack_depth, unpack_zstd
from ppcr_ros.core.camera_config import RECTIFIED
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array, Frame

_NS_PER_SEC = 1_000_000_000


class DepthError(InvalidFrameError):
    """The depth image is unusable, or not registered to the colour image."""


def image_to_frame(
    image: Any,
    depth: Any = None,
    camera_info: Any = None,
    *,
    max_pixels: int = MAX_PIXELS,
    geometry: str = RECTIFIED,
    depth_unit_m: float = 0.0,
) -> Frame:
    """The frame of an image and what belongs to it.

    Args:
        image: colour, ``sensor_msgs/Image`` in one of `COLOUR_FORMATS` or
            ``sensor_msgs/CompressedImage`` as JPEG, PNG or ``zstd``.
        depth: registered to the colour image and as large as it; 16UC1 (mm) or 32FC1 (m), or those
            as ``compressedDepth`` or ``zstd``.
        camera_info: of the colour image; without effect where the camera is not calibrated.
        max_pixels: a larger image is refused.
        geometry: whether the image is rectified or raw, as of `geometry_of`.
        depth_unit_m: metres of one unit of the depth image; 0 for what REP 118 says.

    Raises:
        InvalidFrameError: when one of them is unusable, or their sizes disagree; of the kind
            `DepthError` or `CameraInfoError` where only ``depth`` or ``camera_info`` is at fault.
    """
    rgb = _rgb(image, max_pixels)
    height, width = rgb.shape[:2]
    depth_m = None if depth is None else _depth_m(depth, depth_unit_m)
    if depth_m is not None and depth_m.shape != rgb.shape[:2]:
        raise DepthError(
            f"the depth image is {depth_m.shape[1]}x{depth_m.shape[0]} pixels and the colour image "
            f"{width}x{height}; expected the same size. Publish depth registered to the colour "
            "camera (aligned_depth_to_color, depth_registered)."
        )
    intrinsics = (
        None
        if camera_info is None
        else image_intrinsics(camera_info, width_px=width, height_px=height, geometry=geometry)
    )
    doubts = (intrinsics.doubt,) if intrinsics is not None and intrinsics.doubt else ()
    return Frame(
        rgb=rgb,
        stamp_ns=stamp_to_ns(image.header.stamp),
        frame_id=image.header.frame_id,
        depth_m=depth_m,
        camera_matrix=None if intrinsics is None else intrinsics.camera_matrix,
        rectification=None if intrinsics is None else intrinsics.rectification,
        geometry_doubts=doubts,
        projection_doubts=doubts,
    )


def _rgb(image: Any, max_pixels: int) -> Array:
    if hasattr(image, "encoding"):
        return decode_colour(image, max_pixels=max_pixels)
    if is_zstd(image.format):
        return decode_colour(unpack_zstd(image, max_pixels=max_pixels), max_pixels=max_pixels)
    return decode_compressed(image, max_pixels=max_pixels)


def _depth_m(depth: Any, unit_m: float) -> Array:
    try:
        if not hasattr(depth, "encoding"):
            depth = unpack_zstd(depth) if is_zstd(depth.format) else unpack_depth(depth)
        return decode_depth(depth, unit_m=unit_m)
    except InvalidFrameError as error:
        raise DepthError(str(error)) from error


def stamp_to_ns(stamp: Any) -> int:
    """Nanoseconds since the epoch."""
    return int(stamp.sec) * _NS_PER_SEC + int(stamp.nanosec)
