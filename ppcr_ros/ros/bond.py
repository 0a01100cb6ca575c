"""The bond that nav2's lifecycle manager wants of each node that it has activated.

A bond is a heartbeat on the topic ``bond``: where it stops, the manager takes the node for dead.
Only the messages of the package ``bond`` are needed.
"""

from __future__ import annotations

import threading
import uuid
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

try:
    from bond.msg import Status
except ImportError:
    Status = None

_PERIOD_SEC, _TIMEOUT_SEC = 0.1, 4.0
"""What nav2's own nodes offer."""
_FAREWELLS = 3
_QOS = QoSProfile(depth=5)


class ManagerBond:
    """Our end of the bond, while the node is active.

    It beats on a thread of its own: beside the models the executor may be late, and a late beat is
    taken for a death.

    Args:
        node: whose name is the bond's id.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._publisher: Any = None
        self._farewell = True

    def start(self) -> None:
        """Begin to beat; does nothing where the package ``bond`` is not installed."""
        if Status is None or self._thread is not None:
            return
        self._publisher = self._node.create_publisher(Status, "bond", _QOS)
        self._stop.clear()
        self._thread = threading.Thread(
            target=self._beat, args=(str(uuid.uuid4()),), name="ppcr-bond", daemon=True
        )
        self._thread.start()

    def stop(self, *, farewell: bool = True) -> None:
        """Say that it ends, so that the manager does not take it for a death.

        Args:
            farewell: without it only fall silent, as is right where the process ends: the manager
                asks whoever says farewell to deactivate, and an older one waits for that answer for
                ever. Silence it notices when the node has left.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._farewell = farewell
        self._stop.set()
        thread.join()
        if self._node.context.ok():
            self._node.destroy_publisher(self._publisher)

    def _beat(self, instance: str) -> None:
        while not self._stop.wait(_PERIOD_SEC):
            if not self._say(instance, active=True):
                return
        for _ in range(_FAREWELLS if self._farewell else 0):
            self._say(instance, active=False)

    def _say(self, instance: str, *, active: bool) -> bool:
        """Publish one beat; False where the context has ended."""
        if not self._node.context.ok():
            return False
        message = Status(
            id=self._node.get_name(),
            instance_id=instance,
            active=active,
            heartbeat_timeout=_TIMEOUT_SEC,
            heartbeat_period=_PERIOD_SEC,
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
        return True
