"""From the newest camera messages to findings, by tables; no ROS is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ppcr_ros.health.findings import Finding, Level
from ppcr_ros.health.message_findings import (
    InputFacts,
    SyncFacts,
    camera_info_findings,
    depth_findings,
    image_findings,
    input_findings,
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


def info(width: int = 640, height: int = 480, focal: float = 600.0, **fields: Any) -> Any:
    values: dict[str, Any] = {
        "width": width,
        "height": height,
        "k": [focal, 0.0, 320.0, 0.0, focal, 240.0, 0.0, 0.0, 1.0],
        "d": [0.0] * 5,
        "binning_x": 0,
        "binning_y": 0,
        "roi": SimpleNamespace(width=0, height=0),
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
        (image(stamp_ns=0), ["stamp_zero"]),
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
    assert codes(depth_findings("/depth", depth, colour)) == expected


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
        (info(1280, 960, roi=SimpleNamespace(width=640, height=480)), image(), []),
        (info(d=[0.1, -0.2, 0.0, 0.0, 0.0]), image(), ["lens_distorted"]),
        (info(d=[0.1, -0.2, 0.0, 0.0, 0.0]), compressed(), ["lens_distorted"]),
        (info(0, 0), image(), []),  # a driver that leaves the size out is believed
    ],
)
def test_camera_info(message: Any, colour: Any, expected: list[str]) -> None:
    found = camera_info_findings("/info", message, colour, needed=True)
    assert codes(found) == expected


def test_a_lens_matters_only_where_depth_is_used() -> None:
    assert camera_info_findings("/info", info(d=[0.1]), image(), needed=False) == []


def test_intrinsics_matter_more_where_depth_is_used() -> None:
    levels = [
        camera_info_findings("/info", info(focal=0.0), None, needed=needed)[0].level
        for needed in (False, True)
    ]
    assert levels == [Level.NOTE, Level.WARN]


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        (SyncFacts(0, None, 0.05), []),
        (SyncFacts(0, 7.5, 0.05), ["unsynchronised"]),
        (SyncFacts(3, 7.5, 0.05), []),
    ],
)
def test_pairs(sync: SyncFacts, expected: list[str]) -> None:
    assert codes(sync_findings(sync)) == expected


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
        sync=SyncFacts(0, 3.0, 0.05),
    )
    found = input_findings(facts, GraphFacts(now_ns=NOW_NS))
    assert codes(found) == ["no_camera_info", "depth_size", "unsynchronised"]
    assert found[0].level is Level.WARN
    colour_alone = {role: topics[role] for role in ("image", "camera_info")}
    facts = InputFacts(topics=colour_alone, newest={"image": image()}, filters_missing=True)
    found = input_findings(facts, GraphFacts(now_ns=NOW_NS))
    assert codes(found) == ["no_camera_info", "message_filters_missing"]
    assert found[0].level is Level.NOTE
