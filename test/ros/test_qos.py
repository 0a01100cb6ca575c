"""QoS of subscriptions that follow their publishers."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from ppcr_ros.ros.qos import (
    ANSWER_QOS,
    camera_qos,
    wanted_durability,
    wanted_reliability,
)

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
KEPT, VOLATILE = DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE


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
    ("offered", "current", "expected"),
    [
        ([], VOLATILE, VOLATILE),
        ([], KEPT, KEPT),
        ([KEPT], VOLATILE, KEPT),
        ([KEPT, VOLATILE], KEPT, VOLATILE),
    ],
)
def test_kept_messages_are_asked_for_where_every_publisher_keeps_them(
    offered: list[DurabilityPolicy], current: DurabilityPolicy, expected: DurabilityPolicy
) -> None:
    assert wanted_durability(offered, current) == expected
