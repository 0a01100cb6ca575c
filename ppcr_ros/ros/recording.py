"""The node's recorder: notes what a decision is made from and what is said of it, for a bag.

Callbacks and the worker only keep references; serialising and writing are done on the recorder's
own thread.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.serialization import serialize_message
from std_msgs.msg import String

from ppcr_ros.core.cameras import below
from ppcr_ros.core.command import clean_command
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import ConfigError, InvalidCommandError
from ppcr_ros.core.types import Frame, Result, StageOutput
from ppcr_ros.replay.bag import RawMessage, bag_name
from ppcr_ros.replay.definitions import COMPRESSED_TYPE, INFO_TYPE
from ppcr_ros.replay.info import INFO_TOPIC, present_info
from ppcr_ros.replay.recorder import BagRecorder, Checksums, wants
from ppcr_ros.service.requests import Snapshot
from ppcr_ros.service.worker import Outlet

_KEPT = 64
"""Commands and messages that are remembered until their result comes."""
_KEPT_SOURCES = 2
_LONGEST_COMMAND = 100_000
"""A longer command is recorded as it was cleaned."""


@dataclass(eq=False)
class _Source:
    """A snapshot that was converted: its messages, the options of that moment, and the frame."""

    messages: Mapping[str, Any]
    arrived_ns: int
    stamp_ns: int
    config: Config
    camera: str = ""
    frame: Frame | None = None


@dataclass(frozen=True)
class _Noted:
    """A message, and when it came or was published."""

    role: str
    topic: str
    message: Any
    time_ns: int


class DecisionRecorder:
    """Stands between the camera, the worker and the publishers, and hands everything on.

    Args:
        node: for the topics' names and its log.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._config = Config()
        self._recorder = BagRecorder(self._log, self._warn)
        self._lock = threading.Lock()
        self._commands: OrderedDict[tuple[str, str], tuple[str, int]] = OrderedDict()
        self._sources: deque[_Source] = deque(maxlen=_KEPT_SOURCES)
        self._said: deque[_Noted] = deque(maxlen=_KEPT)

    def configure(self, config: Config) -> None:
        """Take over the options, which may turn recording on and off at run time.

        Raises:
            ConfigError: when the folder cannot be made or written; nothing has changed then.
        """
        self._recorder.configure(config)
        self._config = config

    def start(self, config: Config) -> None:
        """Like `configure`, but go on without a folder that cannot be written: the robot must."""
        self._config = config
        try:
            self._recorder.configure(config)
        except ConfigError as error:
            self._node.get_logger().error(f"nothing is recorded for now: {error}")
            self._recorder.adopt(config)

    def close(self) -> None:
        """Write what waits."""
        self._recorder.close()

    def heard(self, command: str, camera: str = "") -> None:
        """A command arrives, for one of several cameras or not; to be told before the worker is."""
        if not self._recorder.recording:
            return
        try:
            cleaned = clean_command(command, max_chars=self._config.pipeline.max_command_chars)
        except InvalidCommandError:
            cleaned = ""
        with self._lock:
            self._commands[cleaned, camera] = (command, time.time_ns())
            self._commands.move_to_end((cleaned, camera))
            while len(self._commands) > _KEPT:
                self._commands.popitem(last=False)

    def watching(self, offer: Callable[[Snapshot], None]) -> Callable[[Snapshot], None]:
        """``offer``, with snapshots that tell the recorder when they are converted."""

        return lambda snapshot: offer(self.watched(snapshot))

    def watched(self, snapshot: Snapshot) -> Snapshot:
        """``snapshot``, telling the recorder when it is converted."""
        return replace(snapshot, convert=partial(self._convert, snapshot, time.time_ns()))

    def outlet(self, outlet: Outlet) -> Outlet:
        """``outlet``, with results that are recorded once they are published."""
        return _RecordedOutlet(outlet, lambda: self._recorder.config, self._ended)

    def said(self, role: str, topic: str, message: Any) -> None:
        """``message`` is being published on ``topic``."""
        if self._recorder.recording:
            with self._lock:
                self._said.append(_Noted(role, topic, message, time.time_ns()))

    def _convert(self, snapshot: Snapshot, arrived_ns: int) -> Frame:
        """On the worker's thread, like `_ended`."""
        source = _Source(
            snapshot.sources, arrived_ns, snapshot.stamp_ns, self._recorder.config, snapshot.camera
        )
        if self._recorder.recording:
            self._sources.append(source)
        source.frame = frame = snapshot.convert()
        return frame

    def _ended(self, result: Result, frame: Frame | None, config: Config) -> None:
        with self._lock:
            said = [item for item in self._said if _identity(item.message) == result.command_id]
            self._said.clear()
        if not wants(config.record, result.status) or any(_is_tracked(item) for item in said):
            return
        source = self._source_of(result, frame)
        command, heard_ns, topic = self._command_of(result, source)
        if len(command) > _LONGEST_COMMAND:
            command = result.command
        first_ns = min((item.time_ns for item in said), default=time.time_ns())
        noted = [
            *(self._from_camera(source) if source is not None else ()),
            self._noted("command", topic, String(data=command), heard_ns or first_ns - 1),
            *said,
        ]
        name = bag_name(time.time_ns(), result.status, result.command_id)
        # The run went by the options of its beginning, whatever has been set since.
        used = config if source is None else source.config
        contents = partial(self._contents, used, result.command_id, noted)
        self._recorder.offer(name, contents, config)

    def _command_of(self, result: Result, source: _Source | None) -> tuple[str, int, str]:
        """A result's command as it was heard, when (0 where it was not), and on which topic."""
        with self._lock:
            heard = [camera for cleaned, camera in self._commands if cleaned == result.command]
            camera = source.camera if source is not None else (heard or [""])[0]
            if camera not in heard and "" in heard:
                camera = ""  # the first camera is spoken to without its name, too
            said = self._commands.pop((result.command, camera), (result.command, 0))
        return (*said, below(camera, "~/command"))

    def _source_of(self, result: Result, frame: Frame | None) -> _Source | None:
        """What the frame of a result was made from; also where it could not be made."""
        alike = [
            source
            for source in self._sources
            if source.stamp_ns == result.stamp_ns and (source.frame is None) == (frame is None)
        ]
        very = [source for source in alike if source.frame is frame]
        if not alike:
            return None
        found = (very or alike)[-1]
        if frame is None:  # a later command that finds no image at all has no stamp either
            self._sources.remove(found)
        return found

    def _from_camera(self, source: _Source) -> list[_Noted]:
        return [
            self._noted(
                role, below(source.camera, _camera_topic(role, message)), message, source.arrived_ns
            )
            for role, message in source.messages.items()
            if message is not None
        ]

    def _noted(self, role: str, topic: str, message: Any, time_ns: int) -> _Noted:
        return _Noted(role, self._node.resolve_topic_name(topic), message, time_ns)

    def _contents(
        self, config: Config, command_id: str, noted: Sequence[_Noted], checksums: Checksums
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


class _RecordedOutlet:
    """An `Outlet` that tells of each result once the other one has published it.

    It tells the options of before as well: who hears the result may turn recording off at once.
    """

    def __init__(
        self,
        outlet: Outlet,
        config: Callable[[], Config],
        ended: Callable[[Result, Frame | None, Config], None],
    ) -> None:
        self._outlet, self._config, self._ended = outlet, config, ended

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        self._outlet.stage(output, frame, command_id)

    def result(self, result: Result, frame: Frame | None) -> None:
        config = self._config()
        try:
            self._outlet.result(result, frame)
        finally:
            self._ended(result, frame, config)

    def cleared(self) -> None:
        self._outlet.cleared()


def type_name(message: Any) -> str:
    """Such as ``sensor_msgs/msg/Image``."""
    kind = type(message)
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


def _camera_topic(role: str, message: Any) -> str:
    if role == "image" and type_name(message) == COMPRESSED_TYPE:
        return "image/compressed"
    return role


def _identity(message: Any) -> str:
    return str(getattr(message, "command_id", ""))


def _is_tracked(item: _Noted) -> bool:
    return bool(getattr(item.message, "tracked", False))
