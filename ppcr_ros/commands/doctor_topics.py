"""The live part of ``ppcr doctor``: a look at the running ROS graph through the node's own eyes.

It subscribes as the node would, for a few seconds, and says what the node would say.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ppcr_ros.core.cameras import remappings
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.health.findings import Finding, worst_first

NODE_NAME = "ppcr_doctor"


class RosMissingError(PPCRError):
    """rclpy or the messages of this package cannot be imported."""


@dataclass(frozen=True)
class TopicReport:
    """Facts seen of a topic.

    Attributes:
        findings: what is the matter, the worst first.
        seen: one line for each topic: its name, its publishers, and how many messages came.
    """

    findings: tuple[Finding, ...]
    seen: tuple[str, ...]


def look_at_topics(
    config: Config,
    *,
    topics: dict[str, str],
    seconds: float,
    sim_time: bool = False,
) -> TopicReport:
    """Subscribe to the camera's topics for ``seconds`` and report.

    Args:
        config: compressed or raw, with depth or without, and the reliability.
        topics: by the node's own names: ``image``, ``depth``, ``camera_info``;
            ``{camera}`` in them stands for the name of each of several cameras.
        seconds: how long to look; a finding of silence needs at least as long as the node's.
        sim_time: take the time from /clock.

    Raises:
        RosMissingError: when ROS 2 is not there.
    """
    try:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        from ppcr_ros.health.message_findings import input_findings, shared_frame_findings
        from ppcr_ros.health.topic_findings import graph_findings, nodes_of
        from ppcr_ros.ros.graph import graph_facts
        from ppcr_ros.ros.subscriptions import CameraInputs
    except ImportError as error:
        raise RosMissingError(
            f"--topics needs ROS 2, and {error.name or error} cannot be imported: source your "
            "ROS 2 distribution and this workspace, or run make build."
        ) from error
    context = rclpy.Context()
    rclpy.init(context=context, args=_arguments(config.node.camera_names, topics, sim_time))
    try:
        node = rclpy.create_node(NODE_NAME, context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        cameras = {
            name: CameraInputs(node, config, lambda snapshot: None, name)
            for name in config.node.camera_names
        }
        deadline, followed_sec = time.monotonic() + seconds, time.monotonic()
        while (now_sec := time.monotonic()) < deadline:
            executor.spin_once(timeout_sec=min(0.1, deadline - now_sec))
            if now_sec - followed_sec >= 0.5:
                for inputs in cameras.values():
                    inputs.watch()
                followed_sec = now_sec
        facts, graph = {name: item.facts() for name, item in cameras.items()}, graph_facts(node)
        findings = [*graph_findings(graph), *shared_frame_findings(facts)]
        for item in facts.values():
            findings += input_findings(item, graph, impatient=True)
        seen = [
            f"{topic.topic}: {topic.received} messages in {seconds:g} s, published by "
            f"{nodes_of(topic.publishers) or 'nobody'}"
            for item in facts.values()
            for topic in item.topics.values()
        ]
        for inputs in cameras.values():
            inputs.destroy()
        executor.shutdown()
        node.destroy_node()
    finally:
        context.try_shutdown()
    return TopicReport(tuple(worst_first(findings)), tuple(seen))


def _arguments(cameras: Sequence[str], topics: dict[str, str], sim_time: bool) -> Sequence[str]:
    arguments = ["--ros-args", "--log-level", "warn"]
    for name, topic in remappings(cameras, topics).items():
        arguments += ["-r", f"{name}:={topic}"]
    return [*arguments, "-p", f"use_sim_time:={str(sim_time).lower()}"]
