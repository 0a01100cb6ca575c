"""ROS 2 parameter files, read by the rules of ROS 2's own parser, without ROS.

A file holds sections for nodes. A section's name is a node's full name, may be nested below its
namespace, and may hold the wildcards ``*`` for one name and ``**`` for any number of names. All
sections that fit a node count, in the order of the file; the later one wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ppcr_ros.core.documents import DocumentError, read_yaml
from ppcr_ros.core.errors import ConfigError

NODE_NAME = "/ppcr"
"""The full name of the node where nobody has renamed it."""
_PARAMETERS = "ros__parameters"
_NAME = re.compile(r"(?:/(?:[A-Za-z_][A-Za-z0-9_]*|\*\*?))+")
"""What ROS takes for a section's name; at any other it refuses the whole file, and a node ends."""


@dataclass(frozen=True)
class Section:
    """The parameters of the nodes whose names fit.

    Attributes:
        name: with a leading slash, and perhaps wildcards: ``/arm/ppcr``, ``/**``.
        values: by their dotted names.
    """

    name: str
    values: Mapping[str, object]

    def fits(self, node: str) -> bool:
        """Whether the node with the full name ``node`` takes the parameters."""
        pattern = re.escape(self.name).replace(r"/\*\*", r"(/\w+)*").replace(r"/\*", r"/\w+")
        return re.fullmatch(pattern, node) is not None

    @property
    def is_of_ours_by_name(self) -> bool:
        """Whether it names one node, whose own name is ours, in whatever namespace."""
        return "*" not in self.name and self.name.endswith(NODE_NAME)


def read_parameter_file(path: str | Path) -> list[Section]:
    """All sections of a parameter file, in their order.

    Raises:
        ConfigError: when the file cannot be read or is no parameter file.
    """
    try:
        document = read_yaml(Path(path))
    except (OSError, DocumentError) as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error}") from error
    found: list[Section] = []
    _collect(path, "", document, found)
    return found


def values_for(path: str | Path, sections: list[Section], node: str = NODE_NAME) -> dict[str, Any]:
    """What ``sections`` say to the node ``node``.

    Where none names it but one of the same name in another namespace, that one is meant: what is
    run without ROS has no namespace.

    Raises:
        ConfigError: where the file speaks of several such nodes.
    """
    if node == NODE_NAME:
        named = list(dict.fromkeys(item.name for item in sections if item.is_of_ours_by_name))
        if len(named) > 1 and node not in named:
            raise ConfigError(
                f"{path} speaks of the nodes {', '.join(named)}; expected one of them, or {node}. "
                "Give each a file of its own."
            )
        if named and node not in named:
            (node,) = named
    values: dict[str, Any] = {}
    for item in sections:
        if item.fits(node):
            values |= item.values
    return values


def _collect(path: str | Path, name: str, body: Any, found: list[Section]) -> None:
    """Add the sections at and below ``name``."""
    if body is None and not name:
        raise ConfigError(f"{path} is empty; expected parameters as in config/ppcr.yaml.")
    if not isinstance(body, dict) or not body:
        raise ConfigError(
            f"{path}: under {name!r} stands {body!r:.60}; expected a mapping with "
            f"{_PARAMETERS!r}, as in config/ppcr.yaml."
        )
    for key, inner in body.items():
        if key == _PARAMETERS:
            if not isinstance(inner, dict):
                raise ConfigError(
                    f"{path}: under {name!r} stands {body!r:.60}; expected a mapping below "
                    f"{_PARAMETERS!r}, as in config/ppcr.yaml."
                )
            if name and not _NAME.fullmatch(name):
                raise ConfigError(
                    f"{path}: {name!r} is no name of a node, and ROS refuses the whole file; "
                    "expected letters, digits and _ between slashes, or * for one name and ** for "
                    "any number of them."
                )
            values: dict[str, object] = {}
            _flatten_into(values, "", inner)
            found.append(Section(name, values))
        else:
            _collect(path, f"{name}/{str(key).removeprefix('/')}", inner, found)


def _flatten_into(values: dict[str, object], prefix: str, tree: dict[Any, object]) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _flatten_into(values, f"{prefix}{key}.", value)
        else:
            values[f"{prefix}{key}"] = value
