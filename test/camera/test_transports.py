"""Depth in compressedDepth and images in zstd, packed here as image_transport packs them."""

from __future__ import annotations

import gzip
import importlib
import io
import struct
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from ppcr_ros.camera.encodings import decode_depth
from ppcr_ros.camera.frames import DepthError, image_to_frame
from ppcr_ros.camera.transports import unpack_depth, unpack_zstd
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array


def rvl(values: Array) -> bytes:
    """Run lengths and differences in nibbles, in words of eight of them, the first one highest."""
    nibbles: list[int] = []

    def write(number: int) -> None:
        while True:
            nibbles.append((number & 7) | (8 if number >> 3 else 0))
            number >>= 3
            if not number:
                return

    flat, place, previous = values.ravel().astype(int).tolist(), 0, 0
    while place < len(flat):
        for wanted_zero in (True, False):
            start = place
            while place < len(flat) and (flat[place] == 0) == wanted_zero:
                place += 1
            write(place - start)
            if not wanted_zero:
                for value in flat[start:place]:
                    delta, previous = value - previous, value
                    write(2 * delta if delta >= 0 else -2 * delta - 1)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [
        int("".join(f"{n:x}" for n in nibbles[i : i + 8]), 16) for i in range(0, len(nibbles), 8)
    ]
    height, width = values.shape
    return struct.pack("<II", width, height) + np.array(words, "<u4").tobytes()


def png(values: Array) -> bytes:
    packed = io.BytesIO()
    PillowImage.fromarray(values.astype(np.uint16)).save(packed, "PNG")
    return packed.getvalue()


CODECS: dict[str, Callable[[Array], bytes]] = {"png": png, "rvl": rvl}


def scene_mm(height: int = 60, width: int = 80) -> Array:
    """(H, W) uint16: a slope with holes, from 0.5 to 2.5 m."""
    values = np.linspace(500, 2500, height * width).reshape(height, width).astype(np.uint16)
    values[10:20, 30:50] = 0
    values[0, :5] = 0
    values[-1, -3:] = 0
    return values


def of_millimetres(values: Array, codec: str, header: Any = None) -> Any:
    data = struct.pack("<iff", 0, 0.0, 0.0) + CODECS[codec](values)
    return SimpleNamespace(header=header, format=f"16UC1; compressedDepth {codec}", data=data)


def of_metres(depth_m: Array, codec: str, quantisation: float = 100.0, most_m: float = 10.0) -> Any:
    """As compressed_depth_image_transport quantises floats: inverse depth in 16 bits."""
    a = quantisation * (quantisation + 1.0)
    b = 1.0 - a / most_m
    known = np.isfinite(depth_m) & (depth_m < most_m) & (depth_m > 0)
    coded = np.where(known, a / np.where(known, depth_m, 1.0) + b, 0).astype(np.uint16)
    data = struct.pack("<iff", 0, a, b) + CODECS[codec](coded)
    return SimpleNamespace(header=None, format=f"32FC1; compressedDepth {codec}", data=data)


@pytest.mark.parametrize("codec", CODECS)
def test_millimetres_come_out_as_they_went_in(codec: str) -> None:
    values = scene_mm()
    unpacked = unpack_depth(of_millimetres(values, codec))
    assert (unpacked.encoding, unpacked.height, unpacked.width) == ("16UC1", 60, 80)
    assert decode_depth(unpacked) == pytest.approx(values / 1000.0)


@pytest.mark.parametrize("codec", CODECS)
def test_metres_come_out_of_the_inverse_depth(codec: str) -> None:
    depth_m = scene_mm().astype(np.float32) / 1000.0
    depth_m[depth_m == 0] = np.nan
    found = decode_depth(unpack_depth(of_metres(depth_m, codec)))
    assert found.dtype == np.float32
    assert np.array_equal(np.isnan(found), np.isnan(depth_m))
    # One step of the code: depth squared over A.
    assert np.nanmax(np.abs(found - depth_m) / depth_m**2) < 1.2 / (100.0 * 101.0)


def test_the_old_format_without_a_codec_is_png() -> None:
    message = of_millimetres(scene_mm(), "png")
    message.format = "16UC1; compressedDepth"
    assert decode_depth(unpack_depth(message))[-2, 5] == pytest.approx(2.43, abs=0.1)


def test_depth_as_plain_png_of_the_compressed_transport() -> None:
    values = scene_mm()
    message = SimpleNamespace(header=None, format="16UC1; png compressed ", data=png(values))
    assert decode_depth(unpack_depth(message)) == pytest.approx(values / 1000.0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rvl_of_any_values(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 9))
    count = height * width
    some = st.one_of(st.just(0), st.integers(0, 65535))
    values = np.array(data.draw(st.lists(some, min_size=count, max_size=count)), np.uint16)
    values = values.reshape(height, width)
    unpacked = unpack_depth(of_millimetres(values, "rvl"))
    assert np.array_equal(np.frombuffer(unpacked.data, "<u2").reshape(height, width), values)


@pytest.mark.parametrize("tail", [bytes(7), b"\xff" * 64, bytes(range(256))])
def test_what_follows_the_image_in_a_buffer_does_not_matter(tail: bytes) -> None:
    message = of_millimetres(scene_mm(), "rvl")
    message.data += tail
    assert decode_depth(unpack_depth(message)) == pytest.approx(scene_mm() / 1000.0)


def test_rvl_of_a_whole_camera_image_is_quick() -> None:
    """480 thousand noisy pixels; a loop over pixels in Python takes a second."""
    rng = np.random.default_rng(0)
    values = (800 + 20 * rng.standard_normal((60, 80))).astype(np.uint16)
    message = of_millimetres(np.tile(values, (2, 2)), "rvl")
    assert unpack_depth(message).width == 160


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400), flips=st.lists(st.integers(12, 2000), max_size=5))
def test_damaged_data_are_refused_or_read_and_never_crash(
    codec: str, cut: int, flips: list[int]
) -> None:
    message = of_millimetres(scene_mm(20, 30), codec)
    data = bytearray(message.data[: len(message.data) - cut])
    for place in flips:
        if place < len(data):
            data[place] ^= 0x5A
    message.data = bytes(data)
    with suppress(InvalidFrameError):
        decode_depth(unpack_depth(message))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("16UC1; compressedDepth png", b"", "is empty"),
        ("16UC1; compressedDepth rvl", struct.pack("<iff", 0, 0, 0) + b"abc", "cut off"),
        ("16UC1; compressedDepth png", bytes(40), "it is no PNG: it begins with"),
        ("16UC1; png compressed ", b"GIF89a", "it is no PNG: it begins with b'GIF89a'"),
        ("rgb8; jpeg compressed bgr8", b"123", "is no depth that is read here"),
        ("16UC1; jpeg compressed mono8", b"", "is no depth that is read here"),
        ("16UC1; compressedDepth xyz", b"1" * 40, "is no depth that is read here"),
        (
            "16UC1; compressedDepth rvl",
            struct.pack("<iffII", 0, 0, 0, 60000, 60000) + b"1234",
            "expected 1 to 16384",
        ),
    ],
)
def test_what_is_no_depth_is_told(name: str, data: bytes, words: str) -> None:
    message = SimpleNamespace(header=None, format=name, data=data)
    with pytest.raises(InvalidFrameError, match=words):
        unpack_depth(message)


def zstd_message(
    pixels: Array, encoding: str, pack: Callable[[bytes], bytes] = gzip.compress, header: Any = None
) -> Any:
    name = encoding.encode()
    head = struct.pack("<IIBII", pixels.shape[0], pixels.shape[1], 0, pixels[0].nbytes, len(name))
    data = head + name + pack(pixels.tobytes())
    return SimpleNamespace(header=header, format="zstd", data=data)


def real_zstd(data: bytes) -> bytes:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return bytes(importlib.import_module(name).compress(data))
        except ImportError:
            continue
    pytest.skip("needs backports.zstd, which rosbags brings")


@pytest.mark.parametrize("pack", [gzip.compress, real_zstd], ids=["gzip", "zstd"])
def test_an_image_in_the_transport_zstd(
    pack: Callable[[bytes], bytes], header: Callable[..., Any]
) -> None:
    """The plugin's stream is gzip in Jazzy, whatever its name says."""
    rgb = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    depth = np.full((24, 32), 750, "<u2")
    frame = image_to_frame(
        zstd_message(rgb[..., ::-1].copy(), "bgr8", pack, header()),
        zstd_message(depth, "16UC1", pack, header()),
    )
    assert np.array_equal(frame.rgb, rgb)
    assert frame.depth_m is not None
    assert frame.depth_m == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:10], "is cut off"),
        (lambda data: data[:60], "truncated"),
        (lambda data: b"\xff" * 40, "begins with no header"),
        (lambda data: data[:22] + b"not packed at all", "cannot be unpacked"),
    ],
)
def test_a_damaged_zstd_image_is_told(
    change: Callable[[bytes], bytes], words: str, header: Callable[..., Any]
) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (24, 32, 3)).astype(np.uint8)
    message = zstd_message(rgb, "rgb8 ".strip(), header=header())
    message.data = change(message.data)
    with pytest.raises(InvalidFrameError, match=words):
        image_to_frame(message)


def test_a_zstd_image_that_says_another_size_costs_no_memory(header: Callable[..., Any]) -> None:
    message = zstd_message(np.zeros((24, 32, 3), np.uint8), "rgb8", header=header())
    message.data = struct.pack("<II", 16000, 16000) + message.data[8:]
    with pytest.raises(InvalidFrameError, match="megapixels"):
        unpack_zstd(message)


def test_bad_depth_is_a_fault_of_depth(header: Callable[..., Any]) -> None:
    rgb = zstd_message(np.zeros((24, 32, 3), np.uint8), "rgb8", header=header())
    depth = of_millimetres(scene_mm(24, 32), "png", header())
    depth.data = depth.data[:50]
    with pytest.raises(DepthError, match="compressed depth image"):
        image_to_frame(rgb, depth)
