from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from ppcr_ros.ros.qos import (
    ANSWER_QOS,
    Publisher,
    camera_qos,
    explain_silence,
    wanted_reliability,
)

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
IMAGE = "sensor_msgs/msg/Image"


@pytest.mark.parametrize(
    ("setting", "offered", "current", "expected"),
    [
        ("auto", [], None, BEST_EFFORT),
        ("auto", [RELIABLE], BEST_EFFORT, RELIABLE),
        ("auto", [RELIABLE, BEST_EFFORT], RELIABLE, BEST_EFFORT),
        ("auto", [], RELIABLE, RELIABLE),
        ("reliable", [BEST_EFFORT], None, RELIABLE),
        ("best_effort", [RELIABLE], None, BEST_EFFORT),
    ],
)
def test_auto_follows_the_publishers(
    setting: str,
    offered: list[ReliabilityPolicy],
    current: ReliabilityPolicy | None,
    expected: ReliabilityPolicy,
) -> None:
    assert wanted_reliability(setting, offered, current) == expected


def test_camera_topics_are_taken_as_sensor_data() -> None:
    profile = camera_qos(BEST_EFFORT)
    assert (profile.depth, profile.durability) == (5, DurabilityPolicy.VOLATILE)
    assert profile.reliability == BEST_EFFORT


def test_a_late_subscriber_can_ask_for_the_last_answers() -> None:
    assert ANSWER_QOS.durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert (ANSWER_QOS.reliability, ANSWER_QOS.depth) == (RELIABLE, 10)


@pytest.mark.parametrize(
    ("publishers", "requested", "expected"),
    [
        ([], BEST_EFFORT, "/cam has no publisher. Start the camera"),
        (
            [Publisher("/driver", "sensor_msgs/msg/CompressedImage", RELIABLE)],
            BEST_EFFORT,
            "expected sensor_msgs/msg/Image. Set node.use_compressed.",
        ),
        (
            [Publisher("/driver", IMAGE, BEST_EFFORT)],
            RELIABLE,
            "Set node.image_reliability to auto or best_effort.",
        ),
        (
            [Publisher("/driver", IMAGE, RELIABLE)],
            BEST_EFFORT,
            "1 publisher(s): /driver (sensor_msgs/msg/Image, RELIABLE); the QoS matches",
        ),
    ],
)
def test_silence_is_explained(
    publishers: list[Publisher], requested: ReliabilityPolicy, expected: str
) -> None:
    line = explain_silence(
        topic="/cam",
        message_type=IMAGE,
        requested=requested,
        publishers=publishers,
        similar_topics=["/other/image"],
    )
    assert expected in line
    assert ("/other/image" in line) == (not publishers)
