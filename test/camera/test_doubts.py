"""Which headers speak against a pose, and that what they advise cures."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ppcr_ros.camera.doubts import geometry_doubts
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
