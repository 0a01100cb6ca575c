from __future__ import annotations

from pathlib import Path

import pytest

from ppcr_ros.core import memory
from ppcr_ros.core.memory import CudaMemory, MemoryReport, rss_bytes

CUDA = CudaMemory(
    allocated_bytes=2_000_000, reserved_bytes=3_000_000, free_bytes=5_000_000, total_bytes=8_000_000
)


def test_a_report_without_a_gpu_speaks_of_none() -> None:
    report = MemoryReport(
        mllm_bytes=9_000_000_000, segmenter_bytes=1_400_000, rss_bytes=600_000_000
    )
    assert str(report) == (
        "weights of the MLLM 9000 MB, of the segmenter 1 MB; the process holds 600 MB"
    )
    assert list(report.values().values()) == ["9000 MB", "1 MB", "600 MB"]


def test_a_report_with_a_gpu_says_what_is_left_of_it() -> None:
    report = MemoryReport(1, 1, 1, CUDA)
    assert str(report).endswith("and 3 MB of the GPU's 8 MB, of which 5 MB are free")
    assert report.values()["GPU memory in use"] == "2 MB"
    assert report.values()["GPU memory free"] == "5 MB"


def test_the_process_s_memory_is_that_of_the_system() -> None:
    status = Path("/proc/self/status")
    if not status.is_file():
        pytest.skip("needs /proc")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    assert rss_bytes() == pytest.approx(1024 * int(line.split()[1]), rel=0.2)


def test_a_system_that_does_not_tell_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_STATM", tmp_path / "statm")
    assert rss_bytes() == 0
