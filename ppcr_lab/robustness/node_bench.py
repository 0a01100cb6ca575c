"""The node and somebody who talks to it, over ROS, in one process."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import LoggingSeverity
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String

from ppcr_lab.robustness.outcome import FaultOutcome, is_unexpected
from ppcr_ros.core.closing import Closing
from ppcr_ros.core.types import Array, Status
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros.conversions import stamp_to_ns
from ppcr_ros.ros.main import spin
from ppcr_ros.ros.node import PpcrNode
from ppcr_ros.service.warm_up import PipelineFactory

DEADLINE_SEC = 60.0
_PAUSE_SEC = 0.002
_DEEP = QoSProfile(depth=2000)
_FAILURES = (Status.ERROR, Status.CANCELLED, Status.PARSE_FAILED, Status.NOT_FOUND)


@dataclass(frozen=True)
class ReceivedResult:
    """Facts kept of a result, which itself may hold a large mask."""

    command_id: str
    command: str
    status: Status
    message: str
    stamp_ns: int
    arrived_sec: float

    @property
    def named(self) -> bool:
        """Whether it is an answer, or a refusal that says why."""
        return self.status not in _FAILURES or bool(self.message.strip())


class Talker(Closing):
    """A ROS node that speaks commands and listens to results. Use it as a context manager."""

    def __init__(self, name: str = "talker") -> None:
        self.context = Context()
        rclpy.init(args=[], context=self.context, signal_handler_options=SignalHandlerOptions.NO)
        self.node: Node = rclpy.create_node(name, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.results: list[ReceivedResult] = []
        self.node.create_subscription(ReferringSegmentation, "/ppcr/result", self._on_result, _DEEP)
        self.commands = self.node.create_publisher(String, "/ppcr/command", _DEEP)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="talker", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            while self.context.ok() and not self._closing.is_set():
                self._executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            return

    def _on_result(self, message: ReferringSegmentation) -> None:
        self.results.append(
            ReceivedResult(
                command_id=message.command_id,
                command=message.command,
                status=Status(message.status),
                message=message.message,
                stamp_ns=stamp_to_ns(message.header.stamp),
                arrived_sec=time.monotonic(),
            )
        )

    def say(self, command: str) -> None:
        """Publish a command.

        Raises:
            UnicodeEncodeError: for text that rclpy cannot encode, such as lone surrogates.
        """
        self.commands.publish(String(data=command))

    def until(self, condition: Callable[[], Any], timeout_sec: float = DEADLINE_SEC) -> bool:
        """Wait for ``condition``; False where it did not come about in time."""
        deadline = time.monotonic() + timeout_sec
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SEC)
        return True

    def answered(self, count: int, timeout_sec: float = DEADLINE_SEC) -> bool:
        """Wait until ``count`` results have come in all."""
        return self.until(lambda: len(self.results) >= count, timeout_sec)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()  # last: from Kilted on it destroys nodes, spun or not


@dataclass
class ResultTally:
    """Counts answers and refusals of commands, one at a time."""

    statuses: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
    crashed: int = 0

    def add(self, results: list[ReceivedResult]) -> None:
        """What came for one command: one result is right, none or two are not."""
        if len(results) != 1 or not results[0].named:
            self.unanswered += 1
        for item in results:
            self.statuses[item.status.name] = self.statuses.get(item.status.name, 0) + 1
            self.crashed += is_unexpected(item.message)

    def into(self, outcome: FaultOutcome) -> None:
        outcome.crashed += self.crashed
        outcome.unanswered += self.unanswered
        outcome.figures["statuses"] = dict(sorted(self.statuses.items()))


class NodeBench(Talker):
    """A talker beside the node itself, each spun by a thread of its own.

    Args:
        factory: makes the node's pipeline.
        parameters: of the node, by their dotted names.
    """

    def __init__(self, factory: PipelineFactory, parameters: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._node_context = Context()
        rclpy.init(
            args=[], context=self._node_context, signal_handler_options=SignalHandlerOptions.NO
        )
        overrides = [Parameter(name, value=value) for name, value in (parameters or {}).items()]
        self.ppcr = PpcrNode(
            pipeline_factory=factory, context=self._node_context, parameter_overrides=overrides
        )
        self.ppcr.get_logger().set_level(LoggingSeverity.ERROR)  # not a line for each command
        if not self.ppcr.start():
            raise RuntimeError("the node did not start; its log says why.")
        self._node_executor = SingleThreadedExecutor(context=self._node_context)
        self._node_executor.add_node(self.ppcr)
        self._node_thread = threading.Thread(
            target=spin,
            args=(self.ppcr, self._node_executor, self._closing),
            name="ppcr",
            daemon=True,
        )
        self._node_thread.start()
        if not self.until(lambda: self.commands.get_subscription_count() > 0):
            raise RuntimeError("the node does not listen to commands.")
        if not self.until(lambda: self.ppcr.count_subscribers("/ppcr/result") > 0):
            raise RuntimeError("the node does not see who listens to its results.")
        time.sleep(0.2)  # both ends are matched a moment after the graph says so

    def command_callback(self) -> Callable[[String], None]:
        """What the executor calls for a command: for text that rclpy cannot send."""
        for subscription in self.ppcr.subscriptions:
            if subscription.topic_name.endswith("/command"):
                callback: Callable[[String], None] = subscription.callback
                return callback
        raise RuntimeError("the node has no subscription for commands.")

    def frames_received(self) -> int:
        """How many images the node has stashed."""
        worker = self.ppcr.worker
        return 0 if worker is None else worker.report().frames_received

    def show(self, publisher: Any, message: Any, timeout_sec: float = DEADLINE_SEC) -> bool:
        """Publish a camera message until the node has stashed one; False where it never does."""
        self.until(lambda: publisher.get_subscription_count() > 0, timeout_sec)
        before, deadline = self.frames_received(), time.monotonic() + timeout_sec
        while time.monotonic() < deadline:
            publisher.publish(message)
            if self.until(lambda: self.frames_received() > before, 2.0):
                return True
        return False

    def close(self) -> None:
        self.ppcr.close()
        self._closing.set()
        self._node_thread.join()
        self._node_executor.shutdown()
        self.ppcr.destroy_node()
        self._node_context.try_shutdown()
        super().close()


def image_of(rgb: Array, stamp_ns: int = 0, frame_id: str = "camera") -> Image:
    """``rgb`` (H, W, 3) uint8 as an rgb8 message."""
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    header = Header(frame_id=frame_id)
    header.stamp.sec, header.stamp.nanosec = sec, nanosec
    return Image(
        header=header,
        height=rgb.shape[0],
        width=rgb.shape[1],
        encoding="rgb8",
        step=3 * rgb.shape[1],
        data=array("B", np.ascontiguousarray(rgb).tobytes()),
    )
