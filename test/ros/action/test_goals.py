"""The action ``~/segment`` over real DDS: goals, their feedback and results, and which one wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from action_msgs.msg import GoalStatus
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from ppcr_ros.core.errors import TargetCleared
from ppcr_ros.msg import ReferringSegmentation

Connect = Callable[[], Any]
RESULT = "/ppcr/result"
DEEP = QoSProfile(depth=100)
SUCCEEDED, CANCELED, ABORTED = (
    GoalStatus.STATUS_SUCCEEDED,
    GoalStatus.STATUS_CANCELED,
    GoalStatus.STATUS_ABORTED,
)


def test_a_goal_gives_feedback_after_each_stage_and_a_result(bench: Any, client: Any) -> None:
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


def test_feedback_comes_while_the_goal_runs(bench: Any, client: Any) -> None:
    segment = bench.scripted.segmenter.segment
    goal: list[Any] = []

    def after_the_feedback_is_heard(*arguments: Any) -> Any:
        bench.until(lambda: bool(goal and len(goal[0].feedback) >= 2), "feedback")
        return segment(*arguments)

    bench.scripted.segmenter.segment = after_the_feedback_is_heard
    goal.append(client.send("the red mug"))
    assert goal[0].ended()[0] == SUCCEEDED


def test_topics_and_action_tell_of_a_command_once(bench: Any, client: Any) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    bench.listen(Image, "/ppcr/mask")
    bench.listen(MarkerArray, "/ppcr/markers")
    ids = [client.send("the red mug").ended()[1].command_id]
    ids.append(bench.answer("the red cup", 2).command_id)
    ids.append(client.send("the red can").ended()[1].command_id)
    assert [message.command_id for message in bench.wait(RESULT, 3)] == ids
    assert len(bench.wait("/ppcr/mask", 3)) == 3


def test_a_goals_own_image_is_searched_and_needs_no_camera(bench: Any, connect: Connect) -> None:
    bench.start()
    client = connect()
    image = client.picture(7.25, width=80, height=60)
    status, result = client.send("the red mug", image=image).ended()
    assert (status, result.status) == (SUCCEEDED, ReferringSegmentation.OK)
    assert result.header == image.header
    assert (result.mask.width, result.mask.height) == (80, 60)
    assert bench.node.worker.report().frames_received == 0


@pytest.mark.parametrize(
    "damage",
    [{"width": 0}, {"height": 0}, {"encoding": "xyz"}, {"data": b"too short"}],
    ids=lambda damage: next(iter(damage)),
)
def test_a_goals_unusable_image_is_an_error_and_not_the_cameras(
    bench: Any, client: Any, damage: dict[str, Any]
) -> None:
    image = client.picture(7.25)
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
    client: Any, command: str, state: int, status: int
) -> None:
    ended, result = client.send(command).ended()
    assert (ended, result.status) == (state, status)
    assert result.message


def test_the_newest_of_two_goals_wins(bench: Any, client: Any) -> None:
    client.hold()
    first = client.send("the first mug")
    client.running()
    second = client.send("the second mug")
    status, result = first.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    assert "a newer command came: 'the second mug'" in result.message
    client.let_go()
    assert second.ended()[0] == SUCCEEDED


@pytest.mark.parametrize("command", ["the second mug", "stop"])
def test_a_command_on_the_topic_cancels_a_goal(bench: Any, client: Any, command: str) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    client.hold()
    goal = client.send("the first mug")
    client.running()
    bench.say(command)
    status, result = goal.ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.CANCELLED)
    client.let_go()
    second = bench.wait(RESULT, 2)[1]
    assert second.command == command
    if command == "stop":
        assert second.message == str(TargetCleared())


def test_a_goal_cancels_a_command_of_the_topic(bench: Any, client: Any) -> None:
    bench.listen(ReferringSegmentation, RESULT)
    client.hold()
    bench.say("the first mug")
    client.running()
    goal = client.send("the second mug")
    (first,) = bench.wait(RESULT)
    client.let_go()
    assert first.status == ReferringSegmentation.CANCELLED
    assert goal.ended()[0] == SUCCEEDED


def test_a_burst_of_fifty_goals_gives_each_its_result_and_the_last_one_wins(
    bench: Any, client: Any
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
    bench.until(lambda: bench.node.segment_servers[0].goals == 0, "every goal to be concluded")


def test_a_result_that_cannot_be_sent_is_an_error_and_never_an_empty_ok(
    bench: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(result: Any) -> Any:
        raise ValueError("no such encoding")

    monkeypatch.setattr("ppcr_ros.ros.conversions.result_to_msg", broken)
    status, result = client.send("the red mug").ended()
    assert (status, result.status) == (ABORTED, ReferringSegmentation.ERROR)
    assert "no such encoding" in result.message


def test_the_executor_is_never_blocked(bench: Any, client: Any) -> None:
    client.hold()
    goal = client.send("the red mug")
    client.running()
    future = bench.executor.create_task(lambda: "alive")
    bench.until(future.done, "the executor to answer while a goal runs")
    client.let_go()
    assert goal.ended()[0] == SUCCEEDED
