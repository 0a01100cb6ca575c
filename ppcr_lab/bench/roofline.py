"""Limits of the machine, and how far each part of a run is from them.

A part cannot be faster than its weights can be read, nor than its multiplications can be done, at
the rates that are measured here on large arrays. Weights that stay in the processor's cache between
two runs can be read faster than memory allows; a share above 1 says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ppcr_lab.bench.timing import repeated

_READ_BYTES = {"cpu": 256 << 20, "cuda": 4 << 30}
_MATRIX_SIDE = {"cpu": 1536, "cuda": 8192}
"""On a GPU large enough that starting the work takes no part of the time."""


@dataclass(frozen=True)
class MachineSpeed:
    """Rates that were measured of the machine.

    Attributes:
        bytes_per_sec: how fast a large array is read.
        flop_per_sec: multiplications and additions a second in a product of large matrices.
        dtype: the number format of the product.
        device: where.
    """

    bytes_per_sec: float
    flop_per_sec: float
    dtype: str
    device: str


@dataclass(frozen=True)
class Roof:
    """One part against its bound.

    Attributes:
        part: its name.
        bytes: what must be read at least: weights once, and the key/value cache.
        flop: multiplications and additions of its matrix products.
        bound_ms: the shortest time that both allow.
        bound_by: ``memory`` or ``arithmetic``.
        measured_ms: the median.
        share: bound over measured; 1 is the bound.
    """

    part: str
    bytes: int
    flop: int
    bound_ms: float
    bound_by: str
    measured_ms: float
    share: float


def machine_speed(
    device: torch.device,
    dtype: torch.dtype,
    *,
    read_bytes: int | None = None,
    side: int | None = None,
    n: int = 5,
) -> MachineSpeed:
    """Measure ``device`` with arrays of ``dtype``; the best of ``n`` tries counts.

    ``read_bytes`` and ``side`` are as large as the device needs where they are not given.
    """
    read_bytes = read_bytes or _READ_BYTES.get(device.type, _READ_BYTES["cpu"])
    side = side or _MATRIX_SIDE.get(device.type, _MATRIX_SIDE["cpu"])
    with torch.inference_mode():
        # The largest of floats: a sum, of integers above all, is slower than memory on a CPU.
        words = torch.ones(read_bytes // 4, device=device)
        read = repeated(words.amax, n)
        left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        product = repeated(lambda: left @ right, n)
    return MachineSpeed(
        bytes_per_sec=1e3 * words.numel() * words.element_size() / read.min_ms,
        flop_per_sec=1e3 * 2 * side**3 / product.min_ms,
        dtype=str(dtype).removeprefix("torch."),
        device=str(device),
    )


def weight_bytes(modules: Iterable[Any]) -> int:
    """The bytes of all weights of ``modules``, those that are shared counted once.

    Embedding tables are left out: of them a row is read for each token.
    """
    storages: dict[int, int] = {}
    for module in modules:
        for part in module.modules():
            if isinstance(part, torch.nn.Embedding):
                continue
            for weight in part.parameters(recurse=False):
                storages[weight.data_ptr()] = weight.numel() * weight.element_size()
    return sum(storages.values())


def count_flop(run: Callable[[], Any]) -> int:
    """The multiplications and additions of the matrix products and convolutions of ``run``."""
    with torch.inference_mode(), FlopCounterMode(display=False, custom_mapping=_ON_CPU) as counter:
        run()
    return int(counter.get_total_flops())


def _attention_flop(
    query: Any, key: Any, value: Any, *args: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    batch, heads, rows, width = query
    columns, value_width = key[2], value[3]
    return int(2 * batch * heads * rows * columns * (width + value_width))


# torch counts the attention kernels of CUDA and not the one of the CPU.
_ON_CPU: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flop
}


def roof(part: str, *, n_bytes: int, flop: int, measured_ms: float, machine: MachineSpeed) -> Roof:
    """The bound of a part on ``machine`` and how near it came."""
    reading = 1e3 * n_bytes / machine.bytes_per_sec
    counting = 1e3 * flop / machine.flop_per_sec
    bound = max(reading, counting)
    return Roof(
        part=part,
        bytes=n_bytes,
        flop=flop,
        bound_ms=bound,
        bound_by="memory" if reading >= counting else "arithmetic",
        measured_ms=measured_ms,
        share=bound / measured_ms,
    )
