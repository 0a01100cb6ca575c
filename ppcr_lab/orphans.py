"""Processes of a pool end when the process that started them does."""

from __future__ import annotations

import os
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from threading import Thread


def end_with_parent() -> None:
    """Have this process end as soon as its parent has, however that ended.

    For the start of a process of a pool. A parent that is killed cannot end its pool: its processes
    would wait for work for ever, each with its models in memory. Of a process that multiprocessing
    has not started nothing is changed.
    """
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), name="ppcr-parent", daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
