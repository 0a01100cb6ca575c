"""Runs faults as processes of their own, two lanes side by side, and writes what came of them."""

from __future__ import annotations

import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_ros import __version__

FAULTS = (
    "camera_stream",
    "fuzzed_answers",
    "fuzzed_commands",
    "fuzzed_images",
    "command_flood",
    "camera_restart",
    "node_killed",
    "prompt_injection",
    "everyday_talk",
    "goal_burst",
    "strange_files",
    "strange_bags",
    "strange_hubs",
    "changed_weights",
    "random_life",
)
"""The modules of ``faults``, in the order in which they run."""
_OWN_LANE = "camera_stream"
WITHOUT_ROS = (
    "fuzzed_answers",
    "prompt_injection",
    "everyday_talk",
    "strange_files",
    "strange_bags",
    "strange_hubs",
    "changed_weights",
)
_LIMIT_SEC = 1500.0
_TRACE = "Traceback (most recent call last)"


def run_here(fault: str, plan: Plan, into: Path) -> None:
    """Run one fault in this process and write its outcome."""
    if fault not in WITHOUT_ROS:
        from ppcr_lab.robustness.domains import take_quiet_domain

        print(f"ROS domain {take_quiet_domain()}", flush=True)
    begun = time.monotonic()
    outcome: FaultOutcome = importlib.import_module(f"ppcr_lab.robustness.faults.{fault}").run(plan)
    outcome.seconds = time.monotonic() - begun
    into.write_text(json.dumps(outcome.as_json(), ensure_ascii=False), encoding="utf-8")


class FaultRunner:
    """Runs faults and writes the report.

    Args:
        plan: how much of each.
        report: the file to write; logs go to the folder ``robustness`` beside it.
    """

    def __init__(self, plan: Plan, report: Path) -> None:
        self._plan, self._report = plan, report.resolve()
        self._folder = self._report.parent / "robustness"

    def run(self, faults: Sequence[str]) -> list[FaultOutcome]:
        """The outcomes in the order of ``faults``; the camera stream runs beside the others."""
        self._folder.mkdir(parents=True, exist_ok=True)
        begun, load_before = time.monotonic(), os.getloadavg()[1]
        lanes = [[name for name in faults if (name == _OWN_LANE) is own] for own in (True, False)]
        with ThreadPoolExecutor(max_workers=2) as pool:
            done = [outcome for lane in pool.map(self._lane, lanes) for outcome in lane]
        outcomes = sorted(done, key=lambda item: list(faults).index(item.fault))
        document = {
            "format": "ppcr_ros robustness",
            "version": __version__,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
            f"Python {platform.python_version()}, ROS 2 {os.environ.get('ROS_DISTRO', 'unknown')}",
            "load_5_min_before": load_before,
            "load_5_min_after": os.getloadavg()[1],
            "plan": asdict(self._plan),
            "seconds": time.monotonic() - begun,
            "faults": [item.as_json() for item in outcomes],
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        self._report.write_text(text + "\n", encoding="utf-8")
        return outcomes

    def _lane(self, faults: Sequence[str]) -> list[FaultOutcome]:
        outcomes = []
        for fault in faults:
            print(f"{fault} ...", file=sys.stderr, flush=True)
            outcomes.append(self.run_fault(fault))
        return outcomes

    def run_fault(self, fault: str) -> FaultOutcome:
        """One fault in a process of its own, and how it ended."""
        result, log = self._folder / f"{fault}.json", self._folder / f"{fault}.log"
        result.unlink(missing_ok=True)
        plan = self._plan
        command = [sys.executable, "-m", "ppcr_lab.robustness", "--only", fault]
        command += ["--here", str(result), "--minutes", str(plan.minutes), "--seed", str(plan.seed)]
        begun = time.monotonic()
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, "--short"] if plan.short else command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_environment()},
                start_new_session=True,
            )
            try:
                status: int | None = process.wait(_LIMIT_SEC + 60 * plan.minutes)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                _end_group(process)
        if status != 0 or not result.is_file():
            how = "did not end in time" if status is None else f"ended with status {status}"
            return FaultOutcome(
                fault,
                tried=1,
                crashed=1,
                missed=[f"its process {how}; see {log}"],
                seconds=time.monotonic() - begun,
            )
        outcome = FaultOutcome.from_json(json.loads(result.read_text(encoding="utf-8")))
        traces = log.read_text(encoding="utf-8", errors="replace").count(_TRACE)
        if traces:  # the node outlives an exception in a callback and logs it
            outcome.crashed += traces
            outcome.missed.append(f"{traces} exceptions in the log {log}")
        return outcome


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Whatever a fault has left running ends with it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _environment() -> dict[str, str]:
    """ROS on this machine alone; one thread for each model."""
    local = (
        {"ROS_LOCALHOST_ONLY": "1"}
        if os.environ.get("ROS_DISTRO") == "humble"
        else {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    )
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    return {"PYTHONUNBUFFERED": "1", **local, **threads}
