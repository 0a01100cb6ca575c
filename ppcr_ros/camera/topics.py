"""Chooses among a camera's topics: its images may come raw, compressed, or both. Imports no ROS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"

TRANSPORTS = ("/compressedDepth", "/compressed", "/zstd")
"""How image_transport's plugins call the topics below an image's own."""

Choice = tuple[str, str]
"""A topic's name and the type that is read from it."""


def base_of(topic: str) -> str:
    """``topic`` without the name of a transport: ``/cam/image_raw`` of its compressed topic."""
    return next((topic.removesuffix(end) for end in TRANSPORTS if topic.endswith(end)), topic)


def image_choices(topic: str, compressed: str = "", *, prefer_compressed: bool) -> list[Choice]:
    """Where the colour image may be read, the preferred first.

    Args:
        topic: the full name that the user gave, of a raw image or of one of its transports.
        compressed: the full name of the compressed image, where the user gave one of its own.
        prefer_compressed: ``node.use_compressed``.
    """
    base = base_of(topic)
    raw = [(base, IMAGE_TYPE)]
    packed = [
        (compressed or f"{base}/compressed", COMPRESSED_TYPE),
        (f"{base}/compressed", COMPRESSED_TYPE),
        (f"{base}/zstd", COMPRESSED_TYPE),
    ]
    named = [(topic, COMPRESSED_TYPE)]
    if prefer_compressed:
        return _without_doubles([*packed[:2], *named, *packed[2:], *raw])
    if topic != base:
        return _without_doubles([*named, *raw, *packed])
    return _without_doubles([*raw, *named, *packed])


def depth_choices(topic: str) -> list[Choice]:
    """Where depth may be read, the preferred first; JPEG loses it, so that it is none of them."""
    base = base_of(topic)
    named, raw = (topic, COMPRESSED_TYPE), (base, IMAGE_TYPE)
    first = [named, raw] if topic != base else [raw, named]
    packed = [(f"{base}/compressedDepth", COMPRESSED_TYPE), (f"{base}/zstd", COMPRESSED_TYPE)]
    return _without_doubles([*first, *packed])


def chosen(
    choices: Sequence[Choice], types_at: Callable[[str], Collection[str]], current: Choice
) -> Choice:
    """The first of ``choices`` that is published; ``current`` where none is.

    Args:
        choices: as of `image_choices`.
        types_at: the types that are published on a topic.
        current: what is subscribed to now.
    """
    return next((item for item in choices if item[1] in types_at(item[0])), current)


def _without_doubles(choices: Sequence[Choice]) -> list[Choice]:
    return list(dict.fromkeys(choices))
