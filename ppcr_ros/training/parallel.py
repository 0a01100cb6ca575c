"""Several processes training one model, as ``torchrun`` starts them; one process needs none of it.

``torchrun --nproc-per-node 2 -m ppcr_ros.cli train tiny --only mllm --threads 1`` makes more of two
CPU cores than two threads of one process do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


def join() -> None:
    """Join the process group that ``torchrun`` announces in the environment, if it does."""
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


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
    """Replace each gradient by its mean over all processes."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
