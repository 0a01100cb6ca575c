"""Protocol of a data set, as the runner uses it, and the data sets by name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from ppcr_lab.evaluation.referring_files import DATA_SETS, DataSetError
from ppcr_ros.core.types import Array, Frame, Status

if TYPE_CHECKING:
    from ppcr_lab.evaluation.clevr_ref import ClevrReferring
    from ppcr_lab.evaluation.coco_samples import CocoReferring
    from ppcr_lab.sim.tabletop_dataset import TabletopSample

SIMULATED = ("tabletop", "everyday", "both", "requests", "crowded")
"""What is drawn and rendered here, and read from no files."""
KNOWN = (*SIMULATED, "worlds", *DATA_SETS, "clevr-ref")
"""The data sets by name."""

S = TypeVar("S")


class ReferringSample(Protocol):
    """One command about one frame, with the truth.

    ``mask`` is (H, W) bool and ``box_xyxy_px`` (4,) float32, half-open; both are None where the
    frame holds no one target: then ``expected_status`` is NOT_FOUND where no object fits and
    AMBIGUOUS where several do; else it is OK. Of a photograph the box alone may be known. ``kind``
    sorts the samples in the report.
    """

    @property
    def sample_id(self) -> str: ...
    @property
    def frame(self) -> Frame: ...
    @property
    def command(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def expected_status(self) -> Status: ...
    @property
    def mask(self) -> Array | None: ...
    @property
    def box_xyxy_px(self) -> Array | None: ...


def open_data_set(
    name: str,
    *,
    limit: int | None,
    start: int = 0,
    root: Path | None = None,
    split_by: str | None = None,
    images: Path | None = None,
) -> tuple[Iterator[ReferringSample], int]:
    """The samples of ``name``, each made when it is asked for, and how many there are.

    Args:
        name: a data set and a split: ``tabletop:test``, ``refcoco:testA``, ``clevr-ref:val``, or a
            world that was not trained in: ``worlds:lamps``.
        limit: how many at most; None for all of a set that has an end.
        start: the first scene, or the first sentence of a RefCOCO-format set.
        root: the folder of a set of files.
        split_by: whose splits of it; by default the usual ones.
        images: the folder of its images; by default one in ``root``.

    Raises:
        DataSetError: at once for a bad name, limit, start or folder; while drawing samples, where
            this machine cannot render or an image is missing.
    """
    data_set, _, split = name.partition(":")
    if data_set not in KNOWN or not split:
        raise DataSetError(
            f"the data set is {name!r}; expected a name and a split, such as tabletop:test "
            f"(known: {', '.join(KNOWN)})."
        )
    if data_set in SIMULATED:
        if limit is None:
            raise DataSetError(f"{name} has no end; say how many samples: --limit.")
        if data_set == "requests":
            return _open_requests(split, limit=limit, start=start), limit
        if data_set == "crowded":
            from ppcr_lab.worlds.crowded import crowded_samples

            return _with_clear_errors(name, crowded_samples(split, limit, start)), limit
        return open_tabletop(split, limit=limit, start=start, world=data_set), limit
    if data_set == "worlds":
        from ppcr_lab.worlds.world_samples import open_world

        return open_world(split, limit=limit, start=start, root=root)
    if root is None:
        raise DataSetError(f"{name} is read from files; give their folder: --root.")
    referring = _open_files(data_set, split, root, split_by, images)
    if start >= len(referring):
        raise DataSetError(f"{name} has {len(referring)} sentences; --start is {start}.")
    count = len(referring) - start if limit is None else min(limit, len(referring) - start)
    return referring.samples(start, count), count


def _open_files(
    data_set: str, split: str, root: Path, split_by: str | None, images: Path | None
) -> CocoReferring | ClevrReferring:
    if data_set == "clevr-ref":
        from ppcr_lab.evaluation.clevr_ref import ClevrReferring

        return ClevrReferring(split, root, images)
    from ppcr_lab.evaluation.coco_samples import CocoReferring

    return CocoReferring(data_set, split, root, split_by, images)


def open_tabletop(
    split: str, *, limit: int, start: int = 0, world: str = "tabletop"
) -> Iterator[TabletopSample]:
    """Samples of the simulated tabletop, of the everyday world, or of both in turn.

    Raises:
        DataSetError: as `open_data_set`.
    """
    from ppcr_lab.sim.tabletop_dataset import iter_tabletop

    name = f"{world}:{split}"
    try:
        if world == "both":
            half = limit - limit // 2
            worlds = [
                iter_tabletop(split, half, start=start, world=each)
                for each in ("tabletop", "everyday")
            ]
            pairs = zip(*worlds, strict=True)
            samples: Iterator[TabletopSample] = itertools.islice(
                itertools.chain.from_iterable(pairs), limit
            )
        else:
            samples = iter_tabletop(split, limit, start=start, world=world)
    except ValueError as error:
        raise DataSetError(f"{name}: {error}") from error
    return _with_clear_errors(name, samples)


def _open_requests(split: str, *, limit: int, start: int = 0) -> Iterator[ReferringSample]:
    from ppcr_lab.sim.request_dataset import iter_requests

    name = f"requests:{split}"
    try:
        samples = iter_requests(split, limit, start=start)
    except ValueError as error:
        raise DataSetError(f"{name}: {error}") from error
    return _with_clear_errors(name, samples)


def _with_clear_errors(name: str, samples: Iterator[S]) -> Iterator[S]:
    while True:
        try:
            sample = next(samples)
        except StopIteration:
            return
        except RuntimeError as error:  # the renderer's way to say that GL or MuJoCo is missing
            raise DataSetError(f"{name} cannot be rendered: {error}") from error
        yield sample
