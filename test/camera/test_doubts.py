"""Headers that speak against a pose, and advice that cures them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ppcr_ros.camera.doubts import geometry_doubts, scaling_doubts
from ppcr_ros.core.camera_config import CameraConfig

OPTICAL = "camera_optical"


@pytest.fixture
def doubts(header: Callable[..., Any]) -> Callable[..., list[str]]:
    """What is doubted of three messages in these frames."""

    def find(image: str, depth: str, info: str, **options: Any) -> list[str]:
        messages = [SimpleNamespace(header=header(name)) for name in (image, depth, info)]
        return geometry_doubts(*messages, CameraConfig(**options))

    return find


def test_messages_of_one_optical_frame_are_not_doubted(doubts: Callable[..., list[str]]) -> None:
    assert doubts(OPTICAL, OPTICAL, OPTICAL) == []
    assert doubts(f"/{OPTICAL}", OPTICAL, f"/{OPTICAL}") == []  # old drivers have the slash


@pytest.mark.parametrize(
    ("frames", "who"),
    [
        ((OPTICAL, "", OPTICAL), "the depth image has no frame_id"),
        ((OPTICAL, OPTICAL, ""), "camera_info has no frame_id"),
        (("", OPTICAL, OPTICAL), "the colour image has no frame_id"),
        (("", "", OPTICAL), "the colour image and the depth image have no frame_id"),
        (("", "", ""), "the colour image and the depth image and camera_info have no frame_id"),
    ],
)
def test_what_has_no_frame_is_compared_with_nothing_and_doubted(
    doubts: Callable[..., list[str]], frames: tuple[str, str, str], who: str
) -> None:
    (doubt,) = doubts(*frames)
    assert doubt.startswith(who)
    assert doubts(*frames, optical_frame_id=OPTICAL, ignore_frame_ids=True) == []


def test_an_image_without_depth_needs_no_frame_for_it(header: Callable[..., Any]) -> None:
    image = SimpleNamespace(header=header(OPTICAL))
    assert geometry_doubts(image, None, None, CameraConfig()) == []


@pytest.mark.parametrize("p_is_zero", [True, False])
@pytest.mark.parametrize(
    ("scale", "doubted"), [(1.0, False), (0.5, True), (2.0, True), (1.5, True), (0.8, False)]
)
def test_intrinsics_of_another_resolution_under_the_size_of_this_one_are_doubted(
    camera_info: Callable[..., Any], scale: float, doubted: bool, p_is_zero: bool
) -> None:
    fx, fy, cx, cy = 610.0 * scale, 608.0 * scale, 322.0 * scale, 236.0 * scale
    info = camera_info(
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        p=[0.0] * 12 if p_is_zero else [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        width=640,
        height=480,
    )
    found = scaling_doubts(info, CameraConfig())
    assert bool(found) == doubted
    assert all("Let K and P be scaled as well" in text for text in found)
    assert scaling_doubts(info, CameraConfig(ignore_frame_ids=True)) == []


def test_a_part_of_a_sensor_has_its_middle_anywhere(camera_info: Callable[..., Any]) -> None:
    info = camera_info(
        k=[610.0, 0.0, 960.0, 0.0, 608.0, 540.0, 0.0, 0.0, 1.0],
        p=[0.0] * 12,
        width=1920,
        height=1080,
    )
    info.roi.x_offset, info.roi.width, info.roi.height = 1200, 320, 240
    assert scaling_doubts(info, CameraConfig()) == []
    assert scaling_doubts(camera_info(width=0, height=0), CameraConfig()) == []
    assert scaling_doubts(None, CameraConfig()) == []


@pytest.mark.parametrize(("stretch", "doubted"), [(1.0, False), (1.05, False), (1.33, True)])
def test_intrinsics_that_were_stretched_are_doubted(
    camera_info: Callable[..., Any], stretch: float, doubted: bool
) -> None:
    matrix = camera_info().k
    matrix[4] *= stretch
    found = scaling_doubts(camera_info(k=matrix), CameraConfig())
    assert bool(found) == doubted
    assert scaling_doubts(camera_info(k=matrix), CameraConfig(ignore_frame_ids=True)) == []
