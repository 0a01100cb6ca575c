"""Masks as the lengths of their runs, in COCO's uncompressed format."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.types import Array


def runs_of(mask: Array) -> Array:
    """The runs of ``mask`` (H, W) bool: (n,) uint32 lengths in pixels, column by column.

    The first is of pixels that are False, and 0 long where the upper left one is True.
    """
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([changes, [flat.size]])
    lengths = np.diff(ends, prepend=0)
    if flat[0]:
        lengths = np.concatenate([[0], lengths])
    return lengths.astype(np.uint32)


def mask_of(runs: Array, width_px: int, height_px: int) -> Array:
    """The mask (H, W) bool whose runs are ``runs``, as of `runs_of`.

    Raises:
        ValueError: where they are not the runs of so many pixels.
    """
    lengths = np.asarray(runs, np.int64)
    total = int(lengths.sum())
    if total != width_px * height_px:
        raise ValueError(
            f"the runs cover {total} pixels; expected {width_px} x {height_px}, all of the mask's."
        )
    values = np.arange(len(lengths)) % 2 == 1
    flat: Array = np.repeat(values, lengths)
    return flat.reshape(height_px, width_px, order="F")
