"""The same command again while it is carried out: each has its result, and none ends another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import ResultLog
from ppcr_ros.core.config import Config
from ppcr_ros.core.types import Frame, Status
from ppcr_ros.service.requests import Snapshot

Eventually = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def bench(make_bench: Callable[..., Any]) -> Any:
    bench = make_bench(Config())
    bench.show()
    return bench


def test_the_same_command_joins_the_one_that_runs(bench: Any) -> None:
    first = bench.running("the red mug")
    others = [bench.worker.submit(words) for words in ("the red mug", "The red  mug")]
    assert len({first, *others}) == 3
    bench.gate.set()
    assert bench.ended(3) == dict.fromkeys((first, *others), Status.OK)
    assert [result.command for result in bench.outlet.results][2] == "The red mug"
    assert len(bench.scripted.mllm.frames) == 1


def test_another_command_still_ends_all_of_them(bench: Any) -> None:
    first = bench.running("the red mug")
    second = bench.worker.submit("the red mug")
    third = bench.worker.submit("the green mug")
    bench.gate.set()
    assert bench.ended(3) == {
        first: Status.CANCELLED,
        second: Status.CANCELLED,
        third: Status.OK,
    }


def test_who_joined_goes_on_where_the_first_one_is_cancelled(bench: Any) -> None:
    first = bench.running("the red mug")
    second, third = (bench.worker.submit("the red mug") for _ in range(2))
    assert bench.worker.cancel(first, "its client went away")
    bench.gate.set()
    endings = bench.ended(3)
    assert endings == {first: Status.CANCELLED, second: Status.OK, third: Status.OK}


def test_who_joined_can_be_cancelled_alone(bench: Any) -> None:
    first = bench.running("the red mug")
    second = bench.worker.submit("the red mug")
    assert bench.worker.cancel(second, "its client went away")
    bench.gate.set()
    assert bench.ended(2) == {first: Status.OK, second: Status.CANCELLED}
    told = {result.command_id: result.message for result in bench.outlet.results}
    assert told[second] == "its client went away"


def test_who_joined_has_the_feedback_too(bench: Any) -> None:
    bench.running("the red mug")
    listener = ResultLog()
    second = bench.worker.submit("the red mug", listener=listener)
    bench.gate.set()
    bench.ended(2)
    assert {command_id for command_id, _ in listener.stages} == {second}
    assert [result.command_id for result in listener.results] == [second]


def test_an_image_of_its_own_does_not_join(bench: Any) -> None:
    first = bench.running("the red mug")
    frame = Frame(np.full((40, 60, 3), 9, np.uint8), stamp_ns=2)
    second = bench.worker.submit("the red mug", image=Snapshot(lambda: frame, stamp_ns=2))
    bench.gate.set()
    assert bench.ended(2) == {first: Status.CANCELLED, second: Status.OK}


def test_a_point_of_its_own_does_not_join(bench: Any) -> None:
    first = bench.running("the red mug")
    second = bench.worker.submit("the red mug", point_xy_px=(5.0, 5.0))
    bench.gate.set()
    assert bench.ended(2)[first] is Status.CANCELLED
    assert second in bench.outlet.endings


def test_a_closed_worker_ends_all_of_them(bench: Any) -> None:
    first = bench.running("the red mug")
    second = bench.worker.submit("the red mug")
    bench.worker.close("it was switched off")
    assert bench.outlet.endings == dict.fromkeys((first, second), Status.CANCELLED)


def test_ten_times_a_second_each_run_has_a_result(bench: Any, eventually: Eventually) -> None:
    """A behaviour tree's tick, for two seconds, at a model that takes 0.3 s."""
    mllm = bench.scripted.mllm
    mllm.gate.clear()
    pulse_ends = threading.Event()

    def pulse() -> None:
        while not pulse_ends.wait(0.15):  # two turns a run
            mllm.gate.set()
            mllm.gate.clear()

    ticking = threading.Thread(target=pulse)
    ticking.start()
    ids = []
    started = time.monotonic()
    try:
        while time.monotonic() - started < 2.0:
            ids.append(bench.worker.submit("the red mug"))
            pulse_ends.wait(0.1)
        pulse_ends.set()
    finally:
        ticking.join()
        mllm.gate.set()
    eventually(lambda: len(bench.outlet.results) >= len(ids))
    assert bench.outlet.endings == dict.fromkeys(ids, Status.OK)
    assert len(bench.scripted.mllm.frames) < len(ids)
