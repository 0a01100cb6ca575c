from __future__ import annotations

from pathlib import Path

import pytest

from ppcr_ros import memory


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
    monkeypatch.setattr(memory, "_GPU_FILES", (tmp_path / "nvidia0",))
    assert not memory.gpu_in_sight()
    (tmp_path / "nvidia0").touch()
    assert memory.gpu_in_sight()
