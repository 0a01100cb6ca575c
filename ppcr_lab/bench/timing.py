"""Times and what is told of them."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Quantiles:
    """Quantiles of many times, in milliseconds.

    Attributes:
        n: how many there were.
        p50_ms: the median, milliseconds.
        p95_ms: the 95th percentile, milliseconds.
        min_ms: the shortest, milliseconds: the one that the machine's other work disturbed least.
    """

    n: int
    p50_ms: float
    p95_ms: float
    min_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Quantiles | None:
        """The quantiles of ``seconds``, linear between two of them; None where there are none."""
        if not len(seconds):
            return None
        values = 1e3 * np.asarray(seconds, np.float64)
        p50, p95 = np.percentile(values, [50, 95])
        return cls(len(values), float(p50), float(p95), float(values.min()))


def synchronise() -> None:
    """Wait for what was started on an accelerator, where torch is loaded and there is one."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """What ``function`` returns and the seconds it took, with the accelerator's work."""
    synchronise()
    started = time.perf_counter()
    value = function()
    synchronise()
    return value, time.perf_counter() - started


def repeated(function: Callable[[], object], n: int, *, warm_up: int = 1) -> Quantiles:
    """The quantiles of ``n`` calls, after ``warm_up`` calls that do not count."""
    for _ in range(warm_up):
        function()
    with no_collection():
        seconds = [timed(function)[1] for _ in range(n)]
    found = Quantiles.of(seconds)
    if found is None:
        raise ValueError(f"{n} calls have no quantiles; expected at least 1.")
    return found


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python's collection of cycles out of what is timed."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
