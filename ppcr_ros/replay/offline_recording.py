"""A run of the pipeline on an image file as a recording, with no ROS."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ppcr_ros.core.config import Config
from ppcr_ros.core.types import Frame, Result
from ppcr_ros.replay.bag import RawMessage, bag_name, write_bag
from ppcr_ros.replay.definitions import (
    COMMAND_TYPE,
    IMAGE_TYPE,
    INFO_TYPE,
    RESULT_TYPE,
    SEMANTIC_TYPE,
    SPATIAL_TYPE,
    new_message,
    typestore,
)
from ppcr_ros.replay.info import INFO_TOPIC, present_info
from ppcr_ros.replay.messages import (
    header_message,
    image_message,
    result_message,
    semantic_message,
    spatial_message,
)

TOPICS = {
    "image": "/image",
    "command": "/ppcr/command",
    "semantic_prompt": "/ppcr/semantic_prompt",
    "spatial_prompt": "/ppcr/spatial_prompt",
    "result": "/ppcr/result",
}
"""The node's own, where nothing is remapped."""


def record_run(
    folder: Path,
    frame: Frame,
    command: str,
    result: Result,
    config: Config,
    weights_sha256: Mapping[str, str],
) -> Path:
    """Write one run of the pipeline as a bag, as the node would have recorded it.

    Args:
        folder: must be there.
        frame: what was searched; written as rgb8.
        command: the words as they were given.
        result: how it ended, with a ``command_id``.
        config: what it was run with.
        weights_sha256: of `weights_checksums`.

    Returns:
        The bag's folder.

    Raises:
        OSError: when it cannot be written.
    """
    now_ns = time.time_ns()
    header = header_message(frame.stamp_ns, frame.frame_id)
    recorded: list[tuple[str, str, Any]] = [
        ("image", IMAGE_TYPE, image_message(frame.rgb, "rgb8", header)),
        ("command", COMMAND_TYPE, new_message(COMMAND_TYPE, data=command)),
    ]
    identity = result.command_id
    if result.semantic is not None:
        prompt = semantic_message(result.semantic, header, identity)
        recorded.append(("semantic_prompt", SEMANTIC_TYPE, prompt))
    if result.spatial is not None:
        place = spatial_message(result.spatial, header, identity)
        recorded.append(("spatial_prompt", SPATIAL_TYPE, place))
    recorded.append(("result", RESULT_TYPE, result_message(result)))
    messages = [
        RawMessage(TOPICS[role], kind, serialised(message, kind), now_ns + number)
        for number, (role, kind, message) in enumerate(recorded)
    ]
    info = present_info(
        config,
        weights_sha256,
        topics={role: TOPICS[role] for role, _, _ in recorded},
        message_sha256={item.topic: item.sha256 for item in messages},
        command_id=identity,
        recorded_by="ppcr record",
    )
    text = serialised(new_message(INFO_TYPE, data=info.to_json()), INFO_TYPE)
    topic = f"/ppcr/{INFO_TOPIC}"
    messages.append(RawMessage(topic, INFO_TYPE, text, now_ns + len(messages)))
    return write_bag(folder, bag_name(now_ns, result.status, identity), messages)


def serialised(message: Any, type_name: str) -> bytes:
    """``message`` as it goes over the wire."""
    return bytes(typestore().serialize_cdr(message, type_name))
