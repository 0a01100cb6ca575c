"""Several processes training one model; one process needs none of it.

Two processes of one thread make more of two CPU cores than two threads of one process do. They are
started by `in_processes`, or by ``torchrun``.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist

from ppcr_ros.core.errors import PPCRError


def in_processes(count: int, arguments: Sequence[str]) -> None:
    """Run ``ppcr`` with ``arguments`` in ``count`` processes that train together, and wait.

    Each has one thread, on a core of its own where there are as many. An interrupt (Ctrl-C) is
    passed on once, so that each writes its checkpoint; a second one stops them at once.

    Raises:
        PPCRError: when one of them failed; the others are stopped.
        KeyboardInterrupt: when it was interrupted and all have ended.
    """
    command = [sys.executable, "-m", "ppcr_ros.cli", *arguments]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    workers = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "RANK": str(number)},
            start_new_session=True,  # or a terminal interrupts them too
        )
        for number in range(count)
    ]
    try:
        codes = [worker.wait() for worker in workers]
    except KeyboardInterrupt:
        for worker in workers:
            worker.send_signal(signal.SIGINT)
        for worker in workers:
            worker.wait()
        raise
    finally:
        for worker in workers:
            worker.terminate()
    if any(codes):
        raise PPCRError(f"a training process failed: exit statuses {codes}; see its words above.")


def is_worker() -> bool:
    """Whether this process was started to train together with others."""
    return "WORLD_SIZE" in os.environ


def _take_core(number: int) -> None:
    """Keep this process on a core of its own, where there are enough and the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) >= int(os.environ["WORLD_SIZE"]):
            os.sched_setaffinity(0, {cores[number]})


def join() -> None:
    """Join the process group that the environment announces, if it does; left as Python ends.

    One that is not left may abort the process in its last moment.
    """
    if is_worker() and not dist.is_initialized():
        if not torch.cuda.is_available():
            _take_core(int(os.environ["RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(dist.destroy_process_group)


@contextmanager
def first_alone() -> Iterator[None]:
    """Let process 0 through first, so that it makes the files that the others then find."""
    if dist.is_initialized() and rank() != 0:
        dist.barrier()
    yield
    if dist.is_initialized() and rank() == 0:
        dist.barrier()


def rank() -> int:
    """This process's number; 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes share a step's batch."""
    return dist.get_world_size() if dist.is_initialized() else 1


def agreed(value: float, device: torch.device) -> float:
    """The value of process 0, in all of them."""
    if not dist.is_initialized():
        return value
    shared = torch.tensor([value], dtype=torch.float64, device=device)
    dist.broadcast(shared, 0)
    return float(shared)


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace each gradient by its mean over all processes.

    Where a parameter had a part in some processes' batches alone, its gradient is 0 in the others.
    """
    if not dist.is_initialized():
        return
    everything = list(parameters)
    used = torch.tensor([parameter.grad is not None for parameter in everything], dtype=torch.int8)
    dist.all_reduce(used, dist.ReduceOp.MAX)
    shared = [p for p, is_used in zip(everything, used.tolist(), strict=True) if is_used]
    for parameter in shared:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in shared if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
