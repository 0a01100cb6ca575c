"""Messages of camera drivers, with a fault or without: rows of the table in docs/grasping.md.

A situation says what arrives, and what its advice comes to where somebody follows it to the letter.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from ppcr_lab.evaluation.camera_scenes import (
    HEIGHT_PX,
    LENSES,
    OPTICAL,
    WIDTH_PX,
    View,
    camera_info,
    compressed_depth,
    header,
    image,
    millimetres,
    packed,
)
from ppcr_ros.core.camera_config import RAW, RECTIFIED, CameraConfig

Pairs = tuple[tuple[float, str, float], ...]
_RATE_HZ = 30.0
ORBBEC = "eight coefficients named plumb_bob (Orbbec)"
OAK = "rational_polynomial (OAK, Azure Kinect)"


@dataclass(frozen=True)
class Sent:
    """Messages that arrive of one picture.

    Attributes:
        view: what it shows, in the pixels of the image.
        image: the colour image.
        depth: or None.
        info: camera_info; or None.
        topic: of the image.
        options: how the node is told to understand it.
        lag_sec: how far the stamp lies behind the node's clock; None where that stands.
        stream: when messages come and with which stamps, where pairing is what is tried.
        queue_size: ``node.sync_queue_size``.
        true_frame: whether the frame of the result is an optical one.
    """

    view: View
    image: Any
    depth: Any
    info: Any
    topic: str = "/camera/camera/color/image_raw"
    options: CameraConfig = field(default_factory=CameraConfig)
    lag_sec: float | None = 0.05
    stream: Pairs = ()
    queue_size: int = 10
    true_frame: bool = True


Make = Callable[[View], Sent]
Cure = Callable[[Sent], Sent]


@dataclass(frozen=True)
class Situation:
    """A driver and what is the matter.

    Attributes:
        driver: whose messages have this shape.
        fault: what is the matter; empty where nothing is.
        make: what arrives.
        says: a part of what the node must say; empty where there is no fault.
        cure: what is so once somebody has done what the node says; None without a fault.
        shape: what is special about messages without a fault.
    """

    driver: str
    fault: str
    make: Make
    says: str = ""
    cure: Cure | None = None
    shape: str = ""


def plain(view: View, **changes: Any) -> Sent:
    """A RealSense with depth aligned to colour, and ``changes``."""
    sent = Sent(
        view,
        image(view.rgb, "rgb8"),
        image(millimetres(view.depth_m), "16UC1"),
        camera_info(view.matrix, view.matrix),
    )
    return replace(sent, **changes)


def in_frame(frame_id: str, *, true_frame: bool, **changes: Any) -> Make:
    """All three messages in one frame."""

    def make(view: View) -> Sent:
        sent = plain(view, true_frame=true_frame, **changes)
        for message in (sent.image, sent.depth, sent.info):
            message.header = header(frame_id)
        return sent

    return make


def set_options(**options: Any) -> Cure:
    """Somebody has set options of ``camera.``."""
    return lambda sent: replace(sent, options=replace(sent.options, **options))


def name_optical_frame(frame_id: str) -> Cure:
    """Somebody has named the optical frame."""
    return lambda sent: replace(set_options(optical_frame_id=frame_id)(sent), true_frame=True)


def through(name: str, *, raw: bool, topic: str, **changes: Any) -> Make:
    """A lens of `LENSES`, its image raw or rectified."""
    lens = LENSES[name]

    def make(view: View) -> Sent:
        seen = view.through(lens.k, lens) if raw else view.through(lens.p)
        info = camera_info(lens.k, lens.p, distortion_model=lens.model, d=list(lens.d))
        return replace(plain(seen), info=info, topic=topic, **changes)

    return make


def of_another_viewpoint(view: View) -> Sent:
    """Depth in the depth camera's own view: 15 mm beside, and wider."""
    aside = view.through(view.matrix * np.array([[0.62, 1, 1], [1, 0.62, 1], [1, 1, 1]]))
    depth = image(millimetres(aside.depth_m), "16UC1", frame_id="camera_depth_optical_frame")
    return plain(view, depth=depth)


def with_info_of_another(view: View) -> Sent:
    info = camera_info(view.matrix * np.array([[0.62, 1, 1], [1, 0.62, 1], [1, 1, 1]]), None)
    info.header = header("camera_depth_optical_frame")
    return plain(view, info=info)


def with_info_of_another_size(view: View) -> Sent:
    return plain(view, info=camera_info(view.matrix, view.matrix, width=1280, height=720))


def binned(view: View) -> Sent:
    """camera_info of the whole sensor; the image is a region of it, binned by two."""
    k = view.matrix.copy()
    k[:2] *= 2.0
    k[0, 2] += 160.0
    k[1, 2] += 80.0
    roi = SimpleNamespace(
        x_offset=160, y_offset=80, width=2 * WIDTH_PX, height=2 * HEIGHT_PX, do_rectify=False
    )
    info = camera_info(k, k, width=1600, height=1120, roi=roi, binning_x=2, binning_y=2)
    return plain(view, info=info)


def wrong_name(view: View) -> Sent:
    """Depth that is registered to colour and keeps the depth camera's name."""
    depth = image(millimetres(view.depth_m), "16UC1", frame_id="camera_depth_optical_frame")
    return plain(view, depth=depth)


def compressed(encoding: str) -> Make:
    return lambda view: plain(
        view,
        depth=packed(compressed_depth(view.depth_m, encoding), f"{encoding}; compressedDepth png"),
    )


def zstd(view: View) -> Sent:
    values = millimetres(view.depth_m)
    data = struct.pack("<IIBII", HEIGHT_PX, WIDTH_PX, 0, values[0].nbytes, 5) + b"16UC1"
    return plain(view, depth=packed(data + gzip.compress(values.tobytes(), 1), "zstd"))


def in_units(unit_m: float) -> Make:
    return lambda view: plain(view, depth=image(millimetres(view.depth_m, unit_m), "16UC1"))


def floats(scale: float = 1.0, **changes: Any) -> Make:
    return lambda view: plain(
        view, depth=image((scale * view.depth_m).astype("<f4"), "32FC1"), **changes
    )


def streamed(late_sec: float = 0.0, *, lost: tuple[int, ...] = (), every: int = 1) -> Pairs:
    """Three seconds of colour at 30 Hz, with depth of each ``every``-th image."""
    count = int(3 * _RATE_HZ)
    colour = [(n / _RATE_HZ, "image", n / _RATE_HZ) for n in range(count) if n not in lost]
    depth = [(n / _RATE_HZ + late_sec, "depth", n / _RATE_HZ) for n in range(0, count, every)]
    return tuple(sorted([*colour, *depth]))


def stamped_zero(view: View) -> Sent:
    sent = plain(view)
    sent.image.header = header(OPTICAL, 0)
    return sent


def webots(view: View) -> Sent:
    bgra = np.dstack([view.rgb[..., ::-1], np.full(view.rgb.shape[:2], 255, np.uint8)])
    sent = floats()(view)
    sent = replace(sent, image=image(bgra, "bgra8"), true_frame=False, topic="/robot/camera/image")
    for message in (sent.image, sent.depth, sent.info):
        message.header = header("camera")
    return sent


def oak(view: View) -> Sent:
    made = through(OAK, raw=True, topic="/oak/rgb/image_raw")
    sent = made(view)
    bgr = image(sent.view.rgb[..., ::-1], "bgr8", big_endian=True)
    info = camera_info(
        LENSES[OAK].k,
        LENSES[OAK].k,
        distortion_model="rational_polynomial",
        d=sent.info.d,
    )
    return replace(sent, image=bgr, info=info)


SITUATIONS = (
    Situation("RealSense", "", plain, shape="depth aligned to colour"),
    Situation(
        "RealSense", "", lambda view: plain(view, info=camera_info(view.matrix, None)),
        shape="P is zero",
    ),
    Situation(
        "RealSense", "depth of the depth camera", of_another_viewpoint,
        "registered to colour", lambda sent: plain(sent.view),
    ),
    Situation(
        "RealSense", "registered depth under the wrong name", wrong_name,
        "set camera.ignore_frame_ids", set_options(ignore_frame_ids=True),
    ),
    Situation(
        "RealSense", "camera_info of the depth camera", with_info_of_another,
        "Name the camera_info of this image", lambda sent: plain(sent.view),
    ),
    Situation(
        "RealSense", "camera_info of another resolution", with_info_of_another_size,
        "Remap camera_info to the topic of this image's camera", lambda sent: plain(sent.view),
    ),
    Situation(
        "RealSense", "no camera_info", lambda view: plain(view, info=None),
        "no camera_info has come", lambda sent: plain(sent.view),
    ),
    Situation(
        "RealSense D405", "depth in units of 0.1 mm", in_units(0.0001),
        "set camera.depth_unit_m (0.0001 for 0.1 mm)", set_options(depth_unit_m=0.0001),
    ),
    Situation(
        "RealSense", "a backlog of 30 s", lambda view: plain(view, lag_sec=30.0),
        "stale image", lambda sent: replace(sent, lag_sec=0.05),
    ),
    Situation(
        "RealSense", "a clock 60 s behind the camera's", lambda view: plain(view, lag_sec=-60.0),
        "let both machines keep the same time", lambda sent: replace(sent, lag_sec=-0.01),
    ),
    Situation(
        "RealSense", "the depth topic is silent",
        lambda view: plain(view, stream=tuple(e for e in streamed() if e[1] == "image")),
        "no depth", lambda sent: replace(sent, stream=streamed()),
    ),
    Situation(
        "RealSense", "", lambda view: plain(view, stream=streamed(0.01, lost=(7,))),
        shape="one colour image is lost at 30 Hz",
    ),
    Situation(
        "OAK-D", "", lambda view: plain(view, stream=streamed(0.005, every=2)),
        shape="colour at 30 Hz, depth at 15 Hz",
    ),
    Situation(
        "OAK-D", "depth comes 0.7 s late", lambda view: plain(view, stream=streamed(0.7)),
        "node.sync_queue_size", None,
    ),
    Situation("OAK-D", "", oak, shape="raw, 8 coefficients, 8-bit images said to be big-endian"),
    Situation("OAK-D", "", compressed("16UC1"), shape="depth only as compressedDepth, 16UC1"),
    Situation("OAK-D", "", zstd, shape="depth in the transport zstd"),
    Situation(
        "ZED 2", "", floats(topic="/zed/zed_node/rgb/color/rect/image"), shape="depth as 32FC1"
    ),
    Situation("ZED 2", "", compressed("32FC1"), shape="depth only as compressedDepth, 32FC1"),
    Situation(
        "ZED 2", "32FC1 in millimetres", floats(1000.0),
        "looks like millimetres", lambda sent: plain(sent.view),
    ),
    Situation(
        "Orbbec", "", through(ORBBEC, raw=False, topic="/camera/color/image_undistorted"),
        shape="undistorted, P is not K",
    ),
    Situation(
        "Orbbec", "", through(ORBBEC, raw=True, topic="/camera/color/image_raw"),
        shape="raw, 8 coefficients named plumb_bob",
    ),
    Situation(
        "Azure Kinect", "the frame rgb_camera_link", in_frame("rgb_camera_link", true_frame=True),
        "which is 'rgb_camera_link' itself where its z points forward",
        name_optical_frame("rgb_camera_link"),
    ),
    Situation(
        "usb_cam, image_proc", "the frame default_cam",
        in_frame("default_cam", true_frame=False, topic="/image_rect"),
        "Set camera.optical_frame_id", name_optical_frame("default_cam_optical"),
    ),
    Situation(
        "usb_cam, image_proc", "", through("webcam", raw=False, topic="/image_rect"),
        shape="rectified, P is not K",
    ),
    Situation("usb_cam", "", through("webcam", raw=True, topic="/image_raw"), shape="raw"),
    Situation(
        "v4l2_camera", "a topic /rgb of a raw image", through("barrel", raw=True, topic="/rgb"),
        "set camera.image_geometry to raw", set_options(image_geometry=RAW),
    ),
    Situation(
        "image_proc", "a topic /rgb of a rectified image",
        through("barrel", raw=False, topic="/rgb"),
        "or rectified", set_options(image_geometry=RECTIFIED),
    ),
    Situation("any", "", binned, shape="a region of the sensor, binned by two"),
    Situation(
        "Gazebo", "the frame camera_link, x forward",
        in_frame("camera_link", true_frame=False, topic="/camera/image"),
        "Set camera.optical_frame_id", name_optical_frame("camera_optical_link"),
    ),
    Situation(
        "Webots", "the frame camera, x forward", webots,
        "Set camera.optical_frame_id", name_optical_frame("camera_optical"),
    ),
    Situation(
        "Isaac Sim", "the frame sim_camera",
        in_frame("sim_camera", true_frame=False, topic="/rgb"),
        "Set camera.optical_frame_id", name_optical_frame("sim_camera_optical"),
    ),
    Situation(
        "any", "stamps of 0", stamped_zero,
        "Check that the driver fills in header.stamp", lambda sent: plain(sent.view),
    ),
    Situation(
        "any simulator", "nothing on /clock", lambda view: plain(view, lag_sec=None),
        "nothing comes on /clock", lambda sent: replace(sent, lag_sec=0.0),
    ),
)  # fmt: skip
"""All of them. A late partner's cure is in the numbers that the node gives: see `camera_faults`."""
