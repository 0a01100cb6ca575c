"""Memory that the models and the process take, and how much there is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ppcr_ros.core.units import size_text

STATM = Path("/proc/self/statm")
_MACHINE = Path("/proc/meminfo")
GPU_FILES = tuple(
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


@dataclass(frozen=True)
class CudaFacts:
    """The first CUDA device.

    Attributes:
        build: torch's version, and whether it is a CPU build.
        name: of the device; empty where there is none.
        free_bytes: not taken by anybody.
        total_bytes: all of its memory.
        computes_in_fp8: whether it has products of FP8 numbers (compute capability 8.9 and above).
    """

    build: str
    name: str = ""
    free_bytes: int = 0
    total_bytes: int = 0
    computes_in_fp8: bool = False


@dataclass(frozen=True)
class CudaMemory:
    """Memory of one GPU, in bytes.

    Attributes:
        allocated_bytes: what this process's tensors take.
        reserved_bytes: what this process holds of the driver, ``allocated_bytes`` among it.
        free_bytes: what no process holds.
        total_bytes: what the GPU has.
    """

    allocated_bytes: int
    reserved_bytes: int
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class MemoryReport:
    """Memory of one process and its models, in bytes.

    Attributes:
        mllm_bytes: the MLLM's weights, wherever they lie.
        segmenter_bytes: the segmenter's weights, a prompt adapter's among them.
        rss_bytes: what the process holds of the host's memory; 0 where the system does not tell.
        cuda: of the GPU that is used; None where none is.
    """

    mllm_bytes: int
    segmenter_bytes: int
    rss_bytes: int
    cuda: CudaMemory | None = None

    def values(self) -> dict[str, str]:
        """Readable values by name, such as ``{"memory of the process": "612.0 MB"}``."""
        values = {
            "memory of the MLLM": size_text(self.mllm_bytes),
            "memory of the segmenter": size_text(self.segmenter_bytes),
            "memory of the process": size_text(self.rss_bytes),
        }
        if self.cuda is not None:
            values |= {
                "GPU memory in use": size_text(self.cuda.allocated_bytes),
                "GPU memory held": size_text(self.cuda.reserved_bytes),
                "GPU memory free": size_text(self.cuda.free_bytes),
                "GPU memory": size_text(self.cuda.total_bytes),
            }
        return values

    def __str__(self) -> str:
        line = (
            f"weights of the MLLM {size_text(self.mllm_bytes)}, of the segmenter "
            f"{size_text(self.segmenter_bytes)}; the process holds {size_text(self.rss_bytes)}"
        )
        if self.cuda is not None:
            line += (
                f" and {size_text(self.cuda.reserved_bytes)} of the GPU's "
                f"{size_text(self.cuda.total_bytes)}, of which "
                f"{size_text(self.cuda.free_bytes)} are free"
            )
        return line


class ModelMemory(Protocol):
    """The memory behind a pipeline's models; ``ppcr_ros.models.memory`` implements it."""

    def report(self) -> MemoryReport:
        """What is taken now; cheap, on any thread."""
        ...

    def release(self) -> None:
        """Give what no object uses back to the system and to the GPU's driver."""
        ...


def rss_bytes() -> int:
    """Bytes of the host's memory that this process holds; 0 where the system does not tell."""
    try:
        pages = int(STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


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
    return any(path.exists() for path in GPU_FILES)


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
