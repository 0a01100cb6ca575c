"""Medians, percentiles and ratios."""

from __future__ import annotations

import gc
from contextlib import suppress

import pytest

from ppcr_lab.bench.timing import Quantiles, no_collection, repeated, timed


def test_quantiles_are_in_milliseconds() -> None:
    found = Quantiles.of([0.001 * n for n in range(1, 102)])
    assert found is not None
    assert found.n == 101
    assert found.p50_ms == pytest.approx(51.0)
    assert found.p95_ms == pytest.approx(96.0)
    assert found.min_ms == pytest.approx(1.0)


def test_one_time_is_all_of_its_quantiles() -> None:
    found = Quantiles.of([0.25])
    assert found == Quantiles(1, 250.0, 250.0, 250.0)


def test_nothing_has_no_quantiles() -> None:
    assert Quantiles.of([]) is None
    with pytest.raises(ValueError, match="at least 1"):
        repeated(lambda: None, 0)


def test_warm_up_calls_do_not_count() -> None:
    calls: list[int] = []
    found = repeated(lambda: calls.append(1), 3, warm_up=2)
    assert len(calls) == 5
    assert found.n == 3


def test_what_is_timed_is_returned() -> None:
    value, seconds = timed(lambda: "x")
    assert value == "x"
    assert seconds >= 0.0


def test_collection_rests_and_goes_on() -> None:
    assert gc.isenabled()
    with no_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
    with suppress(KeyError), no_collection():
        raise KeyError
    assert gc.isenabled()


def test_an_accelerator_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    waited: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waited.append(1))
    timed(lambda: None)
    assert len(waited) == 2  # before the clock starts and before it stops
