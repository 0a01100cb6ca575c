"""Encodings of colour and depth images, raw and compressed."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from ppcr_ros.camera.compressed import decode_compressed, is_whole_jpeg, loses_colour
from ppcr_ros.camera.encodings import (
    COLOUR_FORMATS,
    colour_advice,
    decode_colour,
    decode_depth,
    is_colour,
)
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array

RED, GREEN, BLUE = (250, 10, 20), (10, 240, 30), (20, 30, 230)


def picture(height: int = 16, width: int = 24) -> Array:
    """(H, W, 3) uint8 RGB: left red, middle green, right blue, in even blocks."""
    rgb = np.empty((height, width, 3), np.uint8)
    third = width // 3
    rgb[:, :third], rgb[:, third : 2 * third], rgb[:, 2 * third :] = RED, GREEN, BLUE
    return rgb


def message(pixels: Array, encoding: str, *, padding: int = 0, big_endian: bool = False) -> Any:
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return SimpleNamespace(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=int(big_endian),
        step=padded.shape[1],
        data=padded.tobytes(),
    )


def uyvy(rgb: Array, order: str) -> Array:
    """(H, W, 2) uint8, written out from the definition (BT.601, studio swing)."""
    r, g, b = (rgb[:, :, i].astype(np.float64) for i in range(3))
    y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
    v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
    luma_at = order.index("y")
    packed = np.empty((*rgb.shape[:2], 2), np.uint8)
    packed[:, :, luma_at] = y
    packed[:, 0::2, 1 - luma_at] = u[:, 0::2]
    packed[:, 1::2, 1 - luma_at] = v[:, 0::2]
    return packed


def semi_planar(rgb: Array, order: str) -> Array:
    """(H * 3 / 2, W) uint8: brightness, then one row of ``order`` for each two rows."""
    packed = uyvy(rgb, "yu")
    colour = packed[0::2, :, 1].copy()
    if order == "vu":
        colour = colour.reshape(len(colour), -1, 2)[:, :, ::-1].reshape(colour.shape)
    return np.vstack([packed[:, :, 0], colour])


def mosaic(rgb: Array, order: str) -> Array:
    """(H, W) uint8: each pixel keeps the one channel that ``order`` (row by row) gives it."""
    flat = np.empty(rgb.shape[:2], np.uint8)
    for place, letter in enumerate(order):
        row, column = divmod(place, 2)
        flat[row::2, column::2] = rgb[row::2, column::2, "rgb".index(letter)]
    return flat


ENCODERS: dict[str, Callable[[Array], Array]] = {
    "rgb8": lambda rgb: rgb,
    "bgr8": lambda rgb: rgb[:, :, ::-1],
    "rgba8": lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 9, np.uint8)]),
    "bgra8": lambda rgb: np.dstack([rgb[:, :, ::-1], np.full(rgb.shape[:2], 9, np.uint8)]),
    "uyvy": lambda rgb: uyvy(rgb, "uy"),
    "yuv422": lambda rgb: uyvy(rgb, "uy"),
    "yuyv": lambda rgb: uyvy(rgb, "yu"),
    "yuv422_yuy2": lambda rgb: uyvy(rgb, "yu"),
    "nv12": lambda rgb: semi_planar(rgb, "uv"),
    "nv21": lambda rgb: semi_planar(rgb, "vu"),
    **{
        f"bayer_{order}8": lambda rgb, order=order: mosaic(rgb, order)  # type: ignore[misc]
        for order in ("rggb", "bggr", "gbrg", "grbg")
    },
}


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("encoding", ENCODERS)
def test_every_colour_encoding_gives_red_green_blue(encoding: str, padding: int) -> None:
    rgb = picture()
    sent = message(ENCODERS[encoding](rgb), encoding, padding=padding)
    sent.height = len(rgb)
    decoded = decode_colour(sent)
    assert decoded.shape == rgb.shape
    assert decoded.dtype == np.uint8
    for column, colour in ((3, RED), (12, GREEN), (21, BLUE)):
        assert np.abs(decoded[8, column].astype(int) - colour).max() <= 6, encoding


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("encoding", ["rgb16", "bgr16", "rgba16", "bgra16", "bayer_grbg16"])
def test_sixteen_bits_give_the_upper_byte_in_both_byte_orders(
    encoding: str, big_endian: bool
) -> None:
    rgb = picture()
    low = ENCODERS[encoding.replace("16", "8")](rgb).astype(np.uint16)
    wide = (low * 256 + 99).astype(">u2" if big_endian else "<u2")
    decoded = decode_colour(message(wide, encoding, big_endian=big_endian, padding=3))
    assert np.abs(decoded[8, 3].astype(int) - RED).max() <= 6


@pytest.mark.parametrize(("encoding", "dtype"), [("mono8", "u1"), ("8UC1", "u1")])
def test_grey_is_repeated_over_the_channels(encoding: str, dtype: str) -> None:
    grey = np.arange(12, dtype=dtype).reshape(3, 4)
    decoded = decode_colour(message(grey, encoding))
    assert (decoded == grey[:, :, None]).all()
    assert decoded.shape == (3, 4, 3)


def test_mono16_honours_the_byte_order() -> None:
    grey = np.array([[0x1234, 0xFF00]])
    little = decode_colour(message(grey.astype("<u2"), "mono16"))
    big = decode_colour(message(grey.astype(">u2"), "mono16", big_endian=True))
    assert little[0, :, 0].tolist() == big[0, :, 0].tolist() == [0x12, 0xFF]


def test_rgb8_without_padding_is_not_copied() -> None:
    sent = message(picture(), "rgb8")
    assert np.shares_memory(decode_colour(sent), np.frombuffer(sent.data, np.uint8))


def test_the_accepted_encodings_are_all_tried_here() -> None:
    tried = set(ENCODERS) | {"rgb16", "bgr16", "rgba16", "bgra16", "mono8", "8UC1", "mono16"}
    tried |= {f"bayer_{order}16" for order in ("rggb", "bggr", "gbrg", "grbg")}
    assert set(COLOUR_FORMATS) == tried


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"height": 0}, "24x0 pixels; expected 1 to 16384"),
        ({"width": 0}, "0x16 pixels"),
        ({"width": 4_000_000_000}, "4000000000x16 pixels; expected 1 to 16384"),
        ({"step": 0, "data": bytes(1151)}, "step is 0 bytes; expected at least 72"),
        ({"step": 71, "data": bytes(16 * 71)}, "step is 71 bytes; expected at least 72"),
        ({"data": b"12345"}, "truncated: 5 bytes of data; expected 1152"),
        ({"data": b""}, "truncated: 0 bytes"),
        ({"data": bytes(2000)}, "has 2000 bytes of data; expected 1152"),
        ({"encoding": "8UC3"}, "order of its colours: publish rgb8 or bgr8"),
        ({"encoding": "16UC1"}, "looks like a depth image"),
        ({"encoding": "nv24"}, "'nv24'; expected one of rgb8, bgr8, rgba8"),
        ({"encoding": "mjpeg"}, "compressed data in a raw image"),
        ({"encoding": "nv12", "step": 24}, "has 1152 bytes of data; expected 576 for 24 rows"),
        ({"encoding": ""}, "encoding is ''; expected one of"),
        ({"encoding": "x" * 5000}, "xxxx'; expected one of"),
    ],
)
def test_a_malformed_image_says_what_came_and_what_was_expected(
    changes: dict[str, Any], expected: str
) -> None:
    sent = message(picture(), "rgb8")
    vars(sent).update(changes)
    with pytest.raises(InvalidFrameError) as caught:
        decode_colour(sent)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("step", [0, 24, 100])
def test_a_step_that_only_the_driver_has_wrong_costs_no_mask(step: int) -> None:
    sent = message(picture(), "rgb8")
    sent.step = step
    assert np.array_equal(decode_colour(sent), picture())


def test_shared_colour_needs_an_even_width_and_a_mosaic_two_rows() -> None:
    with pytest.raises(InvalidFrameError, match="expected an even width"):
        decode_colour(message(np.zeros((4, 5, 2), np.uint8), "uyvy"))
    with pytest.raises(InvalidFrameError, match="expected at least 2x2"):
        decode_colour(message(np.zeros((1, 8), np.uint8), "bayer_rggb8"))
    with pytest.raises(InvalidFrameError, match="8x3 pixels; expected an even width and height"):
        decode_colour(message(np.zeros((3, 8), np.uint8), "nv21"))


def compressed(rgb: Array, kind: str) -> bytes:
    encoded, data = cv2.imencode(f".{kind}", rgb[:, :, ::-1])
    assert encoded
    return data.tobytes()


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_compressed_images_come_out_as_rgb(kind: str) -> None:
    rgb = picture(32, 48)
    sent = SimpleNamespace(format=f"rgb8; {kind} compressed bgr8", data=compressed(rgb, kind))
    decoded = decode_compressed(sent)
    assert decoded.shape == rgb.shape
    assert np.abs(decoded[16, 8].astype(int) - RED).max() <= (0 if kind == "png" else 12)


def test_a_sixteen_bit_grey_png_is_scaled_not_clipped() -> None:
    encoded, data = cv2.imencode(".png", np.array([[0x8000, 0x1200]], np.uint16))
    assert encoded
    decoded = decode_compressed(SimpleNamespace(format="mono16; png", data=data.tobytes()))
    assert decoded[0].tolist() == [[0x80] * 3, [0x12] * 3]


@pytest.mark.parametrize("order", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_mosaic_that_was_compressed_as_grey_gets_its_colours_back(order: str) -> None:
    encoded, data = cv2.imencode(".png", mosaic(picture(), order))
    assert encoded
    sent = SimpleNamespace(format=f"bayer_{order}8; png compressed ", data=data.tobytes())
    decoded = decode_compressed(sent)
    for column, colour in ((3, RED), (12, GREEN), (21, BLUE)):
        assert np.abs(decoded[8, column].astype(int) - colour).max() <= 6


@pytest.mark.parametrize("format_name", ["bayer_rggb8; jpeg compressed bgr8", "", "mjpeg"])
def test_colour_that_was_compressed_as_colour_stays(format_name: str) -> None:
    sent = SimpleNamespace(format=format_name, data=compressed(picture(32, 48), "png"))
    assert (decode_compressed(sent) == picture(32, 48)).all()


def test_compressed_images_are_not_turned_by_exif() -> None:
    image, exif, buffer = PillowImage.new("RGB", (8, 4)), PillowImage.Exif(), io.BytesIO()
    exif[0x0112] = 6  # "rotate by 90 degrees to view"
    image.save(buffer, "JPEG", exif=exif)
    decoded = decode_compressed(SimpleNamespace(format="jpeg", data=buffer.getvalue()))
    assert decoded.shape == (4, 8, 3)


@pytest.mark.parametrize(
    ("format_name", "damage", "expected"),
    [
        ("jpeg", lambda data: data[: len(data) // 2], "is cut off: its JPEG has no end"),
        ("png", lambda data: data[: len(data) // 2], "cannot be read"),
        ("jpeg", lambda data: b"", "0 bytes) is empty"),
        ("jpeg", lambda data: b"GIF89a" + data, "it begins with b'GIF89a"),
        ("16UC1; compressedDepth png", lambda data: data, "is a depth image"),
        ("h264", lambda data: data, "is neither jpeg nor png. Video and other formats"),
        ("rgb8; webp", lambda data: data, "format to jpeg or png"),
    ],
)
def test_damaged_compressed_images_are_refused_by_their_format(
    format_name: str, damage: Callable[[bytes], bytes], expected: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = damage(compressed(noise, "png" if "png" in format_name else "jpg"))
    with pytest.raises(InvalidFrameError) as caught:
        decode_compressed(SimpleNamespace(format=format_name, data=data))
    assert expected in str(caught.value)
    assert format_name in str(caught.value)


def test_a_compressed_image_of_absurd_size_is_refused_before_it_takes_memory() -> None:
    buffer = io.BytesIO()
    PillowImage.new("1", (20000, 2)).save(buffer, "PNG")
    with pytest.raises(InvalidFrameError, match="20000x2 pixels; expected 1 to 16384"):
        decode_compressed(SimpleNamespace(format="png", data=buffer.getvalue()))


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    huge = SimpleNamespace(width=10_000, height=10_000, encoding="rgb8", step=30_000, data=b"")
    with pytest.raises(InvalidFrameError, match=r"10000x10000 pixels, 100.0 megapixels; expected"):
        decode_colour(huge)
    pixels = picture(height=16, width=24)
    assert decode_colour(message(pixels, "rgb8"), max_pixels=384).shape == (16, 24, 3)
    with pytest.raises(InvalidFrameError, match=r"raise node\.max_image_megapixels"):
        decode_colour(message(pixels, "rgb8"), max_pixels=383)
    buffer = io.BytesIO()
    PillowImage.new("RGB", (24, 16)).save(buffer, "PNG")
    packed = SimpleNamespace(format="png", data=buffer.getvalue())
    assert decode_compressed(packed, max_pixels=384).shape == (16, 24, 3)
    with pytest.raises(InvalidFrameError, match="24x16 pixels"):
        decode_compressed(packed, max_pixels=383)


@pytest.mark.parametrize("big_endian", [False, True])
def test_depth_in_millimetres_becomes_metres(big_endian: bool) -> None:
    depth = np.array([[0, 1500], [65535, 1]]).astype(">u2" if big_endian else "<u2")
    decoded = decode_depth(message(depth, "16UC1", padding=5, big_endian=big_endian))
    assert decoded.dtype == np.float32
    assert decoded.ravel().tolist() == pytest.approx([0, 1.5, 0, 0.001])  # the largest says "none"


@pytest.mark.parametrize("said", [False, True])
@pytest.mark.parametrize("kind", ["<u2", ">u2", "<f4", ">f4"])
def test_depth_is_read_in_the_byte_order_that_it_has_whatever_is_said(
    kind: str, said: bool
) -> None:
    rows, columns = np.mgrid[:48, :64]
    depth_m = 0.6 + 0.004 * rows + 0.001 * columns
    depth_m[10:20, 10:20] = 0.0
    encoding, scale = ("16UC1", 1000.0) if kind.endswith("u2") else ("32FC1", 1.0)
    sent = message(np.round(scale * depth_m, 3).astype(kind), encoding, big_endian=said)
    assert decode_depth(sent) == pytest.approx(depth_m, abs=1e-3)


def test_depth_in_metres_stays_and_the_infinite_is_unknown() -> None:
    depth = np.array([[0.5, np.inf, -np.inf, np.nan]], "<f4")
    decoded = decode_depth(message(depth, "32FC1"))
    assert decoded[0, 0] == 0.5
    assert np.isnan(decoded[0, 1:]).all()


@pytest.mark.parametrize(
    ("encoding", "value", "unit_m"),
    [("16UC1", 1500, 0.0001), ("32FC1", 150.0, 0.001), ("32FC1", 1500.0, 0.0001)],
)
def test_depth_in_another_unit_is_read_as_the_option_says(
    encoding: str, value: float, unit_m: float
) -> None:
    values = np.full((2, 2), value, "<u2" if encoding == "16UC1" else "<f4")
    depth_m = decode_depth(message(values, encoding), unit_m=unit_m)
    assert depth_m == pytest.approx(np.full((2, 2), 0.15))
    assert depth_m.dtype == np.float32


def test_other_depth_is_refused() -> None:
    with pytest.raises(InvalidFrameError, match="depth image's encoding is 'rgb8'; expected 16UC1"):
        decode_depth(message(picture(), "rgb8"))
    sent = message(np.ones((2, 2), "<u2"), "16UC1")
    sent.data = sent.data[:-1]
    with pytest.raises(InvalidFrameError, match="the depth image is truncated: 7 bytes"):
        decode_depth(sent)


@pytest.mark.parametrize(
    ("encoding", "known", "advice"),
    [
        ("rgb8", True, ""),
        ("YUV422_YUY2", True, ""),
        ("16UC1", False, "looks like a depth image"),
        ("8UC3", False, "order of its colours"),
        ("h264", False, "set node.use_compressed"),
        ("nv24", False, ""),
    ],
)
def test_a_refused_encoding_comes_with_advice(encoding: str, known: bool, advice: str) -> None:
    assert is_colour(encoding) == known
    assert advice in colour_advice(encoding)
    assert bool(colour_advice(encoding)) == bool(advice)


def jpeg(quality: int = 90, **options: Any) -> bytes:
    """A JPEG of noise, so that its scan is long."""
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(noise).save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_a_jpeg_in_a_buffer_of_fixed_size_is_whole(options: dict[str, Any]) -> None:
    """usb_cam sends its whole buffer: what follows the end of the image is of no account."""
    data = jpeg(**options)
    for rest in (b"", b"\0" * 5000, data[200:900]):
        assert is_whole_jpeg(data + rest)
        found = decode_compressed(SimpleNamespace(format="jpeg", data=data + rest))
        assert found.shape == (120, 160, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_half_a_jpeg_filled_up_with_zeros_is_refused(options: dict[str, Any], share: float) -> None:
    data = jpeg(**options)
    cut = data[: int(share * len(data))]
    for rest in (b"", b"\0" * (len(data) - len(cut))):
        assert not is_whole_jpeg(cut + rest)
        with pytest.raises(InvalidFrameError, match=r"cut off: its JPEG has no end|cannot be read"):
            decode_compressed(SimpleNamespace(format="jpeg", data=cut + rest))


def test_an_empty_compressed_image_says_where_it_comes_from() -> None:
    sent = SimpleNamespace(format="16UC1; jpeg compressed mono8", data=b"")
    with pytest.raises(InvalidFrameError, match=r"0 bytes\) is empty: compressed_image_transport"):
        decode_compressed(sent)


def test_colours_that_the_transport_has_lost_are_told() -> None:
    assert loses_colour("bayer_rggb8; jpeg compressed mono8")
    assert not loses_colour("bayer_rggb8; jpeg compressed ")
    assert not loses_colour("rgb8; jpeg compressed bgr8")
    assert not loses_colour("mono8; jpeg compressed mono8")
