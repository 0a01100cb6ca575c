"""Findings from what the ROS graph says of a topic; imports no ROS.

Facts are gathered in `ppcr_ros.ros.graph` and `ppcr_ros.ros.subscriptions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ppcr_ros.camera.topics import CAMERA_INFO_TYPE as CAMERA_INFO_TYPE
from ppcr_ros.camera.topics import COMPRESSED_TYPE as COMPRESSED_TYPE
from ppcr_ros.camera.topics import IMAGE_TYPE as IMAGE_TYPE
from ppcr_ros.camera.topics import TRANSPORTS, base_of
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Finding, Level

SILENCE_SEC = 5.0
"""A camera topic that is quiet for so long is told of; discovery takes a second or two."""

_ARGUMENTS = {
    "image": ("image_topic", "image", "/camera/camera/color/image_raw"),
    "depth": ("depth_topic", "depth", "/camera/camera/aligned_depth_to_color/image_raw"),
    "camera_info": ("camera_info_topic", "camera_info", "/camera/camera/color/camera_info"),
}
_LIKELY = {
    "image": ("color/image_raw", "rgb/image", "color", "rgb", "image_rect", "image_raw"),
    "depth": ("aligned_depth", "depth_registered", "depth_to_rgb", "depth"),
    "camera_info": ("color/camera_info", "rgb/camera_info"),
}
_TYPES = {"image": IMAGE_TYPE, "depth": IMAGE_TYPE, "camera_info": CAMERA_INFO_TYPE}
_SAYS_DEPTH = re.compile(r"depth|stereo|(?<![a-z])range")
"""A topic without any of them in its name is not offered as depth; an orange camera is none."""
_PACKED = {"image": ("/compressed", "/zstd"), "depth": ("/compressedDepth", "/zstd")}
"""The transports of each role that are read here."""
_MOST_LISTED = 4


@dataclass(frozen=True)
class Endpoint:
    """One publisher or subscription of a topic, as the graph tells of it.

    Attributes:
        node: its full name.
        message_type: such as ``sensor_msgs/msg/Image``.
        reliability: ``RELIABLE``, ``BEST_EFFORT`` or what else the middleware says.
        durability: ``VOLATILE`` or ``TRANSIENT_LOCAL``.
    """

    node: str
    message_type: str
    reliability: str = "RELIABLE"
    durability: str = "VOLATILE"


@dataclass(frozen=True)
class TopicFacts:
    """One topic that the node subscribes to.

    Attributes:
        role: ``image``, ``depth``, ``camera_info`` or ``command``.
        topic: the full name, as remapped.
        message_type: what is subscribed to.
        reliability: what is asked for: ``RELIABLE`` or ``BEST_EFFORT``.
        publishers: all of them, whatever they offer.
        received: messages so far.
        quiet_sec: seconds since the last message, or since the subscription.
        name: the name before remapping, such as ``front/image`` of one of several cameras; empty
            where it is the role.
        wanted: the topic that would be taken where it were published; empty for ``topic``.
    """

    role: str
    topic: str
    message_type: str
    reliability: str
    publishers: tuple[Endpoint, ...] = ()
    received: int = 0
    quiet_sec: float = 0.0
    name: str = ""
    wanted: str = ""


@dataclass(frozen=True)
class GraphFacts:
    """Facts of the whole graph.

    Attributes:
        published: types by topic, of all camera topics that have a publisher.
        other_nodes: how many other nodes are seen.
        environment: the variables that decide who is seen, in words.
        sim_time: whether the node takes its time from /clock.
        now_ns: the node's clock, nanoseconds; 0 where no /clock was heard.
        clock_stands_sec: for how long the time on /clock has not changed.
        node: the full name of the node that looks; empty for a look from outside.
        nodes_of_the_name: how many nodes of that name there are.
        segment_servers: how many servers there are of its action.
    """

    published: Mapping[str, Sequence[str]] = field(default_factory=dict)
    other_nodes: int = 1
    environment: str = ""
    sim_time: bool = False
    now_ns: int = 1
    clock_stands_sec: float = 0.0
    node: str = ""
    nodes_of_the_name: int = 1
    segment_servers: int = 1


def graph_findings(graph: GraphFacts) -> list[Finding]:
    """Of the graph as a whole: nobody else in it, or no time."""
    findings = []
    if not graph.other_nodes:
        findings.append(kinds.NOTHING_DISCOVERED.found(graph.environment))
    if graph.sim_time and not graph.now_ns:
        findings.append(kinds.NO_CLOCK.found("/clock"))
    elif _clock_stands(graph):
        findings.append(kinds.CLOCK_STANDS.found("/clock", stands_sec=graph.clock_stands_sec))
    if graph.nodes_of_the_name > 1:
        findings.append(kinds.NODE_TWICE.found(graph.node, count=graph.nodes_of_the_name))
    if graph.segment_servers > 1:
        topic = f"{graph.node}/segment"
        findings.append(kinds.SERVER_TWICE.found(topic, count=graph.segment_servers))
    return findings


def _clock_stands(graph: GraphFacts) -> bool:
    return graph.sim_time and graph.clock_stands_sec >= SILENCE_SEC


def camera_topic_findings(
    facts: TopicFacts, graph: GraphFacts, *, impatient: bool = False
) -> list[Finding]:
    """Why nothing may come on an image or depth topic.

    Args:
        facts: the topic.
        graph: for what else is published.
        impatient: tell at once, where nothing has come yet.
    """
    publishers = [item for item in facts.publishers if item.message_type]
    quiet = facts.quiet_sec >= SILENCE_SEC or (impatient and not facts.received)
    if not publishers:
        return [_unpublished(facts, graph)] if quiet else []
    matching = [item for item in publishers if item.message_type == facts.message_type]
    if not matching:
        return [_wrong_type(facts, graph, publishers)]
    if facts.reliability == "RELIABLE" and all(
        item.reliability == "BEST_EFFORT" for item in matching
    ):
        return [kinds.QOS_RELIABILITY.found(facts.topic, nodes=nodes_of(matching))]
    findings = _several_publishers(facts, matching)
    if facts.wanted and facts.wanted != facts.topic and facts.received:
        findings.append(kinds.OTHER_TRANSPORT.found(facts.topic, wanted=facts.wanted))
    if quiet and not _clock_stands(graph):
        kind = kinds.SILENT if facts.role == "image" else kinds.SILENT_DEPTH
        nodes = nodes_of(matching)
        findings.append(kind.found(facts.topic, nodes=nodes, quiet_sec=facts.quiet_sec))
    return findings


def _several_publishers(facts: TopicFacts, matching: Sequence[Endpoint]) -> list[Finding]:
    if len(matching) < 2:
        return []
    nodes = nodes_of(matching)
    return [kinds.SEVERAL_PUBLISHERS.found(facts.topic, count=len(matching), nodes=nodes)]


def camera_info_topic_findings(
    facts: TopicFacts, graph: GraphFacts, *, needed: bool
) -> list[Finding]:
    """Why camera_info may not come; one that has come once is enough.

    Args:
        facts: the topic.
        graph: for what else is published.
        needed: whether depth is used, which is worth little without it.
    """
    others = _of_another_type(facts)
    several = _several_publishers(
        facts, [item for item in facts.publishers if item.message_type == facts.message_type]
    )
    if facts.received:
        return several
    if others and len(others) == len(facts.publishers):
        return [_wrong_type(facts, graph, others)]
    if facts.quiet_sec < SILENCE_SEC or _clock_stands(graph):
        return several
    level = Level.WARN if needed else Level.NOTE
    argument = _argument(facts, _likely(facts, graph))
    found = kinds.NO_CAMERA_INFO.found(facts.topic, level=level, argument=argument)
    return [*several, found]


def command_topic_findings(facts: TopicFacts) -> list[Finding]:
    """Publishers of the command topic that are never heard."""
    findings = []
    others = _of_another_type(facts)
    if others:
        findings.append(_wrong_type(facts, GraphFacts(), others))
    deaf = [
        item
        for item in facts.publishers
        if item.message_type == facts.message_type and item.reliability == "BEST_EFFORT"
    ]
    if deaf and facts.reliability == "RELIABLE":
        findings.append(kinds.COMMAND_QOS.found(facts.topic, nodes=nodes_of(deaf)))
    return findings


def subscriber_findings(
    topic: str, offered: Endpoint, subscribers: Iterable[Endpoint]
) -> list[Finding]:
    """Subscribers of ``topic`` that ask for more than ``offered`` and so get nothing."""
    strict = [item for item in subscribers if not meets(offered, item)]
    if not strict:
        return []
    first = strict[0]
    return [
        kinds.SUBSCRIBER_QOS.found(
            topic,
            nodes=nodes_of(strict),
            asked=f"{first.reliability}, {first.durability}",
            offered=f"{offered.reliability}, {offered.durability}",
        )
    ]


def meets(publisher: Endpoint, subscriber: Endpoint) -> bool:
    """Whether the QoS that a publisher offers is enough for a subscriber."""
    if subscriber.reliability == "RELIABLE" and publisher.reliability == "BEST_EFFORT":
        return False
    return not (subscriber.durability == "TRANSIENT_LOCAL" and publisher.durability == "VOLATILE")


def likely_topics(
    role: str, message_type: str, graph: GraphFacts, own: str, camera: str = ""
) -> list[str]:
    """Published topics of ``message_type``, those first whose name suits the role.

    An image that is published in a transport alone counts by its own name: it is read as well.
    Topics of depth images are left out for an image, and all others for depth. Of one of several
    cameras those come first that have its name.
    """
    words = _LIKELY.get(role, ())

    def rank(topic: str) -> tuple[bool, int, str]:
        place = next((i for i, word in enumerate(words) if word in topic), len(words))
        return camera not in topic, place, topic

    packed = _PACKED.get(role, ())
    topics = [
        base_of(name) if name.endswith(packed) else name
        for name, types in graph.published.items()
        if message_type in types or (packed and COMPRESSED_TYPE in types and name.endswith(packed))
    ]
    topics = [name for name in dict.fromkeys(topics) if not name.endswith(TRANSPORTS)]
    if role == "image":
        topics = [name for name in topics if "depth" not in name.lower()]
    if role == "depth":
        topics = [name for name in topics if _SAYS_DEPTH.search(name.lower())]
    return sorted((name for name in topics if name != own), key=rank)


def nodes_of(endpoints: Sequence[Endpoint]) -> str:
    """The names of the nodes, the first three of them."""
    names = list(dict.fromkeys(item.node for item in endpoints))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _of_another_type(facts: TopicFacts) -> list[Endpoint]:
    # The type is empty for a moment while a publisher is being discovered.
    known = ("", facts.message_type)
    return [item for item in facts.publishers if item.message_type not in known]


def _unpublished(facts: TopicFacts, graph: GraphFacts) -> Finding:
    likely = _likely(facts, graph)
    listed = ", ".join(likely[:_MOST_LISTED])
    return kinds.NO_PUBLISHER.found(
        facts.topic,
        message_type=facts.message_type,
        candidates=f", which is published on {listed}" if listed else ", which no node publishes",
        argument=_argument(facts, likely),
    )


def _wrong_type(facts: TopicFacts, graph: GraphFacts, publishers: Sequence[Endpoint]) -> Finding:
    found = publishers[0].message_type
    likely = _likely(facts, graph)
    return kinds.WRONG_TYPE.found(
        facts.topic,
        found=found,
        nodes=nodes_of(publishers),
        message_type=facts.message_type,
        argument=_argument(facts, likely),
    )


def _likely(facts: TopicFacts, graph: GraphFacts) -> list[str]:
    return likely_topics(
        facts.role, facts.message_type, graph, facts.topic, camera=_camera_of(facts)
    )


def _camera_of(facts: TopicFacts) -> str:
    """The camera's name where there are several; empty where there is one."""
    camera, slash, _ = base_of(facts.name).partition("/")
    return camera if slash else ""


def argument_of(role: str, name: str, graph: GraphFacts, topic: str) -> str:
    """The launch argument and the remapping that name another topic for ``role``.

    Args:
        role: ``image``, ``depth`` or ``camera_info``.
        name: the name before remapping, such as ``front/depth``.
        graph: for what else is published.
        topic: what is named now.
    """
    facts = TopicFacts(role, topic, _TYPES[role], "", name=name)
    return _argument(facts, _likely(facts, graph))


def _argument(facts: TopicFacts, likely: Sequence[str]) -> str:
    """The launch argument and the remapping that name another topic."""
    if facts.role not in _ARGUMENTS:
        return f"remap {facts.role}, or publish that type"
    argument, name, example = _ARGUMENTS[facts.role]
    if camera := _camera_of(facts):
        topic = likely[0] if likely else example.replace("/camera", f"/{camera}", 1)
        return f"-r {facts.name}:={topic} (ros2 run)"
    topic = likely[0] if likely else example
    return f"{argument}:={topic} (ros2 launch) or -r {name}:={topic} (ros2 run)"
