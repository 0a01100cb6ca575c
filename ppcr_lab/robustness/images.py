"""Camera messages that no driver should send: wrong sizes, cut data, foreign bytes, mad clocks."""

from __future__ import annotations

import io
import random
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from PIL import Image as PillowImage
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from ppcr_ros.camera.encodings import COLOUR_FORMATS, DEPTH_ENCODINGS

_ENCODINGS = (
    *COLOUR_FORMATS, *DEPTH_ENCODINGS, "8UC3", "16UC3", "nv21", "RGB8", "", "rgb8 ", "64FC1",
    "bayer_rggb12", "x" * 300, "红", "rgb8\n", "jpeg",
)  # fmt: skip
_SIDES = (0, 1, 2, 3, 7, 47, 48, 64, 65, 16_384, 16_385, 2**31, 2**32 - 1)
_STEPS = (0, 1, 3, 191, 192, 200, 2**31, 2**32 - 1)
_FORMATS = ("jpeg", "png", "", "rgb8; jpeg compressed bgr8", "16UC1; compressedDepth", "webp", "红")
_STAMPS = (
    (0, 0), (1, 0), (-1, 0), (-(2**31), 0), (2**31 - 1, 999_999_999), (2**31 - 1, 2**32 - 1),
    (1_700_000_000, 5), (1_600_000_000, 5), (4_000_000_00, 2**32 - 1), (-(2**31), 2**32 - 1),
)  # fmt: skip
_MAX_DATA_BYTES = 2_000_000


def fuzzed_header(rng: random.Random) -> Header:
    """Stamps that jump back and forth over the whole range of the message, and odd frames."""
    sec, nanosec = rng.choice(_STAMPS)
    frame_id = rng.choice(("camera", "", "/", "a" * 500, "カメラ", "x\ny"))
    return Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=frame_id)


def _bytes(rng: random.Random, count: int) -> array[int]:
    return array("B", rng.randbytes(count))


def fuzzed_image(rng: random.Random) -> Image:
    """A raw image of which at least one field is drawn by chance; one in ten is right."""
    encoding = rng.choice(_ENCODINGS)
    form = COLOUR_FORMATS.get(encoding)
    pixel_bytes = form.channels * form.bytes_per_channel if form else rng.choice((1, 2, 3, 4, 8))
    width, height = rng.choice((1, 2, 7, 64, 65, 320)), rng.choice((1, 2, 9, 48, 49, 240))
    step = width * pixel_bytes
    data_bytes = step * height
    wrong = rng.randrange(10)
    if wrong in (1, 2):
        width = rng.choice(_SIDES)
    if wrong in (2, 3):
        height = rng.choice(_SIDES)
    if wrong in (4, 5):
        step = rng.choice((*_STEPS, step + 1, step + 13, max(step - 1, 0)))
    if wrong in (5, 6):
        data_bytes = rng.choice((0, 1, data_bytes - 1, data_bytes + 1, data_bytes // 2, 100_000))
    if wrong in (7, 8):  # what it says of itself agrees, whatever it is
        width, height = rng.choice((1, 3, 16_384)), rng.choice((1, 3, 11))
        step = width * pixel_bytes + rng.choice((0, 0, 5))
        data_bytes = step * height
    return Image(
        header=fuzzed_header(rng),
        width=width,
        height=height,
        encoding=encoding,
        is_bigendian=rng.choice((0, 0, 1, 1, 7, 255)),
        step=step,
        data=_bytes(rng, min(data_bytes, _MAX_DATA_BYTES)),
    )


def fuzzed_compressed(rng: random.Random) -> CompressedImage:
    """A JPEG or PNG that is whole, cut, changed in some bytes, or no image at all."""
    mode = rng.choice(("RGB", "L", "RGBA", "P", "1", "I;16", "CMYK", "LA"))
    kind = "JPEG" if mode in ("RGB", "L", "CMYK") and rng.random() < 0.6 else "PNG"
    if mode == "CMYK":
        kind = "JPEG"
    size = (rng.choice((1, 3, 64, 300)), rng.choice((1, 5, 48, 200)))
    buffer = io.BytesIO()
    PillowImage.new(mode, size).save(buffer, kind)
    data = bytearray(buffer.getvalue())
    wrong = rng.randrange(6)
    if wrong == 1:
        data = data[: rng.randrange(len(data))]
    elif wrong == 2:
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif wrong == 3:
        data = bytearray(rng.randbytes(rng.randrange(0, 4000)))
    elif wrong == 4:
        data = data[: rng.randrange(1, 30)] + rng.randbytes(500)
    elif wrong == 5 and kind == "PNG":  # a header that promises a huge picture
        data[16:24] = rng.choice(
            (b"\x00\x00\x40\x00\x00\x00\x40\x00", b"\x7f\xff\xff\xff\x7f\xff\xff\xff", bytes(8))
        )
    return CompressedImage(
        header=fuzzed_header(rng), format=rng.choice(_FORMATS), data=array("B", bytes(data))
    )


def fuzzed_depth(rng: random.Random, width: int, height: int) -> Image:
    """A depth image for a colour image of that size: holes, NaN, infinity, another size, cut."""
    encoding = rng.choice(("32FC1", "32FC1", "16UC1", "mono16", "64FC1", "rgb8"))
    if rng.random() < 0.2:
        width = rng.choice((0, 1, width + 1, 2**32 - 1))
    count = min(width * height, 100_000)
    values: Any
    if encoding == "32FC1":
        odd = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e38, 1e-40, 1.5)
        values = np.array([rng.choice(odd) for _ in range(64)], "<f4").repeat(count // 64 + 1)
        values = values[:count]
    else:
        values = np.full(count, rng.choice((0, 1, 1000, 65_535)), "<u2")
    data = values.tobytes()
    if rng.random() < 0.2:
        data = data[: rng.randrange(len(data) + 1)]
    return Image(
        header=fuzzed_header(rng),
        width=width,
        height=height,
        encoding=encoding,
        is_bigendian=rng.choice((0, 1)),
        step=min(width * values.itemsize, 2**32 - 1),
        data=array("B", data),
    )


def fuzzed_camera_info(rng: random.Random, width: int, height: int) -> CameraInfo:
    """Intrinsics that fit, or are of another size, not finite, zero, negative."""
    odd = (0.0, -500.0, 500.0, float("nan"), float("inf"), 1e300, 1e-300)
    info = CameraInfo(width=rng.choice((width, width, 0, 1, 2**32 - 1)), height=height)
    info.k = [rng.choice(odd) for _ in range(9)] if rng.random() < 0.5 else [500.0] * 9
    info.binning_x, info.binning_y = rng.choice((0, 1, 2, 2**32 - 1)), rng.choice((0, 1, 3))
    info.roi.width, info.roi.x_offset = rng.choice((0, 0, width, 5)), rng.choice((0, 3, 2**32 - 1))
    return info


def fuzzed_raw(count: int, seed: int) -> Iterator[Image]:
    """``count`` raw images."""
    rng = random.Random(seed)
    for _ in range(count):
        yield fuzzed_image(rng)


def fuzzed_encoded(count: int, seed: int) -> Iterator[CompressedImage]:
    """``count`` compressed images."""
    rng = random.Random(seed)
    for _ in range(count):
        yield fuzzed_compressed(rng)
