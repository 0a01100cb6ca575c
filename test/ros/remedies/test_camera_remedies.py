"""Each remedy of what cameras send, followed to the letter: then the node must work."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from sensor_msgs.msg import CameraInfo

from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import FindingKind

NAMED = "/cam/color/image_raw", "/cam/aligned_depth/image_raw", "/cam/color/camera_info"
K = [60.0, 0.0, 32.0, 0.0, 60.0, 24.0, 0.0, 0.0, 1.0]
P = [52.0, 0.0, 32.0, 0.0, 0.0, 52.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0]
SECOND = [60.0, 0.0, 32.0, -6.0, 0.0, 60.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0]
D = [-0.3, 0.1, 0.0, 0.0, 0.0]

Sends = Callable[[Any], dict[str, Any]]
"""What arrives, of the fixture ``messages``."""


def rule_in(text: str) -> str:
    """The remapping that a remedy gives for ``ros2 run``."""
    found = re.search(r"-r (\S+:=\S+) \(ros2 run\)", text)
    assert found is not None, text
    return found[1]


def number_in(text: str, option: str) -> str:
    """The number that a remedy gives for an option."""
    found = re.search(rf"{option} (?:may be raised )?to (\d+(?:\.\d+)?)", text)
    assert found is not None, text
    return found[1]


@pytest.mark.parametrize(
    ("kind", "sends"),
    [
        (kinds.NO_PUBLISHER, lambda m: m.renamed("/image", NAMED[0])),
        (kinds.NO_PUBLISHER, lambda m: m.renamed("/depth", NAMED[1])),
        (kinds.NO_CAMERA_INFO, lambda m: m.renamed("/camera_info", NAMED[2])),
        (
            kinds.CAMERA_INFO_SIZE,
            lambda m: m.renamed("/camera_info", NAMED[2], m.info(width=1280, height=720)),
        ),
        (
            kinds.CAMERA_INFO_FRAME,
            lambda m: m.renamed("/camera_info", NAMED[2], m.info("depth_optical")),
        ),
        (kinds.DEPTH_SIZE, lambda m: m.renamed("/depth", NAMED[1], m.depth(size=(24, 32)))),
        (kinds.DEPTH_FRAME, lambda m: m.renamed("/depth", NAMED[1], m.depth("depth_optical"))),
        (kinds.DEPTH_ENCODING, lambda m: m.renamed("/depth", NAMED[1], m.colour())),
    ],
    ids=lambda item: getattr(item, "code", ""),
)
def test_the_topic_that_is_named_is_the_right_one(
    robot: Any, messages: Any, kind: FindingKind, sends: Sends
) -> None:
    robot.sends = sends(messages)
    robot.start()
    text = robot.told(kind)
    if "/image" in robot.sends:
        robot.costs_no_mask()
    robot.start(rule_in(text))
    robot.mended(kind)


def test_a_topic_of_another_type_is_left_for_the_one_that_is_named(
    robot: Any, messages: Any, others: Any
) -> None:
    others("lidar").create_publisher(CameraInfo, "/image", 5)
    robot.sends = messages.renamed("/image", NAMED[0])
    robot.start()
    robot.start(rule_in(robot.told(kinds.WRONG_TYPE)))
    robot.mended(kinds.WRONG_TYPE)


@pytest.mark.parametrize(
    ("kind", "sends", "option", "value"),
    [
        (kinds.LENS_UNCLEAR, lambda m: m.good(camera_info=m.info(p=P, d=D)), "geometry", "raw"),
        (
            kinds.LENS_UNCLEAR,
            lambda m: m.good(camera_info=m.info(p=P, d=D)),
            "geometry",
            "rectified",
        ),
        (kinds.SECOND_CAMERA, lambda m: m.good(camera_info=m.info(p=SECOND)), "geometry", "raw"),
        (kinds.FRAME_NOT_OPTICAL, lambda m: m.good("cam"), "optical_frame_id", "cam"),
        (kinds.DEPTH_FRAME, lambda m: m.good(depth=m.depth("b")), "ignore_frame_ids", True),
        (
            kinds.CAMERA_INFO_FRAME,
            lambda m: m.good(camera_info=m.info("b")),
            "ignore_frame_ids",
            True,
        ),
    ],
    ids=lambda item: getattr(item, "code", None),
)
def test_the_option_that_is_named_helps(
    robot: Any, messages: Any, kind: FindingKind, sends: Sends, option: str, value: Any
) -> None:
    robot.sends = sends(messages)
    robot.start()
    text = robot.told(kind)
    option = "image_geometry" if option == "geometry" else option
    assert f"camera.{option}" in text
    assert value is True or value in text
    robot.costs_no_mask()
    robot.start(**{f"camera__{option}": value})
    robot.mended(kind)


@pytest.mark.parametrize(
    ("kind", "sends"),
    [
        (kinds.UNCALIBRATED, lambda m: m.good(camera_info=m.info(k=[0.0] * 9))),
        (kinds.IMAGE_ENCODING, lambda m: m.good(image=m.colour(encoding="8UC3"))),
        (kinds.FRAME_ID_EMPTY, lambda m: m.good("")),
        (kinds.FRAME_ID_SLASH, lambda m: m.good(image=m.colour("/camera_optical"))),
        (kinds.STAMP_ZERO, lambda m: m.good(image=m.colour(stamp_sec=0))),
        (kinds.STAMP_FAR, lambda m: m.good(image=m.colour(stamp_sec=1_700_000_000))),
        (kinds.OTHER_CLOCK, lambda m: m.good(depth=m.depth(later_sec=3600.0))),
    ],
    ids=lambda item: getattr(item, "code", ""),
)
def test_a_driver_that_is_set_as_it_says_is_used(
    robot: Any, messages: Any, kind: FindingKind, sends: Sends
) -> None:
    robot.sends = sends(messages)
    robot.start()
    robot.told(kind)
    if kind is not kinds.IMAGE_ENCODING and kind is not kinds.FRAME_ID_SLASH:
        robot.costs_no_mask()
    robot.sends = messages.good()
    robot.mended(kind)


@pytest.mark.parametrize(
    ("kind", "format_name"),
    [
        (kinds.COMPRESSED_FORMAT, "h264"),
        (kinds.COLOUR_LOST, "bayer_rggb8; jpeg compressed mono8"),
    ],
    ids=lambda item: getattr(item, "code", ""),
)
def test_a_transport_that_is_set_as_it_says_is_used(
    robot: Any, messages: Any, kind: FindingKind, format_name: str
) -> None:
    robot.sends = {"/image/compressed": messages.packed(format_name)}
    robot.start(node__use_depth=False)
    robot.told(kind)
    robot.sends = {"/image/compressed": messages.packed("bgr8; jpeg compressed bgr8")}
    robot.mended(kind, graspable=False)


def test_nothing_needs_to_be_done_about_another_transport(robot: Any, messages: Any) -> None:
    robot.sends = {"/image/compressed": messages.packed("jpeg")}
    robot.start(node__use_depth=False)
    robot.told(kinds.OTHER_TRANSPORT)
    assert (answer := robot.bench.answer()).status == answer.OK
    robot.sends = {"/image": messages.colour()}
    robot.mended(kinds.OTHER_TRANSPORT, graspable=False)


def test_the_rectified_image_needs_no_model_of_the_lens(robot: Any, messages: Any) -> None:
    image = messages.colour()
    robot.sends = messages.good(camera_info=messages.info(p=P, d=[0.1, 0.2, 0.3]))
    robot.sends |= {"/cam/image_raw": image, "/cam/image_rect": image}
    robot.start("image:=/cam/image_raw")
    assert "Name the rectified image" in robot.told(kinds.LENS_UNKNOWN)
    robot.start("image:=/cam/image_rect")
    robot.mended(kinds.LENS_UNKNOWN)


def test_the_first_camera_is_graspable(robot: Any, messages: Any) -> None:
    robot.sends = messages.good(camera_info=messages.info(p=SECOND))
    robot.sends["/left/camera_info"] = messages.info()
    robot.start()
    assert "Name the first camera's image and camera_info" in robot.told(kinds.SECOND_CAMERA)
    robot.start("camera_info:=/left/camera_info")
    robot.mended(kinds.SECOND_CAMERA)


@pytest.mark.parametrize(
    ("kind", "lag", "every"),
    [(kinds.DEPTH_LATE, 14, 1), (kinds.DEPTH_SLOW, 0, 13)],
    ids=lambda item: getattr(item, "code", ""),
)
def test_the_numbers_that_are_given_are_enough(
    robot: Any, messages: Any, kind: FindingKind, lag: int, every: int
) -> None:
    robot.sends, robot.lag, robot.every = messages.good(), lag, {"/depth": every}
    robot.start()
    text = robot.told(kind)
    if kind is kinds.DEPTH_LATE:
        robot.costs_no_mask()
    wait_sec = float(number_in(text, "camera.depth_wait_sec"))
    if "as many images as come in that time" in text:  # ten a second
        queue = round(10 * wait_sec)
    else:
        queue = int(number_in(text, "node.sync_queue_size"))
    robot.start(camera__depth_wait_sec=wait_sec, node__sync_queue_size=queue)
    robot.mended(kind)


def test_the_slop_that_is_given_is_enough_and_so_is_one_clock(robot: Any, messages: Any) -> None:
    kind = kinds.UNSYNCHRONISED
    robot.sends = messages.good(depth=messages.depth(later_sec=0.08))
    robot.every = dict.fromkeys(robot.sends, 4)
    robot.start()
    robot.start(node__sync_slop_sec=float(number_in(robot.told(kind), "node.sync_slop_sec")))
    robot.mended(kind)
    robot.start()
    robot.told(kind)
    robot.sends = messages.good()
    robot.mended(kind)
