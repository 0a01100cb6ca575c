"""Measurement of what ROS adds, with a real node on a pipeline that answers at once."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_lab.bench import message_times, ros_overhead
from ppcr_ros.core.command import Command
from ppcr_ros.core.config import Config
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Frame, ModelNames, Result, StageSeconds, Status

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")


class Instant:
    """A pipeline that says that it took a second."""

    models = ModelNames("a", "b")
    placements = ModelNames()
    closed = False
    configuration = LiveConfig(Config())

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def run(self, frame: Frame, command: str | Command, *args: object, **kwargs: object) -> Result:
        self.frames.append(frame)
        return Result(
            Status.NOT_FOUND,
            command.text if isinstance(command, Command) else command,
            command_id=str(kwargs.get("command_id", "")),
            stamp_ns=frame.stamp_ns,
            seconds=StageSeconds(total=1.0),
        )

    def memory_report(self) -> None:
        return None

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other machine's topics."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


@pytest.mark.usefixtures("apart")
def test_the_pipelines_own_time_is_taken_off() -> None:
    pipeline = Instant()
    rgb = ros_overhead.at_720p(Frame(rgb=np.full((48, 64, 3), 7, np.uint8)))
    found = ros_overhead.measure_ros_overhead(pipeline, rgb, "the ball", 3)
    assert found.overhead.n == found.round_trip.n == 3
    assert found.round_trip.p50_ms - found.overhead.p50_ms == pytest.approx(1000.0, abs=500.0)
    asked = [frame for frame in pipeline.frames if frame.rgb.shape == (720, 1280, 3)]
    assert len({frame.stamp_ns for frame in asked}) >= 4  # each command on an image of its own
    assert not pipeline.closed


def test_the_messages_are_real_ones() -> None:
    found = message_times.measure_messages(1)
    assert set(found) == {"rgb8 in", "mask out", "overlay out", "result out"}
    assert all(item.n == 1 for item in found.values())


def test_ros_is_there() -> None:
    assert message_times.ros_missing() == ""


def test_a_machine_without_ros_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_times.importlib.util, "find_spec", lambda name: None)
    assert "rclpy" in message_times.ros_missing()
