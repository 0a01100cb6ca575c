"""Many goals at once, and what their images take."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from rclpy.action.server import ServerGoalHandle


def test_the_image_of_a_goal_is_let_go_of_once_it_has_ended(
    bench: Any, connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ppcr_ros.ros import pending_answer

    bench.start()
    client = connect()
    seen: list[weakref.ref[Any]] = []
    (server,) = bench.node.segment_servers
    make = pending_answer.snapshot_of

    def watched(*arguments: Any) -> Any:
        snapshot = make(*arguments)
        if snapshot is not None:
            seen.append(weakref.ref(snapshot))  # it holds the message
        return snapshot

    monkeypatch.setattr(pending_answer, "snapshot_of", watched)
    for _ in range(4):
        client.send("the green ball", image=client.picture()).ended()
    bench.until(lambda: server.goals == 0, "the goals to be concluded")
    bench.say("stop")  # the worker lets go of the last order with the next one
    bench.until(lambda: bench.node.worker.report().commands >= 5, "stop")

    def gone() -> bool:
        gc.collect()
        return all(image() is None for image in seen[:3])

    bench.until(gone, "the images to be let go of")
    assert len(seen) == 4
    handles = [item for item in gc.get_objects() if isinstance(item, ServerGoalHandle)]
    assert handles, "they are kept until the result's time is over"
    assert all(len(handle.request.image.data) == 0 for handle in handles)


def test_the_images_that_wait_are_bounded(
    bench: Any, connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 64 * 48 * 3
    bench.start()
    client = connect()
    (server,) = bench.node.segment_servers

    def send(command: str) -> Any:
        return client.send(command, image=client.picture())

    def allow(waiting_bytes: int) -> None:
        monkeypatch.setattr("ppcr_ros.ros.action_server.MOST_WAITING_BYTES", waiting_bytes)

    allow(size - 1)
    client.hold()
    assert send("the first ball").accepted(), "where none waits, one is taken however large it is"
    client.running()
    allow(2 * size - 1)
    assert not send("the second ball").accepted()
    allow(2 * size)
    assert send("the third ball").accepted()
    assert client.send("the fourth ball").accepted(), "it brings none"
    client.let_go()
    bench.until(lambda: server.goals == 0, "the goals to end")
    allow(size - 1)
    assert send("the fifth ball").accepted()


def test_a_burst_of_goals_is_answered_whole(bench: Any, connect: Callable[[], Any]) -> None:
    bench.start()
    client = connect()
    go = bench.hold()
    goals = [client.send(f"the green ball {number}") for number in range(400)]
    go.set()
    for goal in goals:
        assert goal.accepted() in (True, False)
