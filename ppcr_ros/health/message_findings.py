"""Findings from the newest camera messages; imports no ROS message type.

Only headers and sizes are looked at, never pixels, so that it costs nothing once a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ppcr_ros.camera.compressed import compressed_advice, is_compressed_colour, loses_colour
from ppcr_ros.camera.doubts import differ, is_optical
from ppcr_ros.camera.encodings import DEPTH_ENCODINGS, colour_advice, is_colour
from ppcr_ros.camera.intrinsics import baseline_of, geometry_of, image_intrinsics, usable
from ppcr_ros.camera.pairing import PairingFacts
from ppcr_ros.camera.transports import is_compressed_depth, is_zstd
from ppcr_ros.core.camera_config import AUTO, RAW, CameraConfig
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Finding, Level
from ppcr_ros.health.topic_findings import (
    GraphFacts,
    TopicFacts,
    argument_of,
    camera_info_topic_findings,
    camera_topic_findings,
)

STAMP_APART_SEC = 5.0
"""Stamps that lie further from the node's clock are told of: TF keeps ten seconds."""
_MOST_SLOP_SEC = 0.2
"""What is stamped further apart is not brought together by a wider slop, but by one clock."""


@dataclass(frozen=True)
class InputFacts:
    """Facts of a camera: its newest messages and options.

    Attributes:
        topics: what is subscribed to, by role: ``image``, ``camera_info`` and maybe ``depth``.
        newest: the newest message of each role that has had one.
        sync: of image and depth; None where they are not paired.
        options: how the messages are understood.
        back_sec: how far the images' stamps have gone back a moment ago; 0 where they have not.
    """

    topics: Mapping[str, TopicFacts]
    newest: Mapping[str, Any] = field(default_factory=dict)
    sync: PairingFacts | None = None
    options: CameraConfig = field(default_factory=CameraConfig)
    back_sec: float = 0.0


ROLES = ("image", "camera_info", "depth", "sync")
"""What findings of a camera are about."""


def input_findings(
    facts: InputFacts,
    graph: GraphFacts,
    *,
    impatient: bool = False,
    roles: Sequence[str] = ROLES,
) -> list[Finding]:
    """Everything that is the matter with the camera.

    Args:
        facts: the camera's topics and messages.
        graph: what else is published, and the node's clock.
        impatient: tell of a topic at once, where nothing has come yet.
        roles: of which of `ROLES`.
    """
    findings: list[Finding] = []
    for role, of_topic in facts.topics.items():
        if role not in roles:
            continue
        if role == "camera_info":
            needed = "depth" in facts.topics
            findings += camera_info_topic_findings(of_topic, graph, needed=needed)
        else:
            findings += camera_topic_findings(of_topic, graph, impatient=impatient)
    if "image" in roles and "image" in facts.newest:
        topic = facts.topics["image"].topic
        findings += image_findings(topic, facts.newest["image"], graph.now_ns)
        if facts.back_sec:
            findings.append(kinds.STAMPS_BACK.found(topic, back_sec=facts.back_sec))
        if "depth" in facts.topics:
            findings += optical_findings(facts.newest["image"], facts.options)
    if "depth" in roles and "depth" in facts.newest:
        findings += depth_findings(facts, graph)
    if "camera_info" in roles and "camera_info" in facts.newest:
        findings += camera_info_findings(facts, graph)
    if facts.sync is not None and "sync" in roles:
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
        if not is_zstd(image.format) and not is_compressed_colour(image.format):
            advice = compressed_advice(image.format)
            found = f"{image.format!r:.60}"
            findings.append(kinds.COMPRESSED_FORMAT.found(topic, found=found, advice=advice))
    elif not is_colour(encoding):
        advice = colour_advice(encoding)
        findings.append(kinds.IMAGE_ENCODING.found(topic, found=f"{encoding!r:.60}", advice=advice))
    if loses_colour(getattr(image, "format", "")):
        findings.append(kinds.COLOUR_LOST.found(topic, found=f"{image.format!r:.60}"))
    frame_id = image.header.frame_id
    if not frame_id:
        findings.append(kinds.FRAME_ID_EMPTY.found(topic))
    elif frame_id.startswith("/"):
        findings.append(kinds.FRAME_ID_SLASH.found(topic, found=frame_id))
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


def optical_findings(image: Any, options: CameraConfig) -> list[Finding]:
    """Of the frame that poses would be in."""
    frame_id = image.header.frame_id
    if not frame_id or is_optical(frame_id, options):
        return []
    return [kinds.FRAME_NOT_OPTICAL.found(frame_id)]


def depth_findings(facts: InputFacts, graph: GraphFacts) -> list[Finding]:
    """Of the newest depth image, and of how it fits the colour image where there is one."""
    findings = []
    depth, image = facts.newest["depth"], facts.newest.get("image")
    topic, name = facts.topics["depth"].topic, facts.topics["depth"].name
    argument = argument_of("depth", name, graph, topic)
    if not _is_depth(depth):
        found = f"{getattr(depth, 'encoding', getattr(depth, 'format', ''))!r:.60}"
        findings.append(kinds.DEPTH_ENCODING.found(topic, found=found, argument=argument))
    if image is None:
        return findings
    found, size = size_of(depth), size_of(image)
    if found and size and found != size:
        kind = kinds.DEPTH_SIZE.found(topic, found=found, size=size, argument=argument)
        findings.append(kind)
    frames = depth.header.frame_id, image.header.frame_id
    if differ(*frames) and not facts.options.ignore_frame_ids:
        findings.append(
            kinds.DEPTH_FRAME.found(topic, found=frames[0], frame=frames[1], argument=argument)
        )
    return findings


def _is_depth(message: Any) -> bool:
    encoding = getattr(message, "encoding", None)
    if encoding is not None:
        return encoding in DEPTH_ENCODINGS
    name = message.format
    return is_zstd(name) or is_compressed_depth(name) or name.startswith("16UC1; png")


def camera_info_findings(facts: InputFacts, graph: GraphFacts) -> list[Finding]:
    """Of the intrinsics, and of how they fit the colour image."""
    info, image = facts.newest["camera_info"], facts.newest.get("image")
    topic, name = facts.topics["camera_info"].topic, facts.topics["camera_info"].name
    needed = "depth" in facts.topics
    matrices = np.array(info.k).reshape(3, 3), np.array(info.p).reshape(3, 4)[:, :3]
    if not any(usable(matrix) for matrix in matrices):
        level = Level.WARN if needed else Level.NOTE
        return [kinds.UNCALIBRATED.found(topic, level=level)]
    argument = argument_of("camera_info", name, graph, topic)
    findings = []
    if needed and image is not None and not facts.options.ignore_frame_ids:
        frames = info.header.frame_id, image.header.frame_id
        if differ(*frames):
            findings.append(
                kinds.CAMERA_INFO_FRAME.found(
                    topic, found=frames[0], frame=frames[1], argument=argument
                )
            )
    if image is not None and (size := size_of(image)):
        width, height = info.roi.width or info.width, info.roi.height or info.height
        described = f"{width // max(info.binning_x, 1)}x{height // max(info.binning_y, 1)}"
        if (width or height) and described != size:
            wrong = kinds.CAMERA_INFO_SIZE.found(
                topic, found=described, size=size, argument=argument
            )
            return [*findings, wrong]
    return findings + (_lens_findings(facts, topic) if needed else [])


def _lens_findings(facts: InputFacts, topic: str) -> list[Finding]:
    """Of an image that may be raw or rectified, or whose lens cannot be undone."""
    info, image_topic = facts.newest["camera_info"], facts.topics["image"].topic
    geometry = geometry_of(facts.options.image_geometry, image_topic)
    try:
        found = image_intrinsics(
            info,
            width_px=(info.roi.width or info.width) // max(info.binning_x, 1),
            height_px=(info.roi.height or info.height) // max(info.binning_y, 1),
            geometry=geometry,
        )
    except InvalidFrameError:
        return []
    if found is None or not found.doubt:
        return []
    if geometry != RAW and (baseline_m := baseline_of(info)):
        return [kinds.SECOND_CAMERA.found(topic, baseline_m=baseline_m)]
    if geometry != AUTO:
        return [kinds.LENS_UNKNOWN.found(topic, problem=found.doubt)]
    return [kinds.LENS_UNCLEAR.found(topic, image=image_topic)]


def sync_findings(sync: PairingFacts, depth: str = "depth") -> list[Finding]:
    """Of image and depth that both arrive and are not paired; ``depth`` names the topic."""
    if sync.apart_sec is None or (sync.pairs and not sync.alone):
        return []
    if sync.late:
        return [
            kinds.DEPTH_LATE.found(
                depth,
                late=sync.late,
                late_sec=sync.late_sec,
                size=sync.queue_size,
                kept_sec=sync.kept_sec,
                wait_sec=sync.wait_sec,
                queue=sync.queue_needed,
                wait=sync.wait_needed_sec,
            )
        ]
    slop_sec, apart_sec = sync.slop_sec, sync.apart_sec
    if apart_sec > max(slop_sec, _MOST_SLOP_SEC):
        return [kinds.OTHER_CLOCK.found(depth, slop_sec=slop_sec, apart_sec=apart_sec)]
    if apart_sec > slop_sec:
        slop = math.ceil(105.0 * apart_sec) / 100.0
        unpaired = kinds.UNSYNCHRONISED
        return [unpaired.found(depth, slop_sec=slop_sec, apart_sec=apart_sec, slop=slop)]
    interval_sec, wait_sec = sync.depth_interval_sec, sync.wait_sec
    if interval_sec > wait_sec:
        wait = min(math.ceil(15.0 * interval_sec) / 10.0, 10.0)
        return [
            kinds.DEPTH_SLOW.found(depth, interval_sec=interval_sec, wait_sec=wait_sec, wait=wait)
        ]
    return []


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
