"""Many robots that ask one engine at once: how long each waits, and whether each gets its own."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models import factory

Question = tuple[Frame, Turn]
_TOKENS = 64


@dataclass
class FleetReport:
    """Answers that a fleet got.

    Attributes:
        robots: that asked at once.
        seconds: for which they asked.
        answered: whole answers, of all robots.
        lost: questions without an answer, by the error's name.
        crossed: answers that were not those of the own image and words.
        least: answers of the robot that got the fewest.
        most: of the one that got the most.
        median_sec: of a question; 0 where none was answered.
        slowest_sec: of the one that took longest.
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


def questions_of(family: Any, n: int) -> list[Question]:
    """``n`` different questions of stage 1, of the recorded frames and their commands."""
    scenes = load_recording(None).scenes
    frames = [Frame(rgb=scene.view.rgb) for scene in scenes]
    turns = [family.semantic_turn(command.text) for scene in scenes for command in scene.commands]
    places = [divmod(number, len(frames)) for number in range(n)]
    return [(frames[k], turns[(k + lap) % len(turns)]) for lap, k in places]


def run_fleet(config: MllmConfig, robots: int, seconds: float) -> FleetReport:
    """Have ``robots`` ask the engine of ``config`` for ``seconds``.

    Every question is asked once before, alone; each later answer to it is held against that one.

    Args:
        config: of a served MLLM.
        robots: each has a connection, an image and words of its own.
        seconds: after which none begins another question.

    Raises:
        PPCRError: when the engine does not answer a question that is asked alone.
    """
    questions = questions_of(factory.load_served(config).dialect, robots)
    mllms = [factory.load_served(config) for _ in questions]
    alone = [_ask(mllm, question) for mllm, question in zip(mllms, questions, strict=True)]
    report, lost = FleetReport(robots), Counter[str]()
    took: list[list[float]] = [[] for _ in questions]
    guard, begun = threading.Lock(), time.monotonic()

    def drive(number: int) -> None:
        while time.monotonic() - begun < seconds:
            asked = time.monotonic()
            try:
                answer = _ask(mllms[number], questions[number])
            except PPCRError as error:
                with guard:
                    lost[type(error).__name__] += 1
                continue
            with guard:
                took[number].append(time.monotonic() - asked)
                report.crossed += answer != alone[number]

    threads = [threading.Thread(target=drive, args=(number,)) for number in range(robots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    each = sorted(len(times) for times in took)
    every = sorted(sec for times in took for sec in times)
    report.seconds, report.lost = time.monotonic() - begun, dict(lost)
    report.answered, report.least, report.most = sum(each), each[0], each[-1]
    if every:
        report.median_sec, report.slowest_sec = statistics.median(every), every[-1]
    return report


def _ask(mllm: Any, question: Question) -> str:
    frame, turn = question
    answer = mllm.open(frame).ask(turn, max_new_tokens=_TOKENS, cancel=CancelToken())
    return str(answer.text)
