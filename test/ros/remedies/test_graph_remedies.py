"""Each remedy of what the ROS graph shows, followed to the letter: then the node must work."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

import rclpy
from rclpy.action import ActionServer
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import String

from ppcr_ros.action import SegmentReferring
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import FindingKind
from ppcr_ros.health.topic_findings import graph_findings
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.ros import health as node_health
from ppcr_ros.ros.graph import graph_facts

RESULT, COMMAND, MASK = "/ppcr/result", "/ppcr/command", "/ppcr/mask"
DAY_NS = 86_400 * 10**9


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is judged as soon as the node is there."""
    monkeypatch.setattr(node_health, "DISCOVERY_SEC", 0.0)


def test_a_camera_in_the_domain_that_is_told_is_seen(
    ros_domain: int, take_domain: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts = [rclpy.Context(), rclpy.Context()]
    elsewhere = take_domain()
    for context, domain in zip(contexts, (ros_domain, elsewhere), strict=True):
        rclpy.init(context=context, domain_id=domain)
    nodes = [rclpy.create_node("ppcr", context=contexts[0])]
    nodes.append(rclpy.create_node("camera", context=contexts[1]))
    (found,) = graph_findings(graph_facts(nodes[0]))
    assert found.code == kinds.NOTHING_DISCOVERED.code
    assert "Compare these variables" in found.remedy
    assert f"ROS_DOMAIN_ID={ros_domain}" in found.text
    nodes.append(rclpy.create_node("camera", context=contexts[0]))
    assert graph_findings(graph_facts(nodes[0])) == []
    for node in nodes:
        node.destroy_node()
    for context in contexts:
        context.try_shutdown()


def test_no_node_of_this_kind_is_taken_for_a_camera(robot: Any, others: Any) -> None:
    second = others("finder", "/left")
    second.create_publisher(ReferringSegmentation, "/left/finder/result", 5)
    second.create_publisher(Image, "/left/finder/mask", 5)
    robot.start()
    robot.bench.until(lambda: robot.bench.probe.count_publishers("/ppcr/overlay"), "its own")
    text = robot.told(kinds.NO_PUBLISHER)
    assert "which no node publishes" in text
    assert not re.search("mask|overlay", text)


def test_one_camera_on_a_topic_is_enough(robot: Any, messages: Any, others: Any) -> None:
    twin = others("twin")
    publisher = twin.create_publisher(Image, "/image", 5)
    robot.sends = messages.good()
    robot.start()
    assert "or stop one of them" in robot.told(kinds.SEVERAL_PUBLISHERS)
    twin.destroy_publisher(publisher)
    robot.mended(kinds.SEVERAL_PUBLISHERS)


def test_a_speaker_with_the_default_qos_is_heard(robot: Any, messages: Any, others: Any) -> None:
    speaker = others("speaker")
    deaf = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = speaker.create_publisher(String, COMMAND, deaf)
    robot.sends = messages.good()
    robot.start()
    assert "default QoS (reliable, volatile)" in robot.told(kinds.COMMAND_QOS)
    speaker.destroy_publisher(publisher)
    publisher = speaker.create_publisher(String, COMMAND, 10)
    robot.ended(kinds.COMMAND_QOS)
    robot.bench.until(lambda: publisher.get_subscription_count() > 0, "the node")
    publisher.publish(String(data="the red mug"))
    assert robot.bench.wait(RESULT)[0].command == "the red mug"


def test_a_viewer_that_asks_for_what_is_offered_sees(robot: Any, messages: Any) -> None:
    kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    viewer = robot.bench.probe.create_subscription(Image, MASK, lambda message: None, kept)
    robot.sends = messages.good()
    robot.start()
    offered = re.search(r"the node offers (\w+), (\w+) there", robot.told(kinds.SUBSCRIBER_QOS))
    assert offered is not None
    robot.bench.probe.destroy_subscription(viewer)
    qos = QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy[offered[1]],
        durability=DurabilityPolicy[offered[2]],
    )
    robot.bench.listen(Image, MASK, qos)
    robot.mended(kinds.SUBSCRIBER_QOS)
    robot.bench.wait(MASK)


@pytest.mark.parametrize("remedy", ["it streams", "node.use_compressed"])
def test_a_silent_camera_is_heard(robot: Any, messages: Any, remedy: str) -> None:
    robot.sends = messages.good()
    stream = robot.sends.pop("/image")
    robot.advertise("/image", Image)
    robot.start()
    assert remedy in robot.told(kinds.SILENT)
    if remedy == "it streams":
        robot.sends["/image"] = stream
    else:
        robot.sends["/image/compressed"] = messages.packed("jpeg")
        robot.start(node__use_compressed=True)
    robot.mended(kinds.SILENT)


def test_depth_that_streams_is_used(robot: Any, messages: Any) -> None:
    robot.sends = messages.good()
    stream = robot.sends.pop("/depth")
    robot.advertise("/depth", Image)
    robot.start()
    assert "Check that it streams" in robot.told(kinds.SILENT_DEPTH)
    robot.sends["/depth"] = stream
    robot.mended(kinds.SILENT_DEPTH)


@pytest.mark.parametrize("remedy", ["Start the simulator", "set use_sim_time to false"])
def test_a_node_without_a_clock_has_one(robot: Any, messages: Any, remedy: str) -> None:
    robot.sends = messages.good()
    robot.start(use_sim_time=True)
    assert remedy in robot.told(kinds.NO_CLOCK)
    if remedy == "Start the simulator":
        robot.sends["/clock"] = lambda header: Clock(clock=header.stamp)
    else:
        robot.start(use_sim_time=False)
    robot.mended(kinds.NO_CLOCK)


def test_a_simulator_that_runs_again_is_followed(robot: Any, messages: Any) -> None:
    robot.sends = messages.good()
    stands = robot.bench.probe.get_clock().now().to_msg()
    robot.sends["/clock"] = lambda header: Clock(clock=stands)
    robot.start(use_sim_time=True)
    assert "Let the simulator run" in robot.told(kinds.CLOCK_STANDS)
    robot.sends["/clock"] = lambda header: Clock(clock=header.stamp)
    robot.mended(kinds.CLOCK_STANDS)


def test_a_bag_with_its_clock_is_of_this_moment(robot: Any, messages: Any) -> None:
    def recorded(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def play(header: Any) -> Any:
            stamp_ns = conversions.stamp_to_ns(header.stamp) - DAY_NS
            return make(conversions.make_header(stamp_ns, header.frame_id))

        return play

    robot.sends = {topic: recorded(make) for topic, make in messages.good().items()}
    robot.start()
    assert "play the bag with --clock and set" in robot.told(kinds.STAMP_FAR)
    robot.sends["/clock"] = recorded(lambda header: Clock(clock=header.stamp))
    robot.start(use_sim_time=True)
    robot.mended(kinds.STAMP_FAR)


def test_cameras_with_frames_of_their_own_can_be_told_apart(robot: Any, messages: Any) -> None:
    robot.sends = {f"/{name}/image": messages.colour() for name in ("front", "wrist")}
    robot.start(node__cameras="front, wrist", node__use_depth=False)
    assert "Give each driver a frame_id of its own" in robot.told(kinds.FRAME_ID_SHARED)
    robot.sends["/front/image"] = messages.colour("front_optical_frame")
    robot.mended(kinds.FRAME_ID_SHARED, graspable=False)


@pytest.mark.parametrize("kind", [kinds.NODE_TWICE, kinds.SERVER_TWICE], ids=lambda kind: kind.code)
@pytest.mark.parametrize("renamed", [False, True], ids=["stopped", "renamed"])
def test_a_second_node_is_stopped_or_renamed(
    robot: Any, messages: Any, others: Any, kind: FindingKind, renamed: bool
) -> None:
    def make(namespace: str = "") -> Any:
        node = others("ppcr" if kind is kinds.NODE_TWICE else "impostor", namespace)
        if kind is kinds.SERVER_TWICE:
            name = f"{namespace}/ppcr/segment"
            servers.append(ActionServer(node, SegmentReferring, name, lambda goal: None))
        return node

    servers: list[Any] = []
    second = make()
    robot.sends = messages.good()
    robot.start()
    namespace = re.search(r"-r __ns:=(\S+)", robot.told(kind))
    assert namespace is not None
    if servers:
        servers[0].destroy()
    second.destroy_node()
    if renamed:
        make(namespace[1])
    robot.mended(kind)
    if servers[1:]:
        servers[1].destroy()
