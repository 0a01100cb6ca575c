"""Quality of service of the topics."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

COMMAND_QOS = QoSProfile(depth=1000)
"""Commands: reliable, as ``ros2 topic pub`` offers them. Beside the models, and on a busy machine
above all, the executor is late: with a depth of 10, and under heavy load with 100, commands that
came 100 times a second were overwritten before they were taken, and so had no result."""

ACTION_SERVICE_QOS = QoSProfile(depth=1000)
"""The services of an action: a burst of goals is as long as one of commands, and not cut at the 10
of a service's default."""

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


def camera_qos(
    reliability: ReliabilityPolicy, durability: DurabilityPolicy = DurabilityPolicy.VOLATILE
) -> QoSProfile:
    """The QoS of a camera topic's subscription, of which only the newest message is used."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=CAMERA_QOS_DEPTH,
        reliability=reliability,
        durability=durability,
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


def wanted_durability(
    offered: Sequence[DurabilityPolicy], current: DurabilityPolicy
) -> DurabilityPolicy:
    """The durability to subscribe to camera_info with.

    Some drivers publish it only once, kept for whoever comes later; to get that it must be asked
    for. Never for images: a kept image is an old one.

    Args:
        offered: what each publisher of the topic offers.
        current: what is subscribed with now; kept while there is no publisher.
    """
    if not offered:
        return current
    if all(policy == DurabilityPolicy.TRANSIENT_LOCAL for policy in offered):
        return DurabilityPolicy.TRANSIENT_LOCAL
    return DurabilityPolicy.VOLATILE
