"""Two processes on one machine share gradients and the clock."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="training needs torch")

PROGRAM = """
import torch
from ppcr_lab.training import parallel

parallel.join()
with parallel.first_alone():
    pass
weight = torch.nn.Parameter(torch.zeros(2))
weight.grad = torch.full((2,), float(parallel.rank()))
parallel.average_gradients([weight])
progress = parallel.agreed(0.25 + parallel.rank(), torch.device("cpu"))
print(parallel.world_size(), weight.grad.tolist(), progress)
"""


def test_two_processes_average_their_gradients_and_agree_on_the_progress() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    group |= {"CUDA_VISIBLE_DEVICES": "", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, **group, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    for process in processes:
        out, said = process.communicate(timeout=600)
        assert out.strip() == "2 [0.5, 0.5] 0.25", said
        assert process.returncode == 0, said
