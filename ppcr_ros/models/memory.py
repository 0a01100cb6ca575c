"""Running out of memory, by name; how much the models take; and giving it back."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from torch import nn

from ppcr_ros.core.errors import OutOfMemoryError
from ppcr_ros.core.memory import CudaMemory, MemoryReport, rss_bytes

ADVICE = (
    "Choose a smaller model or mllm.quantization int8 or int4, send smaller images, or name in "
    "node.fallback_config smaller models to go over to."
)
_SIGNS = (
    "can't allocate memory",  # torch's allocator on the CPU
    "out of memory",  # the CUDA driver, which torch does not always tell by type
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "std::bad_alloc",
    "NvMapMemAlloc",  # a Jetson's
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error``, of whatever type, says that memory of the host or the GPU ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


@contextmanager
def memory_errors(what: str) -> Iterator[None]:
    """Turn what torch and the system raise when memory runs out into an `OutOfMemoryError`.

    Args:
        what: who ran out of it, such as ``the MLLM``.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OutOfMemoryError(f"{what} ran out of memory: {reason:.300} {ADVICE}") from error


def weight_bytes(owner: object) -> int:
    """Bytes of the weights in the torch modules that are attributes of ``owner``, each once."""
    modules = [value for value in vars(owner).values() if isinstance(value, nn.Module)]
    tensors = {
        id(tensor): tensor
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
    }
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def release() -> None:
    """Give what no object uses back to the system and to the GPU's driver."""
    gc.collect()  # modules and hooks refer to each other
    if torch.cuda.is_initialized():
        with suppress(RuntimeError):  # a GPU that has failed: the host's memory is freed even so
            torch.cuda.empty_cache()
    # glibc keeps what is freed for the next allocation, by the hundred megabytes after a model.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class TorchMemory:
    """A `core.memory.ModelMemory`: numbers only, so that it keeps no model alive."""

    def __init__(self, *, mllm_bytes: int, segmenter_bytes: int) -> None:
        self._mllm_bytes, self._segmenter_bytes = mllm_bytes, segmenter_bytes

    def report(self) -> MemoryReport:
        """What is taken now."""
        return MemoryReport(self._mllm_bytes, self._segmenter_bytes, rss_bytes(), _cuda())

    def release(self) -> None:
        """As the function `release`."""
        release()


def _cuda() -> CudaMemory | None:
    if not torch.cuda.is_initialized():
        return None
    try:
        free, total = torch.cuda.mem_get_info()
    except RuntimeError:  # a GPU that has failed tells nothing; the commands' results say it
        return None
    return CudaMemory(
        allocated_bytes=torch.cuda.memory_allocated(),
        reserved_bytes=torch.cuda.memory_reserved(),
        free_bytes=free,
        total_bytes=total,
    )
