"""An answer to a command that comes while the node is not active, at once and on ``~/result``.

A person who speaks while the models load hears so now. The command is not kept: carried out a
minute later, a robot would reach for what nobody wants any more.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode

from ppcr_ros.core.command import readable
from ppcr_ros.core.types import Result, Status
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros.conversions import result_to_msg
from ppcr_ros.ros.qos import ANSWER_QOS

_FAREWELL = Duration(seconds=1)
"""How long a listener that does not answer may hold up the end of a publisher."""
_MEETING_SEC = 1.0
"""How long after its beginning a publisher may not be known yet to those who listen."""


class Refusals:
    """Answers commands with status ERROR while nobody else publishes results.

    Its publisher is there only meanwhile, so that a subscriber who comes later and asks for the
    last results gets none of a time when the node could not answer.

    Args:
        node: to publish with and to log with.
    """

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._lock = threading.Lock()  # the life cycle may move on another thread than commands
        self._publisher: Any = None
        self.open()

    def open(self) -> None:
        """From now on `answer` publishes."""
        with self._lock:
            if self._publisher is None:
                # Not a publisher of the life cycle: those are mute while the node is inactive.
                self._publisher = self._node.create_publisher(
                    ReferringSegmentation, "~/result", ANSWER_QOS
                )
                self._since_sec, self._answered = time.monotonic(), False

    def close(self) -> None:
        """The node is active: its worker answers."""
        with self._lock:
            publisher, self._publisher = self._publisher, None
            if publisher is None:
                return
            if self._answered and self._node.context.ok():
                publisher.wait_for_all_acked(_FAREWELL)
            self._node.destroy_publisher(publisher)

    def answer(self, command: str, phase: str, *, max_chars: int) -> None:
        """Say that ``command`` is not carried out, because the node is ``phase``."""
        waited_sec = time.monotonic() - self._since_sec
        finding = kinds.NOT_ACTIVE.found(
            f"{phase} (not active for {waited_sec:.0f} s so far)",
            node=self._node.get_fully_qualified_name(),
        )
        shown_command = readable(command, max_chars=max_chars)
        self._node.get_logger().warning(f"{shown_command!r:.80}: {finding.text}")
        result = Result(Status.ERROR, shown_command, finding.text, command_id=uuid.uuid4().hex)
        with self._lock:
            if self._publisher is not None:
                self._meet_listeners()
                self._answered = True
                self._publisher.publish(result_to_msg(result))

    def _meet_listeners(self) -> None:
        """Wait until the publisher, where it is new, and those who listen know each other."""
        topic = self._publisher.topic_name
        while time.monotonic() - self._since_sec < _MEETING_SEC:
            if self._publisher.get_subscription_count() >= self._node.count_subscribers(topic):
                return
            time.sleep(0.01)
