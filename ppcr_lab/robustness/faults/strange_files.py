"""Configurations, lock files and checkpoints that nobody should write, and pipes and devices in
their places: read, or refused by name, within a second each.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from ppcr_lab.robustness.bad_documents import strange_texts
from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_ros.core.config import load_config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.outside_text import log_text
from ppcr_ros.models.loading import read_config
from ppcr_ros.models.safety import refuse_foreign_code
from ppcr_ros.models.segmenters.sam_architecture import load_architecture
from ppcr_ros.weights.lock import read_lock

_SOON_SEC = 1.0


def _checkpoint(path: Path) -> None:
    refuse_foreign_code(path.parent)
    read_config(path.parent)
    load_architecture(path.parent)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "config": ("robot.yaml", load_config),
    "lock": ("models.lock.json", read_lock),
    "checkpoint": ("config.json", _checkpoint),
}
"""For each kind the name of its file, and who reads it."""


def run(plan: Plan) -> FaultOutcome:
    outcome, rng = FaultOutcome("strange_files"), random.Random(plan.seed)
    ends = {"read": 0, "refused by name": 0}
    slowest_sec = 0.0
    with tempfile.TemporaryDirectory() as name:
        for kind, text in strange_texts(rng, plan.of(6_000, 300)):
            path = Path(name) / kind / READERS[kind][0]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            slowest_sec = max(slowest_sec, _read(kind, path, outcome, ends))
        for kind, (file, _) in READERS.items():
            for odd in ("pipe", "device", "folder"):
                slowest_sec = max(
                    slowest_sec, _read(kind, _odd(Path(name), kind, file, odd), outcome, ends)
                )
    outcome.expect(slowest_sec < _SOON_SEC, f"one took {slowest_sec:.1f} s of the processor")
    outcome.expect(sum(ends.values()) + outcome.crashed == outcome.tried, "not all came to an end")
    outcome.figures |= {**ends, "slowest, ms of CPU": round(1e3 * slowest_sec, 1)}
    return outcome


def _odd(root: Path, kind: str, file: str, odd: str) -> Path:
    folder = root / f"{kind} {odd}"
    folder.mkdir()
    if odd == "pipe":
        os.mkfifo(folder / file)
    elif odd == "device":
        (folder / file).symlink_to("/dev/zero")
    else:
        (folder / file).mkdir()
    return folder / file


def _read(kind: str, path: Path, outcome: FaultOutcome, ends: dict[str, int]) -> float:
    """How long it took, in seconds of the processor."""
    outcome.tried += 1
    begun = time.process_time()
    try:
        READERS[kind][1](path)
        ends["read"] += 1
    except PPCRError as error:
        ends["refused by name"] += 1
        lines = log_text(str(error)).split("\n")
        if not str(error).strip() or any(line.startswith("[") for line in lines[1:]):
            outcome.unanswered += 1
    except Exception:  # noqa: BLE001 - what is looked for
        outcome.crashed += 1
        print(f"{kind}: {path.read_bytes()[:300]!r}: {traceback.format_exc(limit=-3)}")
    return time.process_time() - begun
