"""Images in which there is nothing to see."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.types import Array

_MOST_SPREAD = 6.0
"""Means of blocks of an image differ by less where there is nothing but noise and falling light."""
_BLOCKS = 24
_LEAST_SIDE_PX = 64
"""A smaller image is not judged: a few pixels may be all that there is of an object."""
_COLOURS = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (200, 30, 30),
    "green": (30, 160, 40), "blue": (30, 60, 200), "yellow": (230, 210, 40),
}  # fmt: skip


def plain_colour(rgb: Array) -> str | None:
    """The colour of an image (H, W, 3) uint8 that shows nothing else; None where it may show more.

    Noise is averaged out over blocks: a covered lens or a test picture is plain, a white table with
    a white cup is not.
    """
    height, width = rgb.shape[:2]
    if min(height, width) < _LEAST_SIDE_PX:
        return None
    picked = rgb[:: max(1, height // 240), :: max(1, width // 320)].astype(np.float32)
    high, wide = picked.shape[0] // _BLOCKS, picked.shape[1] // _BLOCKS
    blocks = picked[: _BLOCKS * high, : _BLOCKS * wide]
    blocks = blocks.reshape(_BLOCKS, high, _BLOCKS, wide, 3)
    means = blocks.mean(axis=(1, 3)).reshape(-1, 3)
    if float(np.ptp(means, axis=0).max()) > _MOST_SPREAD:
        return None
    middle = means.mean(axis=0)
    distances = {name: float(np.abs(middle - at).sum()) for name, at in _COLOURS.items()}
    return min(distances, key=lambda name: distances[name])
