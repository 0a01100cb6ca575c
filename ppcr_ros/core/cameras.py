"""The names of several cameras that share one set of models: the option ``node.cameras``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ppcr_ros.core.errors import ConfigError

CAMERA = "{camera}"
"""Stands for a camera's name where a topic is given for all of them."""
THE_CAMERA = "camera"
"""What `CAMERA` stands for where there is one camera, without a name."""
_NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")


def camera_names(text: str) -> tuple[str, ...]:
    """The names in a comma-separated list, in its order; none of an empty one.

    Raises:
        ConfigError: for a name that no ROS topic can have, or one that stands there twice.
    """
    names = tuple(name.strip() for name in text.split(",")) if text.strip() else ()
    for place, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"node.cameras is {text!r} and {name!r} is no name for a camera; expected names "
                "between commas, such as 'front, wrist', each of letters, digits and single "
                "underscores with a letter at first: its topics lie below it, as front/image."
            )
        if name in names[:place]:
            raise ConfigError(
                f"node.cameras is {text!r}, which names {name!r} twice; expected each camera once. "
                "Give the second one a name of its own."
            )
    return names


def camera_topic(camera: str, topic: str) -> str:
    """The name of ``topic`` for one of several cameras: ``front/image``, ``~/front/command``.

    Args:
        camera: its name; empty where there is one camera, whose topics keep their names.
        topic: the name for one camera; a leading ``~/`` stays in front.
    """
    if not camera:
        return topic
    private = "~/" if topic.startswith("~/") else ""
    return f"{private}{camera}/{topic.removeprefix('~/')}"


def remappings(cameras: Sequence[str], topics: Mapping[str, str]) -> dict[str, str]:
    """The full names of all cameras' topics, by the names that the node has for them.

    Args:
        cameras: their names, as of `camera_names`; none, or an empty one, for one camera.
        topics: full names by ``image``, ``depth`` and ``camera_info``, in which `CAMERA` stands for
            the camera's name. An image's compressed topic lies below it.

    Raises:
        ConfigError: when several cameras would share a topic.
    """
    rules: dict[str, str] = {}
    for topic, full in topics.items():
        if len(cameras) > 1 and CAMERA not in full:
            raise ConfigError(
                f"the topic for {topic} is {full!r} for all of the cameras {', '.join(cameras)}; "
                f"expected {CAMERA} in it, which stands for each of their names: /{CAMERA}/{topic}."
            )
        for camera in cameras or ("",):
            own, named = camera_topic(camera, topic), filled_in(full, camera)
            rules[own] = named
            if topic == "image":
                rules[f"{own}/compressed"] = f"{named}/compressed"
    return rules


def filled_in(topic: str, camera: str) -> str:
    """``topic`` with the camera's name in the place of `CAMERA`."""
    return topic.replace(CAMERA, camera or THE_CAMERA)
