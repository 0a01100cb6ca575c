"""Progress bars of what takes long: fetching and hashing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

VARIABLE = "HF_HUB_DISABLE_PROGRESS_BARS"
"""By which the hub's own tools turn theirs off; TQDM_DISABLE works as well."""
_YES = ("1", "ON", "YES", "TRUE")


def progress_bar(
    label: str,
    total_bytes: int,
    *,
    start_bytes: int = 0,
    leave: bool = True,
    environment: Mapping[str, str] = os.environ,
) -> tqdm[Any]:
    """A bar that appears after half a second, unless bars are turned off.

    Args:
        label: what it is about.
        total_bytes: where it ends.
        start_bytes: where it begins.
        leave: whether it stays when it is closed.
        environment: in which `VARIABLE` may be set.
    """
    from tqdm import tqdm

    # Where it is not given, TQDM_DISABLE decides.
    turned_off: dict[str, Any] = {}
    if environment.get(VARIABLE, "").upper() in _YES:
        turned_off["disable"] = True
    bar: tqdm[Any] = tqdm(
        total=total_bytes,
        initial=start_bytes,
        unit="B",
        unit_scale=True,
        desc=label,
        leave=leave,
        delay=0.5,
        **turned_off,
    )
    return bar
