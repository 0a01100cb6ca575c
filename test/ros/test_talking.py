"""Repeated commands, clicked points and questions over real DDS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from geometry_msgs.msg import Point, PointStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.ros.qos import COMMAND_QOS

RESULT = "/ppcr/result"


def camera_image(width: int = 64, height: int = 48) -> Image:
    rgb = np.zeros((height, width, 3), np.uint8)
    return conversions.rgb_to_image(rgb, conversions.make_header(1_500_000_000, "camera"))


@pytest.fixture
def talking(bench: Any) -> Any:
    bench.begin()
    bench.show(camera_image())
    return bench


def test_the_same_command_again_and_again_is_answered_each_time(talking: Any) -> None:
    gate = talking.scripted.mllm.gate
    gate.clear()
    for _ in range(5):
        talking.say("the red mug")
    gate.set()
    results = talking.wait(RESULT, 5)
    assert {result.status for result in results} == {ReferringSegmentation.OK}
    assert len({result.command_id for result in results}) == 5
    assert all(result.say for result in results)


def test_a_clicked_point_is_segmented(talking: Any) -> None:
    click = PointStamped(header=Header(frame_id="camera"), point=Point(x=20.0, y=18.0))
    talking.publish(click, "/clicked_point", COMMAND_QOS)
    (result,) = talking.wait(RESULT)
    assert result.status == ReferringSegmentation.OK, result.message
    assert list(result.point_xy_px) == [20.0, 18.0]
    assert result.instances[0].number == 1
    region = result.box
    assert region.x_offset <= 20 < region.x_offset + region.width


def test_a_prohibition_and_small_talk_end_with_a_sentence(talking: Any) -> None:
    for number, command in enumerate(("don't touch the red mug", "where am i"), 1):
        result = talking.answer(command, number)
        assert result.status == ReferringSegmentation.NOT_FOUND
        assert result.say
        assert result.mask.width == 0
