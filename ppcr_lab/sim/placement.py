"""Chooses the things of a scene and places them.

Things on the table keep a gap between them; a small one may stand on a plate or a tray, or in a
bowl. All are inside the image and enough of each is seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.objects import (
    CATEGORIES,
    COLOURS,
    INNER_FLOOR,
    SIZES,
    SUPPORTS,
    Float3,
    ObjectSpec,
)
from ppcr_lab.sim.occlusion import Visibility

AREA_M = (0.60, 0.46)
"""Extent in x and y of the area in which objects stand, for a spread of 1."""

_MIN_GAP_M = 0.012
_IMAGE_MARGIN = 0.03
_LEAST_SEEN = 0.56
_TRIES_PER_OBJECT = 40
_FEW_CATEGORIES = 0.5
_FEW_COLOURS = 0.5
_WITH_SUPPORT = 0.45
_SECOND_RIDER = 0.4
_BEHIND_ANOTHER = 0.4
_LOOK_ALIKES = 0.1
_TWO_TONE = 0.25
_COLOUR_JITTER = 0.025
_FLAT = ("plate", "tray")
_ON_FLAT = ("cube", "ball", "cylinder", "capsule", "cone", "mug", "bottle")
_IN_BOWL = ("ball", "cylinder", "cone")
_HALF_WIDTH_M = {
    "bowl": (0.046, 0.072),
    "plate": (0.064, 0.097),
    "tray": (0.064, 0.098),
}
_USUAL_HALF_WIDTH_M = (0.030, 0.050)
_SIZE_JITTER = {"bowl": 0.04, "plate": 0.025, "tray": 0.025}
_USUAL_SIZE_JITTER = 0.06

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Placing:
    """Object before it has a place; ``host`` is the index of what it stands on."""

    category: str
    colour: str
    size: str
    trim: str | None = None
    host: int | None = None


def sample_objects(
    rng: np.random.Generator, count: int, camera: Camera, spread: float
) -> tuple[ObjectSpec, ...] | None:
    """Return ``count`` objects in random order, or None where they did not fit.

    ``spread`` scales the area in which they stand.
    """
    kinds = sample_kinds(rng, count)
    visibility = Visibility(camera)
    placed: dict[int, ObjectSpec] = {}
    circles: Floats = np.empty((0, 3))
    # Big footprints first: they find room far more often than they would at the end.
    order = sorted(range(count), key=lambda i: (kinds[i].host is not None, -_room(kinds[i])))
    for index in order:
        kind = kinds[index]
        host = None if kind.host is None else placed[kind.host]
        around = circles if host is None else _others_on(placed, kind.host)
        for _ in range(_TRIES_PER_OBJECT):
            front = None
            if host is None and placed and rng.random() < _BEHIND_ANOTHER:
                front = list(placed.values())[int(rng.integers(len(placed)))]
            candidate = _sample_object(rng, kind, host, front, spread)
            footprint = _footprint(candidate)
            if host is not None and not _fits(candidate, footprint, host):
                continue
            if not _apart(footprint, around):
                continue
            box = visibility.box(candidate)
            if np.abs(box).max() >= 1.0 - _IMAGE_MARGIN:
                continue
            if visibility.add(candidate, box, _LEAST_SEEN):
                break
        else:
            return None
        placed[index] = candidate
        if host is None:
            circles = np.concatenate([circles, footprint])
    return tuple(placed[index] for index in range(count))


def sample_kinds(rng: np.random.Generator, count: int) -> list[Placing]:
    """Draw what ``count`` objects are, in random order.

    In half of the scenes few categories, and in half of them few colours, repeat often.
    """
    categories = [CATEGORIES[i] for i in rng.permutation(len(CATEGORIES))]
    colours = [list(COLOURS)[i] for i in rng.permutation(len(COLOURS))]
    if rng.random() < _FEW_COLOURS:
        colours = colours[: int(rng.integers(3, 7))]
    few = len(categories)
    if rng.random() < _FEW_CATEGORIES:
        few = int(rng.integers(2, 5))
    kinds = _drawn(rng, categories[:few], colours, count)
    if len(kinds) < count:
        more = _drawn(rng, categories[few:], colours, count)
        flats = sum(kind.category in _FLAT for kind in kinds)
        for kind in more:
            if len(kinds) < count and (kind.category not in _FLAT or flats < _most_flat(count)):
                kinds.append(kind)
                flats += kind.category in _FLAT
    kinds = [_trimmed(rng, kind) for kind in kinds]
    if count > 1 and rng.random() < _LOOK_ALIKES:
        twin, other = (int(i) for i in rng.permutation(count)[:2])
        if kinds[twin].category not in _FLAT:
            kinds[other] = kinds[twin]
    if count > 1 and rng.random() < _WITH_SUPPORT:
        kinds = _with_support(rng, kinds, colours)
    order = [int(i) for i in rng.permutation(count)]
    place = {old: new for new, old in enumerate(order)}
    return [
        replace(kinds[i], host=None if kinds[i].host is None else place[kinds[i].host or 0])
        for i in order
    ]


def _most_flat(count: int) -> int:
    return 1 + count // 4


def _drawn(
    rng: np.random.Generator, categories: list[str], colours: list[str], count: int
) -> list[Placing]:
    """Return at most ``count`` different kinds, of which few are plates and trays."""
    every = [Placing(c, colour, size) for c in categories for colour in colours for size in SIZES]
    kinds: list[Placing] = []
    flats = 0
    for i in rng.permutation(len(every)):
        if every[i].category in _FLAT:
            if flats == _most_flat(count):
                continue
            flats += 1
        kinds.append(every[i])
        if len(kinds) == count:
            break
    return kinds


def _trimmed(rng: np.random.Generator, kind: Placing) -> Placing:
    if rng.random() >= _TWO_TONE:
        return kind
    others = [colour for colour in COLOURS if colour != kind.colour]
    return replace(kind, trim=others[int(rng.integers(len(others)))])


def _with_support(
    rng: np.random.Generator, kinds: list[Placing], colours: list[str]
) -> list[Placing]:
    """Return the kinds with one or two of them on or in another, some exchanged where needed."""
    kinds = list(kinds)
    hosts = [i for i, kind in enumerate(kinds) if _can_hold(kind)]
    taken = {(kind.category, kind.colour, kind.size) for kind in kinds}
    if hosts:
        host = hosts[int(rng.integers(len(hosts)))]
    else:
        host = int(rng.integers(len(kinds)))
        category = SUPPORTS[int(rng.integers(len(SUPPORTS)))]
        kinds[host] = _fresh(rng, category, "large", colours, taken)
        taken.add((category, kinds[host].colour, "large"))
    in_bowl = kinds[host].category == "bowl"
    allowed = _IN_BOWL if in_bowl else _ON_FLAT
    riders = 1 if in_bowl or rng.random() >= _SECOND_RIDER or len(kinds) < 3 else 2
    for _ in range(riders):
        free = [i for i, kind in enumerate(kinds) if i != host and kind.host is None]
        fitting = [i for i in free if kinds[i].category in allowed and kinds[i].size == "small"]
        if fitting:
            rider = fitting[int(rng.integers(len(fitting)))]
        else:
            rider = free[int(rng.integers(len(free)))]
            category = allowed[int(rng.integers(len(allowed)))]
            kinds[rider] = _fresh(rng, category, "small", colours, taken)
            taken.add((category, kinds[rider].colour, "small"))
        kinds[rider] = replace(kinds[rider], host=host)
    return kinds


def _can_hold(kind: Placing) -> bool:
    return kind.category in SUPPORTS and kind.size == "large"


def _fresh(
    rng: np.random.Generator,
    category: str,
    size: str,
    colours: list[str],
    taken: set[tuple[str, str, str]],
) -> Placing:
    """Return a kind of which the scene has none yet."""
    free = [c for c in colours if (category, c, size) not in taken]
    free = free or [c for c in COLOURS if (category, c, size) not in taken]
    return _trimmed(rng, Placing(category, free[int(rng.integers(len(free)))], size))


def _room(kind: Placing) -> float:
    """Return about how much room a kind takes, for the order of placing."""
    half = _HALF_WIDTH_M.get(kind.category, _USUAL_HALF_WIDTH_M)[SIZES.index(kind.size)]
    return half * (1.8 if kind.category == "capsule" else 1.0)


def _sample_object(
    rng: np.random.Generator,
    kind: Placing,
    host: ObjectSpec | None,
    front: ObjectSpec | None,
    spread: float,
) -> ObjectSpec:
    """Return an object on ``host``, or somewhere behind ``front``, or anywhere on the table."""
    half_extent = _half_extent_m(rng, kind)
    if host is None and front is not None:
        reach = max(front.half_extent_m[:2]) + max(half_extent[:2])
        x = front.position_m[0] + float(rng.uniform(-0.5, 0.5)) * reach
        y = front.position_m[1] + reach + float(rng.uniform(-0.01, 0.03))
        z = half_extent[2]
    elif host is None:
        x = float(rng.uniform(-0.5, 0.5) * AREA_M[0] * spread)
        y = float(rng.uniform(-0.5, 0.5) * AREA_M[1] * spread)
        z = half_extent[2]
    else:
        inner = np.asarray(INNER_FLOOR[host.category]) * host.half_extent_m
        aside = host.table_r_object()[:2, :2] @ (inner[:2] * rng.uniform(-0.8, 0.8, 2))
        x, y = host.position_m[0] + float(aside[0]), host.position_m[1] + float(aside[1])
        z = host.position_m[2] + float(inner[2]) + half_extent[2]
    return ObjectSpec(
        category=kind.category,
        colour=kind.colour,
        trim_colour=kind.trim,
        size=kind.size,
        position_m=(x, y, z),
        yaw_rad=float(rng.uniform(-math.pi, math.pi)),
        rgb=_jittered(rng, COLOURS[kind.colour]),
        trim_rgb=None if kind.trim is None else _jittered(rng, COLOURS[kind.trim]),
        half_extent_m=half_extent,
        support=kind.host,
    )


def _half_extent_m(rng: np.random.Generator, kind: Placing) -> Float3:
    jitter = _SIZE_JITTER.get(kind.category, _USUAL_SIZE_JITTER)
    half = _HALF_WIDTH_M.get(kind.category, _USUAL_HALF_WIDTH_M)[SIZES.index(kind.size)]
    half *= float(rng.uniform(1.0 - jitter, 1.0 + jitter))
    stretch = float(rng.uniform(-1.0, 1.0))
    if kind.category == "cylinder":
        return half, half, half * (1.25 + 0.12 * stretch)
    if kind.category == "capsule":
        return 0.85 * half * (1.85 + 0.1 * stretch), 0.85 * half, 0.85 * half
    if kind.category == "cone":
        return half, half, half * (1.25 + 0.12 * stretch)
    if kind.category == "mug":
        return 1.28 * half, half, half * (1.08 + 0.08 * stretch)
    if kind.category == "bowl":
        return half, half, half * (0.42 + 0.04 * stretch)
    if kind.category == "bottle":
        return 0.8 * half, 0.8 * half, 0.8 * half * (2.45 + 0.15 * stretch)
    if kind.category == "plate":
        return half, half, half * 0.11
    if kind.category == "tray":
        return half, half * (0.72 + 0.04 * stretch), half * 0.13
    return half, half, half


def _footprint(spec: ObjectSpec) -> Floats:
    """Return circles (n, 3), each x, y, radius, that cover the object seen from above."""
    x, y, _ = spec.position_m
    along_x, along_y, _ = spec.half_extent_m
    middles: Floats
    radii: Floats
    if spec.category == "cube":
        return np.array([[x, y, along_x * math.sqrt(2.0)]])
    if spec.category == "capsule":
        middles = (along_x - along_y) * np.array([-1.0, 0.0, 1.0])
        radii = np.full(3, along_y)
    elif spec.category == "tray":
        middles = (along_x - along_y) * np.array([-1.0, 0.0, 1.0])
        radii = np.full(3, along_y * math.sqrt(2.0))
    elif spec.category == "mug":
        middles = np.array([along_y - along_x, along_x - 0.35 * along_y])
        radii = np.array([along_y, 0.35 * along_y])
    else:
        return np.array([[x, y, along_x]])
    xs = x + middles * math.cos(spec.yaw_rad)
    ys = y + middles * math.sin(spec.yaw_rad)
    return np.stack([xs, ys, radii], axis=1)


def _fits(spec: ObjectSpec, footprint: Floats, host: ObjectSpec) -> bool:
    """Return whether an object's foot lies on the flat inside of its host."""
    inner = np.asarray(INNER_FLOOR[host.category])[:2] * host.half_extent_m[:2]
    middles = (footprint[:, :2] - host.position_m[:2]) @ host.table_r_object()[:2, :2]
    # A ball, or a lying capsule, rests on less than its width; a mug's handle is in the air.
    radii = footprint[:, 2] * (0.75 if spec.category in ("ball", "capsule") else 1.0)
    if spec.category == "mug":
        middles, radii = middles[:1], radii[:1]
    if host.category == "tray":
        return bool(np.all(np.abs(middles) + radii[:, None] <= inner))
    return bool(np.all(np.hypot(middles[:, 0], middles[:, 1]) + radii <= inner[0]))


def _others_on(placed: dict[int, ObjectSpec], host: int | None) -> Floats:
    """Return the circles of all that stands on a host already."""
    riders = [_footprint(spec) for spec in placed.values() if spec.support == host]
    return np.concatenate([np.empty((0, 3)), *riders])


def footprints_apart(spec: ObjectSpec, others: Sequence[ObjectSpec]) -> bool:
    """Whether an object on the table keeps the usual gap to each of ``others`` on it."""
    circles = np.concatenate([np.empty((0, 3)), *(_footprint(other) for other in others)])
    return _apart(_footprint(spec), circles)


def _apart(footprint: Floats, circles: Floats) -> bool:
    offset = footprint[:, None, :2] - circles[None, :, :2]
    reach = footprint[:, None, 2] + circles[None, :, 2] + _MIN_GAP_M
    return bool(np.all((offset**2).sum(axis=-1) > reach**2))


def _jittered(rng: np.random.Generator, rgb: Float3) -> Float3:
    offset = rng.uniform(-_COLOUR_JITTER, _COLOUR_JITTER, 3)
    red, green, blue = np.clip(np.asarray(rgb) + offset, 0.0, 1.0)
    return float(red), float(green), float(blue)
