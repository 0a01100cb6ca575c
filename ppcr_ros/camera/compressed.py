"""Compressed colour images, as JPEG or PNG, to RGB, with every malformation named.

No message type is imported: anything with the fields of ``sensor_msgs/CompressedImage`` will do.
"""

from __future__ import annotations

import io
import re
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from ppcr_ros.camera.encodings import (
    COLOUR_FORMATS,
    MAX_PIXELS,
    VIDEO,
    check_size,
)
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array

_COLOUR = ("jpeg", "jpg", "png")
_BEGINNINGS = (b"\xff\xd8", b"\x89PNG")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)
"""What ends a scan: within one, 0xff is followed by 0, or by a restart marker."""


def is_compressed_colour(format_name: str) -> bool:
    """Whether a ``format`` of a compressed image may be colour in JPEG or PNG.

    Drivers leave it empty or write other things for JPEG, so that only what is known to be
    something else is refused by its name; the data decide.
    """
    return not compressed_advice(format_name)


def loses_colour(format_name: str) -> bool:
    """Whether a ``format`` is that of a Bayer mosaic which the transport has made grey."""
    source, _, how = format_name.partition(";")
    return source.strip().lower().startswith("bayer") and how.strip().endswith("compressed mono8")


def compressed_advice(format_name: str) -> str:
    """What to do about a ``format`` that is refused: a sentence and a space, or nothing."""
    lowered = format_name.lower()
    if "compresseddepth" in lowered:
        return "This is a depth image: remap the image topic to the colour camera. "
    if any(word in lowered for word in _COLOUR):
        return ""
    if any(word in lowered for word in (*VIDEO, "webp", "tiff", "rvl", "zstd", "qoi", "jxl")):
        return "Video and other formats are not decoded here. "
    return ""


def decode_compressed(message: Any, *, max_pixels: int = MAX_PIXELS) -> Array:
    """The pixels of a ``sensor_msgs/CompressedImage`` in JPEG or PNG.

    Pillow decodes: unlike ``cv2.imdecode`` it refuses a truncated JPEG instead of filling it with
    grey, and it tells the size before it takes the memory. A Bayer mosaic, which image_transport
    compresses as grey, gets its colours back.

    Args:
        message: with format and data.
        max_pixels: of the whole image; a larger one is refused before it is decoded.

    Returns:
        (H, W, 3) uint8, red, green, blue; not turned by EXIF, so that camera_info fits.

    Raises:
        InvalidFrameError: when the data is no JPEG or PNG, is truncated or too large.
    """
    label = f"the compressed image (format {message.format!r:.60}, {len(message.data)} bytes)"
    if not len(message.data):
        raise InvalidFrameError(
            f"{label} is empty: compressed_image_transport sends a depth image (16UC1) so, and "
            "what it cannot convert. Remap the image topic to the colour camera, or take raw "
            "images."
        )
    if "compressedDepth" in message.format:
        raise InvalidFrameError(
            f"{label} is a depth image; expected colour as jpeg or png. Remap the image topic to "
            "the colour camera."
        )
    if not is_compressed_colour(message.format):
        raise InvalidFrameError(
            f"{label} is neither jpeg nor png. {compressed_advice(message.format)}Set the driver's "
            "or the republisher's format to jpeg or png."
        )
    mosaic = _mosaic_of(message.format)
    data = bytes(message.data)
    try:
        with PillowImage.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            check_size(image.width, image.height, max_pixels=max_pixels)
            if image.format == "JPEG" and not is_whole_jpeg(data):
                raise InvalidFrameError(
                    f"{label} is cut off: its JPEG has no end (a driver that sends its whole "
                    "buffer fills the rest up with zeros). Check the camera, its USB cable and "
                    "hub, or lower its rate and resolution."
                )
            if is_deep_grey(image):
                return _from_grey(grey_of(image), mosaic)
            if mosaic is not None and image.mode == "L":
                return _from_grey(np.asarray(image, np.uint8), mosaic)
            return np.array(image.convert("RGB"), np.uint8)
    except InvalidFrameError:
        raise
    except UnidentifiedImageError as error:  # its own text names an object in memory
        if data.startswith(_BEGINNINGS):
            raise InvalidFrameError(
                f"{label} cannot be read: it begins as a JPEG or PNG does, and does not go on so. "
                "Check the network and the camera driver."
            ) from error
        raise InvalidFrameError(
            f"{label} is no JPEG or PNG: it begins with {data[:8]!r}. Set the driver's or the "
            "republisher's format to jpeg or png."
        ) from error
    except Exception as error:  # Pillow raises many kinds for corrupt data
        raise InvalidFrameError(
            f"{label} cannot be read: {error}. Expected a whole JPEG or PNG image."
        ) from error


def _mosaic_of(format_name: str) -> int | None:
    """OpenCV's code for ``bayer_rggb8; jpeg compressed ``; None where colours were compressed."""
    source, _, how = format_name.partition(";")
    pixel = COLOUR_FORMATS.get(source.strip().lower())
    converted = how.partition("compressed")[2].strip()
    if pixel is None or not pixel.bayer or (converted and not converted.startswith("bayer")):
        return None
    return pixel.to_rgb


def _from_grey(grey: Array, mosaic: int | None) -> Array:
    """``grey`` (H, W) uint8 as (H, W, 3): repeated, or with the colours of its mosaic."""
    if mosaic is None or min(grey.shape) < 2:
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(grey), mosaic), np.uint8)


def is_whole_jpeg(data: bytes) -> bool:
    """Whether a JPEG reaches its end marker; whatever comes after that does not matter.

    A decoder takes zeros in the place of a lost second half for grey blocks, and says nothing.
    """
    place = 2
    while 0 <= place < len(data) - 1:
        found = _MARKER.search(data, place)
        if found is None:
            return False
        marker, place = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            return True
        if marker == _START_OF_SCAN or not _has_length(marker):
            continue
        place += int.from_bytes(data[place : place + 2], "big")
    return False


def _has_length(marker: int) -> bool:
    return marker not in (0x01, 0xD8)


def is_deep_grey(image: PillowImage.Image) -> bool:
    """Whether an opened image is grey with 16 bits, which Pillow's ``convert`` would clip."""
    return image.mode.startswith("I")


def grey_of(image: PillowImage.Image) -> Array:
    """(H, W) uint8: the upper bytes of a grey image with 16 bits."""
    return (np.asarray(image, np.uint32) >> 8).astype(np.uint8)
