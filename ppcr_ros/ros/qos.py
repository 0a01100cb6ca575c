"""Quality of service of the topics, and why a subscription may stay silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

COMMAND_QOS = QoSProfile(depth=1000)
"""Commands: reliable, as ``ros2 topic pub`` offers them. Beside the models, and on a busy machine
above all, the executor is late: with a depth of 10, and under heavy load with 100, commands that
came 100 times a second were overwritten before they were taken, and so had no result."""

ANSWER_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=10,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""Prompts and results: a late subscriber that asks for transient_local gets the last ones; one
that asks for volatile, the default, never acts on an old target."""

VIEW_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE
)
"""What is drawn for those who look on: mask, overlay, markers, points."""


CAMERA_QOS_DEPTH = 5
"""As for sensor data. With 1 an image whose fragments arrive before the last one was taken is lost,
a third of them on a busy machine; callbacks only stash, so that a longer queue adds no delay."""


def camera_qos(reliability: ReliabilityPolicy) -> QoSProfile:
    """The QoS of a camera topic's subscription, of which only the newest message is used."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=CAMERA_QOS_DEPTH,
        reliability=reliability,
        durability=DurabilityPolicy.VOLATILE,
    )


def wanted_reliability(
    setting: str, offered: Sequence[ReliabilityPolicy], current: ReliabilityPolicy | None = None
) -> ReliabilityPolicy:
    """The reliability to subscribe with.

    Args:
        setting: ``node.image_reliability``: auto, reliable or best_effort.
        offered: what each publisher of the topic offers.
        current: what is subscribed with now; kept while there is no publisher.

    Returns:
        With ``auto``, RELIABLE where every publisher is, for then no part of a large image is
        lost; else BEST_EFFORT, which matches every publisher.
    """
    if setting == "reliable":
        return ReliabilityPolicy.RELIABLE
    if setting == "best_effort":
        return ReliabilityPolicy.BEST_EFFORT
    if not offered:
        return current or ReliabilityPolicy.BEST_EFFORT
    if all(policy == ReliabilityPolicy.RELIABLE for policy in offered):
        return ReliabilityPolicy.RELIABLE
    return ReliabilityPolicy.BEST_EFFORT


@dataclass(frozen=True)
class Publisher:
    """What the ROS graph says of one publisher of a topic."""

    node: str
    message_type: str
    reliability: ReliabilityPolicy


def explain_silence(
    *,
    topic: str,
    message_type: str,
    requested: ReliabilityPolicy,
    publishers: Sequence[Publisher],
    similar_topics: Sequence[str] = (),
) -> str:
    """Why nothing may arrive on ``topic``, and what to do, in one line.

    Args:
        topic: the full name, as remapped.
        message_type: what is subscribed to, such as ``sensor_msgs/msg/Image``.
        requested: the reliability that is subscribed with.
        publishers: all publishers of the topic.
        similar_topics: other topics that carry ``message_type``.
    """
    if not publishers:
        listed = ", ".join(similar_topics[:5])
        hint = f" Topics with {message_type}: {listed}." if listed else ""
        return (
            f"{topic} has no publisher. Start the camera, or name its topic by the launch "
            f"arguments or a remapping.{hint}"
        )
    listed = ", ".join(
        f"{item.node} ({item.message_type}, {item.reliability.name})" for item in publishers[:3]
    )
    found = f"{topic} has {len(publishers)} publisher(s): {listed}"
    matching = [item for item in publishers if item.message_type == message_type]
    if not matching:
        hint = " Set node.use_compressed." if "Compressed" in publishers[0].message_type else ""
        return f"{found}; expected {message_type}.{hint}"
    if requested == ReliabilityPolicy.RELIABLE and all(
        item.reliability == ReliabilityPolicy.BEST_EFFORT for item in matching
    ):
        return (
            f"{found}; the subscription asks for RELIABLE, which a BEST_EFFORT publisher does not "
            "match. Set node.image_reliability to auto or best_effort."
        )
    return (
        f"{found}; the QoS matches ({requested.name} asked for) but nothing arrives. Check that "
        "the camera streams (ros2 topic hz) and that the network lets large messages through."
    )
