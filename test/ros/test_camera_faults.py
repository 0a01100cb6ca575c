"""Faults of cameras on the running node, over DDS: no fault costs a mask, and the advice cures."""

from __future__ import annotations

import gzip
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Log
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ppcr_lab import scripted_camera
from ppcr_ros.camera.transports import unpack_depth
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.ros.target_frames import TargetFrame

RESULT, DIAGNOSTICS = "/ppcr/result", "/diagnostics"
OPTICAL = "camera_optical"
FRESH = {"node__use_depth": True, "grasp__max_age_sec": 3600.0, "node__max_image_age_sec": 600.0}


def header(frame_id: str = OPTICAL) -> Any:
    return conversions.make_header(time.time_ns(), frame_id)


def colour(frame_id: str = OPTICAL) -> Image:
    return scripted_camera.colour_image(header(frame_id), grey=90)


def depth_of(image: Any) -> Image:
    return scripted_camera.depth_image(image.header)


def info(frame_id: str = OPTICAL) -> CameraInfo:
    return scripted_camera.camera_info(header(frame_id))


def zstd_of(image: Any, pixels: Any, encoding: str) -> CompressedImage:
    head = struct.pack("<IIBII", 48, 64, 0, pixels[0].nbytes, len(encoding)) + encoding.encode()
    data = head + gzip.compress(pixels.tobytes())
    return CompressedImage(header=image.header, format="zstd", data=data)


def compressed_depth_of(image: Any) -> CompressedImage:
    import io

    from PIL import Image as PillowImage

    buffer = io.BytesIO()
    PillowImage.fromarray(scripted_camera.depth_values()).save(buffer, "PNG")
    data = struct.pack("<iff", 0, 0.0, 0.0) + buffer.getvalue()
    return CompressedImage(header=image.header, format="16UC1; compressedDepth png", data=data)


def until_found(bench: Any, *words: str) -> str:
    """A diagnostic of the node that has all of ``words``."""
    seen = bench.count(DIAGNOSTICS)
    for _ in range(150):  # once a second; discovery takes its time on a busy machine
        seen += 1
        for status in bench.wait(DIAGNOSTICS, seen)[-1].status:
            text = " ".join([status.message, *(f"{i.key} {i.value}" for i in status.values)])
            if all(word in text for word in words):
                return text
    raise AssertionError(f"no diagnostic says {words}")


def test_depth_that_nobody_publishes_costs_no_mask_and_comes_back(bench: Any) -> None:
    bench.begin(camera__depth_wait_sec=0.2, **FRESH)
    bench.inform(info())
    bench.show(colour())
    result = bench.answer()
    assert result.status == ReferringSegmentation.OK
    assert not result.grasp.graspable
    assert "no depth came for the image within 0.2 s" in result.grasp.reason
    assert "Nothing publishes /depth" in result.grasp.reason
    assert "depth_topic:=" in result.grasp.reason
    assert "compressed:=true" not in result.grasp.reason
    again = colour()
    bench.show(again, depth=depth_of(again))
    sync = bench.node.cameras[""].facts
    bench.until(lambda: sync().sync.pairs > 0, "a pair")
    result = bench.answer(count=2)
    assert result.grasp.graspable, result.grasp.reason


def test_depth_that_falls_silent_costs_no_mask(bench: Any) -> None:
    bench.begin(camera__depth_wait_sec=0.2, **FRESH)
    bench.inform(info())
    first = colour()
    bench.show(first, depth=depth_of(first))
    assert bench.answer().grasp.graspable
    bench.show(colour())
    bench.until(lambda: bench.node.cameras[""].facts().sync.alone, "colour to go on alone")
    result = bench.answer(count=2)
    assert result.status == ReferringSegmentation.OK
    assert "no depth came for the image" in result.grasp.reason


def test_one_of_several_cameras_without_depth_is_answered(bench: Any) -> None:
    bench.begin(camera__depth_wait_sec=0.2, node__cameras="front, wrist", **FRESH)
    bench.show(colour("wrist_optical"), "/wrist/image")
    bench.publish(_said("the red mug"), "/ppcr/wrist/command")
    (result,) = bench.wait(RESULT)
    assert result.status == ReferringSegmentation.OK
    assert "-r wrist/depth:=" in result.grasp.reason


def _said(words: str) -> Any:
    from std_msgs.msg import String

    return String(data=words)


@pytest.mark.parametrize(
    ("topic", "make"),
    [
        ("/depth/compressedDepth", compressed_depth_of),
        ("/depth/zstd", lambda image: zstd_of(image, scripted_camera.depth_values(), "16UC1")),
        ("/depth", compressed_depth_of),
    ],
    ids=["compressedDepth", "zstd", "named itself"],
)
def test_depth_that_is_only_there_packed_is_read(
    bench: Any, others: Any, topic: str, make: Callable[[Any], CompressedImage]
) -> None:
    bench.begin(camera__depth_wait_sec=5.0, **FRESH)
    bench.inform(info())
    # In a context of its own: a participant of Fast DDS has one type for each topic.
    driver = others("driver").create_publisher(CompressedImage, topic, 5)
    inputs = bench.node.cameras[""]
    bench.until(lambda: topic in inputs.topics, "the node to follow")
    bench.until(
        lambda: inputs.facts().topics["depth"].message_type.endswith("CompressedImage"), "the type"
    )
    bench.until(lambda: driver.get_subscription_count() > 0, "the driver to be heard")
    image = colour()
    driver.publish(make(image))
    bench.until(lambda: inputs.facts().topics["depth"].received > 0, "depth")
    bench.show(image)
    result = bench.answer()
    assert result.grasp.graspable, result.grasp.reason


class Republisher:
    """image_transport's ``republish``, as its source has it: only its parameters and rules count.

    It listens to ``in`` and the transport's name, which only a rule for both moves, and publishes
    raw images on ``out``.
    """

    def __init__(self, bench: Any, arguments: list[str]) -> None:
        self.node = rclpy.create_node("republisher", context=bench.context, cli_args=arguments)
        transports = [
            self.node.declare_parameter(name, unset).value
            for name, unset in (("in_transport", "raw"), ("out_transport", ""))
        ]
        assert transports == ["compressedDepth", "raw"]
        self._out = self.node.create_publisher(Image, "out", 10)
        self.node.create_subscription(CompressedImage, "in/compressedDepth", self._pass_on, 10)
        bench.executor.add_node(self.node)

    def _pass_on(self, packed: CompressedImage) -> None:
        unpacked = unpack_depth(packed)
        raw = Image(header=packed.header, height=unpacked.height, width=unpacked.width)
        raw.encoding, raw.step = unpacked.encoding, unpacked.step
        raw.data.frombytes(bytes(unpacked.data))
        self._out.publish(raw)


def test_republish_as_the_page_has_it_brings_raw_depth(bench: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cameras.md").read_text(encoding="utf-8")
    found = re.search(r"`ros2 run image_transport republish (--ros-args [^`]+)`", page)
    assert found is not None
    republisher = Republisher(bench, found[1].split())
    bench.begin(arguments=["--ros-args", "-r", "depth:=/cam/depth"], **FRESH)
    bench.inform(info())
    facts = bench.node.cameras[""].facts
    bench.until(
        lambda: facts().topics["depth"].message_type == "sensor_msgs/msg/Image", "raw depth"
    )
    image = colour()
    bench.publish(compressed_depth_of(image), "/cam/depth/compressedDepth")
    bench.until(lambda: facts().topics["depth"].received > 0, "depth")
    bench.show(image)
    result = bench.answer()
    assert result.grasp.graspable, result.grasp.reason
    bench.executor.remove_node(republisher.node)
    republisher.node.destroy_node()


@pytest.mark.parametrize(
    ("rules", "options", "topic"),
    [
        (["image:=/cam/image_raw/compressed"], {}, "/cam/image_raw/compressed"),
        (["image:=/cam/image_raw"], {}, "/cam/image_raw/compressed"),
        (["image:=/cam/image_raw"], {"node__use_compressed": True}, "/cam/image_raw/compressed"),
        (
            ["image:=/cam/image_raw/compressed"],
            {"node__use_compressed": True},
            "/cam/image_raw/compressed",
        ),
        (["image/compressed:=/jpeg"], {"node__use_compressed": True}, "/jpeg"),
        (["image:=/cam/image_raw"], {}, "/cam/image_raw/zstd"),
    ],
)
def test_a_camera_that_only_publishes_packed_images_is_read_however_it_is_named(
    bench: Any, rules: list[str], options: dict[str, Any], topic: str
) -> None:
    arguments = ["--ros-args", *(part for rule in rules for part in ("-r", rule))]
    bench.begin(arguments=arguments, node__max_image_age_sec=600.0, **options)
    bench.probe.create_publisher(CompressedImage, topic, 5)
    bench.until(lambda: topic in bench.node.cameras[""].topics, "the node to follow")
    pixels = np.full((48, 64, 3), 90, np.uint8)
    image = colour()
    if topic.endswith("zstd"):
        packed = zstd_of(image, pixels, "rgb8")
    else:
        data = cv2.imencode(".png", pixels)[1].tobytes()
        packed = CompressedImage(header=image.header, format="png", data=data)
    bench.show(packed, topic)
    assert bench.answer().status == ReferringSegmentation.OK


def test_raw_images_are_taken_where_they_are_there_as_well(bench: Any) -> None:
    bench.start()
    bench.probe.create_publisher(CompressedImage, "/image/compressed", 5)
    bench.until(lambda: bench.node.cameras[""].topics[0] == "/image/compressed", "the packed one")
    bench.probe.create_publisher(Image, "/image", 5)
    bench.until(lambda: bench.node.cameras[""].topics[0] == "/image", "the raw one")


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        ((OPTICAL, "depth_optical", OPTICAL), {}, "the depth image is in the frame"),
        ((OPTICAL, OPTICAL, "other_optical"), {}, "camera_info is of the frame"),
        (("camera_link", "camera_link", "camera_link"), {}, "is not named as an optical one"),
        ((OPTICAL, "depth_optical", OPTICAL), {"camera__ignore_frame_ids": True}, ""),
        (
            ("camera_link", "camera_link", "camera_link"),
            {"camera__optical_frame_id": "camera_link_optical"},
            "",
        ),
    ],
)
def test_another_frame_is_not_graspable_until_somebody_says_so(
    bench: Any, frames: tuple[str, str, str], options: dict[str, Any], words: str
) -> None:
    bench.begin(**FRESH, **options)
    bench.inform(info(frames[2]))
    image = colour(frames[0])
    depth = depth_of(image)
    depth.header = conversions.make_header(conversions.stamp_to_ns(image.header.stamp), frames[1])
    bench.show(image, depth=depth)
    grasp = bench.answer().grasp
    assert grasp.graspable == (not words), grasp.reason
    assert words in grasp.reason
    wanted = options.get("camera__optical_frame_id", frames[0])
    assert grasp.pose.header.frame_id == wanted


def test_an_old_stamp_is_not_graspable(bench: Any) -> None:
    bench.begin(**(FRESH | {"grasp__max_age_sec": 5.0}))
    bench.inform(info())
    image = colour()
    image.header = conversions.make_header(time.time_ns() - 30 * 10**9, OPTICAL)
    bench.show(image, depth=depth_of(image))
    result = bench.answer()
    assert result.status == ReferringSegmentation.OK
    assert "stale image: it was taken 3" in result.grasp.reason


@pytest.mark.parametrize("with_depth", [True, False], ids=["with depth", "colour alone"])
def test_a_bag_that_begins_anew_is_followed_and_told(
    bench: Any, with_depth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[None] = []
    monkeypatch.setattr(TargetFrame, "forget", lambda self: forgotten.append(None))
    bench.begin(**(FRESH | {"node__use_depth": with_depth}))
    bench.listen(Log, "/rosout", QoSProfile(depth=1000))
    bench.listen(DiagnosticArray, DIAGNOSTICS)
    bench.inform(info())
    start_ns = time.time_ns() - 100 * 10**9
    for number, past_sec in enumerate((60, 1, 61, 59), start=1):
        image = colour()
        image.header = conversions.make_header(start_ns + past_sec * 10**9, OPTICAL)
        bench.show(image, depth=depth_of(image) if with_depth else None)
        result = bench.answer(count=number)
        assert result.status == ReferringSegmentation.OK
        assert result.header.stamp == image.header.stamp
        assert result.grasp.graspable == with_depth, result.grasp.reason
    assert len(forgotten) == 2
    until_found(bench, "the stamps on /image went back by 2.0 s")

    def said() -> int:
        return sum("went back by" in item.msg for item in bench.wait("/rosout"))

    bench.until(lambda: said() > 0, "the log")
    assert said() == 1  # once while it lasts


def test_two_cameras_on_one_topic_and_a_second_node_are_told(bench: Any, others: Any) -> None:
    bench.start()
    bench.listen(DiagnosticArray, DIAGNOSTICS)
    for name in ("front_camera", "wrist_camera"):
        others(name).create_publisher(Image, "/image", 5)
    until_found(bench, "2 publishers send on /image", "/front_camera", "/wrist_camera")
    second = others("ppcr")
    second.create_publisher(Image, "/unused", 1)
    until_found(bench, "2 nodes are called /ppcr")


def test_a_second_server_of_the_action_is_told(bench: Any, others: Any) -> None:
    from rclpy.action import ActionServer

    from ppcr_ros.action import SegmentReferring

    bench.start()
    bench.listen(DiagnosticArray, DIAGNOSTICS)
    server = ActionServer(others("impostor"), SegmentReferring, "/ppcr/segment", lambda goal: None)
    until_found(bench, "2 servers offer the action /ppcr/segment")
    server.destroy()
