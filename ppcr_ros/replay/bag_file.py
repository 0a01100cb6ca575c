"""An open bag of rosbag2, whoever wrote it: its topics and messages, and what they mean.

rosbags reads the storage. What it refuses as a whole because of one topic is read here but for that
topic: a definition whose encoding is ``unknown``, as recorders write for the parts of actions
and for service events. What a recorder wrote without definitions, as Humble's does, is read by
those of this package.
"""

from __future__ import annotations

import heapq
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppcr_ros.core.closing import Closing
from ppcr_ros.replay.bag import BagError
from ppcr_ros.replay.definitions import typestore

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Reader
    from rosbags.typesys.store import Typestore

SUFFIXES = (".mcap", ".db3")
_ENCODINGS = ("ros2msg", "ros2idl")
"""How a definition may be written; a recorder that has none says ``unknown``."""


def storages(path: Path) -> list[Path]:
    """What of a bag is to be opened: a folder with its metadata, or all files where it has none.

    Raises:
        BagError: when the folder holds files of both kinds.
    """
    if not path.is_dir() or (path / "metadata.yaml").is_file():
        return [path]
    found = sorted(item for item in path.iterdir() if item.suffix in SUFFIXES)
    if len({item.suffix for item in found}) > 1:
        raise BagError(
            f"{path} has no metadata.yaml, and both .mcap and .db3 files; expected those of one "
            "bag. Name one of the files, or put each bag into a folder of its own."
        )
    return found


class BagFile(Closing):
    """A bag to be read; a context manager.

    Args:
        path: a bag's folder, with ``metadata.yaml`` or without, or its one file.

    Attributes:
        connections: all topics with their types.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._stack = path, ExitStack()
        self.connections: list[Connection] = []
        self._readers: list[Reader] = []
        self._types: Typestore | None = None

    def __enter__(self) -> BagFile:
        with ExitStack() as opening:
            for path in storages(self._path):
                self._readers.append(opening.enter_context(_tolerant_reader(path, opening)))
            self.connections = [item for reader in self._readers for item in reader.connections]
            self._types = _types_of(self.connections)
            self._stack = opening.pop_all()
        return self

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def messages(
        self, connections: Sequence[Connection]
    ) -> Iterator[tuple[Connection, Any, bytes]]:
        """The messages of ``connections`` by their times, read and as they were recorded.

        Raises:
            BagError: when a message is not as its definition says.
        """
        if not connections:  # to rosbags none means all
            return
        streams = []
        for reader in self._readers:
            own = [item for item in connections if item in reader.connections]
            if own:
                streams.append(reader.messages(own))
        for connection, _, raw in heapq.merge(*streams, key=lambda item: item[1]):
            yield connection, self._read(connection, raw), raw

    def _read(self, connection: Connection, raw: bytes) -> Any:
        if self._types is None:
            raise BagError(f"{self._path} is not open.")
        name = connection.msgtype
        if name not in self._types.fielddefs:
            raise BagError(
                f"{self._path}: {connection.topic} has the type {name}, of which neither the bag "
                "nor this package has a definition."
            )
        try:
            return self._types.deserialize_cdr(raw, name)
        except Exception as error:  # rosbags raises many kinds
            by = "its own" if _has_definition(connection) else "this version's"
            raise BagError(
                f"{self._path}: a message on {connection.topic} cannot be read by {by} definition "
                f"of {name}: {error!s:.200}"
            ) from error


def _has_definition(connection: Connection) -> bool:
    return bool(connection.msgdef.data)


def _types_of(connections: Iterable[Connection]) -> Typestore:
    """This package's types, and over them those that the bag defines."""
    from rosbags.interfaces import MessageDefinitionFormat
    from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

    types: dict[str, Any] = dict(typestore().fielddefs)
    for item in connections:
        if not _has_definition(item):
            continue
        try:
            if item.msgdef.format == MessageDefinitionFormat.MSG:
                types.update(get_types_from_msg(item.msgdef.data, item.msgtype))
            else:
                for part in item.msgdef.data.split("=" * 80 + "\n"):
                    idl = part.partition("\n")[2] if part.startswith("IDL: ") else part
                    types.update(get_types_from_idl(idl) if idl.strip() else {})
        except Exception:  # noqa: BLE001 - a definition of a topic that nobody may ask for
            continue
    store = get_typestore(Stores.EMPTY)
    store.register(types)
    return store


def _tolerant_reader(path: Path, stack: ExitStack) -> Reader:
    """A reader of rosbags that takes an ``unknown`` definition for none."""
    from rosbags.rosbag2.reader import DirectoryReader, Reader
    from rosbags.rosbag2.storage_mcap import McapReader
    from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

    class Schemas(dict[int, Any]):
        def __setitem__(self, key: int, schema: Any) -> None:
            known = schema.encoding in (*_ENCODINGS, "omgidl", "")
            super().__setitem__(key, schema if known else schema._replace(encoding="", data=""))

    class Mcap(McapReader):
        def __init__(self, path: Any) -> None:
            super().__init__(path)
            self.schemas = Schemas()

    class Sqlite(Sqlite3Reader):
        def __init__(self, path: Any) -> None:
            super().__init__(_without_unknown(Path(path), stack))

    plugins: dict[str, Any] = {"mcap": Mcap, "sqlite3": Sqlite}

    class Directory(DirectoryReader):
        STORAGE_PLUGINS = plugins

    class TolerantReader(Reader):
        STORAGE_PLUGINS = {"dir": Directory, ".mcap": Mcap, ".db3": Sqlite}  # noqa: RUF012

    return TolerantReader(path)


def _without_unknown(path: Path, stack: ExitStack) -> Path:
    """``path``, or a copy of that database without the definitions that are none."""
    marks = ", ".join("?" for _ in _ENCODINGS)
    unknown = f"FROM message_definitions WHERE encoding NOT IN ({marks})"
    try:
        with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as database:
            (count,) = database.execute(f"SELECT count(*) {unknown}", _ENCODINGS).fetchone()
        database.close()
    except sqlite3.Error:  # no such table before Iron, or no database: rosbags tells
        return path
    if not count:
        return path
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ppcr-bag-")))
    copy = Path(shutil.copy(path, folder / path.name))
    with sqlite3.connect(copy) as database:
        database.execute(f"DELETE {unknown}", _ENCODINGS)
    database.close()
    return copy
