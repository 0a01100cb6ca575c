"""Findings from facts of the graph, by tables; no ROS is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ppcr_ros.health.findings import Finding, Level
from ppcr_ros.health.topic_findings import (
    CAMERA_INFO_TYPE,
    COMPRESSED_TYPE,
    IMAGE_TYPE,
    SILENCE_SEC,
    Endpoint,
    GraphFacts,
    TopicFacts,
    camera_info_topic_findings,
    camera_topic_findings,
    command_topic_findings,
    graph_findings,
    likely_topics,
    meets,
    nodes_of,
    subscriber_findings,
)

RAW = TopicFacts("image", "/cam", IMAGE_TYPE, "BEST_EFFORT", quiet_sec=SILENCE_SEC)
COMPRESSED = replace(RAW, topic="/cam/compressed", message_type=COMPRESSED_TYPE)
DRIVER = Endpoint("/driver", IMAGE_TYPE)
PACKER = Endpoint("/driver", COMPRESSED_TYPE)
SENSOR = replace(DRIVER, reliability="BEST_EFFORT")
OTHERS = GraphFacts(
    published={
        "/camera/depth/image_raw": (IMAGE_TYPE,),
        "/camera/color/image_raw": (IMAGE_TYPE,),
        "/camera/color/image_raw/compressed": (COMPRESSED_TYPE,),
        "/camera/color/camera_info": (CAMERA_INFO_TYPE,),
        "/camera/aligned_depth_to_color/image_raw": (IMAGE_TYPE,),
    }
)


def codes(findings: list[Finding]) -> list[str]:
    return [item.code for item in findings]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(RAW, publishers=(DRIVER,), received=9, quiet_sec=0.1), []),
        (replace(RAW, quiet_sec=1.0), []),  # discovery takes a while
        (RAW, ["no_publisher"]),
        (replace(RAW, received=40), ["no_publisher"]),  # the driver has gone
        (replace(RAW, publishers=(DRIVER,)), ["silent"]),
        (replace(RAW, publishers=(DRIVER,), quiet_sec=1.0), []),
        (replace(RAW, publishers=(SENSOR,), quiet_sec=0.0), []),
        # A mismatch is no matter of patience.
        (
            replace(RAW, publishers=(SENSOR,), reliability="RELIABLE", quiet_sec=0.0),
            ["qos_reliability"],
        ),
        (
            replace(RAW, publishers=(SENSOR, DRIVER), reliability="RELIABLE", quiet_sec=0.0),
            ["several_publishers"],
        ),
        (
            replace(COMPRESSED, publishers=(PACKER,), received=1, quiet_sec=0.0, wanted="/cam"),
            ["other_transport"],
        ),
        (replace(RAW, publishers=(DRIVER, DRIVER), quiet_sec=0.0), ["several_publishers"]),
        (
            replace(RAW, publishers=(Endpoint("/d", "sensor_msgs/msg/PointCloud2"),)),
            ["wrong_type"],
        ),
        (
            replace(RAW, role="depth", publishers=(Endpoint("/d", COMPRESSED_TYPE),)),
            ["wrong_type"],
        ),
        # One good publisher beside a bad one is enough.
        (replace(RAW, publishers=(Endpoint("/d", COMPRESSED_TYPE), DRIVER), quiet_sec=0.1), []),
        # While a publisher is being discovered its type is empty.
        (replace(RAW, publishers=(Endpoint("/d", ""),), quiet_sec=0.0), []),
    ],
)
def test_why_an_image_topic_is_silent(facts: TopicFacts, expected: list[str]) -> None:
    assert codes(camera_topic_findings(facts, GraphFacts())) == expected


def test_impatience_tells_at_once_but_only_of_what_never_came() -> None:
    fresh = replace(RAW, quiet_sec=0.2)
    assert codes(camera_topic_findings(fresh, OTHERS, impatient=True)) == ["no_publisher"]
    streaming = replace(fresh, publishers=(DRIVER,), received=3)
    assert camera_topic_findings(streaming, OTHERS, impatient=True) == []


def test_the_topic_to_take_instead_is_named_as_the_launch_file_takes_it() -> None:
    (found,) = camera_topic_findings(RAW, OTHERS)
    assert found.about == "/cam"
    assert "image_topic:=/camera/color/image_raw (ros2 launch)" in found.remedy
    assert "-r image:=/camera/color/image_raw (ros2 run)" in found.remedy
    assert "published on /camera/color/image_raw" in found.expected
    assert "/camera/depth" not in found.text
    (found,) = camera_topic_findings(replace(RAW, role="depth"), OTHERS)
    assert "depth_topic:=/camera/aligned_depth_to_color/image_raw" in found.remedy


def test_where_no_topic_fits_an_example_shows_how_it_is_written() -> None:
    (found,) = camera_topic_findings(RAW, GraphFacts())
    assert "which no node publishes" in found.expected
    assert "image_topic:=/camera/camera/color/image_raw" in found.remedy
    (found,) = camera_topic_findings(replace(RAW, role="depth"), GraphFacts())
    assert "depth_topic:=/camera/camera/aligned_depth_to_color/image_raw" in found.remedy


def test_depth_is_never_looked_for_on_a_colour_topic() -> None:
    lost = replace(RAW, role="depth")
    (found,) = camera_topic_findings(lost, OTHERS)
    assert "/camera/color/image_raw" not in found.text
    only_packed = GraphFacts(
        published={
            "/cam/color/image_raw": (IMAGE_TYPE,),
            "/cam/depth/image/compressedDepth": (COMPRESSED_TYPE,),
            "/cam/depth/image/compressed": (COMPRESSED_TYPE,),
        }
    )
    (found,) = camera_topic_findings(lost, only_packed)
    assert "depth_topic:=/cam/depth/image (ros2 launch)" in found.remedy
    assert "published on /cam/depth/image" in found.expected


def test_an_image_that_is_only_there_compressed_is_offered_by_its_own_name() -> None:
    packed = GraphFacts(published={"/front/image_raw/compressed": (COMPRESSED_TYPE,)})
    (found,) = camera_topic_findings(RAW, packed)
    assert "image_topic:=/front/image_raw (ros2 launch)" in found.remedy


@pytest.mark.parametrize("role", ["image", "depth"])
def test_compressed_images_are_not_offered_for_depth(role: str) -> None:
    (found,) = camera_topic_findings(replace(RAW, role=role, publishers=(DRIVER,)), OTHERS)
    assert ("compressed:=true" in found.remedy) == (role == "image")
    if role == "image":
        assert "-p node.use_compressed:=true (ros2 run)" in found.remedy


def test_a_clock_that_stands_is_not_blamed_on_the_network() -> None:
    paused = GraphFacts(sim_time=True, now_ns=7, clock_stands_sec=9.0)
    assert codes(graph_findings(paused)) == ["clock_stands"]
    assert camera_topic_findings(replace(RAW, publishers=(DRIVER,)), paused) == []
    assert camera_info_topic_findings(INFO, paused, needed=True) == []
    moving = replace(paused, clock_stands_sec=0.5)
    assert graph_findings(moving) == []
    assert codes(camera_topic_findings(replace(RAW, publishers=(DRIVER,)), moving)) == ["silent"]


def test_a_second_node_and_a_second_server_are_told() -> None:
    twice = GraphFacts(node="/left/ppcr", nodes_of_the_name=2, segment_servers=3)
    one, other = graph_findings(twice)
    assert one.text.startswith("2 nodes are called /left/ppcr; each command")
    assert other.text.startswith("3 servers offer the action /left/ppcr/segment; each goal")
    assert (one.level, other.level) == (Level.ERROR, Level.ERROR)


def test_candidates_are_ranked_by_name_and_exclude_the_topic_itself() -> None:
    assert likely_topics("camera_info", CAMERA_INFO_TYPE, OTHERS, "/x") == [
        "/camera/color/camera_info"
    ]
    assert likely_topics("image", IMAGE_TYPE, OTHERS, "/camera/color/image_raw") == []
    assert likely_topics("depth", IMAGE_TYPE, OTHERS, "/x") == [
        "/camera/aligned_depth_to_color/image_raw",
        "/camera/depth/image_raw",
    ]


INFO = TopicFacts("camera_info", "/info", CAMERA_INFO_TYPE, "BEST_EFFORT", quiet_sec=SILENCE_SEC)


@pytest.mark.parametrize(
    ("facts", "needed", "expected"),
    [
        (INFO, False, [("no_camera_info", Level.NOTE)]),
        (INFO, True, [("no_camera_info", Level.WARN)]),
        (replace(INFO, quiet_sec=1.0), True, []),
        (replace(INFO, received=1, quiet_sec=900.0), True, []),  # published once is enough
        (replace(INFO, publishers=(DRIVER,)), True, [("wrong_type", Level.ERROR)]),
    ],
)
def test_camera_info(facts: TopicFacts, needed: bool, expected: list[tuple[str, Level]]) -> None:
    found = camera_info_topic_findings(facts, OTHERS, needed=needed)
    assert [(item.code, item.level) for item in found] == expected


def test_the_camera_info_topic_is_suggested() -> None:
    (found,) = camera_info_topic_findings(INFO, OTHERS, needed=True)
    assert found.remedy == (
        "Name it: camera_info_topic:=/camera/color/camera_info (ros2 launch) or "
        "-r camera_info:=/camera/color/camera_info (ros2 run)"
    )


STRING = "std_msgs/msg/String"
COMMAND = TopicFacts("command", "/ppcr/command", STRING, "RELIABLE")


@pytest.mark.parametrize(
    ("publishers", "expected"),
    [
        ((), []),
        ((Endpoint("/speech", STRING),), []),
        ((Endpoint("/speech", STRING, "BEST_EFFORT"),), ["command_qos"]),
        ((Endpoint("/ui", STRING), Endpoint("/speech", STRING, "BEST_EFFORT")), ["command_qos"]),
        ((Endpoint("/speech", "example/msg/Speech"),), ["wrong_type"]),
    ],
)
def test_a_speaker_who_is_never_heard(
    publishers: tuple[Endpoint, ...], expected: list[str]
) -> None:
    assert codes(command_topic_findings(replace(COMMAND, publishers=publishers))) == expected


@pytest.mark.parametrize(
    ("offered", "asked", "fits"),
    [
        (("RELIABLE", "VOLATILE"), ("RELIABLE", "VOLATILE"), True),
        (("RELIABLE", "VOLATILE"), ("BEST_EFFORT", "VOLATILE"), True),
        (("BEST_EFFORT", "VOLATILE"), ("RELIABLE", "VOLATILE"), False),
        (("RELIABLE", "VOLATILE"), ("RELIABLE", "TRANSIENT_LOCAL"), False),
        (("RELIABLE", "TRANSIENT_LOCAL"), ("RELIABLE", "VOLATILE"), True),
    ],
)
def test_what_fits_together(offered: tuple[str, str], asked: tuple[str, str], fits: bool) -> None:
    publisher, subscriber = Endpoint("/a", "T", *offered), Endpoint("/b", "T", *asked)
    assert meets(publisher, subscriber) == fits
    assert bool(subscriber_findings("/t", publisher, [subscriber])) != fits


def test_a_subscriber_that_gets_nothing_is_named_with_both_sides() -> None:
    strict = Endpoint("/rviz", "T", "RELIABLE", "TRANSIENT_LOCAL")
    (found,) = subscriber_findings("/ppcr/markers", Endpoint("/ppcr", "T"), [strict])
    assert found.what == "/rviz subscribes to /ppcr/markers as RELIABLE, TRANSIENT_LOCAL"
    assert "offers RELIABLE, VOLATILE" in found.expected


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (GraphFacts(), []),
        (GraphFacts(other_nodes=0, environment="ROS_DOMAIN_ID=7"), ["nothing_discovered"]),
        (GraphFacts(sim_time=True, now_ns=0), ["no_clock"]),
        (GraphFacts(sim_time=True, now_ns=5), []),
    ],
)
def test_the_graph_as_a_whole(graph: GraphFacts, expected: list[str]) -> None:
    assert codes(graph_findings(graph)) == expected


def test_an_empty_graph_shows_the_variables_that_decide() -> None:
    (found,) = graph_findings(GraphFacts(other_nodes=0, environment="ROS_DOMAIN_ID=7"))
    assert "here ROS_DOMAIN_ID=7" in found.expected


def test_many_nodes_are_counted() -> None:
    assert nodes_of([Endpoint(f"/n{i}", "T") for i in range(5)]) == "/n0, /n1, /n2 and 2 more"
    assert nodes_of([Endpoint("/n", "T"), Endpoint("/n", "T")]) == "/n"


def test_only_what_is_called_after_depth_is_offered_as_depth() -> None:
    graph = GraphFacts(
        published=dict.fromkeys(
            ("/orange/image", "/World/Depth", "/range_finder/image"), (IMAGE_TYPE,)
        )
    )
    assert set(likely_topics("depth", IMAGE_TYPE, graph, "/x")) == {
        "/World/Depth",
        "/range_finder/image",
    }
    assert "/World/Depth" not in likely_topics("image", IMAGE_TYPE, graph, "/x")
