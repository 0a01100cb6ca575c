"""Reading JSON and YAML that may be anything: refused by name, and soon, instead of read for ever.

Nesting without end, nodes that hold themselves, numbers of hundreds of digits, keys that stand
there twice, pipes and devices in a file's place.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ppcr_ros.core.errors import PPCRError

MOST_LEVELS = 64
LONGEST_BYTES = 50_000_000
"""Of a file; what lists a large model's weights has a few million."""
LONGEST_YAML_CHARS = 300_000
"""A configuration has some ten thousand; more takes seconds to read."""
_LONGEST_NUMBER = 60
_LONGEST_WORD = 4_000
"""In characters, of a YAML scalar without quotes."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ROS_FLOAT, _ROS_BOOL = re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), re.compile(r"^[yYnN]$")
_BRACKET = re.compile(r"[\[\]{}]")
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class DocumentError(PPCRError, ValueError):
    """A file or text that is no such document."""


def check_regular(path: Path) -> None:
    """See that ``path`` is a file, which can be read to its end.

    Raises:
        DocumentError: when it is a pipe, a device or a folder, whose reading may never end.
        OSError: when it is not there.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "no regular file")
        raise DocumentError(f"{path} is {kind}; expected a file.")


def read_text(path: Path, limit_bytes: int = LONGEST_BYTES) -> str:
    """The text of a file in UTF-8.

    Raises:
        DocumentError: when it is no file, longer than ``limit_bytes``, or no UTF-8.
        OSError: when it cannot be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise DocumentError(f"{path} has more than {limit_bytes} bytes; expected a short file.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path} is no text in UTF-8: {error}") from error


def read_json(path: Path) -> Any:
    """The JSON document in a file.

    Raises:
        DocumentError: when the file cannot be read as one, as `parse_json` and `read_text`.
        OSError: when it cannot be read.
    """
    return parse_json(read_text(path))


def parse_json(text: str) -> Any:
    """The JSON document ``text``.

    Raises:
        DocumentError: when it is none, nests deeper than `MOST_LEVELS`, names a key twice in one
            object, or has a number that no option or size can be.
    """
    level = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        level += 1 if bracket[0] in "[{" else -1
        if level > MOST_LEVELS:
            raise DocumentError(f"it nests deeper than {MOST_LEVELS} levels.")
    try:
        return json.loads(
            text, object_pairs_hook=_without_twins, parse_int=_whole, parse_float=_fraction
        )
    except DocumentError:
        raise
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"it is no JSON: {error!s:.200}") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DocumentError(f"the key {key!r:.80} stands there twice.")
        found[key] = value
    return found


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise DocumentError(f"a number has {len(digits)} digits: {digits:.20}...")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise DocumentError(f"a number is too large: {digits:.40}")
    return value


@lru_cache(maxsize=1)
def _loader() -> Any:
    """PyYAML's safe loader that refuses a key that stands there twice.

    It reads scalars as ROS 2 does: 1e3 is a number, and y is true.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[tuple[str, Any]] = set()
            for key, _ in node.value:
                name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
                if name in seen:
                    raise DocumentError(
                        f"the key {key.value!r:.80} stands there twice, the second time in line "
                        f"{key.start_mark.line + 1}."
                    )
                if name is not None:
                    seen.add(name)
            return super().construct_mapping(node, deep=deep)

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _ROS_FLOAT, list("-+0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _ROS_BOOL, list("yYnN"))
    Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}
    return Loader


def read_yaml(path: Path) -> Any:
    """The YAML document in a file.

    Raises:
        DocumentError: when the file cannot be read as one, as `parse_yaml` and `read_text`.
        OSError: when it cannot be read.
    """
    return parse_yaml(read_text(path, 4 * LONGEST_YAML_CHARS))


def parse_yaml(text: str) -> Any:
    """The YAML document ``text``.

    Raises:
        DocumentError: when it is none, is longer than `LONGEST_YAML_CHARS`, nests deeper than
            `MOST_LEVELS`, has anchors and aliases, which ROS does not read either, names a key
            twice in one mapping, or has a number that no option can be.
    """
    import yaml

    if len(text) > LONGEST_YAML_CHARS:
        raise DocumentError(f"it has {len(text)} characters; expected {LONGEST_YAML_CHARS}.")
    try:
        for _ in _bounded_events(text):
            pass
        return yaml.load(text, _loader())  # noqa: S506 - it derives from the safe one
    except DocumentError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise DocumentError(f"it is no YAML: {' '.join(str(error).split()):.300}") from error


def check_yaml(text: str) -> None:
    """See that ``text`` is YAML that any reader can build; anchors, which it may share, are let be.

    Raises:
        DocumentError: when it nests too deeply, has a number that no option can be, or is no YAML.
    """
    import yaml

    try:
        for _ in _bounded_events(text, anchors=True):
            pass
    except yaml.YAMLError as error:
        raise DocumentError(f"it is no YAML: {' '.join(str(error).split()):.300}") from error


def _bounded_events(text: str, *, anchors: bool = False) -> Iterator[Any]:
    """Pass over the document without building anything; ends at what must not be built."""
    import yaml

    level = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.CollectionStartEvent):
            level += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            level -= 1
        if level > MOST_LEVELS:
            raise DocumentError(f"line {line} nests deeper than {MOST_LEVELS} levels.")
        if not anchors and (anchor := getattr(event, "anchor", None)):
            raise DocumentError(
                f"line {line} has an anchor or alias ({anchor!r:.40}); write the values out."
            )
        if isinstance(event, yaml.ScalarEvent) and event.style is None:
            if len(event.value) > _LONGEST_WORD:
                raise DocumentError(f"line {line} has a word of {len(event.value)} characters.")
            if len(event.value) > _LONGEST_NUMBER and event.value.lstrip("+-")[:1].isdigit():
                digits = sum(sign.isdigit() for sign in event.value)
                if digits > _LONGEST_NUMBER and set(event.value) <= set("0123456789_.:+-eExX"):
                    raise DocumentError(f"line {line} has a number of {digits} digits.")
        yield event
