"""Image files are read as the node reads a compressed image."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from ppcr_ros.camera.compressed import decode_compressed
from ppcr_ros.camera.encodings import MAX_PIXELS
from ppcr_ros.camera.image_files import read_image_file
from ppcr_ros.core.errors import InvalidFrameError


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_file_is_read_as_the_node_reads_a_message(
    channels: int, dtype: type, tmp_path: Path
) -> None:
    path = tmp_path / "image.png"
    high = np.iinfo(dtype).max
    shape = (12, 16) if channels == 1 else (12, 16, channels)
    values = np.random.default_rng(1).integers(0, high, shape, dtype, endpoint=True)
    assert cv2.imwrite(str(path), values)
    rgb = read_image_file(path, MAX_PIXELS)
    message = SimpleNamespace(format="png", data=path.read_bytes())
    assert np.array_equal(rgb, decode_compressed(message))
    if channels == 1:
        upper = (values >> (8 * (np.dtype(dtype).itemsize - 1))).astype(np.uint8)
        assert np.array_equal(rgb[:, :, 0], upper)


@pytest.mark.parametrize("turned", range(1, 9))
def test_every_orientation_is_turned_upright(turned: int, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:20, :20] = 255
    exif = Image.Exif()
    exif[274] = turned
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    rgb = read_image_file(path, MAX_PIXELS)
    assert rgb.shape[:2] == ((48, 64) if turned < 5 else (64, 48))
    corners = [rgb[rows, columns].mean() for rows in (5, -5) for columns in (5, -5)]
    # Bright at the left or right, and above or below, as the standard's table has it.
    assert int(np.argmax(corners)) == {1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 1, 7: 3, 8: 2}[turned]


@pytest.mark.parametrize("suffix", [".png", ".eps", ".pdf", ".jpg"])
def test_a_name_starts_no_other_program(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    path = tmp_path / f"image{suffix}"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(InvalidFrameError, match="no image in JPEG or PNG, which alone are read"):
        read_image_file(path, MAX_PIXELS)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "WEBP", "PPM"])
def test_other_formats_are_refused_whatever_they_are_called(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (8, 8)).save(path, format=kind)
    with pytest.raises(InvalidFrameError, match="no image in JPEG or PNG, which alone are read"):
        read_image_file(path, MAX_PIXELS)


def test_a_file_of_floats_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(np.ones((8, 8), np.float32)).save(path)
    with pytest.raises(InvalidFrameError, match="no image in JPEG or PNG, which alone are read"):
        read_image_file(path, MAX_PIXELS)


def test_the_size_is_bounded_before_anything_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("1", (9000, 9000)).save(path)
    with pytest.raises(InvalidFrameError, match=r"81\.0 megapixels; expected at most 40"):
        read_image_file(path, MAX_PIXELS)
    path.write_bytes(path.read_bytes() + bytes(20_000_000))
    with pytest.raises(InvalidFrameError, match="bytes; expected less for 1 megapixels"):
        read_image_file(path, 1_000_000)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "image.png")
    with pytest.raises(InvalidFrameError, match="is a named pipe; expected a file"):
        read_image_file(tmp_path / "image.png", MAX_PIXELS)
