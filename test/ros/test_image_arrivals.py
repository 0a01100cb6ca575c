"""Time at which an image came, which it keeps while it waits for its depth or its camera_info."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from ppcr_lab import scripted_camera
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.ros.subscriptions import CameraInputs
from ppcr_ros.service.requests import Snapshot

WAIT_SEC = 0.3


class Seen:
    """The inputs of one camera, and the snapshots that they offer."""

    def __init__(self, bench: Any) -> None:
        self.bench, self.snapshots = bench, list[Snapshot]()
        node = bench.start(activate=False, node__use_depth=True, camera__depth_wait_sec=10.0)
        self.inputs = CameraInputs(node, node.config, self.snapshots.append)
        at = conversions.make_header(time.time_ns(), "camera_optical")
        self.image = scripted_camera.colour_image(at)
        self.depth = scripted_camera.depth_image(at)
        self.info = scripted_camera.camera_info(at)

    def hear(self, message: Any, role: str) -> None:
        """Publish ``message`` and wait until it has come."""
        self.bench.publish(message, f"/{role}")
        self.bench.until(lambda: role in self.inputs.facts().newest, f"the {role}")


@pytest.fixture
def seen(bench: Any) -> Iterator[Seen]:
    seen = Seen(bench)
    yield seen
    bench.stop_spinning()
    seen.inputs.destroy()


def test_a_camera_info_that_comes_late_makes_no_image_younger(seen: Seen) -> None:
    began_sec = time.monotonic()
    seen.inputs.receive(seen.image, seen.depth)
    came_sec = time.monotonic()
    time.sleep(WAIT_SEC)
    seen.inputs.receive_info(seen.info)
    first, second = seen.snapshots
    assert second.received_sec is not None
    assert began_sec <= second.received_sec <= came_sec
    assert (second.received_sec, second.arrived_ns) == (first.received_sec, first.arrived_ns)
    frame = second.convert()
    assert frame.received_sec == second.received_sec
    assert frame.camera_matrix is not None


def test_depth_that_comes_late_makes_no_image_younger(seen: Seen) -> None:
    seen.hear(seen.info, "camera_info")
    began_sec = time.monotonic()
    seen.hear(seen.image, "image")
    came_sec = time.monotonic()
    time.sleep(WAIT_SEC)
    assert not seen.snapshots
    seen.hear(seen.depth, "depth")
    seen.bench.until(lambda: bool(seen.snapshots), "the pair")
    (snapshot,) = seen.snapshots
    assert snapshot.received_sec is not None
    assert began_sec <= snapshot.received_sec <= came_sec
    assert snapshot.convert().received_sec == snapshot.received_sec


def test_a_late_camera_info_brings_no_old_image_back(bench: Any) -> None:
    """Over the whole node: the command is not about the image of long ago."""
    bench.begin(node__use_depth=True, node__max_image_age_sec=0.2, node__frame_timeout_sec=0.5)
    at = conversions.make_header(time.time_ns(), "camera_optical")
    inputs = bench.node.cameras[""]
    inputs.receive(scripted_camera.colour_image(at), scripted_camera.depth_image(at))
    time.sleep(0.5)
    inputs.receive_info(scripted_camera.camera_info(at))
    result = bench.answer("the red mug")
    assert result.status == ReferringSegmentation.ERROR
    assert "s old when the command came" in result.message
