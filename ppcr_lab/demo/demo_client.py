"""The person of the demonstration: asks for scenes, speaks, and listens, over ROS alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Header, Int32, String

from ppcr_lab.demo.processes import DemoError
from ppcr_ros.core.closing import Closing
from ppcr_ros.msg import ReferringSegmentation, SemanticPrompt, SpatialPrompt
from ppcr_ros.ros.conversions import stamp_to_ns

CAMERA_TOPIC = "/camera/image_raw"
COMMAND_TOPIC = "/ppcr/command"
RESULT_TOPIC = "/ppcr/result"

_STAMPS_KEPT = 4000
_TRIES = 8
_SOON_SEC = 2.0
_SPIN_SEC = 0.05


@dataclass(frozen=True)
class Reply:
    """Messages that came back for one command.

    Attributes:
        result: the node's final message.
        semantic: stage 1's prompt as it was published on its own topic.
        spatial: stage 2's prompt as it was published on its own topic.
        stamp_ns: the stamp of the image that was used; 0 where the node had none.
    """

    result: ReferringSegmentation
    semantic: SemanticPrompt
    spatial: SpatialPrompt
    stamp_ns: int


class DemoClient(Closing):
    """A ROS node that speaks commands and waits for their results. Use it as a context manager.

    Args:
        domain_id: the ROS domain of camera and node.
        check: called while waiting; raises when going on is no use.
    """

    def __init__(self, domain_id: int, check: Callable[[], None] = lambda: None) -> None:
        self._check = check
        self._context = Context()
        # Ctrl-C must end the demonstration, not only its ROS context.
        rclpy.init(
            args=[],
            context=self._context,
            domain_id=domain_id,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self._node = Node("ppcr_demo", context=self._context, use_global_arguments=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._shown: dict[int, str] = {}
        self._latest_shown = ""
        self._num_shown = 0
        self._semantic: dict[str, SemanticPrompt] = {}
        self._spatial: dict[str, SpatialPrompt] = {}
        self._results: list[ReferringSegmentation] = []
        qos = QoSProfile(depth=20)
        self._scene_pub = self._node.create_publisher(Int32, "/camera/scene", qos)
        self._command_pub = self._node.create_publisher(String, COMMAND_TOPIC, qos)
        subscribe = self._node.create_subscription
        subscribe(Header, "/camera/scene_shown", self._on_shown, qos)
        subscribe(SemanticPrompt, "/ppcr/semantic_prompt", self._on_semantic, qos)
        subscribe(SpatialPrompt, "/ppcr/spatial_prompt", self._on_spatial, qos)
        subscribe(ReferringSegmentation, RESULT_TOPIC, self._results.append, qos)

    def close(self) -> None:
        """End the client and its ROS context."""
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def wait_until_ready(self, timeout_sec: float) -> None:
        """Wait until the camera publishes and the node listens to it and to commands.

        Raises:
            DemoError: when that has not come about in time, with what is missing.
        """
        node = self._node
        checks: dict[str, Callable[[], bool]] = {
            "the camera publishes no frames": lambda: bool(self._shown),
            f"nobody listens to {COMMAND_TOPIC}": lambda: (
                self._command_pub.get_subscription_count() > 0
            ),
            f"nobody listens to {CAMERA_TOPIC}": lambda: node.count_subscribers(CAMERA_TOPIC) > 0,
            f"nobody publishes {RESULT_TOPIC}": lambda: node.count_publishers(RESULT_TOPIC) > 0,
        }
        if not self._spin_until(lambda: all(ok() for ok in checks.values()), timeout_sec):
            missing = "; ".join(text for text, ok in checks.items() if not ok())
            raise DemoError(f"not ready after {timeout_sec:g} s: {missing}.")

    def ask(self, number: int, scene: str, command: str, timeout_sec: float) -> Reply:
        """Have scene ``number``, called ``scene``, shown, speak, and wait for the result.

        A result about an older frame, from before the scene changed, is asked for again.

        Raises:
            DemoError: when no result about that scene came in time.
        """
        self._show(number, scene, timeout_sec)
        for _ in range(_TRIES):
            result = self.say(command, timeout_sec)
            stamp_ns = stamp_to_ns(result.header.stamp)
            if not stamp_ns or self._scene_at(stamp_ns) == scene:
                return self._reply(result, stamp_ns)
            self._wait_for_frames(1, timeout_sec)
        raise DemoError(
            f"{_TRIES} answers to {command!r} were about other frames than those of {scene}; the "
            f"last one's stamp, {stamp_ns} ns, belongs to {self._scene_at(stamp_ns)!r}. The node "
            "does not get the camera's newest frames."
        )

    def _scene_at(self, stamp_ns: int) -> str:
        """The scene on the camera's image of that stamp; empty where there was no such image."""
        self._spin_until(lambda: stamp_ns in self._shown, _SOON_SEC)
        return self._shown.get(stamp_ns, "")

    def _show(self, number: int, scene: str, timeout_sec: float) -> None:
        deadline = time.monotonic() + timeout_sec
        while time.monotonic() < deadline:
            self._scene_pub.publish(Int32(data=number))
            if self._spin_until(lambda: self._latest_shown == scene, _SOON_SEC):
                # The node may not have taken in the first one yet.
                self._wait_for_frames(1, timeout_sec)
                return
        raise DemoError(
            f"the camera did not show scene {number}, {scene}, within {timeout_sec:g} s; it shows "
            f"{self._latest_shown!r}."
        )

    def _wait_for_frames(self, count: int, timeout_sec: float) -> None:
        wanted = self._num_shown + count
        self._spin_until(lambda: self._num_shown >= wanted, timeout_sec)

    def say(self, command: str, timeout_sec: float) -> ReferringSegmentation:
        """Speak ``command`` and wait for its result, about whatever the camera shows.

        Raises:
            DemoError: when none came in time.
        """
        self._results.clear()
        self._command_pub.publish(String(data=command))
        if not self._spin_until(lambda: bool(self._results), timeout_sec):
            raise DemoError(f"no result for {command!r} within {timeout_sec:g} s.")
        return self._results[-1]

    def _reply(self, result: ReferringSegmentation, stamp_ns: int) -> Reply:
        """The result with the prompts that were published before it, on topics of their own."""
        identity = result.command_id
        if result.spatial_prompt.text:
            self._spin_until(lambda: identity in self._spatial, _SOON_SEC)
        if result.semantic_prompt.text:
            self._spin_until(lambda: identity in self._semantic, _SOON_SEC)
        return Reply(
            result,
            self._semantic.get(identity, SemanticPrompt()),
            self._spatial.get(identity, SpatialPrompt()),
            stamp_ns,
        )

    def _spin_until(self, done: Callable[[], bool], timeout_sec: float) -> bool:
        """Take messages in until ``done``; False where that did not come about in time."""
        deadline = time.monotonic() + timeout_sec
        while not done():
            self._check()
            if time.monotonic() >= deadline:
                return False
            self._executor.spin_once(timeout_sec=_SPIN_SEC)
        return True

    def _on_shown(self, message: Header) -> None:
        self._shown[stamp_to_ns(message.stamp)] = self._latest_shown = message.frame_id
        self._num_shown += 1
        while len(self._shown) > _STAMPS_KEPT:
            del self._shown[next(iter(self._shown))]

    def _on_semantic(self, message: SemanticPrompt) -> None:
        self._semantic[message.command_id] = message

    def _on_spatial(self, message: SpatialPrompt) -> None:
        self._spatial[message.command_id] = message
