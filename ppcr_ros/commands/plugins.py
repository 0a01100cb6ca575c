"""Entry points by which other packages add to ``ppcr``; this package imports none of them."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any


def load_plugins(group: str) -> dict[str, Any]:
    """What the entry points of ``group`` name, by their names; those of a missing package left out.

    ``ppcr_ros.commands`` holds subcommands, ``ppcr_ros.models_actions`` actions of ``ppcr models``,
    ``ppcr_ros.checks`` checks of ``ppcr doctor``.
    """
    plugins = {}
    for point in entry_points(group=group):
        try:
            plugins[point.name] = point.load()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != point.module.partition(".")[0]:
                raise
    return plugins
