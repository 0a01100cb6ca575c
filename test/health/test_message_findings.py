"""Findings from the newest camera messages, by tables; no ROS is needed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ppcr_ros.camera.pairing import PairingFacts
from ppcr_ros.core.camera_config import CameraConfig
from ppcr_ros.health.findings import Finding, Level
from ppcr_ros.health.message_findings import (
    InputFacts,
    camera_info_findings,
    depth_findings,
    image_findings,
    input_findings,
    optical_findings,
    stamp_findings,
    sync_findings,
)
from ppcr_ros.health.topic_findings import (
    CAMERA_INFO_TYPE,
    IMAGE_TYPE,
    Endpoint,
    GraphFacts,
    TopicFacts,
)

GRAPH = GraphFacts()
NOW_NS = 1_700_000_000_000_000_000


def header(frame_id: str = "camera", stamp_ns: int = NOW_NS) -> Any:
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return SimpleNamespace(frame_id=frame_id, stamp=SimpleNamespace(sec=sec, nanosec=nanosec))


def image(encoding: str = "rgb8", width: int = 640, height: int = 480, **of_header: Any) -> Any:
    return SimpleNamespace(
        header=header(**of_header), encoding=encoding, width=width, height=height
    )


def compressed(format_name: str = "jpeg", **of_header: Any) -> Any:
    return SimpleNamespace(header=header(**of_header), format=format_name)


def region(width: int = 0, height: int = 0) -> Any:
    return SimpleNamespace(width=width, height=height, x_offset=0, y_offset=0)


def facts_of(
    options: CameraConfig | None = None, *, image_topic: str = "/image", **newest: Any
) -> InputFacts:
    """Of a camera whose newest messages these are; with depth where there is a depth topic."""
    driver = (Endpoint("/driver", IMAGE_TYPE),)
    topics = {
        "image": TopicFacts("image", image_topic, IMAGE_TYPE, "RELIABLE", driver, 5, 0.1),
        "depth": TopicFacts("depth", "/depth", IMAGE_TYPE, "RELIABLE", driver, 5, 0.1),
        "camera_info": TopicFacts("camera_info", "/info", CAMERA_INFO_TYPE, "RELIABLE", (), 5, 0.1),
    }
    there = {role: message for role, message in newest.items() if message is not None}
    return InputFacts(topics=topics, newest=there, options=options or CameraConfig())


def info(width: int = 640, height: int = 480, focal: float = 600.0, **fields: Any) -> Any:
    values: dict[str, Any] = {
        "width": width,
        "height": height,
        "header": header(),
        "k": [focal, 0.0, 320.0, 0.0, focal, 240.0, 0.0, 0.0, 1.0],
        "p": [0.0] * 12,
        "d": [0.0] * 5,
        "distortion_model": "plumb_bob",
        "binning_x": 0,
        "binning_y": 0,
        "roi": region(),
    }
    return SimpleNamespace(**(values | fields))


def codes(findings: list[Finding]) -> list[str]:
    return [item.code for item in findings]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (image(), []),
        (image("yuv422_yuy2"), []),
        (image("nv12"), []),
        (image("BGR8"), []),
        (image("16UC1"), ["image_encoding"]),
        (image("nv24"), ["image_encoding"]),
        (image(""), ["image_encoding"]),
        (image(frame_id=""), ["frame_id_empty"]),
        (image(frame_id="/camera"), ["frame_id_slash"]),
        (image(stamp_ns=0), ["stamp_zero"]),
        (compressed("zstd"), []),
        (compressed("bayer_rggb8; jpeg compressed mono8"), ["colour_lost"]),
        (image("x", frame_id="", stamp_ns=0), ["image_encoding", "frame_id_empty", "stamp_zero"]),
        (compressed("jpeg"), []),
        (compressed(""), []),
        (compressed("rgb8; jpeg compressed bgr8"), []),
        (compressed("h264"), ["compressed_format"]),
        (compressed("16UC1; compressedDepth png"), ["compressed_format"]),
    ],
)
def test_a_colour_image(message: Any, expected: list[str]) -> None:
    assert codes(image_findings("/image", message, NOW_NS)) == expected


def test_a_refused_encoding_says_what_to_do() -> None:
    (found,) = image_findings("/image", image("16UC1"), NOW_NS)
    assert found.level is Level.ERROR
    assert found.what == "the image's encoding is '16UC1'"
    assert "looks like a depth image: remap the image topic" in found.remedy
    (found,) = image_findings("/image", compressed("h264"), NOW_NS)
    assert "Video and other formats are not decoded here. Set" in found.remedy


@pytest.mark.parametrize(
    ("behind_sec", "now_ns", "expected"),
    [
        (0.0, NOW_NS, []),
        (4.0, NOW_NS, []),
        (-4.0, NOW_NS, []),
        (6.0, NOW_NS, ["stamp_far"]),
        (-6.0, NOW_NS, ["stamp_far"]),
        (6.0, 0, []),  # the node's own clock stands: that is another finding
    ],
)
def test_stamps_and_the_clock(behind_sec: float, now_ns: int, expected: list[str]) -> None:
    stamp_ns = NOW_NS - round(behind_sec * 1e9)
    assert codes(stamp_findings("/image", stamp_ns, now_ns)) == expected


@pytest.mark.parametrize(
    ("behind_sec", "apart"),
    [
        (9, "9.0 s behind"),
        (-9, "9.0 s ahead of"),
        (300, "5 min behind"),
        (-7200, "2 h ahead of"),
        (86400 * 30, "30 days behind"),
    ],
)
def test_how_far_a_stamp_lies_on_which_side(behind_sec: int, apart: str) -> None:
    (found,) = stamp_findings("/i", NOW_NS - behind_sec * 1_000_000_000, NOW_NS)
    assert found.what == f"the stamps on /i lie {apart} this node's clock"


@pytest.mark.parametrize(
    ("depth", "colour", "expected"),
    [
        (image("16UC1"), image(), []),
        (image("32FC1"), None, []),
        (image("16UC1", width=848), image(), ["depth_size"]),
        (image("16UC1", width=848), compressed(), []),  # its size stands inside the data
        (image("16UC1", frame_id="camera_depth"), image(), ["depth_frame"]),
        (image("16UC1", frame_id=""), image(), []),
        (image("rgb8"), image(), ["depth_encoding"]),
    ],
)
def test_a_depth_image(depth: Any, colour: Any, expected: list[str]) -> None:
    assert codes(depth_findings(facts_of(depth=depth, image=colour), GRAPH)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("16UC1; compressedDepth png", []),
        ("32FC1; compressedDepth rvl", []),
        ("zstd", []),
        ("16UC1; png compressed ", []),
        ("16UC1; jpeg compressed mono8", ["depth_encoding"]),
    ],
)
def test_packed_depth(name: str, expected: list[str]) -> None:
    found = depth_findings(facts_of(depth=compressed(name), image=image()), GRAPH)
    assert codes(found) == expected


def test_a_driver_that_only_keeps_the_wrong_name_may_say_so() -> None:
    kept = CameraConfig(ignore_frame_ids=True)
    depth = image("16UC1", frame_id="camera_depth")
    assert depth_findings(facts_of(kept, depth=depth, image=image()), GRAPH) == []
    slashed = image("16UC1", frame_id="/camera")
    assert depth_findings(facts_of(depth=slashed, image=image()), GRAPH) == []


@pytest.mark.parametrize(
    ("frame_id", "options", "expected"),
    [
        ("camera_color_optical_frame", CameraConfig(), []),
        ("zed_left_camera_frame_optical", CameraConfig(), []),
        ("", CameraConfig(), []),
        ("camera_link", CameraConfig(), ["frame_not_optical"]),
        ("camera_link", CameraConfig(optical_frame_id="camera_optical"), []),
    ],
)
def test_the_frame_of_poses(frame_id: str, options: CameraConfig, expected: list[str]) -> None:
    assert codes(optical_findings(image(frame_id=frame_id), options)) == expected


@pytest.mark.parametrize(
    ("message", "colour", "expected"),
    [
        (info(), image(), []),
        (info(), None, []),
        (info(), compressed(), []),
        (info(focal=0.0), image(), ["uncalibrated"]),
        (info(focal=float("nan")), image(), ["uncalibrated"]),
        (info(1280, 720), image(), ["camera_info_size"]),
        (info(1280, 960, binning_x=2, binning_y=2), image(), []),
        (info(1280, 960, roi=region(640, 480)), image(), []),
        (info(d=[0.1, -0.2, 0.0, 0.0, 0.0]), image(), ["lens_unclear"]),
        (info(d=[0.1, -0.2, 0.0, 0.0, 0.0]), compressed(), ["lens_unclear"]),
        (info(header=header("other_camera")), image(), ["camera_info_frame"]),
        (info(header=header("")), image(), []),
        (info(0, 0), image(), []),  # a driver that leaves the size out is believed
    ],
)
def test_camera_info(message: Any, colour: Any, expected: list[str]) -> None:
    facts = facts_of(camera_info=message, image=colour)
    assert codes(camera_info_findings(facts, GRAPH)) == expected


@pytest.mark.parametrize(
    ("options", "topic", "d", "expected"),
    [
        (CameraConfig(), "/cam/image_raw", [0.1, -0.2, 0.0, 0.0, 0.0], []),
        (CameraConfig(), "/cam/image_rect", [0.1, -0.2, 0.0, 0.0, 0.0], []),
        (CameraConfig(image_geometry="rectified"), "/rgb", [0.1, -0.2, 0.0, 0.0, 0.0], []),
        (CameraConfig(image_geometry="raw"), "/rgb", [0.1, -0.2, 0.0, 0.0, 0.0], []),
        (CameraConfig(), "/rgb", [1e-6, 0.0, 0.0, 0.0, 0.0], []),
        (CameraConfig(), "/cam/image_raw", [0.1, 0.2, 0.3], ["lens_unknown"]),
    ],
)
def test_who_says_what_the_image_is_hears_nothing(
    options: CameraConfig, topic: str, d: list[float], expected: list[str]
) -> None:
    facts = facts_of(options, image_topic=topic, camera_info=info(d=d), image=image())
    assert codes(camera_info_findings(facts, GRAPH)) == expected


@pytest.mark.parametrize("topic", ["/cam/image_raw", "/cam/image_rect"])
def test_a_skew_is_told_wherever_it_counts(topic: str) -> None:
    skewed = info(k=[600.0, 4.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0])
    facts = facts_of(image_topic=topic, camera_info=skewed, image=image())
    (finding,) = camera_info_findings(facts, GRAPH)
    assert codes([finding]) == ["lens_unknown"]
    assert "skewed" in finding.text


def test_a_lens_of_an_unknown_name_is_told() -> None:
    lens = info(d=[0.1, -0.2, 0.0, 0.0, 0.0], distortion_model="omni")
    facts = facts_of(image_topic="/cam/image_raw", camera_info=lens, image=image())
    assert codes(camera_info_findings(facts, GRAPH)) == ["lens_unknown"]


def without_depth(facts: InputFacts) -> InputFacts:
    topics = {role: item for role, item in facts.topics.items() if role != "depth"}
    return replace(facts, topics=topics)


def test_a_lens_matters_only_where_depth_is_used() -> None:
    facts = facts_of(camera_info=info(d=[0.1, -0.2, 0.0, 0.0, 0.0]), image=image())
    assert camera_info_findings(without_depth(facts), GRAPH) == []


def test_intrinsics_matter_more_where_depth_is_used() -> None:
    facts = facts_of(camera_info=info(focal=0.0))
    levels = [camera_info_findings(item, GRAPH)[0].level for item in (without_depth(facts), facts)]
    assert levels == [Level.NOTE, Level.WARN]


def test_p_alone_calibrates_a_camera() -> None:
    p = [600.0, 0.0, 320.0, 0.0, 0.0, 600.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    facts = facts_of(camera_info=info(focal=0.0, p=p), image=image())
    assert camera_info_findings(facts, GRAPH) == []


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        (PairingFacts(), []),
        (PairingFacts(apart_sec=7.5), ["other_clock"]),
        (PairingFacts(apart_sec=0.08), ["unsynchronised"]),
        (PairingFacts(apart_sec=0.08, slop_sec=0.1), []),
        (PairingFacts(pairs=3, apart_sec=7.5), []),
        (PairingFacts(pairs=3, apart_sec=7.5, alone=True), ["other_clock"]),
        (PairingFacts(apart_sec=0.0, late="depth", late_sec=0.7, kept_sec=0.33), ["depth_late"]),
        (PairingFacts(pairs=9, alone=True, apart_sec=0.0, depth_interval_sec=1.0), ["depth_slow"]),
    ],
)
def test_pairs(sync: PairingFacts, expected: list[str]) -> None:
    assert codes(sync_findings(sync)) == expected


def test_that_the_queue_is_too_short_is_told_with_the_number() -> None:
    facts = PairingFacts(apart_sec=0.0, late="depth", late_sec=0.5, kept_sec=1 / 3, alone=True)
    (found,) = sync_findings(facts)
    assert "the depth comes 0.50 s after the other" in found.what
    assert "node.sync_queue_size is 10, 0.33 s" in found.what
    assert "set node.sync_queue_size to 22 and camera.depth_wait_sec to 0.7" in found.remedy
    assert "let one do it (chrony)" in found.remedy
    assert "slop" not in found.text


def test_everything_together() -> None:
    driver = (Endpoint("/driver", IMAGE_TYPE),)
    topics = {
        "image": TopicFacts("image", "/i", IMAGE_TYPE, "RELIABLE", driver, 5, 0.1),
        "camera_info": TopicFacts("camera_info", "/c", CAMERA_INFO_TYPE, "RELIABLE", (), 0, 9.0),
        "depth": TopicFacts("depth", "/d", IMAGE_TYPE, "RELIABLE", driver, 5, 0.1),
    }
    facts = InputFacts(
        topics=topics,
        newest={"image": image(), "depth": image("16UC1", width=848)},
        sync=PairingFacts(apart_sec=3.0),
    )
    found = input_findings(facts, GraphFacts(now_ns=NOW_NS))
    assert codes(found) == ["no_camera_info", "frame_not_optical", "depth_size", "other_clock"]
    assert found[0].level is Level.WARN
    colour_alone = {role: topics[role] for role in ("image", "camera_info")}
    facts = InputFacts(topics=colour_alone, newest={"image": image()})
    found = input_findings(facts, GraphFacts(now_ns=NOW_NS))
    assert codes(found) == ["no_camera_info"]
    assert found[0].level is Level.NOTE
