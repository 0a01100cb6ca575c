"""From the newest camera messages to findings; imports no ROS message type.

Only headers and sizes are looked at, never pixels, so that it costs nothing once a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ppcr_ros.camera.encodings import (
    DEPTH_ENCODINGS,
    colour_advice,
    compressed_advice,
    is_colour,
    is_compressed_colour,
)
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Finding, Level
from ppcr_ros.health.topic_findings import (
    GraphFacts,
    TopicFacts,
    camera_info_topic_findings,
    camera_topic_findings,
)

STAMP_APART_SEC = 5.0
"""Stamps that lie further from the node's clock are told of: TF keeps ten seconds."""


@dataclass(frozen=True)
class SyncFacts:
    """How image and depth were paired.

    Attributes:
        pairs: how many so far.
        apart_sec: between the newest stamps of the two; None until both have come.
        slop_sec: how far the stamps of a pair may lie apart.
    """

    pairs: int
    apart_sec: float | None
    slop_sec: float


@dataclass(frozen=True)
class InputFacts:
    """All that is known of the camera.

    Attributes:
        topics: what is subscribed to, by role: ``image``, ``camera_info`` and maybe ``depth``.
        newest: the newest message of each role that has had one.
        sync: of image and depth; None where they are not paired.
        filters_missing: depth is asked for and message_filters is not installed.
    """

    topics: Mapping[str, TopicFacts]
    newest: Mapping[str, Any] = field(default_factory=dict)
    sync: SyncFacts | None = None
    filters_missing: bool = False


def input_findings(
    facts: InputFacts, graph: GraphFacts, *, impatient: bool = False
) -> list[Finding]:
    """Everything that is the matter with the camera.

    Args:
        facts: the camera's topics and messages.
        graph: what else is published, and the node's clock.
        impatient: tell of a topic at once, where nothing has come yet.
    """
    findings: list[Finding] = []
    for role, topic in facts.topics.items():
        if role == "camera_info":
            needed = "depth" in facts.topics
            findings += camera_info_topic_findings(topic, graph, needed=needed)
        else:
            findings += camera_topic_findings(topic, graph, impatient=impatient)
    if facts.filters_missing:
        findings.append(kinds.MESSAGE_FILTERS_MISSING.found("message_filters"))
    image, depth, info = (facts.newest.get(role) for role in ("image", "depth", "camera_info"))
    if image is not None:
        findings += image_findings(facts.topics["image"].topic, image, graph.now_ns)
    if depth is not None:
        findings += depth_findings(facts.topics["depth"].topic, depth, image)
    if info is not None:
        needed = "depth" in facts.topics
        findings += camera_info_findings(
            facts.topics["camera_info"].topic, info, image, needed=needed
        )
    if facts.sync is not None:
        findings += sync_findings(facts.sync, facts.topics["depth"].name or "depth")
    return findings


def shared_frame_findings(cameras: Mapping[str, InputFacts]) -> list[Finding]:
    """Of cameras, by name, whose images carry the same frame_id."""
    owners: dict[str, list[str]] = {}
    for name, facts in cameras.items():
        image = facts.newest.get("image")
        if image is not None and image.header.frame_id:
            owners.setdefault(image.header.frame_id, []).append(name)
    return [
        kinds.FRAME_ID_SHARED.found(frame_id, cameras=" and ".join(names))
        for frame_id, names in owners.items()
        if len(names) > 1
    ]


def image_findings(topic: str, image: Any, now_ns: int) -> list[Finding]:
    """Of a colour image, raw or compressed; ``now_ns`` is the node's clock, 0 where it stands."""
    findings = []
    encoding = getattr(image, "encoding", None)
    if encoding is None:
        if not is_compressed_colour(image.format):
            advice = compressed_advice(image.format)
            found = f"{image.format!r:.60}"
            findings.append(kinds.COMPRESSED_FORMAT.found(topic, found=found, advice=advice))
    elif not is_colour(encoding):
        advice = colour_advice(encoding)
        findings.append(kinds.IMAGE_ENCODING.found(topic, found=f"{encoding!r:.60}", advice=advice))
    if not image.header.frame_id:
        findings.append(kinds.FRAME_ID_EMPTY.found(topic))
    return findings + stamp_findings(topic, stamp_ns_of(image), now_ns)


def stamp_findings(topic: str, stamp_ns: int, now_ns: int) -> list[Finding]:
    """Of a stamp that is missing or far from the node's clock; both in nanoseconds."""
    if not stamp_ns:
        return [kinds.STAMP_ZERO.found(topic)]
    apart_sec = (now_ns - stamp_ns) / 1e9
    if not now_ns or abs(apart_sec) <= STAMP_APART_SEC:
        return []
    side = "behind" if apart_sec > 0 else "ahead of"
    return [kinds.STAMP_FAR.found(topic, apart=f"{_span(abs(apart_sec))} {side}")]


def depth_findings(topic: str, depth: Any, image: Any | None) -> list[Finding]:
    """Of a depth image, and of how it fits the colour image where there is one."""
    findings = []
    if depth.encoding not in DEPTH_ENCODINGS:
        findings.append(kinds.DEPTH_ENCODING.found(topic, found=f"{depth.encoding!r:.60}"))
    if image is None:
        return findings
    found, size = f"{depth.width}x{depth.height}", size_of(image)
    if size and found != size:
        findings.append(kinds.DEPTH_SIZE.found(topic, found=found, size=size))
    frames = depth.header.frame_id, image.header.frame_id
    if all(frames) and frames[0] != frames[1]:
        findings.append(kinds.DEPTH_FRAME.found(topic, found=frames[0], frame=frames[1]))
    return findings


def camera_info_findings(
    topic: str, info: Any, image: Any | None, *, needed: bool
) -> list[Finding]:
    """Of the intrinsics, and of how they fit the colour image; ``needed`` where depth is used."""
    focal = float(info.k[0]), float(info.k[4])
    if not all(math.isfinite(value) and value > 0 for value in focal):
        level = Level.WARN if needed else Level.NOTE
        return [kinds.UNCALIBRATED.found(topic, level=level)]
    bent = [kinds.LENS_DISTORTED.found(topic)] if needed and any(info.d) else []
    if image is None or not (size := size_of(image)):
        return bent
    width, height = info.roi.width or info.width, info.roi.height or info.height
    found = f"{width // max(info.binning_x, 1)}x{height // max(info.binning_y, 1)}"
    if (width or height) and found != size:
        return [kinds.CAMERA_INFO_SIZE.found(topic, found=found, size=size)]
    return bent


def sync_findings(sync: SyncFacts, depth: str = "depth") -> list[Finding]:
    """Of image and depth that both arrive and are never paired; ``depth`` names the topic."""
    if sync.pairs or sync.apart_sec is None:
        return []
    return [kinds.UNSYNCHRONISED.found(depth, slop_sec=sync.slop_sec, apart_sec=sync.apart_sec)]


def _span(seconds: float) -> str:
    """``seconds`` in the unit that a person would use."""
    for unit_sec, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit_sec:
            return f"{seconds / unit_sec:.0f} {name}"
    return f"{seconds:.1f} s"


def size_of(image: Any) -> str:
    """``640x480``; empty for a compressed image, whose size stands inside its data."""
    return f"{image.width}x{image.height}" if hasattr(image, "encoding") else ""


def stamp_ns_of(message: Any) -> int:
    """The header's stamp in nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
