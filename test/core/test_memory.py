"""Memory of the process, the machine and its GPUs."""

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
        "weights of the MLLM 9.0 GB, of the segmenter 1.4 MB; the process holds 600.0 MB"
    )
    assert list(report.values().values()) == ["9.0 GB", "1.4 MB", "600.0 MB"]


def test_a_report_with_a_gpu_says_what_is_left_of_it() -> None:
    report = MemoryReport(1, 1, 1, CUDA)
    assert str(report).endswith("and 3.0 MB of the GPU's 8.0 MB, of which 5.0 MB are free")
    assert report.values()["GPU memory in use"] == "2.0 MB"
    assert report.values()["GPU memory free"] == "5.0 MB"


def test_the_process_s_memory_is_that_of_the_system() -> None:
    status = Path("/proc/self/status")
    if not status.is_file():
        pytest.skip("needs /proc")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    assert rss_bytes() == pytest.approx(1024 * int(line.split()[1]), rel=0.2)


def test_a_system_that_does_not_tell_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "STATM", tmp_path / "statm")
    assert rss_bytes() == 0


def test_this_machine_is_told() -> None:
    available = memory.available_bytes()
    if not Path("/proc/meminfo").exists():
        pytest.skip("needs Linux's /proc")
    assert available is not None
    assert available > 0


@pytest.mark.parametrize(
    ("limit", "used", "expected"),
    [
        ("max\n", "100\n", 4096),  # no limit
        ("1000\n", "400\n", 600),
        ("1000\n", "4000\n", 0),
        ("999999\n", "0\n", 4096),
        ("nonsense", "0", 4096),
    ],
)
def test_a_containers_limit_counts(tmp_path: Path, limit: str, used: str, expected: int) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 99 kB\nMemAvailable:       4 kB\n")
    (tmp_path / "max").write_text(limit)
    (tmp_path / "current").write_text(used)
    limits = ((tmp_path / "max", tmp_path / "current"),)
    assert memory.available_bytes(meminfo, limits) == expected


@pytest.mark.parametrize("text", ["", "MemAvailable:\n", "MemAvailable: many kB\n"])
def test_what_the_system_does_not_say_is_not_made_up(tmp_path: Path, text: str) -> None:
    path = tmp_path / "meminfo"
    path.write_text(text)
    assert memory.available_bytes(path, ()) is None


def test_a_gpu_is_seen_by_its_device_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "GPU_FILES", (tmp_path / "nvidia0",))
    assert not memory.gpu_in_sight()
    (tmp_path / "nvidia0").touch()
    assert memory.gpu_in_sight()
