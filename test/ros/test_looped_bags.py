"""Bags that are played in a loop (``ros2 bag play -l``) shorter than images wait for depth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image

from ppcr_lab import scripted_camera
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions

RESULT, DIAGNOSTICS, OPTICAL = "/ppcr/result", "/diagnostics", "camera_optical"
FRAME_NS = 33_000_000
PATIENT = {"grasp__max_age_sec": 3600.0, "node__max_image_age_sec": 600.0}


@pytest.fixture
def play(bench: Any) -> Iterator[Callable[..., None]]:
    """Plays a bag of so many images in a loop until the test ends, with depth or without."""
    timers: list[Any] = []
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 255, (12, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    start_ns = time.time_ns()

    def begin(frames: int, *, with_depth: bool) -> None:
        colour = bench.probe.create_publisher(Image, "/image", 10)
        depths = bench.probe.create_publisher(Image, "/depth", 10) if with_depth else None
        infos = bench.probe.create_publisher(CameraInfo, "/camera_info", 10)
        played = [0]

        def publish() -> None:
            header = conversions.make_header(start_ns + FRAME_NS * (played[0] % frames), OPTICAL)
            played[0] += 1
            infos.publish(scripted_camera.camera_info(header))
            if depths is not None:
                depths.publish(scripted_camera.depth_image(header))
            colour.publish(conversions.rgb_to_image(pixels, header))

        timers.append(bench.probe.create_timer(FRAME_NS / 1e9, publish))

    yield begin
    for timer in timers:
        timer.cancel()


@pytest.mark.parametrize("with_depth", [True, False], ids=["with depth", "depth is missing"])
@pytest.mark.parametrize("frames", [1, 3, 12])
def test_commands_are_answered_in_every_round(
    bench: Any, play: Callable[..., None], frames: int, with_depth: bool
) -> None:
    bench.begin(node__use_depth=True, camera__depth_wait_sec=1.0, **PATIENT)
    bench.listen(DiagnosticArray, DIAGNOSTICS)
    play(frames, with_depth=with_depth)
    for number in range(1, 5):
        result = bench.answer(count=number)
        assert result.status == ReferringSegmentation.OK, result.message
    received = bench.frames()
    bench.until(lambda: bench.frames() > received + 10, "images to go on")
    if with_depth:
        pairs = bench.node.cameras[""].facts
        bench.until(lambda: pairs().sync.pairs > 0, "a pair")
        result = bench.answer(count=5)
        assert result.grasp.graspable, result.grasp.reason
    if frames > 1:
        until_told(bench, "the stamps on /image went back by")


def until_told(bench: Any, words: str) -> None:
    """Wait for a finding with ``words`` in the diagnostics."""

    def told() -> bool:
        values = bench.wait(DIAGNOSTICS)[-1].status[0].values
        return any(words in item.value for item in values if item.key.startswith("finding"))

    bench.until(told, words)


@pytest.mark.parametrize("with_depth", [True, False], ids=["with depth", "colour alone"])
def test_a_target_is_found_again_in_the_next_round_and_told_where_it_is_not(
    bench: Any, play: Callable[..., None], with_depth: bool
) -> None:
    bench.begin(
        node__mode="track",
        node__track_max_rate_hz=30.0,
        node__use_depth=with_depth,
        camera__depth_wait_sec=1.0,
        **PATIENT,
    )
    play(12, with_depth=with_depth)
    bench.say("the red mug")

    def results() -> list[Any]:
        return bench.wait(RESULT)

    def ended() -> bool:
        return "so tracking ends; give the command again" in results()[-1].message

    bench.until(ended, "the end of tracking")
    assert "the image's stamp went back by" in results()[-1].message
    assert not results()[-1].grasp.graspable
    found = [item for item in results() if not item.tracked]
    assert len(found) == 4  # the first time and three times again
    assert all(item.status == ReferringSegmentation.OK for item in found)
    before = len(results())
    bench.say("the red mug")
    bench.until(lambda: len(results()) > before, "an answer")
    assert results()[before].status == ReferringSegmentation.OK
