"""Worker: one command after the other on the newest frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import ResultLog
from ppcr_ros.core.config import Config, NodeConfig
from ppcr_ros.core.errors import InvalidFrameError, TargetCleared
from ppcr_ros.core.types import Frame, Result, StageOutput, Status
from ppcr_ros.service.requests import Snapshot


class Outlet(ResultLog):
    """Fails where it is broken."""

    broken = False

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        if self.broken:
            raise RuntimeError("no publisher")
        super().stage(output, frame, command_id)

    def result(self, result: Result, frame: Frame | None) -> None:
        super().result(result, frame)
        if self.broken:
            raise RuntimeError("no publisher")


@pytest.fixture
def bench(make_bench: Callable[..., Any]) -> Any:
    return make_bench(
        Config(node=NodeConfig(frame_timeout_sec=20.0, max_image_age_sec=120.0)), Outlet()
    )


def snapshot(number: int) -> Snapshot:
    frame = Frame(np.full((40, 60, 3), number, np.uint8), stamp_ns=number, frame_id="camera")
    return Snapshot(lambda: frame, stamp_ns=number, frame_id="camera")


def test_a_command_runs_on_the_newest_frame(bench: Any) -> None:
    for number in (1, 2, 3):
        bench.worker.offer(snapshot(number))
    command_id = bench.worker.submit("the red mug")
    (result,) = bench.results(1)
    assert (result.status, result.stamp_ns, result.frame_id) == (Status.OK, 3, "camera")
    assert result.command_id == command_id
    assert [name for name, _ in bench.outlet.stages] == [command_id] * 3
    assert bench.outlet.frames[0] is bench.scripted.mllm.frames[0]


def test_frames_that_no_command_needs_are_never_converted(bench: Any) -> None:
    converted: list[int] = []

    def convert(number: int) -> Frame:
        converted.append(number)
        return snapshot(number).convert()

    for number in range(50):
        bench.worker.offer(Snapshot(lambda number=number: convert(number)))  # type: ignore[misc]
    bench.worker.submit("the red mug")
    bench.results(1)
    assert converted == [49]
    report = bench.worker.report()
    assert (report.frames_received, report.frames_used, report.frames_refused) == (50, 1, 0)


def test_a_new_command_cancels_the_running_one_and_those_that_wait(bench: Any) -> None:
    mllm = bench.scripted.mllm
    mllm.gate.clear()
    bench.worker.offer(snapshot(1))
    ids = [bench.worker.submit("the first")]
    assert mllm.asked.wait(20)
    ids += [bench.worker.submit("the second"), bench.worker.submit("the third")]
    mllm.gate.set()
    results = bench.results(3)
    assert [result.status for result in results] == [
        Status.CANCELLED,
        Status.CANCELLED,
        Status.OK,
    ]
    assert [result.command_id for result in results] == ids
    assert "a newer command came: 'the second'" in results[0].message


def test_a_run_overtaken_in_its_last_stage_ends_as_cancelled(bench: Any) -> None:
    entered, leave = threading.Event(), threading.Event()
    segment = bench.scripted.segmenter.segment

    def slow(*arguments: Any) -> Any:
        entered.set()
        assert leave.wait(20)
        return segment(*arguments)

    bench.scripted.segmenter.segment = slow
    bench.worker.offer(snapshot(1))
    bench.worker.submit("the first")
    assert entered.wait(20)
    bench.worker.submit("stop")
    leave.set()
    first, stop = bench.results(2)
    assert first.status is Status.CANCELLED
    assert first.segmentation is None
    assert first.grasp is None
    assert stop.message == str(TargetCleared())


def test_stop_needs_no_frame_and_clears_the_target(bench: Any) -> None:
    bench.worker.submit(" Stop! ")
    (result,) = bench.results(1)
    assert (result.status, result.message) == (Status.CANCELLED, str(TargetCleared()))
    assert bench.outlet.clearings == 1


@pytest.mark.parametrize("command", ["", " \n\t ", "\x00\x07\x1b", "?!" * 5_000_000])
def test_an_unreadable_command_is_an_error_and_leaves_the_running_one_alone(
    bench: Any, command: str
) -> None:
    mllm = bench.scripted.mllm
    mllm.gate.clear()
    bench.worker.offer(snapshot(1))
    bench.worker.submit("the red mug")
    assert mllm.asked.wait(20)
    bench.worker.submit(command)
    mllm.gate.set()
    good, bad = bench.results(2)
    assert good.status is Status.OK
    assert bad.status is Status.ERROR
    assert "has no letter or digit" in bad.message
    assert len(bad.message) < 300
    assert bad.command == ""


def test_a_command_of_ten_megabytes_is_cut(bench: Any) -> None:
    bench.worker.offer(snapshot(1))
    bench.worker.submit("red mug " * 1_250_000)
    (result,) = bench.results(1)
    assert result.status is Status.OK
    assert len(result.command) <= 400


def test_a_command_waits_for_the_first_frame(bench: Any) -> None:
    bench.worker.submit("the red mug")
    bench.eventually(lambda: bench.worker.report().state == "waiting for an image")
    bench.worker.offer(snapshot(7))
    assert bench.results(1)[0].stamp_ns == 7


def test_without_a_frame_a_command_ends_as_error_that_says_what_to_check(bench: Any) -> None:
    bench.limits(frame_timeout_sec=0.1)
    bench.worker.submit("the red mug")
    (result,) = bench.results(1)
    assert result.status is Status.ERROR
    assert "frame_timeout_sec (0.1 s): none has arrived" in result.message
    assert result.message.endswith("the camera is unplugged.")


def test_a_frame_older_than_the_limit_is_not_used(bench: Any) -> None:
    bench.limits(max_image_age_sec=0.05, frame_timeout_sec=0.2)
    bench.worker.offer(snapshot(1))
    threading.Event().wait(0.1)  # the frame has to grow old
    bench.worker.submit("the red mug")
    (result,) = bench.results(1)
    assert result.status is Status.ERROR
    assert "s old when the command came, and node.max_image_age_sec is 0.05" in result.message
    bench.limits(frame_timeout_sec=20.0)
    bench.worker.submit("the red mug")
    bench.eventually(lambda: bench.worker.report().state == "waiting for an image")
    bench.worker.offer(snapshot(2))
    assert bench.results(2)[1].stamp_ns == 2


def test_a_waiting_command_is_cancelled_by_a_newer_one(bench: Any) -> None:
    bench.worker.submit("the first")
    bench.eventually(lambda: bench.worker.report().state == "waiting for an image")
    bench.worker.submit("the second")
    bench.worker.offer(snapshot(1))
    assert [item.status for item in bench.results(2)] == [Status.CANCELLED, Status.OK]


def test_an_unusable_frame_is_an_error_with_the_images_stamp(bench: Any) -> None:
    def convert() -> Frame:
        raise InvalidFrameError("the image is 0x0 pixels.")

    bench.worker.offer(Snapshot(convert, stamp_ns=5, frame_id="camera"))
    bench.worker.submit("the red mug")
    (result,) = bench.results(1)
    assert (result.status, result.message) == (Status.ERROR, "the image is 0x0 pixels.")
    assert (result.stamp_ns, result.frame_id) == (5, "camera")
    assert bench.worker.report().frames_refused == 1


@pytest.mark.parametrize("where", ["convert", "model", "outlet"])
def test_the_thread_outlives_every_exception(bench: Any, where: str) -> None:
    def convert() -> Frame:
        raise MemoryError("no memory")

    bench.outlet.broken = where == "outlet"
    bench.worker.offer(Snapshot(convert) if where == "convert" else snapshot(1))
    bench.worker.submit("explode" if where == "model" else "the red mug")
    (first,) = bench.results(1)
    if where == "outlet":
        assert first.status is Status.OK
        assert any("publishing a result: no publisher" in item for item in bench.exceptions)
    else:
        assert first.status is Status.ERROR
        assert "no memory" in first.message or "CUDA out of memory" in first.message
    bench.outlet.broken = False
    bench.worker.offer(snapshot(2))
    bench.worker.submit("the red mug")
    assert bench.results(2)[1].status is Status.OK


def test_a_flood_of_commands_gives_one_result_each_in_order(bench: Any) -> None:
    bench.worker.offer(snapshot(1))
    ids = [bench.worker.submit(f"object {number}") for number in range(200)]
    results = bench.results(200)
    assert [result.command_id for result in results] == ids
    assert results[-1].status is Status.OK
    assert {result.status for result in results} <= {Status.OK, Status.CANCELLED}


def test_close_ends_the_running_and_the_waiting_command(bench: Any) -> None:
    bench.scripted.mllm.gate.clear()
    bench.worker.offer(snapshot(1))
    bench.worker.submit("the red mug")
    assert bench.scripted.mllm.asked.wait(20)
    bench.worker.close("the node was deactivated.")
    (result,) = bench.results(1)
    assert (result.status, result.message) == (Status.CANCELLED, "the node was deactivated.")
    assert not any(item.name == "ppcr-worker" for item in threading.enumerate())


def test_the_report_keeps_the_last_result_and_times_but_no_mask(bench: Any) -> None:
    bench.worker.offer(snapshot(1))
    bench.worker.submit("the red mug")
    bench.results(1)
    bench.worker.submit("explode")
    bench.results(2)
    report = bench.worker.report()
    assert report.commands == 2
    assert report.last is not None
    assert report.last.segmentation is None
    assert report.last_error == "RuntimeError: CUDA out of memory"
    assert len(report.seconds) == 1
    assert report.seconds[0].total > 0


class Heard:
    """A listener of one request."""

    def __init__(self, results: list[str]) -> None:
        self.stages: list[StageOutput] = []
        self.results: list[Result] = []
        self._order = results

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        self.stages.append(output)

    def result(self, result: Result, frame: Frame | None) -> None:
        self._order.append("listener")
        self.results.append(result)


def test_an_order_has_its_own_image_and_its_own_listener(bench: Any) -> None:
    request: list[str] = []
    outlet_result = bench.outlet.result

    def noting(result: Result, frame: Frame | None) -> None:
        request.append("outlet")
        outlet_result(result, frame)

    bench.outlet.result = noting  # type: ignore[method-assign]
    heard = Heard(request)
    bench.worker.offer(snapshot(1))
    bench.worker.submit("the red mug", image=snapshot(9), listener=heard)
    bench.eventually(lambda: heard.results)
    bench.worker.submit("the red mug")
    first, second = bench.results(2)
    assert (first.stamp_ns, second.stamp_ns) == (9, 1)
    assert heard.results == [first]
    assert len(heard.stages) == 3
    assert request == ["outlet", "listener", "outlet"]
    assert bench.worker.report().frames_used == 1


def test_one_command_can_be_cancelled_by_its_id(bench: Any) -> None:
    bench.scripted.mllm.gate.clear()
    bench.worker.offer(snapshot(1))
    command_id = bench.worker.submit("the red mug")
    assert bench.scripted.mllm.asked.wait(20)
    assert not bench.worker.cancel("another", "no reason")
    assert bench.worker.cancel(command_id, "the client went away.")
    (result,) = bench.results(1)
    assert (result.status, result.message) == (Status.CANCELLED, "the client went away.")
    bench.eventually(lambda: not bench.worker.cancel(command_id, "too late"))


def test_a_command_that_takes_too_long_is_cancelled(bench: Any) -> None:
    bench.scripted.mllm.gate.clear()
    bench.worker.offer(snapshot(1))
    bench.worker.submit("the red mug", timeout_sec=0.1)
    (result,) = bench.results(1)
    assert result.status is Status.CANCELLED
    assert result.message == "the command timed out: there was no result within 0.1 s."


def test_a_closed_worker_tells_the_listener_at_once(bench: Any) -> None:
    bench.worker.close("the node was deactivated.")
    heard = Heard([])
    command_id = bench.worker.submit("the red mug", listener=heard)
    (result,) = heard.results
    assert (result.status, result.command_id) == (Status.CANCELLED, command_id)
    assert result.message == "the node was deactivated."
    assert bench.outlet.results == []


def test_what_follows_a_result_runs_on_the_workers_thread_before_the_next(bench: Any) -> None:
    request: list[str] = []

    def after(result: Result) -> None:
        request.append(f"after {result.command} on {threading.current_thread().name}")
        raise RuntimeError("no memory to go on with")

    bench.after_result = after
    bench.worker.offer(snapshot(1))
    bench.worker.submit("the red mug")
    bench.results(1)
    bench.eventually(lambda: request == ["after the red mug on ppcr-worker"])
    bench.worker.submit("the red cup")
    assert bench.results(2)[1].status is Status.OK
    bench.eventually(lambda: len(request) == 2)
    assert any("no memory to go on with" in item for item in bench.exceptions)


def test_frames_that_a_newer_one_replaced_unused_are_counted_as_dropped(bench: Any) -> None:
    for number in range(5):
        bench.worker.offer(snapshot(number))
    assert bench.worker.report().frames_dropped == 4
    bench.worker.submit("the red mug")
    bench.results(1)
    bench.worker.offer(snapshot(5))  # replaces one that was used
    now = bench.worker.report()
    assert (now.frames_received, now.frames_used, now.frames_dropped) == (6, 1, 4)


def test_commands_are_counted_by_how_they_ended_and_an_error_has_its_time(bench: Any) -> None:
    assert bench.worker.report().last_error_unix_sec == 0
    before = time.time()
    bench.worker.offer(snapshot(1))
    for count, command in enumerate(("the red mug", "the unicorn", "explode", "a mug", "stop"), 1):
        bench.worker.submit(command)
        bench.results(count)
    report = bench.worker.report()
    others = dict.fromkeys((Status.NOT_FOUND, Status.ERROR, Status.CANCELLED), 1)
    assert report.endings == {Status.OK: 2, **others}
    assert before <= report.last_error_unix_sec <= time.time()
    assert (report.commands, "out of memory" in report.last_error) == (5, True)
