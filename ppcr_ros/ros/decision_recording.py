"""The node's recorder: notes what a decision is made from and what is said of it, for a bag.

Messages are only kept by reference; serialising and writing are done on the recorder's own thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.serialization import serialize_message
from std_msgs.msg import String

from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.replay.bag import RawMessage, bag_name
from ppcr_ros.replay.definitions import COMPRESSED_TYPE, INFO_TYPE
from ppcr_ros.replay.info import INFO_TOPIC, present_info
from ppcr_ros.replay.recorder import BagRecorder, Checksums, wants
from ppcr_ros.service.requests import Decision, Snapshot

_KEPT = 64
"""Messages that are remembered until their command has ended."""
_LONGEST_COMMAND = 100_000
"""A longer command is recorded as it was cleaned."""


@dataclass(frozen=True)
class _TimedMessage:
    """A message, and when it came or was published."""

    role: str
    topic: str
    message: Any
    time_ns: int


class DecisionRecorder:
    """Keeps what is published of a command, and has the decision written as a bag when it ends.

    Args:
        node: for the topics' names and its log.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.bags = BagRecorder(self._log, self._warn)
        self._lock = threading.Lock()
        self._published: deque[_TimedMessage] = deque(maxlen=_KEPT)

    def apply(self, config: Config) -> None:
        """Record as ``config`` says, which may turn it on and off while the node runs.

        Raises:
            ConfigError: when the folder cannot be made or written; nothing has changed then.
        """
        self.bags.apply(config)

    def start(self, config: Config) -> None:
        """Like `apply`, but go on without a folder that cannot be written: the robot must."""
        try:
            self.bags.apply(config)
        except ConfigError as error:
            self._node.get_logger().error(f"nothing is recorded for now: {error}")
            self.bags.adopt(config)

    def close(self) -> None:
        """Write what waits."""
        self.bags.close()

    def keep_message(self, role: str, topic: str, message: Any) -> None:
        """``message`` is being published on ``topic``."""
        if self.bags.recording:
            with self._lock:
                self._published.append(_TimedMessage(role, topic, message, time.time_ns()))

    def record(self, decision: Decision) -> None:
        """Have ``decision`` written, where such ones are; on the worker's thread, at once back."""
        command_id, request = decision.result.command_id, decision.request
        with self._lock:
            published = [
                item for item in self._published if _command_id_of(item.message) == command_id
            ]
            self._published.clear()
        if not wants(decision.record, decision.result.status):
            return
        spoken = request.spoken or request.command
        if len(spoken) > _LONGEST_COMMAND:
            spoken = request.command
        topic = camera_topic(request.addressed, "~/command")
        noted = [
            *self._from_camera(decision.snapshot),
            self._note("command", topic, String(data=spoken), request.arrived_ns),
            *published,
        ]
        name = bag_name(time.time_ns(), decision.result.status, command_id)
        config = replace(decision.config, record=decision.record)
        self.bags.offer(name, partial(self._contents, config, command_id, noted), config)

    def _from_camera(self, snapshot: Snapshot | None) -> list[_TimedMessage]:
        if snapshot is None:
            return []
        return [
            self._note(
                role,
                camera_topic(snapshot.camera, _camera_topic(role, message)),
                message,
                snapshot.arrived_ns,
            )
            for role, message in snapshot.sources.items()
            if message is not None
        ]

    def _note(self, role: str, topic: str, message: Any, time_ns: int) -> _TimedMessage:
        return _TimedMessage(role, self._node.resolve_topic_name(topic), message, time_ns)

    def _contents(
        self, config: Config, command_id: str, noted: Sequence[_TimedMessage], checksums: Checksums
    ) -> list[RawMessage]:
        """The bag's messages, on the writing thread."""
        messages = [
            RawMessage(
                item.topic, type_name(item.message), serialize_message(item.message), item.time_ns
            )
            for item in noted
        ]
        info = present_info(
            config,
            checksums,
            topics={item.role: item.topic for item in noted},
            message_sha256={item.topic: item.sha256 for item in messages},
            command_id=command_id,
        )
        text = serialize_message(String(data=info.to_json()))
        last_ns = max(item.log_time_ns for item in messages)
        topic = self._node.resolve_topic_name(f"~/{INFO_TOPIC}")
        return [*messages, RawMessage(topic, INFO_TYPE, text, last_ns + 1)]

    def _log(self, line: str) -> None:
        if self._node.context.ok():
            self._node.get_logger().info(line)

    def _warn(self, line: str) -> None:
        if self._node.context.ok():
            self._node.get_logger().warning(line)


def type_name(message: Any) -> str:
    """Such as ``sensor_msgs/msg/Image``."""
    kind = type(message)
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


def _camera_topic(role: str, message: Any) -> str:
    if role == "image" and type_name(message) == COMPRESSED_TYPE:
        return "image/compressed"
    return role


def _command_id_of(message: Any) -> str:
    return str(getattr(message, "command_id", ""))
