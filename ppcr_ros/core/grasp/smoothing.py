"""Noise of a depth image on one object, and the object's depth freed of most of it."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.types import Array

_LEAST_PIXELS = 6
"""Fewer pixels around one tell no plane."""
_FARTHEST_PX = 6
"""Errors of neighbouring pixels are alike in a stereo camera's depth; so far apart they are not."""
_LEAST_TRIPLES = 20
_SHAPE_GROWS, _MOST_SHAPE_M = 3.3, 0.003
"""Bends of round shapes grow by four where pixels lie twice as far apart, and stay small; those of
noise do not grow so."""
_TO_STD = 1.4826 / 6.0**0.5
"""The median size of second differences to the standard deviation of what they are made of."""


def depth_noise_m(own: Array, depth_m: Array) -> float:
    """How much the depth of ``own`` scatters, as a standard deviation, metres.

    It comes of pixels in a row: how far the middle one lies from between the outer two. On flat
    sides that is noise alone, and what edges add is outvoted; of round ones nearer pixels tell.

    Args:
        own: (H, W) bool, the object's pixels with a depth that is the object's.
        depth_m: (H, W) float32, metres.

    Returns:
        Too little where errors are alike over more than a few pixels; 0 where ``own`` is too small.
    """
    longer_px = int(max(own.any(axis=1).sum(), own.any(axis=0).sum()))
    step = min(max(longer_px // 10, 1), _FARTHEST_PX)
    bend_m, nearer_m = (_usual_bend_m(own, depth_m, px) for px in (step, max(step // 2, 1)))
    if 0.0 < _SHAPE_GROWS * nearer_m < bend_m < _MOST_SHAPE_M / _TO_STD:
        bend_m = nearer_m
    return _TO_STD * bend_m


def _usual_bend_m(own: Array, depth_m: Array, step: int) -> float:
    """The median size of the bends along rows and columns; 0 where there are few."""
    bends = [_bends(own, depth_m, step), _bends(own.T, depth_m.T, step)]
    sizes = np.abs(np.concatenate(bends))
    return 0.0 if len(sizes) < _LEAST_TRIPLES else float(np.median(sizes))


def _bends(own: Array, depth_m: Array, step: int) -> Array:
    """(n,) second differences of the depth along columns, metres."""
    inner = own[step:-step] & own[: -2 * step] & own[2 * step :]
    middle, above, below = depth_m[step:-step], depth_m[: -2 * step], depth_m[2 * step :]
    found: Array = above[inner] + below[inner] - 2.0 * middle[inner]
    return found


def smoothed_depth(own: Array, depth_m: Array, reach_px: int) -> Array:
    """The depth with, for each pixel of ``own``, a plane laid through the own ones around it.

    A plane, and no mean: a mean pulls the outline of what is round or tilted towards its middle.

    Args:
        own: (H, W) bool, the object's pixels with a depth that is the object's; at least one.
        depth_m: (H, W) float32, metres.
        reach_px: the window reaches so far to each side.

    Returns:
        (H, W) float32, metres; as it was outside of the object.
    """
    kept = own.astype(np.float64)
    depth = np.where(own, depth_m - np.float32(np.median(depth_m[own])), 0.0).astype(np.float64)
    rows = np.linspace(-0.5, 0.5, own.shape[0])[:, None] * own.shape[0] * kept
    columns = np.linspace(-0.5, 0.5, own.shape[1])[None] * own.shape[1] * kept
    count = _window_sums(kept, reach_px)

    def mean(values: Array) -> Array:
        means: Array = _window_sums(values, reach_px) / np.maximum(count, 1.0)
        return means

    x, y, z = mean(columns), mean(rows), mean(depth)
    xx, yy = mean(columns**2) - x * x, mean(rows**2) - y * y
    xy = mean(columns * rows) - x * y
    xz, yz = mean(columns * depth) - x * z, mean(rows * depth) - y * z
    area = np.maximum(xx * yy - xy * xy, 1e-9)
    along_x, along_y = (xz * yy - yz * xy) / area, (yz * xx - xz * xy) / area
    change = z + along_x * (columns - x) + along_y * (rows - y) - depth
    told = own & (count >= _LEAST_PIXELS) & (area > 1e-3)
    smooth: Array = depth_m.copy()
    smooth[told] += change[told].astype(np.float32)
    return smooth


def _window_sums(values: Array, reach_px: int) -> Array:
    """(H, W) sums over the windows of ``reach_px`` to each side of every pixel."""
    return _sums_down(_sums_down(values, reach_px).T, reach_px).T


def _sums_down(values: Array, reach_px: int) -> Array:
    """(H, W) sums over ``reach_px`` rows above and below."""
    sums = np.cumsum(np.pad(values, ((reach_px + 1, reach_px), (0, 0))), axis=0)
    side = 2 * reach_px + 1
    return np.asarray(sums[side:] - sums[:-side])
