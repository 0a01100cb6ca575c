"""Several training processes, which an interrupt reaches once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")

from ppcr_lab.training import parallel
from ppcr_ros.core.errors import PPCRError

WORKER = """#!{python}
import os, signal, sys, time
rank, folder = os.environ["RANK"], {folder!r}
interrupts = []
signal.signal(signal.SIGINT, lambda *_: interrupts.append(1))
open(f"{{folder}}/ready{{rank}}", "w").close()
if "fail" in sys.argv:
    sys.exit(3 if rank == "1" else 0)
while not interrupts:
    time.sleep(0.01)
time.sleep(0.5)  # the step that it is in
with open(f"{{folder}}/checkpoint{{rank}}", "w") as out:
    out.write(str(len(interrupts)))
sys.exit(130)
"""


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which processes that stand for the training ones leave their files."""
    program = tmp_path / "worker"
    program.write_text(WORKER.format(python=sys.executable, folder=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return tmp_path


def test_an_interrupt_lets_every_process_write_its_checkpoint(workers: Path) -> None:
    def interrupt() -> None:
        while not all((workers / f"ready{rank}").exists() for rank in range(2)):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        parallel.in_processes(2, ["train"])
    assert [(workers / f"checkpoint{rank}").read_text() for rank in range(2)] == ["1", "1"]


def test_one_that_fails_is_told_of(workers: Path) -> None:
    with pytest.raises(PPCRError, match=r"exit statuses \[0, 3\]"):
        parallel.in_processes(2, ["fail"])


UNEQUAL = """
import torch
from ppcr_lab.training import parallel
parallel.join()
both, one, none = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
loss = (parallel.rank() + 1.0) * both.sum()
(loss + 4.0 * one.sum() if parallel.rank() else loss).backward()
parallel.average_gradients([both, one, none])
print(both.grad.tolist(), one.grad.tolist(), none.grad)
"""


def test_a_parameter_that_one_process_used_alone_is_averaged_in_all() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", UNEQUAL],
            env={**os.environ, **shared, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        assert process.communicate(timeout=280)[0].strip() == "[1.5, 1.5] [2.0, 2.0] None"
