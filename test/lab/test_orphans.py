"""Processes of a pool do not outlive the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ppcr_lab.orphans import end_with_parent

PROGRAM = """
import sys, threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from ppcr_lab.orphans import end_with_parent

def begin(folder, number):
    (Path(folder) / str(number)).touch()
    if number:
        threading.Event().wait()  # at work when its parent ends; the other one waits for work

if __name__ == "__main__":
    pool = ProcessPoolExecutor(2, get_context("spawn"), end_with_parent)
    begun = [pool.submit(begin, sys.argv[1], number) for number in (1, 0)]
    threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_parent_takes_its_pool_with_it(tmp_path: Path, number: signal.Signals) -> None:
    program = tmp_path / "pool.py"
    program.write_text(PROGRAM, encoding="utf-8")
    started = tmp_path / "started"
    started.mkdir()
    parent = subprocess.Popen(
        [sys.executable, str(program), str(started)],
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pause = threading.Event()
    try:
        while parent.poll() is None and len(list(started.iterdir())) < 2:
            pause.wait(0.05)
        assert parent.poll() is None, "it has ended before it could be killed"
        os.kill(parent.pid, number)
        parent.wait(60)
        for _ in range(1200):
            if not _group_lives(parent.pid):
                break
            pause.wait(0.1)
        assert not _group_lives(parent.pid), "a process waits for work that nobody sends"
    finally:
        if _group_lives(parent.pid):
            os.killpg(parent.pid, signal.SIGKILL)


def test_who_was_not_started_by_a_pool_goes_on() -> None:
    before = threading.active_count()
    end_with_parent()
    assert threading.active_count() == before


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
