"""Tells whether depth lies on its colour image as it is, or would fit turned, mirrored or resized.

Both show the same edges. A driver that turns or mirrors one of the two images, or gives depth of
another lens the colour image's name, says nothing of it in their headers: only the pictures tell.
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
_FITS, _FITS_BETTER, _RESIZED_BETTER = 0.15, 0.07, 0.12
"""How well edges must agree to say anything, and how much better than they do as they are; 1 is all
of them. Of a part of the picture more is asked."""

_SIZES = (0.6, 0.7, 0.8, 1.25, 1.43, 1.67)
"""How much larger depth may have to be for the lens of the colour image."""

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
_TURNED = (
    "depth would fit the colour image far better {}: one of the two images is turned or mirrored, "
    "and the other is not. Let the driver turn both or neither."
)
_RESIZED = (
    "depth would fit the colour image far better {} ({:g} times): it is of another lens or was "
    "scaled otherwise. Take depth that is registered to the colour image."
)


def misfit(rgb: Array, depth_m: Array) -> str:
    """What speaks against depth being registered to the colour image; empty where it fits.

    Args:
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.

    Returns:
        How depth would fit far better, and what to do, for a person; empty as well where the
        pictures do not tell.
    """
    step = -(-max(depth_m.shape) // _MOST_PX)
    rgb, depth_m = rgb[::step, ::step], depth_m[::step, ::step]
    if min(depth_m.shape) // _CELL_PX < _LEAST_CELLS:
        return ""
    colour = _colour_edges(rgb)
    steps, known = _depth_edges(depth_m)
    as_it_is = _agreement(colour, steps, known)
    fits = [
        (_TURNED.format(words), _agreement(colour, turn(steps), turn(known)), _FITS_BETTER)
        for words, turn in _TURNS.items()
    ]
    for size in _SIZES:
        words = _RESIZED.format("larger" if size > 1 else "smaller", size)
        agreement = _agreement(colour, *_resized(steps, known, size))
        fits.append((words, agreement, _RESIZED_BETTER))
    best, agreement, better = max(fits, key=lambda fit: fit[1] - fit[2])
    return best if agreement > max(_FITS, as_it_is + better) else ""


def _resized(steps: Array, known: Array, size: float) -> tuple[Array, Array]:
    """Edges and where they are known, ``size`` times as large about the middle."""
    places = [
        np.rint((np.arange(count) - (count - 1) / 2) / size + (count - 1) / 2).astype(int)
        for count in steps.shape
    ]
    inside = [(at >= 0) & (at < count) for at, count in zip(places, steps.shape, strict=True)]
    at = np.ix_(*(np.clip(at, 0, n - 1) for at, n in zip(places, steps.shape, strict=True)))
    return steps[at], known[at] & inside[0][:, None] & inside[1]


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
    """-1 to 1: the correlation of both where depth is known.

    0 where one of them is even, and where a turn does not fit the image's form.
    """
    if steps.shape != colour.shape or not known.any():
        return 0.0
    one, other = colour[known], steps[known]
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0.0 else 0.0
