"""The service ``~/find`` over real DDS."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.srv", reason="needs the built messages (make build)")

from sensor_msgs.msg import Image

from ppcr_lab import scripted_camera
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.srv import FindObject

RESULT = "/ppcr/result"


def image(frame_id: str = "hand") -> Image:
    return scripted_camera.colour_image(conversions.make_header(time.time_ns(), frame_id))


def call(bench: Any, command: str, name: str = "/ppcr/find", **fields: Any) -> Any:
    client = bench.probe.create_client(FindObject, name)
    bench.until(client.service_is_ready, "the service")
    return client.call_async(FindObject.Request(command=command, **fields))


def answered(bench: Any, future: Any) -> Any:
    bench.until(future.done, "the answer")
    return future.result().result


def test_a_call_is_answered_with_the_result(bench: Any) -> None:
    bench.begin()
    own = image()
    found = answered(bench, call(bench, "the red mug", image=own))
    assert found.status == ReferringSegmentation.OK
    assert (found.header, found.mask.width) == (own.header, 64)
    assert bench.wait(RESULT) == [found]


def test_without_an_image_the_cameras_is_searched(bench: Any) -> None:
    bench.start()
    bench.show(image("camera"))
    found = answered(bench, call(bench, "the red mug"))
    assert (found.status, found.header.frame_id) == (ReferringSegmentation.OK, "camera")


def test_a_point_without_words_is_segmented(bench: Any) -> None:
    bench.start()
    found = answered(bench, call(bench, "", image=image(), point_xy_px=[20.0, 18.0]))
    assert found.status == ReferringSegmentation.OK, found.message
    assert list(found.point_xy_px) == [20.0, 18.0]


def test_while_a_call_waits_the_node_serves_others(bench: Any) -> None:
    bench.start()
    bench.scripted.mllm.gate.clear()
    first = call(bench, "the red mug", image=image())
    bench.until(bench.scripted.mllm.asked.is_set, "the first to run")
    second = call(bench, "the red ball", image=image())
    overtaken = answered(bench, first)
    assert overtaken.status == ReferringSegmentation.CANCELLED
    bench.scripted.mllm.gate.set()
    assert answered(bench, second).status == ReferringSegmentation.OK


def test_its_time_limit_is_kept(bench: Any) -> None:
    bench.start()
    bench.scripted.mllm.gate.clear()
    late = answered(bench, call(bench, "the red mug", image=image(), timeout_sec=0.2))
    assert late.status == ReferringSegmentation.CANCELLED
    assert "0.2" in late.message


def test_an_inactive_node_answers_why(bench: Any) -> None:
    bench.start(activate=False)
    refused = answered(bench, call(bench, "the red mug", image=image()))
    assert refused.status == ReferringSegmentation.CANCELLED
    assert "the node is unconfigured" in refused.message


def test_each_camera_has_its_service(bench: Any) -> None:
    bench.start(node__cameras="front, wrist")
    found = answered(bench, call(bench, "the red mug", "/ppcr/wrist/find", image=image()))
    assert found.status == ReferringSegmentation.OK
