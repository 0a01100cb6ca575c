"""Messages of a small camera that looks at what the scripted models find."""

from __future__ import annotations

from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from ppcr_ros.core.types import Array
from ppcr_ros.ros.conversions import rgb_to_image

WIDTH_PX, HEIGHT_PX = 64, 48
_FAR_M, _NEAR_M = 0.815, 0.8


def colour_image(
    header: Header, width: int = WIDTH_PX, height: int = HEIGHT_PX, *, grey: int = 0
) -> Image:
    """An image in one grey."""
    return rgb_to_image(np.full((height, width, 3), grey, np.uint8), header)


def depth_values(width: int = WIDTH_PX, height: int = HEIGHT_PX, encoding: str = "16UC1") -> Array:
    """A wall, and something flat on it at 0.8 m where the scripted mask lies.

    Returns:
        (height, width) uint16 millimetres; of ``32FC1`` float32 metres.
    """
    metres = np.full((height, width), _FAR_M, np.float32)
    metres[12:24, 16:32] = _NEAR_M
    return metres if encoding == "32FC1" else np.rint(metres * 1000).astype("<u2")


def depth_image(header: Header, values: Array | None = None, encoding: str = "16UC1") -> Image:
    """The message of ``values``, by default those of `depth_values`."""
    values = depth_values(encoding=encoding) if values is None else values
    height, width = values.shape
    message = Image(header=header, width=width, height=height, encoding=encoding)
    message.step = width * values.itemsize
    message.data.frombytes(values.tobytes())
    return message


def camera_info(header: Header, *, focal_px: float = 60.0, **fields: Any) -> CameraInfo:
    """Intrinsics without distortion, of a lens that looks through the middle of 64x48 pixels.

    ``fields`` are set instead.
    """
    k = [focal_px, 0.0, WIDTH_PX / 2, 0.0, focal_px, HEIGHT_PX / 2, 0.0, 0.0, 1.0]
    sizes = {"width": WIDTH_PX, "height": HEIGHT_PX}
    return CameraInfo(**{"header": header, "k": k, **sizes, **fields})
