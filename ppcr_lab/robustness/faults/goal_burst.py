"""Goals in one burst, with images of their own: each is accepted or rejected, each accepted one has
its result, and what their images take is given back.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile

from ppcr_lab.robustness.node_bench import NodeBench, image_of
from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.scripted import scripted_pipeline
from ppcr_ros.action import SegmentReferring
from ppcr_ros.core.memory import rss_bytes

_ANSWER_SEC = 0.02
_WAIT_SEC = 600.0
_DEEP = QoSProfile(depth=2000)
_GROWTH_MB = 200.0
_QUIET_SEC = 0.3
_LARGE_PX = (1080, 1920)


def run(plan: Plan) -> FaultOutcome:
    outcome = FaultOutcome("goal_burst")
    with NodeBench(partial(scripted_pipeline, answer_sec=_ANSWER_SEC)) as bench:
        client = ActionClient(
            bench.node, SegmentReferring, "/ppcr/segment",
            goal_service_qos_profile=_DEEP, result_service_qos_profile=_DEEP,
            feedback_sub_qos_profile=_DEEP,
        )  # fmt: skip
        bench.until(client.server_is_ready)
        small = image_of(np.zeros((48, 64, 3), np.uint8), 10**9, "own")
        _burst(bench, client, plan.of(1_000, 150), small, outcome, "small")
        large = image_of(np.zeros((*_LARGE_PX, 3), np.uint8), 10**9, "own")
        before_mb = (rss_bytes() or 0) / 1e6
        for _ in range(plan.of(12, 2)):
            _burst(bench, client, 10, large, outcome, "large")
        grown_mb = (rss_bytes() or 0) / 1e6 - before_mb
    outcome.figures["memory kept after the large ones, MB"] = round(grown_mb, 1)
    outcome.expect(grown_mb < _GROWTH_MB, f"{grown_mb:.0f} MB were kept")
    return outcome


def _burst(
    bench: NodeBench, client: Any, count: int, image: Any, outcome: FaultOutcome, name: str
) -> None:
    heard_before = len(bench.results)
    goals = [
        SegmentReferring.Goal(command=f"the mug number {number}", image=image)
        for number in range(count)
    ]
    asked: dict[str, Any] = {}

    def ask(words: str, accepted: Any) -> None:
        handle = accepted.result()
        if handle.accepted:  # at once: a result is kept for half a minute
            asked[words] = handle.get_result_async()

    sent = []
    for goal in goals:
        sent.append(client.send_goal_async(goal))
        sent[-1].add_done_callback(partial(ask, goal.command))
    bench.until(lambda: all(future.done() for future in sent), _WAIT_SEC)
    handles = [future.result() for future in sent if future.done()]
    accepted = sum(handle.accepted for handle in handles)
    bench.until(lambda: len(asked) == accepted, _WAIT_SEC)
    results = list(asked.items())
    bench.until(lambda: all(future.done() for _, future in results), _WAIT_SEC)
    ended = [(words, future.result().result.result) for words, future in results if future.done()]
    outcome.tried += count
    outcome.unanswered += (count - len(handles)) + (len(results) - len(ended))
    bench.until(lambda: len(bench.results) >= heard_before + accepted, _WAIT_SEC)
    time.sleep(_QUIET_SEC)  # for a second result of any of them
    times = Counter(item.command for item in bench.results[heard_before:])
    outcome.unanswered += sum(times[words] != 1 for words in asked)
    crossed = sum(result.command != words for words, result in ended if result.command)
    # A machine that is busy asks for some results after the half minute that they are kept.
    late = sum(not result.command for _, result in ended)
    outcome.expect(not crossed, f"{crossed} goals got another's result")
    figures = {"sent": count, "accepted": len(results), "rejected": len(handles) - len(results)}
    figures |= {"results": len(ended) - late, "asked for too late": late}
    before = outcome.figures.get(name, {})
    assert isinstance(before, dict)
    outcome.figures[name] = {key: int(before.get(key, 0)) + n for key, n in figures.items()}
