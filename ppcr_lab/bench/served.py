"""``python -m ppcr_lab.bench.served``: what an engine costs beside the same model in this process,
and what a fleet gets of it.

``overhead`` asks the demo's questions of the engine and of the embedded MLLM in this process, and
takes from each turn what the engine's own ``generate`` took. ``fleet`` has many robots ask at once,
each about its own image in its own words, for minutes; each answer is held against the one that the
same question had alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ppcr_lab.bench.engine_process import EngineProcess, with_spoken_places
from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models import factory

_SAMPLE_SEC = 5.0
_TOKENS = 64


@dataclass(frozen=True)
class Question:
    """Question of one robot: about its own image, in its own words."""

    frame: Frame
    turn: Turn


@dataclass(frozen=True)
class Overhead:
    """Milliseconds of a turn, medians over the questions.

    Attributes:
        served_ms: from asking to the whole answer.
        engine_ms: of the engine's own ``generate``.
        here_ms: of the same turn in this process.
        overhead_ms: served, less the engine's own.
        overhead_cpu_ms: CPU time of this process and of the engine's, less that of its
            ``generate``: what other work on the machine changes little.
        same: whether every text was the same.
        n: turns.
    """

    served_ms: float
    engine_ms: float
    here_ms: float
    overhead_ms: float
    overhead_cpu_ms: float
    same: bool
    n: int


@dataclass
class FleetReport:
    """Answers that a fleet got.

    Attributes:
        robots: that asked at once.
        seconds: for which they asked.
        answered: whole answers, of all robots.
        lost: questions without an answer, by what was said instead.
        crossed: answers that were not those of the own image and words.
        least: answers of the robot that got the fewest.
        most: of the one that got the most.
        median_sec: of a question.
        slowest_sec: of the one that took longest.
        memory_mb: of the engine every five seconds; empty where its process is not this one's.
    """

    robots: int
    seconds: float = 0.0
    answered: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    crossed: int = 0
    least: int = 0
    most: int = 0
    median_sec: float = 0.0
    slowest_sec: float = 0.0
    memory_mb: list[float] = field(default_factory=list)


def questions_of(family: Any, n: int) -> list[Question]:
    """``n`` different questions of stage 1, of the demo's scenes and commands."""
    scenes = load_recording(None).scenes
    pairs = [(scene, command) for scene in scenes for command in scene.commands]
    return [
        Question(
            Frame(rgb=pairs[k % len(pairs)][0].view.rgb),
            family.semantic_turn(pairs[(k + k // len(pairs)) % len(pairs)][1].text),
        )
        for k in range(n)
    ]


def measure_overhead(config: MllmConfig, pid: int, times: Path, repeats: int) -> Overhead:
    """The cost of a turn of the engine of ``config``.

    Args:
        config: of a served MLLM.
        pid: the engine's process.
        times: the file to which it writes what its ``generate`` took.
        repeats: of the questions.
    """
    served = factory.load_served(config)
    here = factory.load_mllm(MllmConfig(device="cpu"), offline=True)
    rows, same = [], True
    for question in questions_of(served.dialect, 12) * repeats:
        before, cpu = len(_lines(times)), _cpu_sec(pid) + time.process_time()
        begun = time.monotonic()
        answer = _ask(served, question)
        whole = time.monotonic() - begun
        own, own_cpu = _newest(times, before)
        cpu = _cpu_sec(pid) + time.process_time() - cpu
        begun = time.monotonic()
        same &= _ask(here, question) == answer
        rows.append((whole, own, time.monotonic() - begun, whole - own, cpu - own_cpu))
    columns = zip(*rows[1:], strict=True)  # the first warms up
    whole, own, local, over, over_cpu = (1000 * statistics.median(values) for values in columns)
    return Overhead(whole, own, local, over, over_cpu, same, len(rows) - 1)


def run_fleet(config: MllmConfig, robots: int, seconds: float, pid: int | None) -> FleetReport:
    """Have ``robots`` ask the engine of ``config`` for ``seconds``.

    Args:
        config: of a served MLLM.
        robots: each has a connection, an image and words of its own.
        seconds: after which none begins another question.
        pid: the engine's process where it runs on this machine; its memory is looked at.
    """
    questions = questions_of(factory.load_served(config).dialect, robots)
    alone = [_ask(factory.load_served(config), question) for question in questions]
    report, lost, took = FleetReport(robots), Counter[str](), [[0.0][:0] for _ in questions]
    guard, begun = threading.Lock(), time.monotonic()

    def robot(number: int) -> None:
        mllm = factory.load_served(config)
        while time.monotonic() - begun < seconds:
            asked = time.monotonic()
            try:
                said = _ask(mllm, questions[number])
            except PPCRError as error:
                with guard:
                    lost[type(error).__name__] += 1
                continue
            with guard:
                took[number].append(time.monotonic() - asked)
                report.crossed += said != alone[number]

    threads = [threading.Thread(target=robot, args=(number,)) for number in range(robots)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if pid is not None:
            report.memory_mb.append(_memory_mb(pid))
        for thread in threads[:1]:
            thread.join(_SAMPLE_SEC)
        threads = [thread for thread in threads if thread.is_alive()]
    each = sorted(len(times) for times in took)
    every = sorted(sec for times in took for sec in times)
    report.seconds, report.lost = time.monotonic() - begun, dict(lost)
    report.answered, report.least, report.most = sum(each), each[0], each[-1]
    if every:
        report.median_sec, report.slowest_sec = statistics.median(every), every[-1]
    return report


def _ask(mllm: Any, question: Question) -> str:
    conversation = mllm.open(question.frame)
    answer = conversation.ask(question.turn, max_new_tokens=_TOKENS, cancel=CancelToken())
    return str(answer.text)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _newest(times: Path, known: int) -> tuple[float, float]:
    """Seconds and CPU seconds behind the ``known`` lines; the engine writes after its answer."""
    while len(lines := _lines(times)) <= known:
        threading.Event().wait(0.01)
    wall, cpu = lines[known].split(",")
    return float(wall), float(cpu)


def _cpu_sec(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


@contextmanager
def engine_of(args: argparse.Namespace, times: Path | None) -> Iterator[tuple[MllmConfig, Any]]:
    """The configuration of the named engine, or of one that is started for the time."""

    def asked(family: str, endpoint: str, model: str) -> MllmConfig:
        return MllmConfig(
            family="served", served_family=family, endpoint=endpoint, model=model,
            first_token_timeout_sec=600.0, answer_timeout_sec=600.0,
        )  # fmt: skip

    if args.endpoint:
        yield asked(args.served_family, args.endpoint, args.model), None
        return
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = with_spoken_places(Path(folder) / "ppcr-tiny")
        engine = EngineProcess(checkpoint, Path(folder) / "log", times)
        engine.start()
        try:
            pid = None if engine.process is None else engine.process.pid
            yield asked("ppcr_tiny", engine.endpoint, engine.model), pid
        finally:
            engine.kill()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ppcr_lab.bench.served", description=__doc__)
    parser.add_argument("what", choices=("overhead", "fleet"))
    parser.add_argument("--endpoint", default="", help="of an engine that runs; default: start one")
    parser.add_argument("--served-family", default="qwen3_vl")
    parser.add_argument("--model", default="", help="the name under which the engine serves it")
    parser.add_argument("--robots", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=3, help="of the twelve questions")
    args = parser.parse_args()
    if args.what == "overhead" and args.endpoint:
        parser.error("overhead needs the engine's own times, and so an engine that it starts.")
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times" if args.what == "overhead" else None
        with engine_of(args, times) as (config, pid):
            found: Any = (
                run_fleet(config, args.robots, args.minutes * 60, pid)
                if times is None
                else measure_overhead(config, pid, times, args.repeats)
            )
    print(json.dumps(asdict(found), indent=2))


if __name__ == "__main__":
    main()
