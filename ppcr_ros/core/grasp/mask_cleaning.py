"""Keeps the pixels of a mask that show the object's own depth."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.grasp.optical_points import depth_known
from ppcr_ros.core.grasp.smoothing import depth_noise_m
from ppcr_ros.core.types import Array

_BAND_PX = 2
"""How far from a mask's border depth may belong to what lies behind."""
_LEAST_CORE = 0.3
"""A mask of which eroding leaves less than this share is too thin to be eroded."""
_EDGE_JUMP_M = 0.012
_GAP_M = 0.02
_STEEP_M, _STEEP_IN_NOISE = 0.03, 5.0
"""Where depth differs by more from one side of a pixel to the other, or by more than so many
standard deviations of its noise, it may be mixed of two things."""
_HALFWAY = 0.5
"""What lies in this middle share of the leap is mixed."""
_LEAST_CLUSTER = 0.1
_LEAST_RAISED, _MOST_COVERED = 0.65, 0.5
"""Of the pixels along the outline, how many must stand above the support within it, and how many
may lie before the object around it."""
_RIM_PX = 6
"""How far from its border a mask may be wrong where depth says so."""


def window_sum(values: Array, radius_px: int) -> Array:
    """(H, W) sums of ``values`` (H, W) over squares of 2 * ``radius_px`` + 1; outside counts 0."""
    total = values
    for axis in (0, 1):
        along = np.moveaxis(total, axis, 0)
        sums = along.copy()
        for step in range(1, min(radius_px, len(along) - 1) + 1):  # a few; cheaper than integrals
            sums[step:] += along[:-step]
            sums[:-step] += along[step:]
        total = np.moveaxis(sums, 0, axis)
    return total


def grown(mask: Array, radius_px: int) -> Array:
    """``mask`` (H, W) bool with all pixels whose square of that radius touches it."""
    return window_sum(mask, radius_px)  # of truth values, + is "or"


def shrunk(mask: Array, radius_px: int) -> Array:
    """``mask`` (H, W) bool without the pixels whose square of that radius leaves it."""
    full = (2 * radius_px + 1) ** 2
    inside: Array = window_sum(mask.astype(np.int16), radius_px) == full
    return inside


def own_depth(mask: Array, depth_m: Array) -> Array:
    """The pixels of ``mask`` whose depth is the object's.

    A depth image mixes the object with its background along edges, and a mask may be a little too
    large. Pixels near the mask's border stay only where their depth continues that of the inside;
    what lies apart in depth from the bulk of the object goes.

    Args:
        mask: (H, W) bool.
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.

    Returns:
        (H, W) bool, a part of ``mask`` where depth is known.
    """
    valid = mask & depth_known(depth_m)
    valid &= ~_mixed(np.where(valid, depth_m, np.float32(0.0)), valid)
    if not valid.any():
        return valid
    depth = np.where(valid, depth_m, np.float32(0.0))
    core = shrunk(mask, _BAND_PX) & valid
    kept = valid
    if core.sum() >= _LEAST_CORE * valid.sum():
        count = window_sum(core.astype(np.int16), _BAND_PX + 1)
        sums = window_sum(depth * core, _BAND_PX + 1)
        jump_m = np.abs(depth - sums / np.maximum(count, 1))
        kept = core | (valid & (count > 0) & (jump_m < _EDGE_JUMP_M)) | _smooth(depth, valid, count)
    return kept & _in_bulk(depth, kept)


def trimmed(mask: Array, own: Array, depth_m: Array) -> Array:
    """``mask`` without the pixels along its border where depth shows the background.

    A camera gives no depth along edges: of such pixels those go that lie nearer to the background
    than to the object. So a mask that reaches over does not make a box larger.

    Args:
        mask: (H, W) bool.
        own: (H, W) bool, of `own_depth`.
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.

    Returns:
        (H, W) bool, a part of ``mask``.
    """
    known = depth_known(depth_m)
    inside = shrunk(mask, _RIM_PX)
    kept, behind = own | inside, known & ~own & ~inside
    for _ in range(_RIM_PX):
        open_ = ~(kept | behind)
        nearer_to_object = grown(kept, 1) & open_
        behind = behind | (grown(behind, 1) & open_ & ~nearer_to_object)
        kept = kept | nearer_to_object
    return mask & ~behind


def stands_out(mask: Array, raised: Array, depth_m: Array) -> bool:
    """Whether the depth image shows a thing where the mask has one, and ends it there.

    Where depth is rotated, mirrored or shifted against the colour image, the mask's outline lies on
    the table, or in the middle of something else.

    Args:
        mask: (H, W) bool.
        raised: (H, W) bool, where depth lies clearly above the support.
        depth_m: (H, W) float32, metres, 0 or NaN where unknown.
    """
    known = depth_known(depth_m)
    inside = shrunk(mask, _BAND_PX) & ~shrunk(mask, 3 * _BAND_PX) & known
    if not inside.any():
        return True  # too thin to tell
    around = grown(mask, 4 * _BAND_PX) & ~grown(mask, 2 * _BAND_PX) & known
    nearer = raised & (depth_m < np.median(depth_m[inside]))
    covered = nearer[around].mean() if around.any() else 0.0
    return bool(raised[inside].mean() >= _LEAST_RAISED and covered <= _MOST_COVERED)


def _mixed(depth_m: Array, valid: Array) -> Array:
    """Where depth lies halfway in a leap between both sides of a pixel, as a camera's blur has it.

    A pixel at a sharp edge is like one of its sides and stays.
    """
    limit_m = max(_STEEP_M, _STEEP_IN_NOISE * depth_noise_m(valid, depth_m))
    mixed = np.zeros_like(valid)
    for axis in (0, 1):
        depth, known = np.moveaxis(depth_m, axis, 0), np.moveaxis(valid, axis, 0)
        leap_m = np.abs(depth[2:] - depth[:-2])
        halfway = np.abs(depth[2:] + depth[:-2] - 2.0 * depth[1:-1]) < _HALFWAY * leap_m
        np.moveaxis(mixed, axis, 0)[1:-1] |= known[2:] & known[:-2] & (leap_m > limit_m) & halfway
    return mixed


def _smooth(depth_m: Array, valid: Array, core_count: Array) -> Array:
    """Where thin parts, such as a handle, have no core near them and even depth."""
    thin = valid & (core_count == 0)
    neighbours = window_sum(valid.astype(np.int16), 1)
    mean_m = window_sum(depth_m, 1) / np.maximum(neighbours, 1)
    even: Array = thin & (neighbours > 5) & (np.abs(depth_m - mean_m) < _EDGE_JUMP_M / 3.0)
    return even


def _in_bulk(depth_m: Array, kept: Array) -> Array:
    """Where depth belongs to the largest cluster along the optical axis, or close to it.

    Clusters are parted by gaps. A small one stays where it is not farther from the largest than
    that one is deep, for an object may hide parts of itself.
    """
    values = np.sort(depth_m[kept])
    typical_m = float(values[len(values) // 2])
    ends = np.flatnonzero(np.diff(values) > _GAP_M * max(typical_m, 1.0)) + 1
    if not len(ends):
        return np.ones_like(kept)
    clusters = np.split(values, ends)
    largest = max(clusters, key=len)
    low, high = float(largest[0]), float(largest[-1])
    reach_m = max(high - low, _GAP_M)
    for cluster in clusters:
        near = cluster[-1] > low - reach_m and cluster[0] < high + reach_m
        if near and len(cluster) >= _LEAST_CLUSTER * len(values):
            low, high = min(low, float(cluster[0])), max(high, float(cluster[-1]))
    inside: Array = (depth_m >= low) & (depth_m <= high)
    return inside
