"""What the runner asks of a data set, and the data sets by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Array, Frame

DATA_SETS = ("tabletop",)


class DataSetError(PPCRError):
    """A data set that is unknown, or that this machine cannot make."""


class ReferringSample(Protocol):
    """One command about one frame, with the truth.

    ``mask`` is (H, W) bool and ``box_xyxy_px`` (4,) float32, half-open; both are None where the
    frame does not hold the target. ``kind`` sorts the samples in the report.
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
    def mask(self) -> Array | None: ...
    @property
    def box_xyxy_px(self) -> Array | None: ...


def open_data_set(name: str, *, limit: int, start: int = 0) -> Iterator[ReferringSample]:
    """The samples of ``name``, for example ``tabletop:test``, each made when it is asked for.

    Raises:
        DataSetError: at once for a bad name, limit or start; while drawing samples, where this
            machine cannot render.
    """
    data_set, _, split = name.partition(":")
    if data_set not in DATA_SETS or not split:
        raise DataSetError(
            f"the data set is {name!r}; expected a name and a split, such as tabletop:test "
            f"(known: {', '.join(DATA_SETS)})."
        )
    from ppcr_ros.sim.tabletop_dataset import iter_tabletop

    try:
        samples = iter_tabletop(split, limit, start=start)
    except ValueError as error:
        raise DataSetError(f"{name}: {error}") from error
    return _with_clear_errors(name, samples)


def _with_clear_errors(name: str, samples: Iterator[ReferringSample]) -> Iterator[ReferringSample]:
    while True:
        try:
            sample = next(samples)
        except StopIteration:
            return
        except RuntimeError as error:  # the renderer's way to say that GL or MuJoCo is missing
            raise DataSetError(f"{name} cannot be rendered: {error}") from error
        yield sample
