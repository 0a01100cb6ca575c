"""A camera of 1080p at 60 Hz for minutes, a command every second: memory must stay flat and each
command must be answered about the newest frame that the node has.

The node runs with the embedded models; the camera is another process. Both use Fast DDS's transport
for large data, without which shared memory holds less than one such image.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ppcr_lab.robustness.node_bench import NodeBench, ResultTally
from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_ros.service.requests import Snapshot
from ppcr_ros.service.warm_up import build_models
from ppcr_ros.service.worker import CommandWorker

TRANSPORT = "LARGE_DATA?max_msg_size=8MB&sockets_size=16MB&non_blocking=true"
MAX_GROWTH = 0.05
_COMMAND_EVERY_SEC = 1.0
_SHORT_STRETCHES = 3
"""A short run begins anew so often where memory grew: the buffers for 6 MB images fill up late on a
busy machine, and then they are full; what leaks grows on in each."""
_WARM_UP_SHARE, _WARM_UP_AT_LEAST_SEC = 0.1, 15.0
_COMMANDS = ("the red ball", "the large blue cube", "the mug left of the plate", "the small bowl")


class Arrivals:
    """Images that the worker is offered, and the newest of them as each command came.

    It looks over the worker's shoulder: the stamps are those of the camera's process.
    """

    def __init__(self) -> None:
        self.count = 0
        self.newest_ns = 0
        self.transits_sec: list[float] = []
        self.newest_at_command: dict[str, tuple[int, int]] = {}
        """For each command_id the newest stamp then, and the time then; nanoseconds."""

    def watch(self) -> None:
        """From now on, of every worker of this process."""
        offer, submit = CommandWorker.offer, CommandWorker.submit
        arrivals = self

        def watched_offer(worker: CommandWorker, snapshot: Snapshot) -> None:
            offer(worker, snapshot)
            arrivals.count += 1
            arrivals.newest_ns = snapshot.stamp_ns
            if arrivals.count % 20 == 0:
                arrivals.transits_sec.append((time.time_ns() - snapshot.stamp_ns) / 1e9)

        def watched_submit(worker: CommandWorker, *given: Any, **named: Any) -> Any:
            newest_ns, now_ns = arrivals.newest_ns, time.time_ns()
            command_id = submit(worker, *given, **named)
            arrivals.newest_at_command[str(command_id)] = (newest_ns, now_ns)
            return command_id

        CommandWorker.offer = watched_offer  # type: ignore[method-assign, assignment]
        CommandWorker.submit = watched_submit  # type: ignore[method-assign, assignment]


def run(plan: Plan) -> FaultOutcome:
    os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = TRANSPORT
    seconds = 40.0 if plan.short else 60.0 * plan.minutes
    outcome, tally, arrivals = FaultOutcome("camera_stream"), ResultTally(), Arrivals()
    arrivals.watch()
    with NodeBench(build_models) as bench:
        camera = subprocess.Popen(
            [sys.executable, "-m", "ppcr_lab.robustness.camera_process", str(seconds + 600.0)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            came = bench.until(lambda: arrivals.count > 5)
            outcome.expect(came, "no image arrived from the camera")
            begun, first = time.monotonic(), arrivals.count
            for _ in range(_SHORT_STRETCHES if plan.short else 1):
                memory = MemoryGrowth.of(_samples(bench, tally, outcome, seconds), seconds)
                if memory is not None and memory.share < MAX_GROWTH:
                    break
            watched_sec = time.monotonic() - begun
            received_hz = (arrivals.count - first) / watched_sec
            results = {item.command_id: item for item in bench.results}
        finally:
            camera.terminate()
            published = camera.communicate(timeout=60)[0].strip()
    tally.into(outcome)
    _judge_memory(memory, outcome)
    _judge_frames(arrivals, {key: item.stamp_ns for key, item in results.items()}, outcome)
    outcome.figures |= {
        "minutes": round(watched_sec / 60, 2),
        "images published": int(published or 0),
        "received_hz": round(received_hz, 1),
        "camera to node, median ms": round(1e3 * float(np.median(arrivals.transits_sec)), 1),
    }
    return outcome


def _samples(
    bench: NodeBench, tally: ResultTally, outcome: FaultOutcome, seconds: float
) -> list[tuple[float, float]]:
    """The memory in MiB after each command, and when that was; in seconds from the first on."""
    begun, samples = time.monotonic(), []
    while (passed_sec := time.monotonic() - begun) < seconds:
        _command(bench, tally, outcome)
        samples.append((passed_sec, resident_mib()))
        time.sleep(max(0.0, begun + passed_sec + _COMMAND_EVERY_SEC - time.monotonic()))
    return samples


def _command(bench: NodeBench, tally: ResultTally, outcome: FaultOutcome) -> None:
    before = len(bench.results)
    bench.say(_COMMANDS[outcome.tried % len(_COMMANDS)])
    bench.answered(before + 1)
    tally.add(bench.results[before:])
    outcome.tried += 1


@dataclass(frozen=True)
class MemoryGrowth:
    """Resident memory in MiB, after the warm-up and at the end of a stretch."""

    early_mib: float
    late_mib: float

    @property
    def share(self) -> float:
        """How much of the early memory came to it."""
        return self.late_mib / self.early_mib - 1.0

    @classmethod
    def of(cls, samples: list[tuple[float, float]], seconds: float) -> MemoryGrowth | None:
        """Of the tenth that follows the warm-up and the last tenth; None of too short a run."""
        warm_sec = max(_WARM_UP_SHARE * seconds, _WARM_UP_AT_LEAST_SEC)
        window_sec = max(0.1 * seconds, 3 * _COMMAND_EVERY_SEC)
        early = [mib for at_sec, mib in samples if warm_sec <= at_sec < warm_sec + window_sec]
        late = [mib for at_sec, mib in samples if at_sec >= seconds - window_sec]
        if not early or not late:
            return None
        return cls(float(np.median(early)), float(np.median(late)))


def _judge_memory(memory: MemoryGrowth | None, outcome: FaultOutcome) -> None:
    if memory is None:
        outcome.expect(False, "too short a run to judge the memory")
        return
    grew = f"memory grew by {memory.share:.1%}; the bar is {MAX_GROWTH:.0%}"
    outcome.expect(memory.share < MAX_GROWTH, grew)
    outcome.figures["rss_mib after warm-up"] = round(memory.early_mib, 1)
    outcome.figures["rss_mib at the end"] = round(memory.late_mib, 1)
    outcome.figures["rss_growth"] = round(memory.share, 4)


def _judge_frames(arrivals: Arrivals, used_ns: dict[str, int], outcome: FaultOutcome) -> None:
    """No result may be about an older frame than the newest that had come before its command."""
    ages_sec: list[float] = []
    violations = 0
    for command_id, (newest_ns, said_ns) in arrivals.newest_at_command.items():
        if command_id in used_ns:
            violations += used_ns[command_id] < newest_ns
            ages_sec.append((said_ns - used_ns[command_id]) / 1e9)
    outcome.expect(bool(ages_sec), "no result could be matched with its command")
    outcome.expect(not violations, f"{violations} results were about an older frame")
    outcome.figures["results about an older frame than the newest there"] = violations
    if ages_sec:
        age_ms = [round(1e3 * float(value), 1) for value in np.quantile(ages_sec, (0.5, 0.95, 1.0))]
        names = ("median", "95 %", "max")
        outcome.figures["age of the used frame as its command came, ms"] = dict(
            zip(names, age_ms, strict=True)
        )


def resident_mib() -> float:
    """The resident memory of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmRSS; expected Linux.")
