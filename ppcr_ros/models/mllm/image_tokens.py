"""How many tokens Qwen's image processors make of an image."""

from __future__ import annotations

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
