"""Endings of goals of ``~/segment``: cancelled, timed out, refused, with the node or client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from action_msgs.msg import GoalStatus
from rclpy.qos import QoSProfile

from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros.action_server import CLIENT_CANCELLED

Connect = Callable[[], Any]
RESULT = "/ppcr/result"
DEEP = QoSProfile(depth=100)
SUCCEEDED, CANCELED, ABORTED = (
    GoalStatus.STATUS_SUCCEEDED,
    GoalStatus.STATUS_CANCELED,
    GoalStatus.STATUS_ABORTED,
)


def test_a_cancelled_goal_ends_with_its_own_result(bench: Any, client: Any) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    client.hold()
    goal = client.send("the red mug")
    client.running()
    assert goal.cancel() == 1
    status, result = goal.ended()
    assert (status, result.status) == (CANCELED, ReferringSegmentation.CANCELLED)
    assert result.message == CLIENT_CANCELLED
    assert result.command == "the red mug"
    assert bench.wait(RESULT) == [result]
    client.let_go()
    assert client.send("the green mug").ended()[0] == SUCCEEDED


def test_a_goal_is_cancelled_before_it_starts(bench: Any, client: Any) -> None:
    """It waits behind a run that has come too far to be stopped."""
    entered, leave = threading.Event(), threading.Event()
    segment = bench.scripted.segmenter.segment

    def slow(*arguments: Any) -> Any:
        entered.set()
        assert leave.wait(180)
        return segment(*arguments)

    bench.scripted.segmenter.segment = slow
    first = client.send("the first mug")
    assert entered.wait(180)
    turns = len(bench.scripted.mllm.turns)
    second = client.send("the second mug")
    assert second.cancel() == 1
    leave.set()
    assert second.ended()[0] == CANCELED
    assert second.ended()[1].message == CLIENT_CANCELLED
    status, result = first.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert len(bench.scripted.mllm.turns) == turns


def test_a_cancellation_that_comes_with_the_result_is_too_late(bench: Any, client: Any) -> None:
    """The result is published; only the goal has not been concluded when the client cancels."""
    bench.listen(ReferringSegmentation, RESULT)
    goals = bench.node.segment_servers[0].open_goals
    set_late, held = threading.Event(), threading.Event()
    client.hold()
    goal = client.send("the red mug")
    client.running()
    (kept,) = goals.values()
    set_result = kept.ended.set_result

    def late(message: Any) -> None:
        held.set()
        assert set_late.wait(180)
        set_result(message)

    kept.ended.set_result = late
    client.let_go()
    assert held.wait(180)
    assert goal.cancel() == 1
    set_late.set()
    status, result = goal.ended()
    assert (status, result.status) == (SUCCEEDED, ReferringSegmentation.OK)
    assert bench.wait(RESULT) == [result]
    assert goal.cancel() == 0


def test_a_timeout_ends_the_goal_and_says_so(bench: Any, client: Any) -> None:
    client.hold()
    status, result = client.send("the red mug", timeout_sec=0.25).ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert result.message == "the command timed out: there was no result within 0.25 s."
    client.let_go()
    assert client.send("the red mug", timeout_sec=60.0).ended()[0] == SUCCEEDED


def test_a_goal_times_out_while_it_waits_for_an_image(bench: Any, connect: Connect) -> None:
    bench.start()
    client = connect()
    status, result = client.send("the red mug", timeout_sec=0.25).ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert "timed out" in result.message


@pytest.mark.parametrize("timeout_sec", [-1.0, float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_an_error_and_leaves_the_running_goal_alone(
    bench: Any, client: Any, timeout_sec: float
) -> None:
    client.hold()
    good = client.send("the red mug")
    client.running()
    bad = client.send("the green mug", timeout_sec=timeout_sec)
    assert bad.accepted()
    client.let_go()
    assert good.ended()[0] == SUCCEEDED
    status, result = bad.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.ERROR)
    assert "expected seconds above 0" in result.message


def test_a_goal_is_refused_with_the_reason_while_the_node_is_not_active(
    bench: Any, connect: Connect, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.start(activate=False)
    client = connect()
    assert not client.send("the red mug").accepted()
    expected = "the goal 'the red mug' is refused: the node is unconfigured."
    bench.until(lambda: expected in capfd.readouterr().err, "the log line")
    assert bench.node.start()
    assert bench.node.trigger_deactivate().name == "SUCCESS"
    assert not client.send("the red mug").accepted()
    assert bench.node.trigger_activate().name == "SUCCESS"
    assert client.send("the red mug", image=client.picture()).ended()[0] == SUCCEEDED


@pytest.mark.parametrize("transition", ["trigger_deactivate", "trigger_shutdown"])
def test_a_goal_ends_with_the_node(bench: Any, client: Any, transition: str) -> None:
    client.hold()
    waiting = client.send("the first mug")
    client.running()
    goal = client.send("the second mug")
    assert waiting.ended()[0] == ABORTED
    assert getattr(bench.node, transition)().name == "SUCCESS"
    status, result = goal.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert result.message.startswith("the node ")
    assert bench.node.segment_servers[0].goals == 0


def test_goals_end_on_the_way_out_when_nobody_spins_any_more(bench: Any, client: Any) -> None:
    client.hold()
    goal = client.send("the red mug")
    answer = goal.ask_for_result()
    client.running()
    bench.stop_spinning()
    bench.node.close()
    assert bench.node.segment_servers[0].goals == 1
    bench.node.finish(bench.executor)
    assert bench.node.segment_servers[0].goals == 0
    bench.spin()
    assert goal.ended()[0] == ABORTED
    assert answer.result().result.result.message == "the node is shutting down."


def test_a_goal_that_is_accepted_as_the_node_goes_is_concluded(bench: Any, client: Any) -> None:
    worker = bench.node.worker
    worker.close("the node was deactivated.")
    status, result = client.send("the red mug").ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert result.message == "the node was deactivated."


def test_a_goal_is_refused_between_being_accepted_and_submitted(bench: Any, client: Any) -> None:
    """The node goes on another thread, after the goal was accepted."""
    server = bench.node.segment_servers[0]
    workers: Iterator[Any] = iter([bench.node.worker, None, None])
    server.worker = lambda: next(workers)
    status, result = client.send("the red mug").ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert "is not carried out" in result.message


def test_the_death_of_a_client_leaves_the_node_and_the_topics_alone(
    bench: Any, client: Any, connect: Connect
) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    other = connect()
    client.hold()
    goal = other.send("the red mug")
    goal.ask_for_result()
    client.running()
    other.destroy()
    client.let_go()
    (result,) = bench.wait(RESULT)
    assert result.status == ReferringSegmentation.OK
    bench.until(lambda: bench.node.segment_servers[0].goals == 0, "the goal to be concluded")
    assert client.send("the red mug").ended()[0] == SUCCEEDED
