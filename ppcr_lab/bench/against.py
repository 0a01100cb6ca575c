"""Another checkout of this package on the same commands, one run right after the other."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import ppcr_ros
from ppcr_lab.bench.comparison import Sample
from ppcr_ros.core.closing import Closing
from ppcr_ros.core.errors import PPCRError

# What both sides run, in a process of its own: only what an older checkout has, too.
_SIDE = """
import os, pickle, re, sys, time
started = time.perf_counter()
from ppcr_ros.core.config import Config
from ppcr_ros.models.factory import build_pipeline
pipe = os.fdopen(int(sys.argv[1]), "wb")
def tell(what):
    pickle.dump(what, pipe)
    pipe.flush()
with build_pipeline(Config()) as pipeline:
    tell(time.perf_counter() - started)
    while True:
        try:
            frame, command, ahead = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        frame = pipeline.read(frame) if ahead else frame
        began = time.perf_counter()
        result = pipeline.run(frame, command)
        seconds = time.perf_counter() - began
        tell((seconds, result.segmentation is not None))
    held = re.findall(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())
    tell(int(held[0]) * 1024 / 1e6 if held else None)
"""
_WARM_UP = 3


@dataclass
class Turns:
    """Two checkouts side by side; the first of each pair is this one.

    Attributes:
        other: the other checkout's folder.
        seconds: from a command to its mask, of the samples that lead to one in both.
        ahead_seconds: likewise where the image was read before.
        load_sec: from the start of the imports to the models' being ready.
        rss_mb: the most memory that each process has held.
    """

    other: str
    seconds: list[tuple[float, float]] = field(default_factory=list)
    ahead_seconds: list[tuple[float, float]] = field(default_factory=list)
    load_sec: tuple[float, float] = (0.0, 0.0)
    rss_mb: tuple[float | None, float | None] = (None, None)

    def ratio(self, *, ahead: bool = False) -> float | None:
        """How long this checkout takes as a share of the other: the median over the pairs."""
        pairs = self.ahead_seconds if ahead else self.seconds
        return median(ours / theirs for ours, theirs in pairs) if pairs else None


class _Side(Closing):
    """A process that answers with the package of one folder."""

    def __init__(self, folder: Path) -> None:
        reading, writing = os.pipe()
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SIDE, str(writing)],
            stdin=subprocess.PIPE, pass_fds=[writing], env=environment, cwd=folder,
        )  # fmt: skip
        os.close(writing)
        self._answers = os.fdopen(reading, "rb")
        self._folder = folder

    def close(self) -> None:
        self.end()
        self._answers.close()
        self._process.kill()
        self._process.wait()

    def hear(self) -> Any:
        """What the process tells next; it is one of this program's own."""
        try:
            return pickle.load(self._answers)  # noqa: S301
        except EOFError:
            raise PPCRError(
                f"the package in {self._folder} ended before it had answered; expected a checkout "
                "whose models load in this environment. What it said stands above."
            ) from None

    def ask(self, sample: Sample, *, ahead: bool) -> tuple[float, bool]:
        """Seconds to the answer, and whether it has a mask."""
        assert self._process.stdin is not None
        pickle.dump((sample.frame, sample.command, ahead), self._process.stdin)
        self._process.stdin.flush()
        seconds, found = self.hear()
        return float(seconds), bool(found)

    def end(self) -> None:
        """Let the process come to its end."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()


def turns(samples: Sequence[Sample], other: Path, tick: Callable[[], None] = lambda: None) -> Turns:
    """Let this checkout and the one in ``other`` answer ``samples``, each first in turn.

    The frames go without their depth, as in the comparison with the baselines.

    Raises:
        PPCRError: when one of them does not answer.
    """
    found = Turns(str(other))
    own = Path(ppcr_ros.__file__).resolve().parent.parent
    with _Side(own) as ours, _Side(other.resolve()) as theirs:
        sides = (ours, theirs)
        found.load_sec = ours.hear(), theirs.hear()
        flat = [replace(item, frame=replace(item.frame, depth_m=None)) for item in samples]
        for sample in flat[:_WARM_UP]:
            for side in sides:
                side.ask(sample, ahead=False)
        for number, sample in enumerate(flat):
            for ahead, pairs in ((False, found.seconds), (True, found.ahead_seconds)):
                order = sides if number % 2 else sides[::-1]
                answers = {side: side.ask(sample, ahead=ahead) for side in order}
                if answers[ours][1] and answers[theirs][1]:
                    pairs.append((answers[ours][0], answers[theirs][0]))
            tick()
        for side in sides:
            side.end()
        found.rss_mb = ours.hear(), theirs.hear()
    return found
