"""The definitions of the messages that a recording holds, for writing them without ROS."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppcr_ros.core.errors import PPCRError

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

PACKAGE = "ppcr_ros"
COMMAND_TYPE = INFO_TYPE = "std_msgs/msg/String"
IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
SEMANTIC_TYPE = f"{PACKAGE}/msg/SemanticPrompt"
SPATIAL_TYPE = f"{PACKAGE}/msg/SpatialPrompt"
GRASP_TYPE = f"{PACKAGE}/msg/GraspTarget"
INSTANCE_TYPE = f"{PACKAGE}/msg/Instance"
CANDIDATE_TYPE = f"{PACKAGE}/msg/Candidate"
RESULT_TYPE = f"{PACKAGE}/msg/ReferringSegmentation"

_ZEROS: dict[str, Any] = {"bool": False, "string": "", "float32": 0.0, "float64": 0.0}


class DefinitionsError(PPCRError):
    """The package's ``.msg`` files are not there."""


def message_folder() -> Path:
    """The folder of the package's ``.msg`` files: sources, ROS prefix or Python's.

    Raises:
        DefinitionsError: when there is none.
    """
    roots = [Path(part) for part in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if part]
    candidates = [
        Path(__file__).resolve().parents[2] / "msg",
        *(root / "share" / PACKAGE / "msg" for root in (*roots, Path(sys.prefix))),
    ]
    for folder in candidates:
        if any(folder.glob("*.msg")):
            return folder
    raise DefinitionsError(
        f"none of {', '.join(map(str, candidates))} has the package's .msg files; expected one. "
        "Install the package anew, or source its workspace."
    )


@lru_cache(maxsize=1)
def typestore() -> Typestore:
    """ROS 2's common interfaces and this package's messages; made once.

    Raises:
        DefinitionsError: when the package's definitions are not there.
    """
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for path in sorted(message_folder().glob("*.msg")):
        name = f"{PACKAGE}/msg/{path.stem}"
        types.update(get_types_from_msg(path.read_text(encoding="utf-8"), name))
    store.register(types)
    return store


def new_message(name: str, **values: Any) -> Any:
    """A message of the type ``name`` with ``values``, its other fields zero, empty or False.

    Unlike a class of rosbags, which wants every field, it does not mind fields that were added.
    """
    import numpy as np
    from rosbags.interfaces import Nodetype

    store = typestore()

    def zero(kind: Any, detail: Any) -> Any:
        if kind is Nodetype.NAME:
            return new_message(detail)
        if kind is Nodetype.BASE:
            return _ZEROS.get(detail[0], 0)
        (inner_kind, inner), length = detail
        length = length if kind is Nodetype.ARRAY else 0
        if inner_kind is Nodetype.BASE and inner[0] != "string":
            return np.zeros(length, np.dtype("u1" if inner[0] in ("byte", "octet") else inner[0]))
        return [zero(inner_kind, inner) for _ in range(length)]

    _, fields = store.fielddefs[name]
    unknown = set(values) - {field for field, _ in fields}
    if unknown:
        raise TypeError(f"{name} has no field {', '.join(sorted(unknown))}.")
    filled = {
        field: values[field] if field in values else zero(*definition)
        for field, definition in fields
    }
    return store.types[name](**filled)
