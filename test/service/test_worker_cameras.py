"""The worker with several cameras: whose command waits for whom, and what is followed."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ppcr_ros.core.config import Config, NodeConfig
from ppcr_ros.core.errors import TargetCleared
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Result, Status
from ppcr_ros.service.command_queue import CommandQueue
from ppcr_ros.service.requests import make_request
from ppcr_ros.service.target_follower import TargetFollower

CONFIG = Config(
    node=NodeConfig(cameras="front, wrist", frame_timeout_sec=20.0, track_max_rate_hz=240.0)
)


@pytest.fixture
def bench(make_bench: Callable[..., Any]) -> Any:
    return make_bench(CONFIG)


def ends(results: list[Result]) -> list[tuple[str, Status, str]]:
    return [(item.command, item.status, item.frame_id) for item in results]


def test_a_command_is_searched_in_the_images_of_its_camera(bench: Any) -> None:
    bench.show("front")
    bench.show("wrist")
    bench.say("the mug", "wrist")
    bench.results(1)
    bench.say("the cup", "front")
    bench.results(2)
    bench.say("the bowl")  # to the first camera
    assert ends(bench.results(3)) == [
        ("the mug", Status.OK, "wrist_optical"),
        ("the cup", Status.OK, "front_optical"),
        ("the bowl", Status.OK, "front_optical"),
    ]


def test_a_command_for_another_camera_waits_and_is_carried_out(bench: Any) -> None:
    bench.show("front")
    bench.show("wrist")
    bench.running("the mug", "front")
    bench.say("the cup", "wrist")
    bench.mllm.gate.set()
    assert ends(bench.results(2)) == [
        ("the mug", Status.OK, "front_optical"),
        ("the cup", Status.OK, "wrist_optical"),
    ]


def test_only_a_newer_command_for_the_same_camera_replaces_one(bench: Any) -> None:
    bench.show("front")
    bench.show("wrist")
    bench.running("the mug", "front")
    bench.say("the cup", "wrist")
    bench.say("the can", "wrist")
    bench.say("the bowl", "front")
    bench.mllm.gate.set()
    assert ends(bench.results(4)) == [
        ("the mug", Status.CANCELLED, "front_optical"),
        ("the cup", Status.CANCELLED, ""),
        ("the can", Status.OK, "wrist_optical"),
        ("the bowl", Status.OK, "front_optical"),
    ]
    assert bench.outlet.results[1].message == ("camera wrist: a newer command came: 'the can'.")


def test_a_flood_of_one_camera_does_not_starve_the_other(bench: Any) -> None:
    bench.show("front")
    bench.show("wrist")
    bench.running("object 0", "front")
    bench.say("the cup", "wrist")
    for number in range(1, 100):
        bench.say(f"object {number}", "front")
    bench.mllm.gate.set()
    results = bench.results(101)
    assert [item.command for item in results][:2] == ["object 0", "the cup"]
    assert [item.status for item in results if item.status is Status.OK] == [Status.OK] * 2
    assert results[-1].command == "object 99"


def test_a_camera_without_images_holds_up_nobody_else(bench: Any) -> None:
    bench.show("front")
    bench.say("the cup", "wrist")
    bench.eventually(lambda: bench.worker.report().state == "waiting for an image")
    bench.say("the mug", "front")
    assert ends(bench.results(1)) == [("the mug", Status.OK, "front_optical")]
    bench.show("wrist")
    assert ends(bench.results(2))[1] == ("the cup", Status.OK, "wrist_optical")


def test_a_camera_without_images_is_named(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(replace(CONFIG, node=replace(CONFIG.node, frame_timeout_sec=0.1)))
    bench.show("front")
    bench.say("the cup", "wrist")
    (result,) = bench.results(1)
    assert result.status is Status.ERROR
    assert result.message.startswith("camera wrist: no image to search within")
    assert result.message.endswith("none has arrived since the node became active. wrist is "
                                   "unplugged.")  # fmt: skip


def test_a_waiting_commands_time_runs_on(bench: Any) -> None:
    bench.show("front")
    bench.say("the cup", "wrist", timeout_sec=0.1)
    (result,) = bench.results(1)
    assert (result.status, result.message) == (
        Status.CANCELLED,
        "camera wrist: the command timed out: there was no result within 0.1 s.",
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("the mug", "there is no camera 'nose'; node.cameras names front, wrist. Say it to one of "
                    "those, or name this one there and start the node again."),
        ("?!", "there is no camera 'nose'"),
    ],
)  # fmt: skip
def test_an_unknown_camera_is_an_error_that_ends_nothing_else(
    bench: Any, command: str, message: str
) -> None:
    bench.show("front")
    bench.running("the cup", "front")
    bench.say(command, "nose")
    bench.mllm.gate.set()
    first, second = bench.results(2)
    assert (first.status, second.status) == (Status.OK, Status.ERROR)
    assert second.message.startswith(message)


def test_a_camera_is_unknown_where_there_is_one_without_a_name(
    make_bench: Callable[..., Any],
) -> None:
    bench = make_bench(Config())
    bench.say("the mug", "front")
    (result,) = bench.results(1)
    assert "there is no camera 'front'; node.cameras names none" in result.message


def test_an_unreadable_command_names_its_camera(bench: Any) -> None:
    bench.say("?!", "wrist")
    (result,) = bench.results(1)
    assert result.message.startswith("camera wrist: the command ")


def test_stop_of_one_camera_leaves_the_other_alone(bench: Any) -> None:
    bench.show("front")
    bench.show("wrist")
    bench.running("the mug", "front")
    bench.say("the cup", "wrist")
    bench.say("stop", "wrist")
    bench.mllm.gate.set()
    results = bench.results(3)
    assert [item.status for item in results] == [Status.OK, Status.CANCELLED, Status.CANCELLED]
    assert results[2].message == f"camera wrist: {TargetCleared()!s}"


@pytest.mark.parametrize("words", ["stop", "Stop, stop!", "just stop the arm now"])
def test_stop_without_a_camera_ends_everything(bench: Any, words: str) -> None:
    bench.show("front")
    bench.show("wrist")
    bench.running("the mug", "wrist")
    bench.say("the cup", "front")
    bench.say("the can", "wrist")
    bench.say(words)
    bench.mllm.gate.set()
    results = bench.results(4)
    assert {item.status for item in results} == {Status.CANCELLED}
    assert results[3].message == str(TargetCleared())
    assert bench.outlet.clearings == 1


def test_a_request_behind_a_waiting_one_does_not_keep_the_thread_busy() -> None:
    live = LiveConfig(CONFIG)
    queue = CommandQueue(live, lambda: TargetFollower(None, live))  # type: ignore[arg-type]
    queue.add(make_request("the mug", CONFIG, camera="front"))
    queue.add(make_request("?!", CONFIG, camera="front", timeout_sec=1e-9))
    patience_sec = queue.patience_sec(None)
    assert patience_sec is not None
    assert patience_sec > 1.0


class TestTracking:
    @pytest.fixture
    def bench(self, make_bench: Callable[..., Any]) -> Any:
        return make_bench(replace(CONFIG, node=replace(CONFIG.node, mode="track")))

    def follow(self, bench: Any) -> None:
        """A target in the images of each camera."""
        for count, camera in enumerate(("front", "wrist"), 1):
            bench.show(camera)
            bench.say(f"the {camera} mug", camera)
            bench.eventually(lambda n=count: len(self.answers(bench)) == n)
        bench.eventually(lambda: bench.worker.report().state == "tracking")

    def answers(self, bench: Any) -> list[Result]:
        return [item for item in bench.outlet.results if not item.tracked]

    def tracked(self, bench: Any) -> list[tuple[str, str]]:
        return [(item.command, item.frame_id) for item in bench.outlet.results if item.tracked]

    def test_each_camera_has_a_target_of_its_own(self, bench: Any) -> None:
        self.follow(bench)
        for count, camera in enumerate(("wrist", "front", "wrist"), 1):
            bench.show(camera)
            bench.eventually(lambda n=count: len(self.tracked(bench)) == n)
        assert self.tracked(bench) == [
            ("the wrist mug", "wrist_optical"),
            ("the front mug", "front_optical"),
            ("the wrist mug", "wrist_optical"),
        ]

    def test_a_stream_of_images_does_not_starve_the_other_camera(self, bench: Any) -> None:
        self.follow(bench)
        turn, go = threading.Event(), threading.Event()
        follower = bench.worker.follower("front")
        step = follower.step

        def held(*arguments: Any) -> Any:
            turn.set()
            assert go.wait(20)
            return step(*arguments)

        follower.step = held  # type: ignore[method-assign]
        bench.show("front")
        assert turn.wait(20)
        bench.show("wrist")  # both wait for the worker now
        bench.show("front")
        before = len(self.tracked(bench))
        go.set()
        bench.eventually(lambda: len(self.tracked(bench)) >= before + 3)
        assert [name for name, _ in self.tracked(bench)[before:]] == [
            "the front mug", "the wrist mug", "the front mug",
        ]  # fmt: skip

    def test_a_command_of_one_camera_keeps_the_others_target(self, bench: Any) -> None:
        self.follow(bench)
        bench.say("the unicorn", "wrist")
        bench.eventually(lambda: len(self.answers(bench)) == 3)
        before = len(self.tracked(bench))
        bench.show("wrist")
        bench.show("front")
        bench.eventually(lambda: len(self.tracked(bench)) > before)
        assert self.tracked(bench)[before:] == [("the front mug", "front_optical")]

    def test_a_camera_that_waits_for_an_image_does_not_stop_tracking(self, bench: Any) -> None:
        bench.show("front")
        bench.say("the mug", "front")
        bench.results(1)
        bench.say("the cup", "wrist")
        bench.eventually(lambda: bench.worker.report().state == "waiting for an image")
        bench.show("front")
        bench.eventually(lambda: self.tracked(bench) == [("the mug", "front_optical")])

    def test_stop_without_a_camera_clears_every_target(self, bench: Any) -> None:
        self.follow(bench)
        bench.say("stop")
        bench.eventually(lambda: bench.worker.report().state == "idle")
        assert not bench.worker.follower("wrist").active

    def test_where_memory_runs_out_no_target_keeps_the_models(self, bench: Any) -> None:
        make, trackers = bench.pipeline.tracker, list[weakref.ref[Any]]()

        def tracker(*arguments: Any) -> Any:
            made = make(*arguments)
            trackers.append(weakref.ref(made))
            return made

        bench.pipeline.tracker = tracker
        self.follow(bench)
        gone = threading.Event()

        def out_of_memory(*arguments: Any, **named: Any) -> Result:
            return Result(Status.ERROR, "the can", message="no memory.", out_of_memory=True)

        def after(result: Result) -> None:
            assert not bench.worker.follower("front").active
            gc.collect()
            assert len(trackers) == 2
            assert [item() for item in trackers] == [None, None]
            gone.set()

        bench.pipeline.run = out_of_memory
        bench.after_result = after
        bench.say("the can", "wrist")
        assert gone.wait(20)
