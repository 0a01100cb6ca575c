"""From what the ROS graph says of a topic to findings; imports no ROS.

Facts are gathered in `ppcr_ros.ros.graph` and `ppcr_ros.ros.subscriptions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Finding, Level

SILENCE_SEC = 5.0
"""A camera topic that is quiet for so long is told of; discovery takes a second or two."""

IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"

_COMPRESSED_SUFFIX = "/compressed"
_ARGUMENTS = {
    "image": ("image_topic", "image", "/camera/color/image_raw"),
    "depth": ("depth_topic", "depth", "/camera/aligned_depth_to_color/image_raw"),
    "camera_info": ("camera_info_topic", "camera_info", "/camera/color/camera_info"),
}
_LIKELY = {
    "image": ("color/image_raw", "rgb/image", "color", "rgb", "image_rect", "image_raw"),
    "depth": ("aligned_depth", "depth_registered", "depth"),
    "camera_info": ("color/camera_info", "rgb/camera_info"),
}
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
    """

    role: str
    topic: str
    message_type: str
    reliability: str
    publishers: tuple[Endpoint, ...] = ()
    received: int = 0
    quiet_sec: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class GraphFacts:
    """What else is there.

    Attributes:
        published: types by topic, of all camera topics that have a publisher.
        other_nodes: how many other nodes are seen.
        environment: the variables that decide who is seen, in words.
        sim_time: whether the node takes its time from /clock.
        now_ns: the node's clock, nanoseconds; 0 where no /clock was heard.
    """

    published: Mapping[str, Sequence[str]] = field(default_factory=dict)
    other_nodes: int = 1
    environment: str = ""
    sim_time: bool = False
    now_ns: int = 1


def graph_findings(graph: GraphFacts) -> list[Finding]:
    """Of the graph as a whole: nobody else in it, or no time."""
    findings = []
    if not graph.other_nodes:
        findings.append(kinds.NOTHING_DISCOVERED.found(graph.environment))
    if graph.sim_time and not graph.now_ns:
        findings.append(kinds.NO_CLOCK.found("/clock"))
    return findings


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
    if quiet:
        nodes = nodes_of(matching)
        return [kinds.SILENT.found(facts.topic, nodes=nodes, quiet_sec=facts.quiet_sec)]
    return []


def camera_info_topic_findings(
    facts: TopicFacts, graph: GraphFacts, *, needed: bool
) -> list[Finding]:
    """Why camera_info may not come; one that has come once is enough.

    Args:
        facts: the topic.
        graph: for what else is published.
        needed: whether depth is used, which is worth little without it.
    """
    if facts.received:
        return []
    others = _of_another_type(facts)
    if others and len(others) == len(facts.publishers):
        return [_wrong_type(facts, graph, others)]
    if facts.quiet_sec < SILENCE_SEC:
        return []
    level = Level.WARN if needed else Level.NOTE
    found = kinds.NO_CAMERA_INFO.found(facts.topic, level=level)
    likely, camera = _likely(facts, graph), _camera_of(facts)
    if likely or camera:
        named = _argument(facts, likely) if camera else f"camera_info_topic:={likely[0]}"
        remedy = f"Name it: {named}"
        found = Finding(found.code, found.about, found.what, found.expected, remedy, level)
    return [found]


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

    Topics of depth images are left out for an image, and all others come last for depth. Of one of
    several cameras those come first that have its name.
    """
    words = _LIKELY.get(role, ())

    def rank(topic: str) -> tuple[bool, int, str]:
        place = next((i for i, word in enumerate(words) if word in topic), len(words))
        return camera not in topic, place, topic

    topics = [name for name, types in graph.published.items() if message_type in types]
    if role == "image":
        topics = [name for name in topics if "depth" not in name]
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
    if facts.role == "image" and (sibling := _sibling(facts, graph)):
        kind = kinds.ONLY_RAW if facts.message_type == COMPRESSED_TYPE else kinds.ONLY_COMPRESSED
        return kind.found(facts.topic, found=sibling)
    likely = _likely(facts, graph)
    listed = ", ".join(likely[:_MOST_LISTED])
    return kinds.NO_PUBLISHER.found(
        facts.topic,
        message_type=facts.message_type,
        candidates=f", which is published on {listed}" if listed else ", which no node publishes",
        argument=_argument(facts, likely),
    )


def _sibling(facts: TopicFacts, graph: GraphFacts) -> str:
    """The same camera's topic of the other kind, raw or compressed; empty where there is none."""
    if facts.message_type == COMPRESSED_TYPE:
        other, wanted = facts.topic.removesuffix(_COMPRESSED_SUFFIX), IMAGE_TYPE
    else:
        other, wanted = facts.topic + _COMPRESSED_SUFFIX, COMPRESSED_TYPE
    return other if other != facts.topic and wanted in graph.published.get(other, ()) else ""


def _wrong_type(facts: TopicFacts, graph: GraphFacts, publishers: Sequence[Endpoint]) -> Finding:
    found = publishers[0].message_type
    if facts.role == "image" and {found, facts.message_type} == {IMAGE_TYPE, COMPRESSED_TYPE}:
        kind = kinds.ONLY_COMPRESSED if found == COMPRESSED_TYPE else kinds.ONLY_RAW
        return kind.found(facts.topic, found=facts.topic)
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
    camera, slash, _ = facts.name.removesuffix(_COMPRESSED_SUFFIX).partition("/")
    return camera if slash else ""


def _argument(facts: TopicFacts, likely: Sequence[str]) -> str:
    """The launch argument and the remapping that name another topic."""
    if facts.role not in _ARGUMENTS:
        return f"remap {facts.role}, or publish that type"
    argument, name, example = _ARGUMENTS[facts.role]
    if camera := _camera_of(facts):
        topic = likely[0] if likely else example.replace("camera", camera, 1)
        return f"-r {facts.name}:={topic} (ros2 run)"
    topic = likely[0] if likely else example
    return f"{argument}:={topic} (ros2 launch) or -r {name}:={topic} (ros2 run)"
