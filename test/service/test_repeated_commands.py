"""The same command again while it is carried out: each has its result, and none ends another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import ResultLog
from ppcr_ros.core.config import Config, NodeConfig
from ppcr_ros.core.types import Frame, Result, Status
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


def without_image(make_bench: Callable[..., Any]) -> Any:
    """A bench whose commands wait long for an image."""
    return make_bench(Config(node=NodeConfig(frame_timeout_sec=20.0)))


def test_who_joined_ends_by_its_own_timeout_while_the_first_runs(bench: Any) -> None:
    first = bench.running("the red mug")
    second = bench.worker.submit("the red mug", timeout_sec=0.05)
    third = bench.worker.submit("the red mug")
    assert bench.ended(1) == {second: Status.CANCELLED}
    assert "within 0.05 s" in bench.outlet.results[0].message
    bench.gate.set()
    assert bench.ended(3) == {second: Status.CANCELLED, first: Status.OK, third: Status.OK}
    assert len(bench.scripted.mllm.frames) == 1


def test_who_joined_is_cancelled_at_once_while_the_first_runs(bench: Any) -> None:
    first = bench.running("the red mug")
    second = bench.worker.submit("the red mug")
    assert bench.worker.cancel(second, "its client went away")
    assert bench.ended(1) == {second: Status.CANCELLED}
    assert not bench.worker.cancel(second, "again")
    bench.gate.set()
    assert bench.ended(2)[first] is Status.OK


def test_who_joined_ends_at_once_while_the_first_waits_for_an_image(
    make_bench: Callable[..., Any],
) -> None:
    bench = without_image(make_bench)
    first = bench.worker.submit("the red mug")
    bench.until_state("waiting for an image")
    second = bench.worker.submit("the red mug", timeout_sec=0.05)
    third, fourth = (bench.worker.submit("the red mug") for _ in range(2))
    assert bench.ended(1) == {second: Status.CANCELLED}
    assert bench.worker.cancel(third, "its client went away")
    assert bench.ended(2)[third] is Status.CANCELLED
    bench.show()
    endings = bench.ended(4)
    assert (endings[first], endings[fourth]) == (Status.OK, Status.OK)
    assert [item.command_id for item in bench.outlet.results] == [second, third, first, fourth]


def test_the_first_ends_alone_while_all_wait_for_an_image(make_bench: Callable[..., Any]) -> None:
    bench = without_image(make_bench)
    first = bench.worker.submit("the red mug", timeout_sec=0.05)
    second, third = (bench.worker.submit("the red mug") for _ in range(2))
    assert bench.ended(1) == {first: Status.CANCELLED}
    bench.show()
    assert bench.ended(3) == {first: Status.CANCELLED, second: Status.OK, third: Status.OK}


def test_a_third_one_joins_who_joined_a_cancelled_one(bench: Any) -> None:
    holding, go_on, encode = threading.Event(), threading.Event(), bench.pipeline.segmenter.encode

    def hold(frame: Frame) -> Any:  # stage 3 ends later than it is cancelled
        holding.set()
        assert go_on.wait(20)
        return encode(frame)

    bench.pipeline.segmenter.encode = hold
    first = bench.running("the red mug")
    second = bench.worker.submit("the red mug")
    bench.gate.set()
    assert holding.wait(20)
    assert bench.worker.cancel(first, "its client went away")
    third, fourth = (bench.worker.submit("the red mug") for _ in range(2))
    go_on.set()
    endings = bench.ended(4)
    assert endings == {
        first: Status.CANCELLED,
        second: Status.OK,
        third: Status.OK,
        fourth: Status.OK,
    }


class AnsweringOutlet(ResultLog):
    """Does something as soon as a certain command has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.then: dict[str, Callable[[], Any]] = {}

    def result(self, result: Result, frame: Frame | None) -> None:
        super().result(result, frame)
        self.then.pop(result.command_id, lambda: None)()


def close_meanwhile(bench: Any) -> None:
    """Begin to close the worker on another thread; returns once it takes no commands any more."""

    def refused() -> bool:
        heard = ResultLog()
        bench.worker.submit("?!", listener=heard)
        return bool(heard.results)

    threading.Thread(target=bench.worker.close).start()
    bench.eventually(refused)


@pytest.mark.parametrize("end", ["stop", "the blue ball", "close", "cancel"])
def test_nothing_is_lost_while_the_end_of_the_first_is_told(
    make_bench: Callable[..., Any], end: str
) -> None:
    """What ends the others comes between the ends of the first and of one that had joined it."""
    outlet = AnsweringOutlet()
    bench = make_bench(Config(), outlet)
    bench.show()
    first = bench.running("the red mug")
    second, third = (bench.worker.submit("the red mug") for _ in range(2))
    ends: dict[str, Callable[[], Any]] = {
        "close": lambda: close_meanwhile(bench),
        "cancel": lambda: bench.worker.cancel(second, "its client went away"),
    }
    outlet.then[first] = lambda: bench.worker.cancel(third, "its client went away")
    outlet.then[third] = ends.get(end, lambda: bench.worker.submit(end))
    assert bench.worker.cancel(first, "its client went away")
    assert bench.ended(3).keys() >= {first, second, third}
    assert {outlet.endings[item] for item in (first, second, third)} == {Status.CANCELLED}


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
