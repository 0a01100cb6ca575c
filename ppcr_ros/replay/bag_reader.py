"""Recorded decisions out of bags: this package's own, and any that ``ros2 bag record`` made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppcr_ros.camera.frames import stamp_to_ns
from ppcr_ros.core.documents import DocumentError, check_regular, check_yaml, read_text
from ppcr_ros.core.types import Result
from ppcr_ros.replay.bag import BagError
from ppcr_ros.replay.bag_file import SUFFIXES, BagFile
from ppcr_ros.replay.definitions import (
    CAMERA_INFO_TYPE,
    COMPRESSED_TYPE,
    IMAGE_TYPE,
    INFO_TYPE,
    RESULT_TYPE,
)
from ppcr_ros.replay.info import INFO_TOPIC, InfoError, RecordInfo
from ppcr_ros.replay.messages import result_of

if TYPE_CHECKING:
    from rosbags.interfaces import Connection

_CAMERA_TYPES = {
    "image": (IMAGE_TYPE, COMPRESSED_TYPE),
    "depth": (IMAGE_TYPE,),
    "camera_info": (CAMERA_INFO_TYPE,),
}
_LONGEST_METADATA_BYTES = 5_000_000
_DEPTH_ENCODINGS = ("16UC1", "32FC1", "mono16")
_PART = re.compile(r"(.+)_\d+\.(mcap|db3)")
"""A file that rosbag2 has written into a bag's folder: its name and its number."""


@dataclass(frozen=True)
class RecordedDecision:
    """One recorded decision.

    Attributes:
        bag: where it was read from.
        command: the words, as they came where the bag holds them so, or else as they were cleaned.
        result: how it ended.
        image: the very message that was searched; None where there was none.
        depth: what came with it; or None.
        camera_info: what came with it; or None.
        info: what it was made with; None in a bag that another recorder made.
        tracked: whether the mask was carried over from an earlier image: nothing was decided.
    """

    bag: Path
    command: str
    result: Result
    image: Any = None
    depth: Any = None
    camera_info: Any = None
    info: RecordInfo | None = None
    tracked: bool = False


def find_bags(paths: Iterable[Path]) -> list[Path]:
    """The bags that ``paths`` name: bag folders, ``.mcap`` or ``.db3`` files, or folders of them.

    Raises:
        BagError: when a path is not there or holds no bag.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_file() or _is_bag(path):
            inside = [path]
        elif path.is_dir():
            children = [item for item in sorted(path.iterdir()) if not item.name.startswith(".")]
            inside = [item for item in children if item.suffix in SUFFIXES or _is_bag(item)]
        else:
            raise BagError(f"there is no {path}; expected a bag, or a folder of bags.")
        if not inside:
            raise BagError(
                f"{path} holds no bag; expected folders with a metadata.yaml, .mcap or .db3."
            )
        found += inside
    return found


def _is_bag(path: Path) -> bool:
    """Whether a folder is one bag: by its metadata, or as its files are the parts of one."""
    if not path.is_dir():
        return False
    if (path / "metadata.yaml").is_file():
        return True
    parts = [_PART.fullmatch(item.name) for item in path.iterdir() if item.suffix in SUFFIXES]
    return bool(parts) and all(parts) and len({part[1] for part in parts if part}) == 1


def read_bag(path: Path, image_topic: str = "") -> list[RecordedDecision]:
    """All decisions in a bag, in their order. Types are read by the bag's own definitions.

    Args:
        path: a bag's folder, or its one file.
        image_topic: where the images are, in a bag that another recorder made.

    Raises:
        BagError: when the bag cannot be read, is torn, is damaged, or holds no decision.
    """
    try:
        _refuse_endless(path)
        with BagFile(path) as bag:
            recordings = _Decisions(path, bag, image_topic).read()
    except BagError:
        raise
    except Exception as error:  # rosbags raises many kinds for a file that is cut off
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BagError(
            f"{path} cannot be read: {reason:.300} It was torn, or is no ROS 2 bag."
        ) from error
    if not recordings:
        raise BagError(
            f"{path} holds no message of the type {RESULT_TYPE}; expected the node's result."
        )
    return recordings


def _refuse_endless(path: Path) -> None:
    """See that no file of the bag is a pipe or a device, and that its YAML can be read.

    Raises:
        BagError: when that is not so.
    """
    metadata = path / "metadata.yaml"
    try:
        for item in sorted(path.iterdir()) if path.is_dir() else [path]:
            if not item.is_dir():
                check_regular(item)
        if metadata.is_file():
            check_yaml(read_text(metadata, _LONGEST_METADATA_BYTES))
    except DocumentError as error:
        raise BagError(f"{path} cannot be read: {error}") from error


class _Decisions:
    """Puts the messages of one open bag together."""

    def __init__(self, path: Path, bag: BagFile, image_topic: str) -> None:
        self._path, self._bag, self._image_topic = path, bag, image_topic

    def read(self) -> list[RecordedDecision]:
        results = [message for _, message, _ in self._bag.messages(self._of(types=(RESULT_TYPE,)))]
        infos = self._infos()
        wanted = {digest for info in infos.values() for digest in info.message_sha256.values()}
        by_digest = self._by_digest(wanted, infos.values())
        foreign = [item for item in results if item.command_id not in infos]
        by_stamp = self._by_stamp({stamp_to_ns(item.header.stamp) for item in foreign})
        return [
            self._foreign(item, by_stamp)
            if item.command_id not in infos
            else self._own(item, infos[item.command_id], by_digest)
            for item in results
        ]

    def _own(self, message: Any, info: RecordInfo, by_digest: dict[str, Any]) -> RecordedDecision:
        def of(role: str) -> Any:
            topic = info.topics.get(role)
            digest = info.message_sha256.get(topic or "")
            if digest is None:
                return None
            if digest not in by_digest:
                raise BagError(
                    f"{self._path}: no message on {topic} has the recorded checksum; "
                    "the bag is damaged."
                )
            return by_digest[digest]

        command = of("command")
        return RecordedDecision(
            bag=self._path,
            command=message.command if command is None else command.data,
            result=result_of(message),
            image=of("image"),
            depth=of("depth"),
            camera_info=of("camera_info"),
            info=info,
            tracked=bool(getattr(message, "tracked", False)),
        )

    def _foreign(self, message: Any, by_stamp: dict[int, Any]) -> RecordedDecision:
        return RecordedDecision(
            bag=self._path,
            command=message.command,
            result=result_of(message),
            image=by_stamp.get(stamp_to_ns(message.header.stamp)),
            tracked=bool(getattr(message, "tracked", False)),
        )

    def _infos(self) -> dict[str, RecordInfo]:
        """Each ``~/record_info`` by the id of its command."""
        connections = [
            item
            for item in self._of(types=(INFO_TYPE,))
            if item.topic.rpartition("/")[2] == INFO_TOPIC
        ]
        try:
            infos = [
                RecordInfo.from_json(message.data)
                for _, message, _ in self._bag.messages(connections)
            ]
        except InfoError as error:
            raise BagError(f"{self._path}: {error}") from error
        return {info.command_id: info for info in infos}

    def _by_digest(self, wanted: set[str], infos: Iterable[RecordInfo]) -> dict[str, Any]:
        """The camera's messages and the commands that the infos name, by their SHA-256."""
        types = {
            topic: _CAMERA_TYPES.get(role, (INFO_TYPE,))
            for info in infos
            for role, topic in info.topics.items()
            if role in _CAMERA_TYPES or role == "command"
        }
        connections = [item for item in self._bag.connections if item.topic in types]
        for item in connections:
            if item.msgtype not in types[item.topic]:
                raise BagError(
                    f"{self._path}: {item.topic} has the type {item.msgtype}; expected "
                    f"{' or '.join(types[item.topic])}."
                )
        found: dict[str, Any] = {}
        for _, message, raw in self._bag.messages(connections):
            digest = sha256(raw).hexdigest()
            if digest in wanted:
                found[digest] = message
        return found

    def _by_stamp(self, stamps_ns: set[int]) -> dict[int, Any]:
        """The colour images with one of the stamps, where no info says which were used."""
        if not stamps_ns:
            return {}
        outputs = {item.topic.rpartition("/")[0] + "/" for item in self._of(types=(RESULT_TYPE,))}
        found: dict[int, dict[str, Any]] = {}
        for connection, message, _ in self._bag.messages(self._of(types=_CAMERA_TYPES["image"])):
            stamp_ns, topic = stamp_to_ns(message.header.stamp), connection.topic
            if (
                stamp_ns in stamps_ns
                and self._image_topic in ("", topic)
                and not topic.startswith(tuple(outputs))  # the node's own mask and overlay
                and getattr(message, "encoding", "") not in _DEPTH_ENCODINGS
            ):
                found.setdefault(stamp_ns, {}).setdefault(topic, message)
        topics = sorted({topic for images in found.values() for topic in images})
        if len(topics) > 1:
            raise BagError(
                f"{self._path}: images of the results' stamps are on {', '.join(topics)}; expected "
                "one topic. Name it with --image-topic."
            )
        return {stamp_ns: images[topics[0]] for stamp_ns, images in found.items()}

    def _of(self, *, types: Sequence[str]) -> list[Connection]:
        return [item for item in self._bag.connections if item.msgtype in types]
