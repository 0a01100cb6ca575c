"""Number of tokens that Qwen's image processors make of an image."""

from __future__ import annotations

import math
from typing import Any


def limit_pixels(image_processor: Any, least: int, most: int) -> bool:
    """Let ``image_processor`` resize images to ``least`` to ``most`` tokens; 0 is no limit.

    A token is a square of patches that are merged; a limit that the other one would contradict
    moves that one.
    """
    side_px = int(image_processor.patch_size) * int(image_processor.merge_size)
    size = image_processor.size
    low, high = int(size["shortest_edge"]), int(size["longest_edge"])
    if least:
        low = least * side_px**2
        high = max(high, low)
    if most:
        high = most * side_px**2
        low = min(low, high)
    image_processor.size = {"shortest_edge": low, "longest_edge": high}
    return True


def whole_patches(size_px: tuple[int, int], side_px: int, least: int, most: int) -> tuple[int, int]:
    """(width, height) near ``size_px`` of whole tokens of ``side_px``, ``least`` to ``most``."""
    width, height = (max(1, round(length / side_px)) for length in size_px)
    tokens = width * height
    if tokens > most or tokens < least:
        limit, whole = (most, math.floor) if tokens > most else (least, math.ceil)
        share = math.sqrt(size_px[0] * size_px[1] / (limit * side_px**2))
        width, height = (max(1, whole(length / share / side_px)) for length in size_px)
    return width * side_px, height * side_px
