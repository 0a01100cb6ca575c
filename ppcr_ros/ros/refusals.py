"""An answer to a command that comes while the node is not active, at once and on ``~/result``.

A person who speaks while the models load hears so now. The command is not kept: carried out a
minute later, a robot would reach for what nobody wants any more.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from rclpy.lifecycle import LifecycleNode

from ppcr_ros.core.command import readable
from ppcr_ros.core.types import Result, Status
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros.conversions import result_to_msg
from ppcr_ros.ros.qos import ANSWER_QOS


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
                self._since_sec = time.monotonic()

    def close(self) -> None:
        """The node is active: its worker answers."""
        with self._lock:
            publisher, self._publisher = self._publisher, None
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def answer(self, command: str, phase: str, *, max_chars: int) -> None:
        """Say that ``command`` is not carried out, because the node is ``phase``."""
        waited_sec = time.monotonic() - self._since_sec
        finding = kinds.NOT_ACTIVE.found(
            f"{phase} (not active for {waited_sec:.0f} s so far)",
            node=self._node.get_fully_qualified_name(),
        )
        said = readable(command, max_chars=max_chars)
        self._node.get_logger().warning(f"{said!r:.80}: {finding.text}")
        result = Result(Status.ERROR, said, finding.text, command_id=uuid.uuid4().hex)
        with self._lock:
            if self._publisher is not None:
                self._publisher.publish(result_to_msg(result))
