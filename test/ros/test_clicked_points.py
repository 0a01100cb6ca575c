"""A clicked point finds its pixel: in the image's own frame, in space, through TF."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PointStamped, TransformStamped
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from ppcr_ros.camera.frame_converter import Arrival, FrameConverter
from ppcr_ros.core.errors import InvalidCommandError
from ppcr_ros.core.types import Frame
from ppcr_ros.ros.clicked_points import ClickedPoints, project

CAMERA = np.array([[100.0, 0.0, 32.0], [0.0, 110.0, 24.0], [0.0, 0.0, 1.0]])
FRAME = Frame(np.zeros((48, 64, 3), np.uint8), frame_id="camera", camera_matrix=CAMERA)


class FakeNode:
    """Keeps the subscription's callback."""

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> Any:
        self.callback, self.topic = callback, topic
        return object()

    def get_logger(self) -> Any:
        return self

    def warning(self, text: str, **more: Any) -> None:
        self.warned = text


class FakeWorker:
    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []

    def submit(self, command: str, **more: Any) -> str:
        self.orders.append({"command": command, **more})
        return "id"


class FakeBuffer:
    def lookup_transform(self, target: str, source: str, *args: Any, **more: Any) -> Any:
        if source == "nowhere":
            raise LookupError("no such frame")
        found = TransformStamped()
        found.transform.rotation.w = 1.0
        found.transform.translation.z = 1.0  # the map lies a metre in front of the camera
        return found


def clicked(x: float, y: float, z: float, frame_id: str) -> PointStamped:
    return PointStamped(header=Header(frame_id=frame_id), point=Point(x=x, y=y, z=z))


def pixel_of(message: PointStamped, frame: Frame = FRAME, buffer: Any = None) -> Any:
    node: Any = FakeNode()
    worker: Any = FakeWorker()
    ClickedPoints(node, "clicked_point", lambda: worker, "front", buffer)
    node.callback(message)
    (order,) = worker.orders
    assert (order["command"], order["camera"]) == ("", "front")
    return order["locate_point"](frame)


@pytest.mark.parametrize("frame_id", ["camera", ""])
def test_a_click_in_the_picture_is_a_pixel(frame_id: str) -> None:
    assert pixel_of(clicked(12.0, 30.5, 0.0, frame_id)) == (12.0, 30.5)


def test_a_point_in_the_cameras_frame_is_projected() -> None:
    assert pixel_of(clicked(0.1, -0.05, 0.5, "camera")) == pytest.approx((52.0, 13.0))


def test_a_point_in_another_frame_goes_through_tf() -> None:
    found = pixel_of(clicked(0.2, 0.0, 1.0, "map"), buffer=FakeBuffer())
    assert found == pytest.approx((42.0, 24.0))


def test_without_a_transform_it_is_said() -> None:
    with pytest.raises(InvalidCommandError, match="no transform to the image's, 'camera': Lookup"):
        pixel_of(clicked(0.2, 0.0, 1.0, "nowhere"), buffer=FakeBuffer())


def test_what_lies_behind_the_camera_is_not_in_the_image() -> None:
    with pytest.raises(InvalidCommandError, match="behind the camera"):
        project(np.array([0.0, 0.0, -1.0]), FRAME)


def test_without_intrinsics_a_point_in_space_is_nowhere() -> None:
    with pytest.raises(InvalidCommandError, match="camera_info"):
        project(np.array([0.0, 0.0, 1.0]), Frame(FRAME.rgb))


def test_a_click_in_a_picture_whose_frame_is_not_the_results_is_a_pixel() -> None:
    """``camera.optical_frame_id`` names another frame than the image's own."""
    frame = replace(FRAME, frame_id="camera_optical", image_frame_id="camera_link")
    for frame_id in ("camera_link", "/camera_link", "camera_optical", ""):
        assert pixel_of(clicked(12.0, 30.5, 0.0, frame_id), frame) == (12.0, 30.5)
    in_space = pixel_of(clicked(0.2, 0.0, 1.0, "camera_link"), frame, FakeBuffer())
    assert in_space == pytest.approx((42.0, 24.0)), "through TF, as of any frame but the optical"


def raw_frame(topic: str = "/camera/image_raw", **about: Any) -> Frame:
    """An image of a wide lens, as the node makes it of the camera's messages."""
    header = Header(frame_id=about.pop("frame_id", "camera_optical"), stamp=Time(sec=5))
    image = Image(header=header, width=640, height=480, encoding="rgb8", step=1920)
    image.data = bytes(640 * 480 * 3)
    info = CameraInfo(width=640, height=480, header=Header(frame_id="camera_optical"))
    info.k = [380.0, 0.0, 320.0, 0.0, 380.0, 240.0, 0.0, 0.0, 1.0]
    info.p = [380.0, 0.0, 320.0, 0.0, 0.0, 380.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    info.d = [-0.3, 0.09, 0.0, 0.0, 0.0]
    for name, value in about.items():
        setattr(info, name, value)
    converter = FrameConverter(lambda: "no depth.", lambda: "")
    return converter.convert(image, None, info, Arrival(0.0, 0.0), topic)


@pytest.mark.parametrize("model", ["plumb_bob", "equidistant"])
def test_a_point_in_space_is_where_a_raw_image_shows_it(model: str) -> None:
    d = [-0.3, 0.09, 0.0, 0.0, 0.0] if model == "plumb_bob" else [-0.02, 0.01, -0.003, 0.001]
    frame = raw_frame(d=d, distortion_model=model)
    for xyz in ([0.45, 0.0, 0.8], [0.5, 0.3, 0.8], [-0.25, 0.1, 0.8]):
        point, zero = np.array([[xyz]]), np.zeros(3)
        matrix, values = np.array([380.0, 0, 320, 0, 380, 240, 0, 0, 1]).reshape(3, 3), np.array(d)
        if model == "plumb_bob":
            shown, _ = cv2.projectPoints(point, zero, zero, matrix, values)
        else:
            shown, _ = cv2.fisheye.projectPoints(point, zero, zero, matrix, values)
        found = pixel_of(clicked(*xyz, "camera_optical"), frame)
        assert found == pytest.approx(tuple(shown.ravel()), abs=0.8)


def test_what_lies_beside_a_raw_image_is_not_in_it() -> None:
    """Far out the lens's formula comes back into the image."""
    for xyz in ([2.0, 0.0, 0.8], [-9.0, 9.0, 0.8]):
        with pytest.raises(InvalidCommandError, match="outside the image"):
            pixel_of(clicked(*xyz, "camera_optical"), raw_frame())


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"distortion_model": "omni"}, "no model that is known here"),
        ({"topic": "/camera/image"}, "set camera.image_geometry to raw or rectified"),
        ({"frame_id": "other_optical"}, "camera_info is of the frame 'camera_optical'"),
        ({"k": [380.0, 9.0, 320.0, 0.0, 380.0, 240.0, 0.0, 0.0, 1.0]}, "skewed"),
    ],
)
def test_a_point_in_space_is_refused_where_the_geometry_is_doubtful(
    about: dict[str, Any], why: str
) -> None:
    frame = raw_frame(**about)
    with pytest.raises(InvalidCommandError, match="cannot be found in the image for sure") as told:
        pixel_of(clicked(0.1, 0.0, 0.8, frame.frame_id), frame)
    assert why in str(told.value)
    assert pixel_of(clicked(12.0, 30.5, 0.0, frame.frame_id), frame) == (12.0, 30.5)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidCommandError, match="expected numbers"):
        pixel_of(clicked(float("nan"), 0.0, 1.0, "camera"))


def test_a_point_is_not_heard_while_the_node_is_not_active() -> None:
    node: Any = FakeNode()
    ClickedPoints(node, "clicked_point", lambda: None, "")
    node.callback(clicked(1.0, 1.0, 0.0, "camera"))
    assert "not active" in node.warned
