"""The grasp target from the camera's messages to the result's, and what is told where it lacks."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from sensor_msgs.msg import CameraInfo, Image

from ppcr_lab import scripted_camera
from ppcr_ros.camera.frame_converter import Arrival, FrameConverter
from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.types import Array, Frame, Result, Segmentation, Status
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions, orientation

HEADER = conversions.make_header(time.time_ns(), "camera_optical")
FRESH = {"grasp__max_age_sec": 3600.0}
"""Whenever the tests of this file run, their images are not stale."""


def image() -> Image:
    return scripted_camera.colour_image(HEADER)


def depth(width: int = 64, height: int = 48, encoding: str = "16UC1") -> Image:
    values = scripted_camera.depth_values(width, height, encoding)
    return scripted_camera.depth_image(HEADER, values, encoding)


def info(**fields: Any) -> CameraInfo:
    return scripted_camera.camera_info(HEADER, **fields)


def turned(yaw_deg: float, pitch_deg: float) -> Array:
    a, b = np.radians([yaw_deg, pitch_deg])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    product: Array = about_z @ about_x
    return product


@pytest.mark.parametrize("own", [True, False], ids=["as installed", "transforms3d alone"])
@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), [(0, 0), (30, 120), (-170, 90), (180, 180)])
def test_a_quaternion_turns_as_its_matrix_does(
    monkeypatch: pytest.MonkeyPatch, own: bool, yaw_deg: float, pitch_deg: float
) -> None:
    if not own:
        monkeypatch.setattr(orientation, "quaternion_from_matrix", None)
    rotation = turned(yaw_deg, pitch_deg)
    q = orientation.rotation_to_quaternion(rotation)
    vector, point = np.array([q.x, q.y, q.z]), np.array([0.3, -0.2, 0.7])
    assert vector @ vector + q.w**2 == pytest.approx(1.0)
    twice = 2.0 * np.cross(vector, point)
    assert point + q.w * twice + np.cross(vector, twice) == pytest.approx(rotation @ point)


@pytest.mark.skipif(
    orientation.quaternion_from_matrix is None, reason="needs the Python package tf_transformations"
)
def test_both_ways_to_a_quaternion_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    by_tf = orientation.rotation_to_quaternion(turned(30, 120))
    monkeypatch.setattr(orientation, "quaternion_from_matrix", None)
    alone = orientation.rotation_to_quaternion(turned(30, 120))
    signs = np.sign([by_tf.w * alone.w])[0]
    for name in "xyzw":
        assert getattr(by_tf, name) == pytest.approx(signs * getattr(alone, name))


def test_every_field_of_the_message_is_filled_in() -> None:
    box = OrientedBox(np.array([0.1, 0.2, 0.9]), turned(30, 120), np.array([0.12, 0.05, 0.07]))
    grasp = GraspTarget(
        True,
        box=box,
        centroid_m=np.array([0.11, 0.21, 0.91]),
        approach=-box.camera_r_box[:, 2],
        valid_depth_pixels=1234,
        on_support=True,
    )
    result = replace(found(), grasp=grasp)
    message = conversions.result_to_msg(result).grasp
    assert message.graspable
    assert message.reason == ""
    assert message.pose.header == HEADER
    position, q = message.pose.pose.position, message.pose.pose.orientation
    assert (position.x, position.y, position.z) == (0.1, 0.2, 0.9)
    assert q == orientation.rotation_to_quaternion(box.camera_r_box)
    assert (message.size.x, message.size.y, message.size.z) == (0.12, 0.05, 0.07)
    assert (message.centroid.x, message.centroid.y, message.centroid.z) == (0.11, 0.21, 0.91)
    approach = [message.approach.x, message.approach.y, message.approach.z]
    assert approach == pytest.approx(-box.camera_r_box[:, 2])
    assert message.width_m == pytest.approx(0.05)
    assert (message.valid_depth_pixels, message.on_support) == (1234, True)


def found() -> Result:
    mask = np.zeros((48, 64), bool)
    mask[10:20, 20:30] = True
    return Result(
        Status.OK,
        "x",
        stamp_ns=conversions.stamp_to_ns(HEADER.stamp),
        frame_id="camera_optical",
        segmentation=Segmentation.from_mask(mask, 0.9),
    )


def test_without_a_mask_there_is_nothing_to_grasp() -> None:
    result = Result(Status.NOT_FOUND, "x", message="the MLLM sees no such object: x")
    grasp = conversions.result_to_msg(result).grasp
    assert not grasp.graspable
    assert grasp.reason.startswith("there is no mask: the command ended as NOT_FOUND. the MLLM")
    assert grasp.pose.pose.orientation.w == 1.0
    assert grasp.size.x == grasp.width_m == 0.0


def test_depth_through_the_callback_fills_in_the_grasp(bench: Any) -> None:
    bench.begin(**FRESH)
    bench.node.cameras[""].receive(image(), depth(encoding="32FC1"), info())
    result = bench.answer()
    grasp = result.grasp
    assert grasp.graspable, grasp.reason
    assert grasp.pose.header == result.header
    assert grasp.valid_depth_pixels == 16 * 12
    assert grasp.centroid.z == pytest.approx(0.8, abs=0.01)
    assert grasp.approach.z == pytest.approx(1.0, abs=0.01)  # the wall's box faces the camera


def test_depth_and_camera_info_by_topic_fill_in_the_grasp(bench: Any) -> None:
    bench.begin(node__use_depth=True, **FRESH)
    bench.inform(info())
    bench.show(image(), depth=depth())
    result = bench.answer()
    assert result.grasp.graspable, result.grasp.reason


def test_a_missing_camera_info_costs_no_mask_and_is_explained(bench: Any) -> None:
    bench.begin(node__use_depth=True)
    bench.show(image(), depth=depth())
    result = bench.answer()
    assert result.status == ReferringSegmentation.OK
    assert not result.grasp.graspable
    assert "no camera_info has come" in result.grasp.reason
    assert "no camera_info comes on /camera_info" in result.grasp.reason


def test_without_use_depth_the_grasp_says_what_to_set(bench: Any) -> None:
    bench.begin()
    bench.show(image())
    result = bench.answer()
    assert "node.use_depth is off" in result.grasp.reason


class TestConverter:
    def convert(self, depth: Any, info: CameraInfo | None, no_depth: str = "") -> Frame:
        converter = FrameConverter(lambda: no_depth, lambda: "/info is empty.")
        frame = converter.convert(image(), depth, info, Arrival(12.5, 0.1))
        assert frame.received_sec == 12.5
        assert frame.rgb.shape == (48, 64, 3)
        return frame

    def test_whole(self) -> None:
        frame = self.convert(depth(), info())
        assert frame.depth_problem == ""
        assert frame.depth_m is not None
        assert frame.camera_matrix is not None

    @pytest.mark.parametrize(
        ("bad", "words"),
        [
            (depth(32, 24), "the depth image is 32x24 pixels and the colour image 64x48"),
            (depth(encoding="8UC1"), "encoding is '8UC1'; expected 16UC1"),
        ],
        ids=["size", "encoding"],
    )
    def test_bad_depth_costs_depth_alone(self, bad: Image, words: str) -> None:
        frame = self.convert(bad, info())
        assert words in frame.depth_problem
        assert frame.depth_m is None
        assert frame.camera_matrix is not None

    def test_camera_info_of_another_camera(self) -> None:
        frame = self.convert(depth(), info(width=1280, height=720))
        assert "camera_info describes 1280x720 pixels" in frame.depth_problem
        assert frame.depth_m is not None
        assert frame.camera_matrix is None

    def test_both_bad(self) -> None:
        frame = self.convert(depth(32, 24), info(width=1280, height=720))
        assert frame.depth_problem
        assert frame.depth_m is None
        assert frame.camera_matrix is None

    @pytest.mark.parametrize("k", [[0.0] * 9, [float("nan")] * 9], ids=["zeros", "nan"])
    def test_a_camera_that_is_not_calibrated(self, k: list[float]) -> None:
        frame = self.convert(depth(), info(k=k))
        assert "camera_info has no focal length" in frame.depth_problem
        assert "camera_calibration" in frame.depth_problem
        assert frame.camera_matrix is None

    def test_no_camera_info(self) -> None:
        frame = self.convert(depth(), None)
        assert "no camera_info has come" in frame.depth_problem
        assert "/info is empty." in frame.depth_problem

    def test_colour_alone_is_no_fault_where_depth_is_off(self) -> None:
        frame = self.convert(None, None, no_depth="depth is off")
        assert frame.depth_problem == "depth is off"
