"""Panels of curves as a PNG, with matplotlib, which is imported only for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ppcr_ros.core.errors import PPCRError

_DPI = 110
_TITLE_SIZE_PT = 9


def panels(
    titles: Sequence[str], *, columns: int, inches: tuple[float, float]
) -> tuple[Any, list[Any]]:
    """A figure of matplotlib with a titled panel on a grid for each of ``titles``, row by row.

    Args:
        titles: one at least.
        columns: panels beside each other at most.
        inches: width and height of a panel.

    Returns:
        The figure, and its axes in the order of ``titles``.

    Raises:
        PPCRError: when matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PPCRError("drawing a curve needs matplotlib: pip install matplotlib") from error
    columns = min(len(titles), columns)
    rows = -(-len(titles) // columns)
    figure = Figure((inches[0] * columns, inches[1] * rows), layout="constrained")
    found = []
    for place, title in enumerate(titles):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.set_title(title, fontsize=_TITLE_SIZE_PT)
        axes.tick_params(labelsize=_TITLE_SIZE_PT - 2)
        axes.grid(alpha=0.3)
        found.append(axes)
    return figure, found


def save(figure: Any, into: Path) -> None:
    """Write ``figure`` as a PNG.

    Raises:
        PPCRError: when it cannot be written.
    """
    try:
        figure.savefig(into, dpi=_DPI)
    except OSError as error:
        raise PPCRError(f"cannot write {into}: {error.strerror or error}.") from error
