"""Commands at 100 Hz, each overtaken by the next: each must have exactly one result."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any

from ppcr_lab.robustness.node_bench import NodeBench, image_of
from ppcr_lab.robustness.outcome import FaultOutcome, Plan, is_unexpected
from ppcr_lab.robustness.scripted import scripted_pipeline
from ppcr_lab.sim.recording import load_recording
from ppcr_ros.service.warm_up import PipelineFactory, build_models

RATE_HZ = 100.0
_ANSWER_SEC = 0.03
_ENDLESS = {"node.max_image_age_sec": 3600.0}


def run(plan: Plan) -> FaultOutcome:
    outcome = FaultOutcome("command_flood")
    seconds = plan.of(10, 2)
    slow: PipelineFactory = partial(scripted_pipeline, answer_sec=_ANSWER_SEC)
    _flood("scripted", slow, seconds, outcome)
    if not plan.short:
        _flood("embedded", build_models, seconds, outcome)
    return outcome


def _flood(name: str, factory: PipelineFactory, seconds: int, outcome: FaultOutcome) -> None:
    count = int(seconds * RATE_HZ)
    with NodeBench(factory, _ENDLESS) as bench:
        image: Any = image_of(load_recording().scenes[0].view.rgb)
        bench.show(bench.node.create_publisher(type(image), "/image", 1), image)
        begun = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begun + number / RATE_HZ - time.monotonic()))
            bench.say(f"the red ball number {number}")
        sending_sec = time.monotonic() - begun
        bench.answered(count)
        time.sleep(0.5)  # for a second result of any of them
        results = list(bench.results)
        worker = bench.ppcr.worker
        outcome.figures[f"{name}: commands that reached the worker"] = (
            0 if worker is None else worker.report().commands
        )
    times = Counter(item.command for item in results)
    outcome.tried += count
    outcome.unanswered += sum(
        times[f"the red ball number {number}"] != 1 for number in range(count)
    )
    outcome.unanswered += sum(not item.named for item in results)
    outcome.crashed += sum(is_unexpected(item.message) for item in results)
    outcome.expect(
        len({item.command_id for item in results}) == len(results), "a command_id came twice"
    )
    outcome.figures[f"{name}: rate_hz"] = count / sending_sec
    outcome.figures[f"{name}: statuses"] = dict(Counter(item.status.name for item in results))
    after_sec = results[-1].arrived_sec - begun - sending_sec if results else float("nan")
    outcome.figures[f"{name}: last result after the last command, sec"] = round(after_sec, 3)
