"""How much memory there is, as Linux tells it; and any GPU."""

from __future__ import annotations

from pathlib import Path

_MACHINE = Path("/proc/meminfo")
_GPU_FILES = tuple(
    Path("/dev") / name for name in ("nvidia0", "nvidiactl", "nvhost-gpu", "nvgpu", "kfd", "dxg")
)
_LIMITS = (
    # The container's, in cgroup v2 and v1: limit and use.
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def available_bytes(
    path: Path = _MACHINE, limits: tuple[tuple[Path, Path], ...] = _LIMITS
) -> int | None:
    """The memory that can still be taken without swapping, within the container's limit.

    None where the system does not say.
    """
    found = [_kilobytes(path, "MemAvailable:")]
    for limit, used in limits:
        values = _number(limit), _number(used)
        if values[0] is not None and values[1] is not None:
            found.append(max(values[0] - values[1], 0))
    return min((value for value in found if value is not None), default=None)


def gpu_in_sight() -> bool:
    """Whether there is a device file of an NVIDIA or AMD GPU, without asking any library."""
    return any(path.exists() for path in _GPU_FILES)


def _kilobytes(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
        values = [line.split()[1] for line in lines if line.startswith(name)]
        return int(values[0]) * 1024
    except (OSError, IndexError, ValueError):
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" where there is no limit
        return None
