"""Figures of fresh processes, with processes that are quick to start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.bench import fresh_process
from ppcr_ros.core.types import Frame

FRAME = Frame(rgb=np.zeros((4, 4, 3), np.uint8))


def test_a_node_is_ready_when_it_says_so(instead: Any) -> None:
    instead(
        "import sys, time\n"
        "assert '--params-file' in sys.argv and 'mllm.device:=cpu' in sys.argv\n"
        f"print({fresh_process.READY!r}, flush=True)\ntime.sleep(60)"
    )
    assert fresh_process.start_to_ready_sec(Path("robot.yaml"), "cpu") > 0.0


def test_a_node_that_ends_says_why(instead: Any) -> None:
    instead("import sys; sys.exit('no weights')")
    with pytest.raises(fresh_process.MeasurementError, match="the node ended: no weights"):
        fresh_process.start_to_ready_sec(None)


def test_a_node_that_never_gets_ready(instead: Any) -> None:
    instead("import time; time.sleep(60)")
    with pytest.raises(fresh_process.MeasurementError, match="not active within 0 s"):
        fresh_process.start_to_ready_sec(None, limit_sec=0.2)


def test_a_fresh_process_tells_its_figures(instead: Any) -> None:
    instead("print('noise'); print('{\"rss_mb\": 5.0}')")
    assert fresh_process.answer_in_a_fresh_process(None, None, FRAME, "x") == {"rss_mb": 5.0}


def test_a_fresh_process_that_fails_says_why(instead: Any) -> None:
    instead("raise SystemExit('broken weights')")
    with pytest.raises(fresh_process.MeasurementError, match="broken weights"):
        fresh_process.answer_in_a_fresh_process(None, None, FRAME, "x")


def test_memory_is_in_megabytes() -> None:
    assert 5.0 < fresh_process.peak_rss_mb() < 1e6


def test_an_accelerators_memory_is_torchs_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(is_available=lambda: True, max_memory_allocated=lambda: 3_000_000)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert fresh_process.accelerator_peak_mb() == pytest.approx(3.0)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert fresh_process.accelerator_peak_mb() is None


def test_the_peak_of_a_fresh_process_is_not_that_of_its_parent() -> None:
    held = np.ones(200_000_000, np.uint8)  # with this here, a parent's peak would be counted
    code = "from ppcr_lab.bench.fresh_process import peak_rss_mb; print(peak_rss_mb())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own, child = fresh_process.peak_rss_mb(), float(done.stdout)
    assert held.all()
    assert child < own - 150.0
