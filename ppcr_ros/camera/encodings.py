"""Pixel formats of camera messages to RGB and to metres, with every malformation named.

No message type is imported: anything with the fields of ``sensor_msgs/Image`` will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array

MAX_SIDE_PX = 16384
"""No camera is wider or taller; a message that says so is corrupt."""
MAX_PIXELS = 40_000_000
"""The default of ``node.max_image_megapixels``: above 8K video. All work and memory of a command
grows with the pixels of the frame, up to its mask."""


@dataclass(frozen=True)
class PixelFormat:
    """Layout of a pixel in memory, and its way to RGB.

    Attributes:
        channels: values of one pixel.
        bytes_per_channel: 1 or 2. The upper byte of 16-bit values is what becomes 8-bit.
        to_rgb: OpenCV's conversion code; None where the pixels are RGB already.
        even_width: True where two neighbours share their colour.
        bayer: True for a colour filter mosaic.
        half_plane: True where rows of brightness are followed by half as many rows of colour, one
            for each block of 2x2 pixels. ``step`` and ``height`` are those of the brightness.
    """

    channels: int
    bytes_per_channel: int = 1
    to_rgb: int | None = None
    even_width: bool = False
    bayer: bool = False
    half_plane: bool = False


_UYVY = PixelFormat(2, to_rgb=cv2.COLOR_YUV2RGB_UYVY, even_width=True)
_YUYV = PixelFormat(2, to_rgb=cv2.COLOR_YUV2RGB_YUY2, even_width=True)

# OpenCV names a mosaic by its second row's second pixel, ROS by its first row's first.
_BAYER_CODES = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}

COLOUR_FORMATS: dict[str, PixelFormat] = {
    "rgb8": PixelFormat(3),
    "bgr8": PixelFormat(3, to_rgb=cv2.COLOR_BGR2RGB),
    "rgba8": PixelFormat(4, to_rgb=cv2.COLOR_RGBA2RGB),
    "bgra8": PixelFormat(4, to_rgb=cv2.COLOR_BGRA2RGB),
    "mono8": PixelFormat(1, to_rgb=cv2.COLOR_GRAY2RGB),
    "8UC1": PixelFormat(1, to_rgb=cv2.COLOR_GRAY2RGB),
    "rgb16": PixelFormat(3, 2),
    "bgr16": PixelFormat(3, 2, to_rgb=cv2.COLOR_BGR2RGB),
    "rgba16": PixelFormat(4, 2, to_rgb=cv2.COLOR_RGBA2RGB),
    "bgra16": PixelFormat(4, 2, to_rgb=cv2.COLOR_BGRA2RGB),
    "mono16": PixelFormat(1, 2, to_rgb=cv2.COLOR_GRAY2RGB),
    "uyvy": _UYVY,
    "yuv422": _UYVY,
    "yuyv": _YUYV,
    "yuv422_yuy2": _YUYV,
    "nv12": PixelFormat(1, to_rgb=cv2.COLOR_YUV2RGB_NV12, even_width=True, half_plane=True),
    "nv21": PixelFormat(1, to_rgb=cv2.COLOR_YUV2RGB_NV21, even_width=True, half_plane=True),
    **{
        f"bayer_{order}{8 * size}": PixelFormat(1, size, to_rgb=code, bayer=True)
        for order, code in _BAYER_CODES.items()
        for size in (1, 2)
    },
}
"""Every accepted ``encoding`` of a colour image."""

DEPTH_ENCODINGS = {"16UC1": 2, "mono16": 2, "32FC1": 4}
"""Every accepted ``encoding`` of a depth image, with its bytes per pixel."""

_SATURATED = 65535
"""What some cameras send for "no value" or "beyond reach" in 16 bits."""
_ROWS_COMPARED, _LEAST_COMPARED = 40, 300
_ROUGH, _MUCH_ROUGHER = 0.02, 8.0
"""Neighbours in a depth image that differ so much on average, and by an eighth of it in the other
byte order, were written in that order."""

_NO_COLOUR_ORDER = {"8UC3", "8UC4", "16UC3", "16UC4"}
VIDEO = ("jpeg", "jpg", "png", "h264", "hevc", "h265", "ffmpeg", "av1", "vp8", "vp9")


def is_colour(encoding: str) -> bool:
    """Whether an ``encoding`` is one of `COLOUR_FORMATS`; case does not matter."""
    return format_of(encoding) is not None


def colour_advice(encoding: str) -> str:
    """What to do about an ``encoding`` that is refused: a sentence and a space, or nothing."""
    if encoding in _NO_COLOUR_ORDER:
        return "It does not say the order of its colours: publish rgb8 or bgr8. "
    if encoding in DEPTH_ENCODINGS:
        return "This looks like a depth image: remap the image topic to the colour camera. "
    if any(word in encoding.lower() for word in VIDEO):
        return (
            "This is compressed data in a raw image: let the driver decode it, or publish it as "
            "sensor_msgs/CompressedImage and set node.use_compressed. "
        )
    return ""


def decode_colour(message: Any, *, max_pixels: int = MAX_PIXELS) -> Array:
    """The pixels of a ``sensor_msgs/Image``.

    Args:
        message: with height, width, encoding, is_bigendian, step and data.
        max_pixels: of the whole image; a larger one is refused before anything is allocated.

    Returns:
        (H, W, 3) uint8, red, green, blue. For rgb8 without padding a view of the message's data.

    Raises:
        InvalidFrameError: when the size, the step, the data or the encoding is unusable.
    """
    name = message.encoding
    check_size(int(message.width), int(message.height), max_pixels=max_pixels)
    pixel = format_of(name)
    if pixel is None:
        raise InvalidFrameError(_refusal(name))
    height, width = int(message.height), int(message.width)
    if pixel.half_plane and pixel.to_rgb is not None:
        return _decode_half_plane(message, pixel.to_rgb)
    rows = _rows(message, pixel.channels * pixel.bytes_per_channel)
    if pixel.even_width and width % 2:
        raise InvalidFrameError(
            f"the {name} image is {width} pixels wide; expected an even width, because two "
            "neighbours share their colour. Check the camera driver."
        )
    if pixel.bayer and min(height, width) < 2:
        raise InvalidFrameError(
            f"the {name} image is {width}x{height} pixels; expected at least 2x2 for a mosaic."
        )
    if pixel.bytes_per_channel == 2:
        rows = _upper_bytes(rows, big_endian=bool(message.is_bigendian))
    pixels: Array = rows.reshape(height, width, pixel.channels)
    if pixel.to_rgb is None:
        return np.ascontiguousarray(pixels)
    if pixel.channels == 1:
        pixels = pixels[:, :, 0]
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), pixel.to_rgb), np.uint8)


def _decode_half_plane(message: Any, to_rgb: int) -> Array:
    height, width = int(message.height), int(message.width)
    if width % 2 or height % 2:
        raise InvalidFrameError(
            f"the {message.encoding} image is {width}x{height} pixels; expected an even width and "
            "height, because blocks of 2x2 share their colour. Check the camera driver."
        )
    rows = _rows(message, 1, rows=height + height // 2)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rows), to_rgb), np.uint8)


def decode_depth(message: Any, *, unit_m: float = 0.0) -> Array:
    """The distances of a depth image (REP 118).

    Args:
        message: a ``sensor_msgs/Image`` in 16UC1 (millimetres) or 32FC1 (metres).
        unit_m: metres of one unit; 0 for REP 118's millimetre of 16 bits, or metre of floats.

    Returns:
        (H, W) float32, metres along the optical axis; 0 or NaN where unknown, never infinite.

    Raises:
        InvalidFrameError: when the size, the step, the data or the encoding is unusable.
    """
    size = DEPTH_ENCODINGS.get(message.encoding)
    if size is None:
        raise InvalidFrameError(
            f"the depth image's encoding is {message.encoding!r}; expected 16UC1 (millimetres) or "
            "32FC1 (metres). Check the depth topic."
        )
    kind = f"{'>' if message.is_bigendian else '<'}{'u2' if size == 2 else 'f4'}"
    values = np.ascontiguousarray(_rows(message, size, "depth image")).view(kind)
    if _is_swapped(values):
        values = values.view(values.dtype.newbyteorder())
    if size == 2:
        in_metres: Array = np.multiply(values, np.float32(unit_m or 0.001), dtype=np.float32)
        in_metres[values == _SATURATED] = 0.0
        return in_metres
    depth_m = values.astype(np.float32, copy=False)
    if unit_m:
        depth_m = depth_m * np.float32(unit_m)
    infinite = np.isinf(depth_m)
    return np.where(infinite, np.float32(np.nan), depth_m) if infinite.any() else depth_m


def _is_swapped(values: Array) -> bool:
    """Whether depth is in the other byte order than its message says, as some drivers have it."""
    rough = _roughness(values)
    other = values.view(values.dtype.newbyteorder())
    return rough > _ROUGH and _roughness(other) < rough / _MUCH_ROUGHER


def _roughness(values: Array) -> float:
    """How neighbours in a row differ: floats as a share of the larger, 16 bits in thousands.

    0 where too few can be compared.
    """
    with np.errstate(invalid="ignore"):  # in the wrong order there are NaNs of any kind
        some: Array = values[:: max(len(values) // _ROWS_COMPARED, 1)].astype(np.float64)
    one, next_one = some[:, :-1], some[:, 1:]
    known = np.isfinite(one) & np.isfinite(next_one) & (one != 0) & (next_one != 0)
    if known.sum() < _LEAST_COMPARED:
        return 0.0
    one, next_one = one[known], next_one[known]
    scale = np.maximum(np.abs(one), np.abs(next_one)) if values.dtype.kind == "f" else 1000.0
    return float((np.abs(next_one - one) / scale).mean())


def _rows(
    message: Any, bytes_per_pixel: int, what: str = "image", rows: int | None = None
) -> Array:
    """The image rows (rows, W * bytes_per_pixel) uint8 without their padding, once all sizes agree.

    ``rows`` is the message's height where it is None.
    """
    height, width, step = int(message.height), int(message.width), int(message.step)
    check_size(width, height, what)
    height = height if rows is None else rows
    row_bytes, given = width * bytes_per_pixel, len(message.data)
    if given == row_bytes * height:
        step = row_bytes  # some drivers leave it 0, or give the width
    if step < row_bytes:
        raise InvalidFrameError(
            f"the {what}'s step is {step} bytes; expected at least {row_bytes} for {width} pixels "
            f"of {message.encoding}. Check that the driver fills in step and encoding."
        )
    if given < step * height:
        raise InvalidFrameError(
            f"the {what} is truncated: {given} bytes of data; expected {step * height} for "
            f"{height} rows with a step of {step}. Check the network and the camera driver."
        )
    if given > step * height:
        raise InvalidFrameError(
            f"the {what} has {given} bytes of data; expected {step * height} for {height} rows "
            f"with a step of {step}. Check that the driver fills in height and step."
        )
    data: Array = np.frombuffer(message.data, np.uint8)
    return data.reshape(height, step)[:, :row_bytes]


def check_size(
    width: int, height: int, what: str = "image", *, max_pixels: int | None = None
) -> None:
    """Raise `InvalidFrameError` for a size that no camera has, or that is larger than allowed."""
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise InvalidFrameError(
            f"the {what} is {width}x{height} pixels; expected 1 to {MAX_SIDE_PX} on each side. "
            "Check that the camera driver fills in the image."
        )
    if max_pixels is not None and width * height > max_pixels:
        raise InvalidFrameError(
            f"the {what} is {width}x{height} pixels, {width * height / 1e6:.1f} megapixels; "
            f"expected at most {max_pixels / 1e6:g}. Have the driver scale it down, or raise "
            "node.max_image_megapixels."
        )


def _upper_bytes(rows: Array, *, big_endian: bool) -> Array:
    upper: Array = np.ascontiguousarray(rows[:, 0 if big_endian else 1 :: 2])
    return upper


def format_of(name: str) -> PixelFormat | None:
    """The format that an ``encoding`` names; None where it is no colour."""
    return COLOUR_FORMATS.get(name) or COLOUR_FORMATS.get(name.lower())


def _refusal(name: str) -> str:
    why = colour_advice(name) or "Set the camera driver to one of them, or convert with image_proc."
    return (
        f"the image's encoding is {name[:40]!r}; expected one of {', '.join(COLOUR_FORMATS)}. "
        f"{why.strip()}"
    )
