"""Depth in ``compressedDepth`` and images in ``zstd``, as image_transport's plugins send them.

Both are unpacked to what `ppcr_ros.camera.encodings` reads: an object with the fields of
``sensor_msgs/Image``. No message type is imported.
"""

from __future__ import annotations

import importlib
import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from ppcr_ros.camera.encodings import MAX_PIXELS, check_size
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array

ZSTD = "zstd"
_COMPRESSED_DEPTH = "compressedDepth"
_DEPTH_HEADER = struct.Struct("<iff")
"""The kind of compression, and A and B of the inverse depth: value = A / depth + B."""
_ZSTD_HEADER = struct.Struct("<IIBII")
"""Height, width, is_bigendian, step, and the length of the encoding's name, which follows."""
_PNG_MAGIC = b"\x89PNG"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MOST_BYTES_OF_ENCODING = 64
_MOST_NIBBLES = 11
"""So many make a number of 32 bits in RVL."""
_BYTES_PER_PIXEL = 8
"""No encoding has more."""


@dataclass(frozen=True)
class UnpackedImage:
    """An image out of its transport: the fields of ``sensor_msgs/Image``."""

    header: Any
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: bytes


def is_zstd(format_name: str) -> bool:
    """Whether the ``format`` of a compressed image is that of zstd_image_transport."""
    return format_name.strip().lower() == ZSTD


def is_compressed_depth(format_name: str) -> bool:
    """Whether the ``format`` of a compressed image is that of compressed_depth_image_transport."""
    return _COMPRESSED_DEPTH.lower() in format_name.lower()


def unpack_zstd(message: Any, *, max_pixels: int = MAX_PIXELS) -> UnpackedImage:
    """The image in a ``sensor_msgs/CompressedImage`` whose format is ``zstd``.

    The plugin writes the fields of the image and then its data, packed: as a gzip stream, whatever
    its name says, or as a zstd frame.

    Raises:
        InvalidFrameError: when the data are no such image, or a larger one than ``max_pixels``.
    """
    data = bytes(message.data)
    label = f"the image in the transport zstd ({len(data)} bytes)"
    if len(data) < _ZSTD_HEADER.size:
        raise InvalidFrameError(f"{label} is cut off: expected a header of {_ZSTD_HEADER.size}.")
    height, width, big, step, length = _ZSTD_HEADER.unpack_from(data)
    start = _ZSTD_HEADER.size + length
    if length > _MOST_BYTES_OF_ENCODING or start > len(data):
        raise InvalidFrameError(
            f"{label} begins with no header of zstd_image_transport: its encoding's name would "
            f"have {length} bytes. Take the raw or the compressed (JPEG, PNG) image instead."
        )
    check_size(width, height, max_pixels=max_pixels)
    encoding = data[_ZSTD_HEADER.size : start].decode("utf-8", "replace")
    most = width * height * _BYTES_PER_PIXEL
    try:
        pixels = _inflated(data[start:], most)
    except Exception as error:  # each library raises its own for damaged data
        raise InvalidFrameError(
            f"{label} cannot be unpacked: {error}. Expected the data of a {width}x{height} "
            f"{encoding!r:.40} image. Check the network and the camera driver."
        ) from error
    return UnpackedImage(message.header, height, width, encoding, big, step, pixels)


def _inflated(packed: bytes, most_bytes: int) -> bytes:
    if packed.startswith(_ZSTD_MAGIC):
        return bytes(_zstd().ZstdDecompressor().decompress(packed, most_bytes + 1))
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(packed, most_bytes + 1)


def _zstd() -> Any:
    """The module that reads zstd frames: Python's own from 3.14 on, or its backport."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise InvalidFrameError(
        "it is a zstd frame, and the Python package backports.zstd is not installed (pip install "
        "backports.zstd; rosbags brings it)"
    )


def unpack_depth(message: Any) -> UnpackedImage:
    """The depth image in a ``sensor_msgs/CompressedImage`` in ``compressedDepth``: PNG or RVL.

    16UC1 comes out as it went in; 32FC1 was sent as inverse depth in 16 bits, whose steps grow with
    the square of the distance, and comes out in metres, NaN where unknown.

    Raises:
        InvalidFrameError: when the format is another, or the data are damaged.
    """
    name, data = str(message.format), bytes(message.data)
    label = f"the compressed depth image (format {name!r:.60}, {len(data)} bytes)"
    encoding, _, how = (part.strip() for part in name.partition(";"))
    transport, _, codec = how.lower().partition(" ")
    codec = codec.strip() or "png"
    if encoding == "16UC1" and how.startswith("png compressed") and data:
        return _of_plain_png(message.header, data, label)
    readable = transport in ("", _COMPRESSED_DEPTH.lower()) and codec in ("png", "rvl")
    if not readable or encoding not in ("16UC1", "32FC1", "mono16"):
        raise InvalidFrameError(
            f"{label} is no depth that is read here; expected '16UC1; compressedDepth png' or "
            "'32FC1; compressedDepth rvl', or the like."
        )
    if len(data) <= _DEPTH_HEADER.size:
        raise InvalidFrameError(
            f"{label} is empty; expected a header of {_DEPTH_HEADER.size} bytes and an image. "
            "Check that the driver publishes depth, and that its encoding is 16UC1 or 32FC1."
        )
    _, a, b = _DEPTH_HEADER.unpack_from(data)
    body = data[_DEPTH_HEADER.size :]
    try:
        values = _png(body) if codec == "png" else _rvl(body)
    except InvalidFrameError as error:
        raise InvalidFrameError(f"{label} cannot be read: {error}") from error
    except Exception as error:  # Pillow raises many kinds for corrupt data
        raise InvalidFrameError(
            f"{label} cannot be read: {error}. Expected a whole image as {codec}."
        ) from error
    height, width = values.shape
    if encoding != "32FC1":
        pixels = values.astype("<u2").tobytes()
        return UnpackedImage(message.header, height, width, encoding, 0, 2 * width, pixels)
    known = values > 0
    depth_m = np.full(values.shape, np.nan, "<f4")
    with np.errstate(divide="ignore"):
        depth_m[known] = np.float32(a) / (values[known].astype(np.float32) - np.float32(b))
    return UnpackedImage(message.header, height, width, encoding, 0, 4 * width, depth_m.tobytes())


def _of_plain_png(header: Any, data: bytes, label: str) -> UnpackedImage:
    """Depth that compressed_image_transport, whose format was set to png, sent without loss."""
    try:
        values = _png(data)
    except Exception as error:  # Pillow raises many kinds for corrupt data
        raise InvalidFrameError(f"{label} cannot be read: {error}. Expected a PNG.") from error
    height, width = values.shape
    pixels = values.astype("<u2").tobytes()
    return UnpackedImage(header, height, width, "16UC1", 0, 2 * width, pixels)


def _png(body: bytes) -> Array:
    """(H, W) uint16 of a grey PNG with 16 bits."""
    if not body.startswith(_PNG_MAGIC):
        raise InvalidFrameError(f"it is no PNG: it begins with {body[:8]!r}.")
    with PillowImage.open(io.BytesIO(body), formats=("PNG",)) as image:
        check_size(image.width, image.height, "depth image", max_pixels=MAX_PIXELS)
        if not image.mode.startswith("I"):
            raise InvalidFrameError(
                f"its PNG has the mode {image.mode!r}; expected grey with 16 bits."
            )
        return np.asarray(image).astype(np.uint16)


def _rvl(body: bytes) -> Array:
    """(H, W) uint16 of run-length and variable-length coding (Wilson, SIGCHI 2017).

    Nibbles make numbers, three bits at a time, the lowest first; the fourth says that more come.
    The numbers are: how many zeros, how many others, and of each of those the difference from the
    one before, its sign in the lowest bit; and so on.
    """
    if len(body) < 8:
        raise InvalidFrameError("it is cut off before its size.")
    width, height = struct.unpack_from("<II", body)
    check_size(width, height, "depth image", max_pixels=MAX_PIXELS)
    words = np.frombuffer(body, "<u4", offset=8, count=(len(body) - 8) // 4)
    nibbles = ((words[:, None] >> np.arange(28, -4, -4, dtype=np.uint32)) & 15).ravel()
    numbers = _variable_lengths(nibbles)
    total = width * height
    deltas = np.zeros(total, np.int64)
    given = np.zeros(total, bool)
    pixel = place = 0
    while pixel < total:
        if place + 1 >= len(numbers):
            raise InvalidFrameError(f"it ends after {pixel} of {total} pixels.")
        pixel += int(numbers[place])
        count = int(numbers[place + 1])
        coded = numbers[place + 2 : place + 2 + count]
        if pixel + count > total or len(coded) < count or (numbers[place : place + 2] < 0).any():
            raise InvalidFrameError(f"a run of {count} values at pixel {pixel} leaves the image.")
        if (coded < 0).any():
            raise InvalidFrameError("a number in it has no end.")
        deltas[pixel : pixel + count] = (coded >> 1) ^ -(coded & 1)
        given[pixel : pixel + count] = True
        pixel, place = pixel + count, place + 2 + count
    values = np.where(given, np.cumsum(deltas), 0)
    return (values & 0xFFFF).astype(np.uint16).reshape(height, width)


def _variable_lengths(nibbles: Array) -> Array:
    """The numbers, int64, that nibbles make; -1 for one without an end.

    What follows the image in a buffer of fixed size may be anything.
    """
    last = (nibbles & 8) == 0
    ends = np.flatnonzero(last)
    if not len(ends):
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    used = nibbles[: ends[-1] + 1]
    within = np.arange(len(used)) - np.repeat(starts, ends - starts + 1)
    parts = (used & 7).astype(np.int64) << (3 * np.minimum(within, _MOST_NIBBLES))
    numbers: Array = np.add.reduceat(parts, starts)
    numbers[ends - starts >= _MOST_NIBBLES] = -1
    return numbers
