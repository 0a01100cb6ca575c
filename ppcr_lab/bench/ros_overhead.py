"""Measures what the node adds to the pipeline: from image and command in to the result out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ppcr_lab.bench.spinning import spinning
from ppcr_lab.bench.timing import Quantiles
from ppcr_lab.isolation import own_domain
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.memory import MemoryReport
from ppcr_ros.core.tracking import MaskTracker, TrackerOptions
from ppcr_ros.core.types import Array, Frame, ModelNames

SIZE_PX = (1280, 720)
_WAIT_SEC = 60.0
_MAX_AGE_SEC = 0.5
_TRIES = 10


@dataclass(frozen=True)
class RosOverhead:
    """Times of commands through a real node, over DDS.

    Attributes:
        overhead: from publishing image and command until the result is there, less the
            pipeline's own time.
        round_trip: the same with the pipeline's time.
    """

    overhead: Quantiles
    round_trip: Quantiles


class _LentPipeline:
    """The pipeline, lent to a node that would close it."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self.models: ModelNames = pipeline.models
        self.placements: ModelNames = pipeline.placements
        self.configuration: ConfigSource = pipeline.configuration

    def memory_report(self) -> MemoryReport | None:
        report: MemoryReport | None = self._pipeline.memory_report()
        return report

    def tracker(self, options: TrackerOptions | None = None) -> MaskTracker:
        tracker: MaskTracker = self._pipeline.tracker(options)
        return tracker

    def read(self, frame: Frame) -> ReadFrame:
        read: ReadFrame = self._pipeline.read(frame)
        return read

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return self._pipeline.run(*args, **kwargs)

    def close(self) -> None:
        pass


def measure_ros_overhead(pipeline: Any, rgb: Array, command: str, n: int) -> RosOverhead:
    """Send ``n`` images and commands to a node on ``pipeline``, and wait for each result.

    The client has an executor and a thread of its own; both are in this process. A command is
    answered only with an image that is newer than the last result, so that the image's way is in
    the time.

    Args:
        pipeline: stays open.
        rgb: (H, W, 3) uint8.
        command: asked each time.
        n: how often; one more runs before them and does not count.

    Raises:
        TimeoutError: when the nodes do not find each other, or no result comes.
    """
    with _client(pipeline) as client:
        total, own = [], []
        for number in range(n + 1):
            time.sleep(1.5 * _MAX_AGE_SEC)  # until the last image is too old for the next command
            took_sec, pipeline_sec = client.ask(rgb, command)
            if number:
                total.append(took_sec)
                own.append(pipeline_sec)
    overhead = Quantiles.of([took - inside for took, inside in zip(total, own, strict=True)])
    round_trip = Quantiles.of(total)
    if overhead is None or round_trip is None:
        raise ValueError(f"{n} commands; expected at least 1.")
    return RosOverhead(overhead, round_trip)


class _Client:
    """A camera and a person beside the node."""

    def __init__(self, probe: Any) -> None:
        from sensor_msgs.msg import Image
        from std_msgs.msg import String

        from ppcr_ros.msg import ReferringSegmentation
        from ppcr_ros.ros.qos import ANSWER_QOS

        self._image = probe.create_publisher(Image, "image", 1)
        self._command = probe.create_publisher(String, "/ppcr/command", 1)
        self._probe = probe
        probe.create_subscription(
            ReferringSegmentation, "/ppcr/result", self._on_result, ANSWER_QOS
        )
        self._arrived = threading.Condition()
        self._results: dict[int, tuple[float, float]] = {}
        self._without_image = 0

    def wait_for_node(self) -> None:
        """Until every topic has both ends."""
        deadline = time.monotonic() + _WAIT_SEC
        while not (
            self._image.get_subscription_count()
            and self._command.get_subscription_count()
            and self._probe.count_publishers("/ppcr/result")
        ):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the node was not found within {_WAIT_SEC:.0f} s")
            time.sleep(0.01)

    def ask(self, rgb: Array, command: str) -> tuple[float, float]:
        """Seconds until the result, and the pipeline's part of them.

        An image may be lost while the subscription still changes to the publisher's QoS; then both
        are sent again.
        """
        for _ in range(_TRIES):
            if (found := self._try(rgb, command)) is not None:
                return found
        raise TimeoutError(f"{_TRIES} images did not reach the node")

    def _try(self, rgb: Array, command: str) -> tuple[float, float] | None:
        """As `ask`; None where the node saw the command and not the image."""
        from std_msgs.msg import String

        from ppcr_ros.ros import conversions

        stamp_ns = time.time_ns()
        header = conversions.make_header(stamp_ns, "camera")
        image, spoken = conversions.rgb_to_image(rgb, header), String(data=command)
        started = time.perf_counter()
        self._image.publish(image)
        self._command.publish(spoken)
        with self._arrived:
            before = self._without_image
            came = self._arrived.wait_for(
                lambda: stamp_ns in self._results or self._without_image > before, _WAIT_SEC
            )
            if not came:
                raise TimeoutError(f"no result within {_WAIT_SEC:.0f} s")
            if stamp_ns not in self._results:
                return None
            ended, inside = self._results[stamp_ns]
        return ended - started, inside

    def _on_result(self, message: Any) -> None:
        from ppcr_ros.ros.conversions import stamp_to_ns

        now = time.perf_counter()
        stamp_ns = stamp_to_ns(message.header.stamp)
        with self._arrived:
            if stamp_ns:
                self._results[stamp_ns] = now, message.total_seconds
            else:  # an answer about no image
                self._without_image += 1
            self._arrived.notify_all()


@contextmanager
def _client(pipeline: Any) -> Iterator[_Client]:
    import rclpy
    from rclpy.parameter import Parameter

    from ppcr_ros.ros.node import PpcrNode

    context = rclpy.Context()
    rclpy.init(context=context, domain_id=own_domain())
    node = PpcrNode(
        pipeline_factory=lambda config: _LentPipeline(pipeline),
        context=context,
        parameter_overrides=[
            Parameter("node.max_image_age_sec", value=_MAX_AGE_SEC),
            Parameter("node.frame_timeout_sec", value=2.0),
        ],
    )
    probe = rclpy.create_node("bench_client", context=context)
    with spinning(context, node, probe):
        if not node.start():
            raise TimeoutError("the node could not be activated; its log says why")
        client = _Client(probe)
        client.wait_for_node()
        yield client


def at_720p(frame: Frame) -> Array:
    """``frame`` stretched to 1280x720: (720, 1280, 3) uint8."""
    from PIL import Image

    return np.asarray(Image.fromarray(frame.rgb).resize(SIZE_PX, Image.Resampling.BILINEAR))
