"""The action ``~/segment`` over real DDS, on scripted models behind the real pipeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from ppcr_ros.action import SegmentReferring
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.ros.action_server import CLIENT_CANCELLED
from ppcr_ros.ros.worker import CLEARED_MESSAGE

RESULT = "/ppcr/result"
DEEP = QoSProfile(depth=100)
SUCCEEDED, CANCELED, ABORTED = (
    GoalStatus.STATUS_SUCCEEDED,
    GoalStatus.STATUS_CANCELED,
    GoalStatus.STATUS_ABORTED,
)


def picture(seconds: float = 1.5, width: int = 64, height: int = 48) -> Image:
    rgb = np.zeros((height, width, 3), np.uint8)
    return conversions.rgb_to_image(rgb, conversions.make_header(round(seconds * 1e9), "camera"))


class Goal:
    """One goal as its client sees it."""

    def __init__(self, bench: Any, client: ActionClient, request: SegmentReferring.Goal) -> None:
        self._bench = bench
        self.feedback: list[Any] = []
        self._accepted = client.send_goal_async(
            request, feedback_callback=lambda message: self.feedback.append(message.feedback)
        )
        self._answer: Any = None

    def accepted(self) -> bool:
        self._bench.until(self._accepted.done, "the answer to the goal")
        return bool(self._accepted.result().accepted)

    def cancel(self) -> int:
        """Ask to cancel; how many goals are being cancelled."""
        assert self.accepted()
        future = self._accepted.result().cancel_goal_async()
        self._bench.until(future.done, "the answer to the cancellation")
        return len(future.result().goals_canceling)

    def ask_for_result(self) -> Any:
        if self._answer is None:
            assert self.accepted()
            self._answer = self._accepted.result().get_result_async()
        return self._answer

    def ended(self) -> tuple[int, ReferringSegmentation]:
        """The goal's state and its result."""
        answer = self.ask_for_result()
        self._bench.until(answer.done, "the result")
        return answer.result().status, answer.result().result.result


class Client:
    """An action client beside the bench's probe."""

    def __init__(self, bench: Any) -> None:
        self._bench = bench
        self._client = ActionClient(
            bench.probe,
            SegmentReferring,
            "/ppcr/segment",
            goal_service_qos_profile=DEEP,
            result_service_qos_profile=DEEP,
            cancel_service_qos_profile=DEEP,
            feedback_sub_qos_profile=DEEP,
        )
        bench.until(self._client.server_is_ready, "the action server")

    def send(self, command: str, **fields: Any) -> Goal:
        return Goal(self._bench, self._client, SegmentReferring.Goal(command=command, **fields))

    def destroy(self) -> None:
        """Take the client away on the executor's thread, which would trip over it elsewhere."""
        task = self._bench.executor.create_task(self._client.destroy)
        self._bench.until(task.done, "the client to go")


@pytest.fixture
def client(bench: Any) -> Iterator[Client]:
    """The client of a node that is active and has an image, which a slow machine may still use."""
    bench.start(node__max_image_age_sec=120.0)
    bench.show(picture())
    made = Client(bench)
    yield made
    bench.scripted.mllm.gate.set()
    made.destroy()


def hold(bench: Any) -> None:
    """Let the next command wait in the middle of stage 1."""
    bench.scripted.mllm.gate.clear()
    bench.scripted.mllm.asked.clear()


def running(bench: Any) -> None:
    assert bench.scripted.mllm.asked.wait(30)


def let_go(bench: Any) -> None:
    bench.scripted.mllm.gate.set()


def test_a_goal_gives_feedback_after_each_stage_and_a_result(bench: Any, client: Client) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    goal = client.send("could you grab the red mug")
    status, result = goal.ended()
    assert status == SUCCEEDED
    assert result.status == ReferringSegmentation.OK, result.message
    assert (result.mask.width, result.header.frame_id) == (64, "camera")
    bench.until(lambda: len(goal.feedback) == 3, "the feedback")
    assert [item.stage for item in goal.feedback] == ["semantic", "spatial", "segmentation"]
    semantic, spatial, last = goal.feedback
    assert semantic.semantic_prompt == result.semantic_prompt
    assert spatial.spatial_prompt == result.spatial_prompt
    assert spatial.semantic_prompt.category == last.semantic_prompt.category == ""
    assert bench.wait(RESULT) == [result]


def test_feedback_comes_while_the_goal_runs(bench: Any, client: Client) -> None:
    segment = bench.scripted.segmenter.segment
    goal: list[Goal] = []

    def after_the_feedback_is_heard(*arguments: Any) -> Any:
        bench.until(lambda: bool(goal and len(goal[0].feedback) >= 2), "feedback")
        return segment(*arguments)

    bench.scripted.segmenter.segment = after_the_feedback_is_heard
    goal.append(client.send("the red mug"))
    assert goal[0].ended()[0] == SUCCEEDED


def test_topics_and_action_tell_of_a_command_once(bench: Any, client: Client) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    bench.listen(Image, "/ppcr/mask")
    bench.listen(MarkerArray, "/ppcr/markers")
    ids = [client.send("the red mug").ended()[1].command_id]
    bench.say("the red cup")
    ids.append(bench.wait(RESULT, 2)[1].command_id)
    ids.append(client.send("the red can").ended()[1].command_id)
    assert [message.command_id for message in bench.wait(RESULT, 3)] == ids
    assert len(bench.wait("/ppcr/mask", 3)) == 3


def test_a_goals_own_image_is_searched_and_needs_no_camera(bench: Any) -> None:
    bench.start()
    client = Client(bench)
    image = picture(7.25, width=80, height=60)
    status, result = client.send("the red mug", image=image).ended()
    assert (status, result.status) == (SUCCEEDED, ReferringSegmentation.OK)
    assert result.header == image.header
    assert (result.mask.width, result.mask.height) == (80, 60)
    assert bench.node._worker.report().frames_received == 0
    client.destroy()


@pytest.mark.parametrize(
    "damage",
    [{"width": 0}, {"height": 0}, {"encoding": "xyz"}, {"data": b"too short"}],
    ids=lambda damage: next(iter(damage)),
)
def test_a_goals_unusable_image_is_an_error_and_not_the_cameras(
    bench: Any, client: Client, damage: dict[str, Any]
) -> None:
    image = picture(7.25)
    for name, value in damage.items():
        setattr(image, name, value)
    status, result = client.send("the red mug", image=image).ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.ERROR)
    assert result.message
    assert result.header.stamp.sec == 7
    assert client.send("the red mug").ended()[0] == SUCCEEDED


@pytest.mark.parametrize(
    ("command", "state", "status"),
    [
        ("the unicorn", SUCCEEDED, ReferringSegmentation.NOT_FOUND),
        ("the red twins", SUCCEEDED, ReferringSegmentation.AMBIGUOUS),
        ("explode", ABORTED, ReferringSegmentation.ERROR),
        ("?!", ABORTED, ReferringSegmentation.ERROR),
        ("stop", SUCCEEDED, ReferringSegmentation.CANCELLED),
    ],
)
def test_the_goals_state_follows_from_the_results_status(
    client: Client, command: str, state: int, status: int
) -> None:
    ended, result = client.send(command).ended()
    assert (ended, result.status) == (state, status)
    assert result.message


def test_a_cancelled_goal_ends_with_its_own_result(bench: Any, client: Client) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    hold(bench)
    goal = client.send("the red mug")
    running(bench)
    assert goal.cancel() == 1
    status, result = goal.ended()
    assert (status, result.status) == (CANCELED, ReferringSegmentation.CANCELLED)
    assert result.message == CLIENT_CANCELLED
    assert result.command == "the red mug"
    assert bench.wait(RESULT) == [result]
    let_go(bench)
    assert client.send("the green mug").ended()[0] == SUCCEEDED


def test_a_goal_is_cancelled_before_it_starts(bench: Any, client: Client) -> None:
    """It waits behind a run that has come too far to be stopped."""
    entered, leave = threading.Event(), threading.Event()
    segment = bench.scripted.segmenter.segment

    def slow(*arguments: Any) -> Any:
        entered.set()
        assert leave.wait(30)
        return segment(*arguments)

    bench.scripted.segmenter.segment = slow
    first = client.send("the first mug")
    assert entered.wait(30)
    turns = len(bench.scripted.mllm.turns)
    second = client.send("the second mug")
    assert second.cancel() == 1
    leave.set()
    assert second.ended()[0] == CANCELED
    assert second.ended()[1].message == CLIENT_CANCELLED
    status, result = first.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert len(bench.scripted.mllm.turns) == turns


def test_a_cancellation_that_comes_with_the_result_is_too_late(bench: Any, client: Client) -> None:
    """The result is published; only the goal has not been concluded when the client cancels."""
    bench.listen(ReferringSegmentation, RESULT)
    goals = bench.node._segments[0]._goals
    set_late, held = threading.Event(), threading.Event()
    hold(bench)
    goal = client.send("the red mug")
    running(bench)
    (kept,) = goals.values()
    set_result = kept.ended.set_result

    def late(message: Any) -> None:
        held.set()
        assert set_late.wait(30)
        set_result(message)

    kept.ended.set_result = late
    let_go(bench)
    assert held.wait(30)
    assert goal.cancel() == 1
    set_late.set()
    status, result = goal.ended()
    assert (status, result.status) == (SUCCEEDED, ReferringSegmentation.OK)
    assert bench.wait(RESULT) == [result]
    assert goal.cancel() == 0


def test_the_newest_of_two_goals_wins(bench: Any, client: Client) -> None:
    hold(bench)
    first = client.send("the first mug")
    running(bench)
    second = client.send("the second mug")
    status, result = first.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert "a newer command came: 'the second mug'" in result.message
    let_go(bench)
    assert second.ended()[0] == SUCCEEDED


@pytest.mark.parametrize("command", ["the second mug", "stop"])
def test_a_command_on_the_topic_cancels_a_goal(bench: Any, client: Client, command: str) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    hold(bench)
    goal = client.send("the first mug")
    running(bench)
    bench.say(command)
    status, result = goal.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    let_go(bench)
    second = bench.wait(RESULT, 2)[1]
    assert second.command == command
    if command == "stop":
        assert second.message == CLEARED_MESSAGE


def test_a_goal_cancels_a_command_of_the_topic(bench: Any, client: Client) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    hold(bench)
    bench.say("the first mug")
    running(bench)
    goal = client.send("the second mug")
    (first,) = bench.wait(RESULT)
    let_go(bench)
    assert first.status == ReferringSegmentation.CANCELLED
    assert goal.ended()[0] == SUCCEEDED


def test_a_burst_of_fifty_goals_gives_each_its_result_and_the_last_one_wins(
    bench: Any, client: Client
) -> None:
    bench.listen(ReferringSegmentation, RESULT, DEEP)
    goals = [client.send(f"mug number {number}") for number in range(50)]
    for goal in goals:
        goal.ask_for_result()
    ends = [goal.ended() for goal in goals]
    assert [result.command for _, result in ends] == [f"mug number {n}" for n in range(50)]
    assert len({result.command_id for _, result in ends}) == 50
    assert ends[-1][0] == SUCCEEDED
    for status, result in ends:
        assert status == (SUCCEEDED if result.status == ReferringSegmentation.OK else ABORTED)
    published = [message.command for message in bench.wait(RESULT, 50)]
    assert published == [f"mug number {number}" for number in range(50)]
    bench.until(lambda: bench.node._segments[0].goals == 0, "every goal to be concluded")


def test_a_timeout_ends_the_goal_and_says_so(bench: Any, client: Client) -> None:
    hold(bench)
    status, result = client.send("the red mug", timeout_sec=0.25).ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert result.message == "the command timed out: there was no result within 0.25 s."
    let_go(bench)
    assert client.send("the red mug", timeout_sec=60.0).ended()[0] == SUCCEEDED


def test_a_goal_times_out_while_it_waits_for_an_image(bench: Any) -> None:
    bench.start()
    client = Client(bench)
    status, result = client.send("the red mug", timeout_sec=0.25).ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert "timed out" in result.message
    client.destroy()


@pytest.mark.parametrize("timeout_sec", [-1.0, float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_an_error_and_leaves_the_running_goal_alone(
    bench: Any, client: Client, timeout_sec: float
) -> None:
    hold(bench)
    good = client.send("the red mug")
    running(bench)
    bad = client.send("the green mug", timeout_sec=timeout_sec)
    assert bad.accepted()
    let_go(bench)
    assert good.ended()[0] == SUCCEEDED
    status, result = bad.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.ERROR)
    assert "expected seconds above 0" in result.message


def test_a_goal_is_refused_with_the_reason_while_the_node_is_not_active(
    bench: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.start(activate=False)
    client = Client(bench)
    assert not client.send("the red mug").accepted()
    expected = "the goal 'the red mug' is refused: the node is unconfigured."
    bench.until(lambda: expected in capfd.readouterr().err, "the log line")
    assert bench.node.start()
    assert bench.node.trigger_deactivate().name == "SUCCESS"
    assert not client.send("the red mug").accepted()
    assert bench.node.trigger_activate().name == "SUCCESS"
    assert client.send("the red mug", image=picture()).ended()[0] == SUCCEEDED
    client.destroy()


@pytest.mark.parametrize("transition", ["trigger_deactivate", "trigger_shutdown"])
def test_a_goal_ends_with_the_node(bench: Any, client: Client, transition: str) -> None:
    hold(bench)
    waiting = client.send("the first mug")
    running(bench)
    goal = client.send("the second mug")
    assert waiting.ended()[0] == ABORTED
    assert getattr(bench.node, transition)().name == "SUCCESS"
    status, result = goal.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert result.message.startswith("the node ")
    assert bench.node._segments[0].goals == 0


def test_goals_end_on_the_way_out_when_nobody_spins_any_more(bench: Any, client: Client) -> None:
    hold(bench)
    goal = client.send("the red mug")
    answer = goal.ask_for_result()
    running(bench)
    bench.stop_spinning()
    bench.node.close()
    assert bench.node._segments[0].goals == 1
    bench.node.finish(bench.executor)
    assert bench.node._segments[0].goals == 0
    bench.spin()
    assert goal.ended()[0] == ABORTED
    assert answer.result().result.result.message == "the node is shutting down."


def test_a_goal_that_is_accepted_as_the_node_goes_is_concluded(bench: Any, client: Client) -> None:
    worker = bench.node._worker
    worker.close("the node was deactivated.")
    status, result = client.send("the red mug").ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert result.message == "the node was deactivated."


def test_a_goal_is_refused_between_being_accepted_and_submitted(bench: Any, client: Client) -> None:
    """The node goes on another thread, after the goal was accepted."""
    server = bench.node._segments[0]
    workers: Iterator[Any] = iter([bench.node._worker, None, None])
    server._worker = lambda: next(workers)
    status, result = client.send("the red mug").ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert "is not carried out" in result.message


def test_the_death_of_a_client_leaves_the_node_and_the_topics_alone(
    bench: Any, client: Client
) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    other = Client(bench)
    hold(bench)
    goal = other.send("the red mug")
    goal.ask_for_result()
    running(bench)
    other.destroy()
    let_go(bench)
    (result,) = bench.wait(RESULT)
    assert result.status == ReferringSegmentation.OK
    bench.until(lambda: bench.node._segments[0].goals == 0, "the goal to be concluded")
    assert client.send("the red mug").ended()[0] == SUCCEEDED


def test_a_result_that_cannot_be_sent_is_an_error_and_never_an_empty_ok(
    bench: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(result: Any) -> Any:
        raise ValueError("no such encoding")

    monkeypatch.setattr("ppcr_ros.ros.conversions.result_to_msg", broken)
    status, result = client.send("the red mug").ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.ERROR)
    assert "no such encoding" in result.message


def test_the_executor_is_never_blocked(bench: Any, client: Client) -> None:
    hold(bench)
    goal = client.send("the red mug")
    running(bench)
    future = bench.executor.create_task(lambda: "alive")
    bench.until(future.done, "the executor to answer while a goal runs")
    let_go(bench)
    assert goal.ended()[0] == SUCCEEDED
