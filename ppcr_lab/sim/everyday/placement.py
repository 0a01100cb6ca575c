"""Places the things of an everyday scene: named ones, and nameless ones between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.everyday.colours import any_colour, draw_colour
from ppcr_lab.sim.everyday.library import Library
from ppcr_lab.sim.everyday.shapes import FittedForm
from ppcr_lab.sim.everyday.surroundings import PRINTS, Piece, draw_thing
from ppcr_lab.sim.objects import SIZES, Float3, ObjectSpec
from ppcr_lab.sim.occlusion import Visibility
from ppcr_lab.sim.placement import AREA_M, Placing, sample_kinds

Rng = np.random.Generator
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
_MIN_GAP_M = 0.008
_LEAST_SEEN = 0.56
_MARGIN = 0.02
_TRIES = 30
_BEHIND_ANOTHER = 0.3
_HALF_WIDTH_M = {
    "bowl": (0.044, 0.074),
    "plate": (0.060, 0.100),
    "tray": (0.064, 0.105),
    "bottle": (0.024, 0.040),
    "capsule": (0.022, 0.038),
}
_USUAL_HALF_WIDTH_M = (0.029, 0.050)
_GLOSS = {"ball": 0.5, "mug": 0.6, "bottle": 0.6, "bowl": 0.6, "plate": 0.5}


@dataclass(frozen=True)
class EverydayObject(ObjectSpec):
    """A named thing of a form of the library.

    Attributes:
        form: which of the category's forms.
        specular: how much it shines, 0..1.
        shininess: how sharply, 0..1.
        alpha: how opaque it is; below 1 it looks translucent.
        label_rgb: the colour of its print; None where it has none.
        label_print: which print its label bears; None for a plain one.
    """

    form: int = 0
    specular: float = 0.2
    shininess: float = 0.3
    alpha: float = 1.0
    label_rgb: Float3 | None = None
    label_print: int | None = None

    @property
    def is_round(self) -> bool:
        return False


def place_objects(
    rng: Rng, count: int, camera: Camera, spread: float, library: Library
) -> tuple[EverydayObject, ...] | None:
    """Return ``count`` named things in random order, or None where they did not fit."""
    kinds = sample_kinds(rng, count)
    forms = [_form_for(rng, kind, library, kinds, index) for index, kind in enumerate(kinds)]
    halves = [
        _half_extent_m(rng, kind, library[kind.category][form])
        for kind, form in zip(kinds, forms, strict=True)
    ]
    visibility = Visibility(camera)
    placed: dict[int, EverydayObject] = {}
    circles: Floats = np.empty((0, 3))
    order = sorted(range(count), key=lambda i: (kinds[i].host is not None, -max(halves[i][:2])))
    for index in order:
        kind = kinds[index]
        host = None if kind.host is None else placed[kind.host]
        around = circles if host is None else _riders(placed, kind.host)
        for _ in range(_TRIES):
            place = _place(rng, halves[index], host, placed, spread, library)
            candidate = _object(rng, kind, forms[index], halves[index], place)
            foot = _footprint(candidate)
            if host is not None and not _fits(candidate, foot, host, library):
                continue
            if not _apart(foot, around):
                continue
            box = visibility.box(candidate)
            if not np.isfinite(box).all() or np.abs(box).max() >= 1.0 - _MARGIN:
                continue
            if visibility.add(candidate, box, _LEAST_SEEN):
                break
        else:
            return None
        placed[index] = candidate
        if host is None:
            circles = np.concatenate([circles, foot])
    return tuple(placed[index] for index in range(count))


def _form_for(rng: Rng, kind: Placing, library: Library, kinds: list[Placing], index: int) -> int:
    """Draw a form; one that holds another thing has to be able to."""
    forms = library[kind.category]
    holds = any(other.host == index for other in kinds)
    fitting = [number for number, form in enumerate(forms) if form.inner is not None or not holds]
    return int(rng.choice(fitting or [0]))


def _half_extent_m(rng: Rng, kind: Placing, form: FittedForm) -> Float3:
    half = _HALF_WIDTH_M.get(kind.category, _USUAL_HALF_WIDTH_M)[SIZES.index(kind.size)]
    half *= float(rng.uniform(0.9, 1.1))
    x, y, z = (half * share * float(rng.uniform(0.95, 1.05)) for share in form.proportions)
    return x, y, z


def _place(
    rng: Rng,
    half: Float3,
    host: EverydayObject | None,
    placed: dict[int, EverydayObject],
    spread: float,
    library: Library,
) -> Float3:
    if host is not None:
        inner = np.asarray(_inner(host, library)) * host.half_extent_m
        aside = host.table_r_object()[:2, :2] @ (inner[:2] * rng.uniform(-0.8, 0.8, 2))
        x, y = host.position_m[0] + float(aside[0]), host.position_m[1] + float(aside[1])
        return x, y, host.position_m[2] + float(inner[2]) + half[2]
    if placed and rng.random() < _BEHIND_ANOTHER:
        near = list(placed.values())[int(rng.integers(len(placed)))]
        reach = 0.8 * (max(near.half_extent_m[:2]) + max(half[:2])) + float(rng.uniform(0.0, 0.04))
        angle = float(rng.uniform(-math.pi, math.pi))
        x = near.position_m[0] + reach * math.cos(angle)
        return x, near.position_m[1] + reach * math.sin(angle), half[2]
    x, y = (float(v) for v in rng.uniform(-0.5, 0.5, 2) * np.asarray(AREA_M) * spread)
    return x, y, half[2]


def _inner(host: EverydayObject, library: Library) -> Float3:
    inner = library[host.category][host.form].inner
    return inner if inner is not None else (0.0, 0.0, -1.0)


def _object(rng: Rng, kind: Placing, form: int, half: Float3, place: Float3) -> EverydayObject:
    gloss = _GLOSS.get(kind.category, 0.2)
    specular = float(rng.choice([0.0, gloss, rng.uniform(0.0, 1.0)]))
    labelled = kind.category not in ("cone", "tray") and rng.random() < 0.25
    return EverydayObject(
        category=kind.category,
        colour=kind.colour,
        trim_colour=kind.trim,
        size=kind.size,
        position_m=place,
        yaw_rad=float(rng.uniform(-math.pi, math.pi)),
        rgb=draw_colour(kind.colour, rng),
        trim_rgb=None if kind.trim is None else draw_colour(kind.trim, rng),
        half_extent_m=half,
        support=kind.host,
        form=form,
        specular=specular,
        shininess=float(rng.uniform(0.1, 1.0)),
        alpha=float(rng.uniform(0.7, 0.95)) if rng.random() < 0.04 else 1.0,
        label_rgb=any_colour(rng, calm=0.6) if labelled else None,
        label_print=int(rng.integers(PRINTS)) if labelled and rng.random() < 0.7 else None,
    )


def _footprint(spec: ObjectSpec) -> Floats:
    """Return circles (n, 3), each x, y, radius, that about cover the thing seen from above."""
    x, y, _ = spec.position_m
    long, short = spec.half_extent_m[0], spec.half_extent_m[1]
    corner = math.sqrt(2.0) if spec.category in ("cube", "tray") else 1.05
    turn = spec.yaw_rad
    if short > long:
        long, short, turn = short, long, turn + 0.5 * math.pi
    if long < 1.15 * short:
        return np.array([[x, y, corner * long]])
    count = 3 if long < 2.2 * short else 5
    middles = np.linspace(-(long - short), long - short, count)
    radii = np.full(count, corner * short)
    return np.stack([x + middles * math.cos(turn), y + middles * math.sin(turn), radii], axis=1)


def _fits(spec: EverydayObject, foot: Floats, host: EverydayObject, library: Library) -> bool:
    """Whether the foot of a thing lies on the flat inside of its host."""
    inner = np.asarray(_inner(host, library))[:2] * host.half_extent_m[:2]
    middles = (foot[:, :2] - host.position_m[:2]) @ host.table_r_object()[:2, :2]
    radii = foot[:, 2] * (0.75 if spec.category in ("ball", "capsule", "mug") else 1.0)
    if host.category == "tray":
        return bool(np.all(np.abs(middles) + radii[:, None] <= inner))
    return bool(np.all(np.hypot(middles[:, 0], middles[:, 1]) + radii <= inner.min()))


def _riders(placed: dict[int, EverydayObject], host: int | None) -> Floats:
    riders = [_footprint(spec) for spec in placed.values() if spec.support == host]
    return np.concatenate([np.empty((0, 3)), *riders])


def _apart(foot: Floats, circles: Floats) -> bool:
    offset = foot[:, None, :2] - circles[None, :, :2]
    reach = foot[:, None, 2] + circles[None, :, 2] + _MIN_GAP_M
    return bool(np.all((offset**2).sum(axis=-1) > reach**2))


def place_things(
    rng: Rng, objects: tuple[EverydayObject, ...], camera: Camera, reach_m: float
) -> list[Piece]:
    """Return nameless things on the table that hide little of the named ones."""
    count = int(rng.choice([0, 0, 1, 1, 2, 3, 4, 6]))
    circles: Floats = np.concatenate(
        [np.empty((0, 3)), *(_footprint(item) for item in objects if item.support is None)]
    )
    visibility = Visibility(camera)
    for item in objects:
        visibility.add(item, visibility.box(item), 0.0)
    pieces: list[Piece] = []
    for _ in range(count):
        for _ in range(8):
            x, y = (float(v) for v in rng.uniform(-1.15, 1.15, 2) * reach_m)
            thing, radius = draw_thing(rng, x, y)
            foot = np.array([[x, y, radius]])
            top = max(piece.position_m[2] + min(max(piece.half_m), 0.14) for piece in thing)
            shadow = _as_object(x, y, radius, top)
            box = visibility.box(shadow)
            if (
                _apart(foot, circles)
                and np.isfinite(box).all()
                and visibility.add(shadow, box, 0.75)
            ):
                circles = np.concatenate([circles, foot])
                pieces += thing
                break
    return pieces


def _as_object(x: float, y: float, radius: float, top: float) -> ObjectSpec:
    """Something as large as a nameless thing, to judge what it would hide."""
    return ObjectSpec(
        category="cube", colour="grey", trim_colour=None, size="small",
        position_m=(x, y, 0.5 * top), yaw_rad=0.0, rgb=(0.5, 0.5, 0.5), trim_rgb=None,
        half_extent_m=(radius, radius, 0.5 * top),
    )  # fmt: skip
