"""Tabletop pictures as a driver would send them: lenses, encodings, and the truth beside them.

Messages are plain objects with the fields of ``sensor_msgs``: what reads them imports no ROS.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage

from ppcr_lab.evaluation.grasp_errors import LEAST_VISIBLE, filled_centroid
from ppcr_lab.sim.renderer import TabletopRenderer
from ppcr_lab.sim.scene import sample_scene, scene_rng
from ppcr_ros.camera.intrinsics import undistort_precisely
from ppcr_ros.core.types import Array

WIDTH_PX, HEIGHT_PX = 640, 480
OPTICAL = "camera_color_optical_frame"
_FISHEYE = "equidistant"


@dataclass(frozen=True)
class Lens:
    """A camera's calibration, as camera_info has it.

    Attributes:
        model: ``distortion_model``.
        d: its coefficients.
        k: (3, 3) intrinsics of the raw image.
        p: (3, 3) intrinsics of the rectified image.
    """

    model: str
    d: tuple[float, ...]
    k: Array
    p: Array


def pinhole(focal_x: float, focal_y: float, x: float, y: float) -> Array:
    """A (3, 3) matrix of intrinsics."""
    return np.array([[focal_x, 0.0, x], [0.0, focal_y, y], [0.0, 0.0, 1.0]])


_K = pinhole(610.0, 608.0, 322.0, 236.0)
LENSES = {
    "webcam": Lens("plumb_bob", (0.08, -0.2, 0.001, -0.0005, 0.0), _K, pinhole(585, 590, 317, 241)),
    "barrel": Lens("plumb_bob", (-0.3, 0.1, 0.0, 0.0, -0.01), _K, pinhole(545, 548, 323, 238)),
    "eight coefficients named plumb_bob (Orbbec)": Lens(
        "plumb_bob", (0.08, -0.11, 0.0003, -0.0002, 0.045, 0, 0, 0), _K, pinhole(600, 598, 320, 239)
    ),
    "rational_polynomial (OAK, Azure Kinect)": Lens(
        "rational_polynomial",
        (0.2, -0.5, 0.001, 0.0, 0.3, 0.2, -0.45, 0.28),
        _K,
        pinhole(592, 595, 325, 235),
    ),
    "equidistant (RealSense, ZED Mini)": Lens(
        _FISHEYE, (-0.02, 0.01, -0.004, 0.0005), _K, pinhole(480, 482, 319, 242)
    ),
}
"""Five kinds of lenses, each with a P that is not K."""


@dataclass(frozen=True)
class View:
    """One object in one picture, and where it is.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32, metres along the optical axis.
        mask: (H, W) bool, the object.
        matrix: (3, 3) intrinsics of the picture.
        centroid_m: (3,) the middle of the object's filled volume, in the optical frame.
    """

    rgb: Array
    depth_m: Array
    mask: Array
    matrix: Array
    centroid_m: Array

    def through(self, matrix: Array, lens: Lens | None = None) -> View:
        """The same seen with other intrinsics, and through a lens where one is given."""
        columns, rows = np.meshgrid(np.arange(WIDTH_PX), np.arange(HEIGHT_PX))
        pixels = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(np.float64)
        if lens is None:
            rays = (pixels - matrix[:2, 2]) / np.array([matrix[0, 0], matrix[1, 1]])
        elif lens.model == _FISHEYE:
            rays = cv2.fisheye.undistortPoints(pixels, matrix, np.array(lens.d))
        else:
            rays = undistort_precisely(pixels, matrix, np.array(lens.d))
        rays = rays.reshape(-1, 2)
        source = rays @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        maps = source.reshape(HEIGHT_PX, WIDTH_PX, 2).astype(np.float32)
        shift = partial(
            cv2.remap, map1=maps, map2=None, interpolation=cv2.INTER_NEAREST, borderValue=0
        )
        return replace(
            self,
            rgb=shift(self.rgb),
            depth_m=shift(self.depth_m),
            mask=shift(self.mask.astype(np.uint8)) > 0,
            matrix=matrix,
        )

    @property
    def is_whole(self) -> bool:
        """Whether the object is large enough and away from the border."""
        rows, columns = np.nonzero(self.mask)
        if len(rows) < 600:
            return False
        low, high = (
            min(rows.min(), columns.min()),
            (HEIGHT_PX - rows.max(), WIDTH_PX - columns.max()),
        )
        return bool(low > 12 and min(high) > 12)


def views(count: int, split: str = "test") -> Iterator[View]:
    """The first ``count`` objects of a split's scenes that are hardly hidden and whole.

    Raises:
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    found = 0
    with TabletopRenderer(WIDTH_PX, HEIGHT_PX, shadows=False) as renderer:
        for index in range(100 * count):
            scene = sample_scene(scene_rng(split, index))
            picture = renderer.render(scene)
            for number, spec in enumerate(scene.objects):
                mask = picture.instance == number
                alone = renderer.render(replace(scene, objects=(replace(spec, support=None),)))
                if mask.sum() < LEAST_VISIBLE * (alone.instance == 0).sum():
                    continue
                half_m = np.asarray(spec.half_extent_m)
                inside = spec.table_r_object() @ (filled_centroid(spec.category) * half_m)
                centroid = np.asarray(spec.position_m) + inside
                view = View(
                    picture.rgb,
                    np.asarray(picture.depth_m),
                    mask,
                    picture.camera_matrix,
                    scene.camera.to_optical_m(centroid[None])[0],
                )
                if view.is_whole:
                    yield view
                    found += 1
                if found >= count:
                    return


def header(frame_id: str = OPTICAL, stamp_ns: int = 1_700_000_000_000_000_000) -> Any:
    """Of a ``std_msgs/Header``."""
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return SimpleNamespace(frame_id=frame_id, stamp=SimpleNamespace(sec=sec, nanosec=nanosec))


def image(pixels: Array, encoding: str, *, big_endian: bool = False, **of_header: Any) -> Any:
    """A ``sensor_msgs/Image`` of (H, W) or (H, W, C) pixels."""
    pixels = np.ascontiguousarray(pixels)
    return SimpleNamespace(
        header=header(**of_header),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=int(big_endian),
        step=pixels[0].nbytes,
        data=pixels.tobytes(),
    )


def millimetres(depth_m: Array, unit_m: float = 0.001) -> Array:
    """(H, W) uint16 of metres, 0 where unknown or beyond."""
    return np.clip(np.nan_to_num(depth_m) / unit_m + 0.5, 0, 65535).astype("<u2")


def packed(data: bytes, format_name: str, **of_header: Any) -> Any:
    """A ``sensor_msgs/CompressedImage``."""
    return SimpleNamespace(header=header(**of_header), format=format_name, data=data)


def png(pixels: Array) -> bytes:
    """``pixels`` as a PNG file."""
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def compressed_depth(depth_m: Array, encoding: str) -> bytes:
    """What compressed_depth_image_transport sends, as PNG."""
    if encoding == "16UC1":
        return struct.pack("<iff", 0, 0.0, 0.0) + png(millimetres(depth_m))
    a, b = 100.0 * 101.0, 1.0 - 100.0 * 101.0 / 10.0
    known = (depth_m > 0) & (depth_m < 10.0)
    coded = np.where(known, a / np.where(known, depth_m, 1.0) + b, 0).astype(np.uint16)
    return struct.pack("<iff", 0, a, b) + png(coded)


def camera_info(k: Array, p: Array | None, **fields: Any) -> Any:
    """A ``sensor_msgs/CameraInfo`` of the raw intrinsics ``k`` and the rectified ``p``."""
    values: dict[str, Any] = {
        "header": header(),
        "width": WIDTH_PX,
        "height": HEIGHT_PX,
        "distortion_model": "plumb_bob",
        "d": [0.0] * 5,
        "k": k.ravel().tolist(),
        "r": np.eye(3).ravel().tolist(),
        "p": [0.0] * 12 if p is None else np.column_stack([p, np.zeros(3)]).ravel().tolist(),
        "binning_x": 0,
        "binning_y": 0,
        "roi": SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False),
    }
    return SimpleNamespace(**(values | fields))
