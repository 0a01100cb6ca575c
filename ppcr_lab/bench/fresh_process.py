"""Measures in a fresh process: how soon the node is ready, and how much memory it takes."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ppcr_lab.isolation import local_environment, own_domain
from ppcr_ros.core.types import Frame

READY = "active: say what you mean"
"""What the node logs once it takes commands."""
_LIMIT_SEC = 240.0
_ANSWER = (
    "import sys; from ppcr_lab.bench.fresh_process import answer_once; answer_once(*sys.argv[1:])"
)


class MeasurementError(Exception):
    """A figure that could not be had; the text says why."""


def start_to_ready_sec(
    config_file: Path | None, device: str | None = None, *, limit_sec: float = _LIMIT_SEC
) -> float:
    """Seconds from the start of a node's process until it is active.

    Raises:
        MeasurementError: when the node ends, or is not active in time.
    """
    arguments = ["--ros-args"]
    if config_file is not None:
        arguments += ["--params-file", str(config_file)]
    for part in ("mllm", "segmenter") if device else ():
        arguments += ["-p", f"{part}.device:={device}"]
    command = [sys.executable, "-u", "-m", "ppcr_ros.ros.main", *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment()
    )
    assert process.stdout is not None
    log = b""
    try:
        while READY.encode() not in log:
            left_sec = started + limit_sec - time.perf_counter()
            if left_sec <= 0 or not select.select([process.stdout], [], [], left_sec)[0]:
                raise MeasurementError(f"the node was not active within {limit_sec:.0f} s")
            written = os.read(process.stdout.fileno(), 1 << 16)
            if not written:
                end = log.decode(errors="replace")[-400:].strip()
                raise MeasurementError(f"the node ended: {end}")
            log += written
        return time.perf_counter() - started
    finally:
        _end(process)
        process.stdout.close()


def _environment() -> dict[str, str]:
    """This process's environment with a ROS graph for itself, and a log that comes at once."""
    own = local_environment(own_domain())
    return {**os.environ, **own, "RCUTILS_LOGGING_BUFFERED_STREAM": "0"}


def answer_in_a_fresh_process(
    config_file: Path | None, device: str | None, frame: Frame, command: str
) -> dict[str, Any]:
    """What `answer_once` tells from a process of its own.

    Raises:
        MeasurementError: when that process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "frame.npy"
        np.save(picture, frame.rgb)
        arguments = [str(config_file or ""), device or "", str(picture), command]
        try:
            done = subprocess.run(
                [sys.executable, "-c", _ANSWER, *arguments],
                capture_output=True, text=True, check=False, timeout=_LIMIT_SEC,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise MeasurementError(
                f"a fresh process had not answered within {_LIMIT_SEC:.0f} s"
            ) from error
    if done.returncode:
        raise MeasurementError(f"a fresh process failed: {done.stderr[-400:].strip()}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def answer_once(config_file: str, device: str, picture: str, command: str) -> None:
    """Load the models, answer once, and print the memory and the times as a line of JSON."""
    from argparse import Namespace

    from ppcr_ros.commands.common import config_of
    from ppcr_ros.models.factory import build_pipeline

    started = time.perf_counter()
    config = Path(config_file) if config_file else None
    with build_pipeline(config_of(Namespace(config=config, device=device or None))) as pipeline:
        loaded = time.perf_counter()
        result = pipeline.run(Frame(rgb=np.load(picture)), command)
        answered = time.perf_counter()
    figures = {
        "status": result.status.name,
        "load_s": loaded - started,
        "first_answer_s": answered - loaded,
        "rss_mb": peak_rss_mb(),
        "accelerator_mb": accelerator_peak_mb(),
    }
    print(json.dumps(figures))


def peak_rss_mb() -> float:
    """The most memory that this process has held so far, MB.

    From /proc where there is one: getrusage counts what the process that started this one held.
    """
    with suppress(OSError, ValueError):
        (held,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text("ascii"))
        return int(held) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1.0 if sys.platform == "darwin" else 1024.0) / 1e6


def accelerator_peak_mb() -> float | None:
    """The most memory of the accelerator that torch has held, MB; None where there is none."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return float(torch.cuda.max_memory_allocated()) / 1e6


def _end(process: subprocess.Popen[bytes]) -> None:
    for signal_, patience_sec in ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0)):
        if process.poll() is None:
            process.send_signal(signal_)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience_sec)
    if process.poll() is None:
        process.kill()
        process.wait()
