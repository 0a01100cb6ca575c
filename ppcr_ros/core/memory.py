"""How much memory the models and the process take, in words for the log and for diagnostics."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class CudaMemory:
    """Of one GPU, in bytes.

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
    """Of one process and its models, in bytes.

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
        """Readable values by name, such as ``{"memory of the process": "612 MB"}``."""
        values = {
            "memory of the MLLM": megabytes(self.mllm_bytes),
            "memory of the segmenter": megabytes(self.segmenter_bytes),
            "memory of the process": megabytes(self.rss_bytes),
        }
        if self.cuda is not None:
            values |= {
                "GPU memory in use": megabytes(self.cuda.allocated_bytes),
                "GPU memory held": megabytes(self.cuda.reserved_bytes),
                "GPU memory free": megabytes(self.cuda.free_bytes),
                "GPU memory": megabytes(self.cuda.total_bytes),
            }
        return values

    def __str__(self) -> str:
        line = (
            f"weights of the MLLM {megabytes(self.mllm_bytes)}, of the segmenter "
            f"{megabytes(self.segmenter_bytes)}; the process holds {megabytes(self.rss_bytes)}"
        )
        if self.cuda is not None:
            line += (
                f" and {megabytes(self.cuda.reserved_bytes)} of the GPU's "
                f"{megabytes(self.cuda.total_bytes)}, of which "
                f"{megabytes(self.cuda.free_bytes)} are free"
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
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def megabytes(count_bytes: int) -> str:
    """``count_bytes`` in units of a million bytes."""
    return f"{count_bytes / 1e6:.0f} MB"
