"""Counts of what the worker has seen and done, for diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ppcr_ros.core.types import Result, StageSeconds, Status


@dataclass(frozen=True)
class WorkerReport:
    """Report of what the worker has seen and done so far, for diagnostics.

    Attributes:
        state: ``idle``, ``tracking``, ``waiting for an image`` or ``running``.
        frames_received: snapshots offered.
        frames_used: snapshots converted for a command or for tracking.
        frames_refused: snapshots that could not be converted.
        commands: commands that have ended.
        waiting: commands that have come and not begun yet.
        last: the last result, its mask and embeddings dropped; or None.
        last_error: message of the last result with status ERROR; empty where there was none.
        seconds: stage times of the latest runs that reached a mask, oldest first.
        frames_dropped: snapshots that a newer one replaced before a command needed them.
        endings: how many commands have ended with each status.
        last_error_unix_sec: when that error happened, seconds since the epoch; 0 where none did.
    """

    state: str = "idle"
    frames_received: int = 0
    frames_used: int = 0
    frames_refused: int = 0
    commands: int = 0
    waiting: int = 0
    last: Result | None = None
    last_error: str = ""
    seconds: tuple[StageSeconds, ...] = ()
    frames_dropped: int = 0
    endings: Mapping[Status, int] = field(default_factory=dict)
    last_error_unix_sec: float = 0.0
