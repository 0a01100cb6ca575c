"""The filter that joins image, depth and camera_info; what is paired is tested in test/camera."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from sensor_msgs.msg import CameraInfo, Image

from ppcr_ros.ros import synchronisation
from ppcr_ros.ros.conversions import make_header
from ppcr_ros.ros.synchronisation import DepthSynchroniser, SimpleFilter


def image(seconds: float) -> Image:
    return Image(header=make_header(round(seconds * 1e9), "camera"))


def info(seconds: float) -> CameraInfo:
    return CameraInfo(header=make_header(round(seconds * 1e9), "camera"))


def stamp(message: Image | CameraInfo | None) -> float | None:
    if message is None:
        return None
    return float(message.header.stamp.sec + message.header.stamp.nanosec / 1e9)


class Camera:
    """Three inputs and what comes out: stamps of (image, depth or None, camera_info or None)."""

    def __init__(self, wait_sec: float = 0.5) -> None:
        self.image, self.depth, self.info = (SimpleFilter() for _ in range(3))
        self.out: list[tuple[float | None, ...]] = []
        self.synchroniser = DepthSynchroniser(queue_size=5, slop_sec=0.05, wait_sec=wait_sec)
        self.synchroniser.connectInput(self.image, self.depth, self.info)
        self.synchroniser.registerCallback(lambda *three: self.out.append(tuple(map(stamp, three))))


def test_each_image_comes_with_its_depth_and_the_nearest_camera_info() -> None:
    camera = Camera()
    for number in (1, 2, 3):
        camera.info.signalMessage(info(number + 0.01))
        camera.depth.signalMessage(image(number))
        camera.info.signalMessage(info(number + 0.5))
        camera.image.signalMessage(image(number))
    assert camera.out == [(1, 1, 1.01), (2, 2, 2.01), (3, 3, 3.01)]
    assert camera.synchroniser.facts().pairs == 3


def test_a_camera_info_that_does_not_keep_time_makes_nobody_wait() -> None:
    camera = Camera()
    camera.depth.signalMessage(image(1))
    camera.image.signalMessage(image(1))
    camera.info.signalMessage(info(0))  # sent once, without a stamp
    for number in (2, 3):
        camera.depth.signalMessage(image(number))
        camera.image.signalMessage(image(number))
    assert camera.out == [(1, 1, None), (2, 2, 0), (3, 3, 0)]


def test_without_depth_images_go_on_when_it_is_looked() -> None:
    camera = Camera(wait_sec=0.0)
    camera.image.signalMessage(image(1))
    assert camera.out == []
    camera.synchroniser.look()
    assert camera.out == [(1, None, None)]


def test_it_is_one_of_message_filters_filters_where_that_is_installed() -> None:
    filters = pytest.importorskip("message_filters", reason="needs the package message_filters")
    assert synchronisation.SimpleFilter is filters.SimpleFilter
    camera = Camera()
    kept = filters.Cache(camera.image, 3)
    camera.image.signalMessage(image(1))
    assert kept.getLastestTime() is not None
