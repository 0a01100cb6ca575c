"""Facts of the ROS graph, as `ppcr_ros.health.topic_findings` takes them."""

from __future__ import annotations

import os
import time
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
_RESULT = "ppcr_ros/msg/ReferringSegmentation"
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


class ClockWatch:
    """Sees whether the time on /clock moves, by a look now and then; used on any thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._seen: tuple[int, float] = (0, time.monotonic())

    @property
    def stands_sec(self) -> float:
        """For how long the node's time has stood still; 0 where it moves or is not /clock's."""
        clock = self._node.get_clock()
        now_ns, before = int(clock.now().nanoseconds), self._seen
        if not clock.ros_time_is_active or not now_ns or now_ns != before[0]:
            self._seen = (now_ns, time.monotonic())
            return 0.0
        return time.monotonic() - before[1]

    def look(self) -> None:
        """To be called at least once a second."""
        _ = self.stands_sec


def graph_facts(node: Node, clock_stands_sec: float = 0.0) -> GraphFacts:
    """What is published in the graph of ``node``, beside what it and its like publish.

    Args:
        node: to look with.
        clock_stands_sec: as `ClockWatch` has seen it.
    """
    own = f"{node.get_fully_qualified_name()}/"
    topics = node.get_topic_names_and_types()
    outputs = (own, *(f"{name.rpartition('/')[0]}/" for name, types in topics if _RESULT in types))
    published = {
        topic: tuple(types)
        for topic, types in topics
        if _CAMERA_TYPES & set(types)
        and not topic.startswith(outputs)
        and node.count_publishers(topic)
    }
    names = [
        f"{space.rstrip('/')}/{name}/"
        for name, space in node.get_node_names_and_namespaces()
        if not name.startswith("_")  # such as the daemon of the ros2 command: no sign of a robot
    ]
    others = [name for name in names if name != own]
    clock = node.get_clock()
    return GraphFacts(
        published=published,
        other_nodes=len(others),
        environment=discovery_environment(),
        sim_time=bool(clock.ros_time_is_active),
        now_ns=int(clock.now().nanoseconds),
        clock_stands_sec=clock_stands_sec,
        node=own.rstrip("/"),
        nodes_of_the_name=names.count(own),
        segment_servers=len(publishers_of(node, f"{own}segment/_action/status")),
    )


def discovery_environment() -> str:
    """The environment variables that decide which nodes see each other, in words."""
    parts = []
    for name, default in _DISCOVERY_VARIABLES.items():
        value = os.environ.get(name)
        parts.append(f"{name}={value}" if value else f"{name} is not set ({default})")
    return ", ".join(parts)
