"""Tells whether depth lies on its colour image as it is, or would fit turned or mirrored.

Both show the same edges. A driver that turns or mirrors one of the two images says nothing of it in
their headers, so that only the pictures can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ppcr_ros.core.grasp.optical_points import depth_known
from ppcr_ros.core.types import Array

_MOST_PX = 320
"""Larger images are looked at in coarser steps, so that the time does not grow."""
_CELL_PX = 4
"""Edges are compared in cells, so that noise and pixels lost along them tell little."""
_LEAST_CELLS = 24
_STRONGEST = 0.9
"""Edges stronger than this share of all count alike."""
_LEAST_STEP = 0.03
"""A step in depth, as a share of the distance, that counts as an edge whatever else is there."""
_FITS, _FITS_BETTER = 0.15, 0.07
"""How well edges must agree to say anything, and how much better than they do as they are; 1 is all
of them."""

_Turn = Callable[[Array], Array]

_TURNS: dict[str, _Turn] = {
    "mirrored left to right": lambda image: image[:, ::-1],
    "mirrored top to bottom": lambda image: image[::-1],
    "turned by 180 degrees": lambda image: image[::-1, ::-1],
    "turned to the left by 90 degrees": partial(np.rot90, k=1),
    "turned to the right by 90 degrees": partial(np.rot90, k=3),
    "mirrored along a diagonal": lambda image: image.T,
    "mirrored along the other diagonal": lambda image: image[::-1, ::-1].T,
}


def fits_turned(rgb: Array, depth_m: Array) -> str:
    """How depth would have to be turned to fit the colour image; empty where it fits as it is.

    Args:
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.

    Returns:
        Words such as "mirrored left to right"; empty as well where the pictures do not tell.
    """
    step = -(-max(depth_m.shape) // _MOST_PX)
    rgb, depth_m = rgb[::step, ::step], depth_m[::step, ::step]
    if min(depth_m.shape) // _CELL_PX < _LEAST_CELLS:
        return ""
    colour = _colour_edges(rgb)
    steps, known = _depth_edges(depth_m)
    best, as_it_is = "", _agreement(colour, steps, known)
    most = max(_FITS, as_it_is + _FITS_BETTER)
    for words, turn in _TURNS.items():
        turned, seen = turn(steps), turn(known)
        if turned.shape == colour.shape and (agrees := _agreement(colour, turned, seen)) > most:
            best, most = words, agrees
    return best


def _colour_edges(rgb: Array) -> Array:
    """(rows, columns) float32, how much the cells around each differ in colour."""
    means = _cells(rgb).mean(axis=(1, 3), dtype=np.float32)
    spread: Array = (_around(means, np.maximum) - _around(means, np.minimum)).max(axis=-1)
    return np.minimum(spread, np.quantile(spread, _STRONGEST))


def _depth_edges(depth_m: Array) -> tuple[Array, Array]:
    """(rows, columns) float32 steps in depth around each cell, and where depth is known (bool)."""
    known = depth_known(depth_m)
    inverse = np.divide(1.0, depth_m, out=np.zeros(depth_m.shape, np.float32), where=known)
    nearest = _around(_cells(inverse).max(axis=(1, 3)), np.maximum)
    farthest = np.where(known, inverse, np.float32(np.inf))
    farthest = _around(_cells(farthest).min(axis=(1, 3)), np.minimum)
    seen = nearest > 0
    if not seen.any():
        return np.zeros(seen.shape, np.float32), seen
    steps = np.divide(nearest - farthest, nearest, out=np.zeros_like(nearest), where=seen)
    step = max(_LEAST_STEP, float(np.quantile(steps[seen], _STRONGEST)))
    return np.clip(steps - step / 2.0, 0.0, step), seen


def _cells(image: Array) -> Array:
    """(rows, cell, columns, cell, ...) of the image's whole cells."""
    rows, columns = image.shape[0] // _CELL_PX, image.shape[1] // _CELL_PX
    whole = image[: rows * _CELL_PX, : columns * _CELL_PX]
    cells: Array = whole.reshape(rows, _CELL_PX, columns, _CELL_PX, *image.shape[2:])
    return cells


def _around(cells: Array, larger: np.ufunc) -> Array:
    """Of each cell the largest, or smallest, of it and its neighbours."""
    for axis in (0, 1):
        along = np.moveaxis(cells, axis, 0)
        best = along.copy()
        best[1:] = larger(best[1:], along[:-1])
        best[:-1] = larger(best[:-1], along[1:])
        cells = np.moveaxis(best, 0, axis)
    return cells


def _agreement(colour: Array, steps: Array, known: Array) -> float:
    """-1 to 1: the correlation of both where depth is known; 0 where one of them is even."""
    if not known.any():
        return 0.0
    one, other = colour[known], steps[known]
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0.0 else 0.0
