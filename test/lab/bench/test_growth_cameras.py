"""Cameras that share the models: a real node on a pipeline that answers at once, and processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_lab.bench import growth_cameras
from ppcr_lab.bench.processes import MeasurementError
from ppcr_ros.core.config import Config
from ppcr_ros.core.types import Frame, ModelNames, Result, StageSeconds, Status

FRAME = Frame(rgb=np.full((48, 64, 3), 7, np.uint8))


class Instant:
    """A pipeline that answers at once; ``status`` says how."""

    models = ModelNames("a", "b")
    placements = ModelNames()

    def __init__(self, status: Status = Status.NOT_FOUND) -> None:
        self.status = status
        self.frames: list[Frame] = []

    def run(self, frame: Frame, command: str, *args: Any, **kwargs: Any) -> Result:
        self.frames.append(frame)
        return Result(
            self.status,
            command,
            message="as told",
            command_id=str(kwargs.get("command_id", "")),
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            seconds=StageSeconds(total=0.01),
        )

    def memory_report(self) -> None:
        return None

    def close(self) -> None:
        pass


class TestRounds:
    @pytest.fixture(autouse=True)
    def _apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
        pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

    @pytest.mark.parametrize("cameras", [1, 3])
    def test_every_camera_is_asked_in_a_round(self, cameras: int) -> None:
        pipeline = Instant()
        with growth_cameras.asked(
            Config(), cameras, FRAME.rgb, pipeline_factory=lambda config: pipeline
        ) as client:
            pipeline.frames.clear()
            assert client.round("the ball") > 0.0
            assert client.round("the ball") > 0.0
        seen = [frame.frame_id for frame in pipeline.frames]
        assert sorted(seen) == sorted([f"camera{n}" for n in range(cameras)] * 2)

    def test_an_answer_that_is_an_error_ends_the_measurement(self) -> None:
        pipeline = Instant(Status.ERROR)
        with (
            growth_cameras.asked(
                Config(), 1, FRAME.rgb, pipeline_factory=lambda config: pipeline
            ) as client,
            pytest.raises(TimeoutError, match="'the ball' failed: as told"),
        ):
            client.round("the ball")


def test_each_number_of_cameras_has_its_times_and_its_memory(instead: Any) -> None:
    instead(
        "import json, sys\n"
        "picture, command, cameras, rounds = sys.argv[-4:]\n"
        "print('a line of a log')\n"
        "print(json.dumps({'seconds': [0.1 * int(cameras)] * int(rounds)}), flush=True)\n"
        "sys.stdin.read()"
    )
    ticks: list[None] = []
    points = growth_cameras.over_cameras(
        Path("robot.yaml"), "cpu", FRAME, "the ball", counts=(1, 3), rounds=4,
        step=lambda: ticks.append(None),
    )  # fmt: skip
    assert [(item.cameras, item.round.n) for item in points] == [(1, 4), (3, 4)]
    assert [item.round.p50_ms for item in points] == pytest.approx([100.0, 300.0])
    assert points[1].answers_per_sec == pytest.approx(10.0 / 3.0)
    assert len(ticks) == 2
    if growth_cameras.memory_mb([os.getpid()]) is not None:
        one, three = (item.separate_mb for item in points)
        assert one is not None
        assert three is not None
        assert three > 1.5 * one


def test_a_node_that_fails_says_why(instead: Any) -> None:
    instead("import sys; sys.exit('broken weights')")
    with pytest.raises(MeasurementError, match=r"failed, or took over .*: broken weights"):
        growth_cameras.over_cameras(None, None, FRAME, "the ball", counts=(1,))


def test_memory_is_in_megabytes_or_not_known() -> None:
    assert growth_cameras.memory_mb([2**22 + 1]) is None
    held = growth_cameras.memory_mb([os.getpid()])
    if held is not None:
        assert 5.0 < held < 1e6
