"""What the ROS graph says, as the facts of `ppcr_ros.health.topic_findings`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from rclpy.node import Node

from ppcr_ros.health.topic_findings import (
    CAMERA_INFO_TYPE,
    COMPRESSED_TYPE,
    IMAGE_TYPE,
    Endpoint,
    GraphFacts,
)

_CAMERA_TYPES = {IMAGE_TYPE, COMPRESSED_TYPE, CAMERA_INFO_TYPE}
_DISCOVERY_VARIABLES = {
    "ROS_DOMAIN_ID": "0",
    "ROS_LOCALHOST_ONLY": "0",
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
    "RMW_IMPLEMENTATION": "the distribution's own",
}


def publishers_of(node: Node, topic: str) -> tuple[Endpoint, ...]:
    """All publishers of ``topic``, a full name; safe on any thread."""
    return endpoints(node.get_publishers_info_by_topic(topic))


def subscribers_of(node: Node, topic: str) -> tuple[Endpoint, ...]:
    """All subscriptions to ``topic``, a full name; safe on any thread."""
    return endpoints(node.get_subscriptions_info_by_topic(topic))


def endpoints(infos: Iterable[Any]) -> tuple[Endpoint, ...]:
    """Of rclpy's ``TopicEndpointInfo``."""
    return tuple(
        Endpoint(
            node=f"{info.node_namespace.rstrip('/')}/{info.node_name}",
            message_type=info.topic_type,
            reliability=info.qos_profile.reliability.name,
            durability=info.qos_profile.durability.name,
        )
        for info in infos
    )


def graph_facts(node: Node) -> GraphFacts:
    """What is published in the graph of ``node``, beside what it publishes itself."""
    own = f"{node.get_fully_qualified_name()}/"
    published = {
        topic: tuple(types)
        for topic, types in node.get_topic_names_and_types()
        if _CAMERA_TYPES & set(types) and not topic.startswith(own) and node.count_publishers(topic)
    }
    others = [
        (name, space)
        for name, space in node.get_node_names_and_namespaces()
        # Hidden ones, such as the daemon of the ros2 command, are no sign of a robot.
        if not name.startswith("_") and f"{space.rstrip('/')}/{name}/" != own
    ]
    clock = node.get_clock()
    return GraphFacts(
        published=published,
        other_nodes=len(others),
        environment=discovery_environment(),
        sim_time=bool(clock.ros_time_is_active),
        now_ns=int(clock.now().nanoseconds),
    )


def discovery_environment() -> str:
    """The environment variables that decide which nodes see each other, in words."""
    parts = []
    for name, default in _DISCOVERY_VARIABLES.items():
        value = os.environ.get(name)
        parts.append(f"{name}={value}" if value else f"{name} is not set ({default})")
    return ", ".join(parts)
