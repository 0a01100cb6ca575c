"""Images that the models read before a command: which, when, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import ResultLog
from ppcr_ros.core.config import Config, NodeConfig
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Frame, Result, Status
from ppcr_ros.service.read_ahead import ReadAhead
from ppcr_ros.service.requests import CommandRequest, Snapshot

Eventually = Callable[[Callable[[], Any]], Any]
PATIENT = {"max_image_age_sec": 120.0, "frame_timeout_sec": 20.0}


def config(rate_hz: float, **options: Any) -> Config:
    return Config(node=NodeConfig(read_ahead_max_rate_hz=rate_hz, **{**PATIENT, **options}))


def snapshot(number: int, camera: str = "") -> Snapshot:
    def convert() -> Frame:  # a new object each time, as the node's converter makes it
        return Frame(np.full((40, 60, 3), number, np.uint8), stamp_ns=number, frame_id="camera")

    return Snapshot(convert, stamp_ns=number, frame_id="camera", camera=camera)


def read_frame(image: Snapshot) -> ReadFrame:
    return ReadFrame(image.convert(), conversation=None, embedding=None, reader=None)  # type: ignore[arg-type]


def request(arrived_sec: float, **values: Any) -> CommandRequest:
    return CommandRequest("id", "the red mug", arrived_sec, **values)


class Clock:
    def __init__(self) -> None:
        self.now_sec = 100.0

    def __call__(self) -> float:
        return self.now_sec


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_none_is_read_unless_asked_for(clock: Clock) -> None:
    assert ReadAhead(LiveConfig(Config()), clock_sec=clock).pause_sec(snapshot(1)) is None


def test_each_image_is_read_once_and_not_above_the_rate(clock: Clock) -> None:
    live = LiveConfig(config(2.0))
    ahead = ReadAhead(live, clock_sec=clock)
    first, second = snapshot(1), snapshot(2)
    assert ahead.pause_sec(None) is None
    assert ahead.pause_sec(first) == 0.0
    assert ahead.begin(first, clock.now_sec).snapshot is first
    assert ahead.pause_sec(first) is None
    assert ahead.pause_sec(second) == pytest.approx(0.5)
    clock.now_sec += 0.2
    assert ahead.pause_sec(second) == pytest.approx(0.3)
    clock.now_sec += 0.4
    assert ahead.pause_sec(second) == 0.0
    live.replace(Config())
    assert ahead.pause_sec(second) is None


def test_a_request_takes_it_once_and_the_image_may_be_read_again(clock: Clock) -> None:
    ahead = ReadAhead(LiveConfig(config(2.0)), clock_sec=clock)
    image = snapshot(1)
    ahead.begin(image, 100.0)
    read = read_frame(image)
    ahead.keep(read)
    assert ahead.take(request(101.0)) == (image, read)
    assert ahead.take(request(101.0)) is None
    clock.now_sec += 1.0
    assert ahead.pause_sec(image) == 0.0


@pytest.mark.parametrize(
    "other",
    [
        request(220.1),  # by then the image is older than 120 s
        request(101.0, camera="wrist"),
        request(101.0, image=snapshot(3)),
        request(101.0, reask=True),
    ],
    ids=["too old", "another camera", "an image of its own", "asked again"],
)
def test_whose_image_it_is_not_does_not_get_it(other: CommandRequest, clock: Clock) -> None:
    ahead = ReadAhead(LiveConfig(config(2.0)), clock_sec=clock)
    image = snapshot(1)
    ahead.begin(image, 100.0)
    ahead.keep(read_frame(image))
    assert ahead.take(other) is None


def test_one_that_is_not_read_yet_is_not_taken(clock: Clock) -> None:
    ahead = ReadAhead(LiveConfig(config(2.0)), clock_sec=clock)
    ahead.begin(snapshot(1), 100.0)
    assert ahead.take(request(101.0)) is None


def test_after_a_failure_it_waits_for_the_next_command(clock: Clock) -> None:
    ahead = ReadAhead(LiveConfig(config(2.0)), clock_sec=clock)
    ahead.begin(snapshot(1), 100.0)
    ahead.stop()
    clock.now_sec += 60.0
    assert ahead.pause_sec(snapshot(2)) is None
    assert ahead.take(request(160.0)) is None
    assert ahead.pause_sec(snapshot(2)) == 0.0


class Outlet(ResultLog):
    """Keeps as well what had been read when each result came."""

    def __init__(self, read: Callable[[], list[int]]) -> None:
        super().__init__()
        self.read: list[list[int]] = []
        self._read = read

    def result(self, result: Result, frame: Frame | None) -> None:
        self.read.append(self._read())
        super().result(result, frame)


@pytest.fixture
def make_bench(make_bench: Callable[..., Any], scripted: Any) -> Callable[[Config], Any]:
    return lambda config: make_bench(
        config, Outlet(lambda: [frame.stamp_ns for frame in scripted.mllm.read])
    )


def test_a_command_is_about_the_image_that_was_read(make_bench: Callable[[Config], Any]) -> None:
    bench = make_bench(config(0.001))  # the next one would be read after a quarter of an hour
    bench.worker.offer(snapshot(1))
    bench.eventually(lambda: bench.worker.report().frames_used == 1 and bench.read())
    bench.worker.offer(snapshot(2))
    bench.worker.submit("the red mug")
    (result,) = bench.results(1)
    assert (result.status, result.stamp_ns, result.seconds.encode) == (Status.OK, 1, 0.0)
    assert bench.outlet.frames[0] is bench.mllm.frames[0]
    assert len(bench.mllm.frames) == 1
    bench.worker.submit("the red mug")
    assert bench.results(2)[1].stamp_ns == 2
    assert bench.read() == [1]


def test_images_are_read_while_nothing_else_is_to_be_done(
    make_bench: Callable[[Config], Any],
) -> None:
    bench = make_bench(config(60.0))
    for number in (1, 2, 3):
        bench.worker.offer(snapshot(number))
        bench.eventually(lambda number=number: bench.read()[-1:] == [number])
    bench.mllm.gate.clear()
    bench.worker.submit("the red mug")
    assert bench.mllm.asked.wait(20)
    bench.worker.offer(snapshot(4))
    bench.mllm.gate.set()
    assert bench.results(1)[0].stamp_ns == 3
    assert bench.outlet.read == [[1, 2, 3]]
    bench.eventually(lambda: bench.read() == [1, 2, 3, 4])
    assert bench.worker.report().state == "idle"


def test_none_is_read_while_a_target_is_followed(make_bench: Callable[[Config], Any]) -> None:
    bench = make_bench(config(60.0, mode="track"))
    bench.worker.offer(snapshot(1))
    bench.eventually(bench.read)
    bench.worker.submit("the red mug")
    bench.eventually(lambda: bench.worker.report().state == "tracking")
    bench.worker.offer(snapshot(2))
    bench.results(2)  # followed into the second image
    assert bench.read() == [1]


def test_the_camera_that_commands_are_for_is_read(make_bench: Callable[[Config], Any]) -> None:
    bench = make_bench(config(60.0, cameras="front, wrist"))
    bench.worker.offer(snapshot(1, "wrist"))
    bench.worker.offer(snapshot(2, "front"))
    bench.eventually(lambda: bench.read() == [2])
    bench.worker.submit("the red mug", camera="wrist")
    assert bench.results(1)[0].stamp_ns == 1
    bench.eventually(lambda: bench.read() == [2, 1])
    bench.worker.submit("the red mug", camera="wrist")
    assert bench.results(2)[1].seconds.encode == 0.0


def test_an_image_that_cannot_be_read_is_told_once_and_fails_no_command(
    make_bench: Callable[[Config], Any],
) -> None:
    def torn() -> Frame:
        raise InvalidFrameError("the image is torn")

    bench = make_bench(config(60.0))
    bench.worker.offer(Snapshot(torn))
    bench.eventually(lambda: bench.exceptions)
    for _ in range(2):
        bench.worker.offer(Snapshot(torn))
    assert bench.worker.report().frames_refused == 1
    assert bench.exceptions == ["reading an image ahead: the image is torn"]
    bench.worker.offer(snapshot(2))
    bench.worker.submit("the red mug")
    assert bench.results(1)[0].status is Status.OK
    bench.eventually(bench.read)


def test_what_was_read_too_long_ago_is_not_used(make_bench: Callable[[Config], Any]) -> None:
    bench = make_bench(config(0.001))
    bench.worker.offer(snapshot(1))
    bench.eventually(bench.read)
    bench.later_sec = 2.0 * PATIENT["max_image_age_sec"]
    bench.worker.submit("the red mug")
    bench.eventually(lambda: bench.worker.report().state == "waiting for an image")
    bench.worker.offer(snapshot(2))
    assert bench.results(1)[0].stamp_ns == 2
