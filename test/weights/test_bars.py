"""Progress bars, and how they are turned off."""

from __future__ import annotations

import pytest

from ppcr_ros.weights.bars import VARIABLE, progress_bar


@pytest.mark.parametrize(
    ("value", "off"),
    [("1", True), ("true", True), ("YES", True), ("on", True), ("0", False), ("", False)],
)
def test_bars_can_be_turned_off(value: str, off: bool) -> None:
    with progress_bar("a model", 10, environment={VARIABLE: value}) as bar:
        assert bar.disable is off
        bar.update(10)


def test_a_bar_begins_where_the_last_try_ended() -> None:
    with progress_bar("a model", 10, start_bytes=4, environment={}) as bar:
        assert (bar.initial, bar.total) == (4, 10)
