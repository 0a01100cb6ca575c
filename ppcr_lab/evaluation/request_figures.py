"""Judges answers to requests: a place, a prohibition, a correction, a part, several.

Beside what `ppcr_lab.evaluation.metrics` counts, each kind of `ppcr_lab.sim.requests` has a figure
of its own, and two count for all: how often a thing that must be left alone came with OK, and how
often another object than those that are meant did. An answer with LOW_CONFIDENCE is not to be acted
on, so it does no harm, and it is not counted as right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ppcr_lab.evaluation.metrics import CORRECT_IOU, mask_iou
from ppcr_ros.core.outside_text import markdown_text
from ppcr_ros.core.types import Array, Instance, Result, Status

UNASKED = ("prohibition", "nothing")
"""The kinds that ask for no object."""


@dataclass(frozen=True)
class RequestTruth:
    """Truth about a request.

    Attributes:
        kind: one of ``sim.requests.REQUEST_KINDS``, or a kind of plain command.
        targets: (H, W) bool masks of all that is asked for; none where nothing is.
        destination: (H, W) bool, where it is to be brought; or None.
        forbidden: (H, W) bool masks of what must be left alone.
    """

    kind: str
    targets: tuple[Array, ...]
    destination: Array | None = None
    forbidden: tuple[Array, ...] = ()


@dataclass(frozen=True)
class RequestOutcome:
    """Judgement of one answer.

    Attributes:
        kind: of the request.
        status: the name of the status with which it ended.
        right: whether the targets are found, all of them and nothing else; where nothing is asked
            for, whether nothing is given.
        place_right: whether the destination is found; None where there is none.
        harmful: whether something that must be left alone came with OK.
        other: whether something else than what is meant came with OK.
    """

    kind: str
    status: str
    right: bool
    place_right: bool | None
    harmful: bool
    other: bool


def judge(result: Result, truth: RequestTruth) -> RequestOutcome:
    """Hold ``result`` against ``truth``."""
    found: Sequence[Instance] = ()
    if result.status is Status.OK and result.segmentation is not None:
        found = result.segmentation.instances
    met = [_met(item.mask, truth.targets) for item in found]
    place = None
    if truth.destination is not None:
        there = None if result.segmentation is None else result.segmentation.destination
        place = bool(
            found and there is not None and mask_iou(there.mask, truth.destination) >= CORRECT_IOU
        )
    if truth.targets:
        named = sorted(number for number in met if number is not None)
        right = None not in met and named == list(range(len(truth.targets)))
    else:
        right = not found and result.status in (Status.NOT_FOUND, Status.CANCELLED)
    return RequestOutcome(
        kind=truth.kind,
        status=result.status.name,
        right=right,
        place_right=place,
        harmful=any(_is_on(item.mask, mask) for item in found for mask in truth.forbidden),
        other=None in met,
    )


def _met(mask: Array, targets: Sequence[Array]) -> int | None:
    """Which of ``targets`` a mask is; None for none."""
    ious = [mask_iou(mask, target) for target in targets]
    best = int(np.argmax(ious)) if ious else -1
    return best if best >= 0 and ious[best] >= CORRECT_IOU else None


def _is_on(mask: Array, forbidden: Array) -> bool:
    """Whether a mask lies on what is forbidden, or holds most of it."""
    shared = np.count_nonzero(mask & forbidden)
    least = CORRECT_IOU * min(np.count_nonzero(mask), np.count_nonzero(forbidden))
    return bool(shared >= least)


@dataclass(frozen=True)
class RequestFigures:
    """Counts over the answers to requests of one kind; see `RequestOutcome`.

    ``n_places`` are those with a destination.
    """

    n: int
    right: int
    n_places: int
    places_right: int
    harmful: int
    other: int
    ok: int


def request_figures(outcomes: Iterable[RequestOutcome]) -> dict[str, RequestFigures]:
    """The figures of each kind, and under ``all`` those of all together."""
    by_kind: dict[str, list[RequestOutcome]] = {"all": []}
    for outcome in outcomes:
        by_kind["all"].append(outcome)
        by_kind.setdefault(outcome.kind, []).append(outcome)
    return {kind: _counted(items) for kind, items in by_kind.items()}


def _counted(items: Sequence[RequestOutcome]) -> RequestFigures:
    places = [item for item in items if item.place_right is not None]
    return RequestFigures(
        n=len(items),
        right=sum(item.right for item in items),
        n_places=len(places),
        places_right=sum(bool(item.place_right) for item in places),
        harmful=sum(item.harmful for item in items),
        other=sum(item.other for item in items),
        ok=sum(item.status == Status.OK.name for item in items),
    )


def request_rows(figures: dict[str, RequestFigures]) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of a table of the figures."""
    header = ["asked", "n", "right", "place right", "OK on what is forbidden", "OK on another"]
    rows = [
        [
            f"**{kind}**" if kind == "all" else markdown_text(kind),
            str(item.n),
            f"{item.right / item.n:.3f}" if item.n else "-",
            f"{item.places_right / item.n_places:.3f}" if item.n_places else "-",
            str(item.harmful),
            str(item.other),
        ]
        for kind, item in figures.items()
    ]
    return header, rows
