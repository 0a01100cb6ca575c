"""A clicked point finds its pixel: in the image's own frame, in space, through TF."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from geometry_msgs.msg import Point, PointStamped, TransformStamped
from std_msgs.msg import Header

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


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidCommandError, match="expected numbers"):
        pixel_of(clicked(float("nan"), 0.0, 1.0, "camera"))


def test_a_point_is_not_heard_while_the_node_is_not_active() -> None:
    node: Any = FakeNode()
    ClickedPoints(node, "clicked_point", lambda: None, "")
    node.callback(clicked(1.0, 1.0, 0.0, "camera"))
    assert "not active" in node.warned
