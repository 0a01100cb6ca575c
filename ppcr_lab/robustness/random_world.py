"""The node of a random life, everything that is done to it, and what must hold."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import DescribeParameters, ListParameters, SetParametersAtomically
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import String

from ppcr_lab.robustness.node_bench import NodeBench, image_of
from ppcr_lab.robustness.outcome import FaultOutcome, is_unexpected
from ppcr_ros.action import SegmentReferring
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros.conversions import stamp_to_ns

CAMERAS = ("front", "wrist")
GOOD_PARAMETERS: tuple[tuple[str, Any], ...] = (
    ("pipeline.min_confidence", 0.1),
    ("pipeline.min_confidence", 0.95),
    ("node.frame_timeout_sec", 0.2),
    ("node.frame_timeout_sec", 1.0),
    ("node.command_timeout_sec", 30.0),
    ("node.overlay_alpha", 0.5),
    ("node.read_ahead_max_rate_hz", 5.0),
    ("node.read_ahead_max_rate_hz", 0.0),
)
BAD_PARAMETERS: tuple[tuple[str, Any], ...] = (
    ("pipeline.min_confidence", 2.0),
    ("pipeline.min_confidence", float("nan")),
    ("pipeline.min_confidence", "high"),
    ("node.mode", "\x1b[2J"),
    ("record.folder", "~nobody-of-this-name/bags"),
    ("record.folder", "x" * 300),
)
_DEEP = QoSProfile(depth=2000)
_ANSWER_SEC = 60.0
_QUIET_SEC = 0.3


@dataclass
class Goal:
    """A goal that was sent: its words, its image's stamp (0: the camera's), what comes of it."""

    words: str
    camera: str
    stamp_ns: int
    accepted: Any
    result: Any = None


class World:
    """A node with two cameras, and what was done to it since the last `settle`.

    Args:
        bench: the running node, and who talks to it.
        outcome: takes what was tried, and what did not hold.
    """

    def __init__(self, bench: NodeBench, outcome: FaultOutcome) -> None:
        self._bench, self._outcome = bench, outcome
        self.steps: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.commands = self.goals = self.called = 0
        self._number, self._stamp_sec = 0, 1
        self._commands: dict[str, str] = {}
        self._stops = 0
        self._sent: list[Goal] = []
        self._results: list[ReferringSegmentation] = []
        self._ids: set[str] = set()
        node = bench.node
        node.create_subscription(ReferringSegmentation, "/ppcr/result", self._results.append, _DEEP)
        self._talk = {
            camera: node.create_publisher(
                String, f"/ppcr/{camera}/command".replace("//", "/"), _DEEP
            )
            for camera in ("", *CAMERAS)
        }
        self._actions = {
            camera: ActionClient(
                node, SegmentReferring, f"/ppcr/{camera}/segment",
                goal_service_qos_profile=_DEEP, result_service_qos_profile=_DEEP,
            )
            for camera in CAMERAS
        }  # fmt: skip
        self._cameras = {camera: self._camera(camera, reliable=True) for camera in CAMERAS}
        self._clients: dict[str, Any] = {}
        for talker in self._talk.values():
            bench.until(lambda: talker.get_subscription_count() > 0)  # noqa: B023
        for action in self._actions.values():
            bench.until(action.server_is_ready)

    def step(self, name: str) -> None:
        """Count a step."""
        self._outcome.tried += 1
        self.steps[name] += 1

    def wake(self) -> None:
        """Begin a life with an active node."""
        for name in ("configure", "activate"):
            self.change_state(name)
        state = self._call(GetState, "get_state", GetState.Request())
        active = state is not None and state.current_state.id == State.PRIMARY_STATE_ACTIVE
        self._outcome.expect(active, "the node did not become active")

    def say(self, camera: str, words: str = "") -> None:
        """Give a command; ``stop`` where that is asked for."""
        self.commands += 1
        if words:
            self._stops += 1
        else:
            words = self._words("mug")
            self._commands[words] = camera or CAMERAS[0]
        self._talk[camera].publish(String(data=words))

    def send_goal(self, camera: str, own_image: bool) -> None:
        """Send a goal, with an image of its own or about the camera's newest."""
        words, stamp_ns = self._words("ball"), 0
        goal = SegmentReferring.Goal(command=words)
        if own_image:
            self._number += 1
            stamp_ns = 10**15 + self._number
            goal.image = image_of(np.zeros((24, 32, 3), np.uint8), stamp_ns, "own")
        accepted = self._actions[camera].send_goal_async(goal)
        self._sent.append(Goal(words, camera, stamp_ns, accepted))
        self.goals += 1

    def cancel(self, which: int) -> None:
        """Cancel one of the goals, which may have ended."""
        if not self._sent:
            return
        goal = self._sent[which % len(self._sent)]
        if self._bench.until(goal.accepted.done, _ANSWER_SEC) and goal.accepted.result().accepted:
            done = goal.accepted.result().cancel_goal_async()
            self._answered(done, "cancel_goal")

    def show(self, camera: str, *, usable: bool = True) -> None:
        """Publish an image of a camera, or one that is cut off."""
        self._stamp_sec += 1
        image = image_of(np.zeros((48, 64, 3), np.uint8), self._stamp_sec * 10**9, camera)
        if not usable:
            image.encoding, image.data = "tutti \x1b[2J frutti", array("B", b"cut")
        self._cameras[camera].publish(image)

    def exchange_camera(self, camera: str, *, reliable: bool) -> None:
        """Take a camera's publisher away and make another."""
        self._bench.node.destroy_publisher(self._cameras[camera])
        self._cameras[camera] = self._camera(camera, reliable=reliable)

    def change_state(self, name: str) -> None:
        """Ask for a transition, whether or not it is possible now."""
        request = ChangeState.Request(transition=Transition(label=name))
        self._call(ChangeState, "change_state", request)

    def set_parameter(self, name: str, value: Any, *, accepted: bool) -> None:
        """Set a parameter that is to be accepted, or refused."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParametersAtomically.Request(parameters=[parameter])
        answer = self._call(SetParametersAtomically, "set_parameters_atomically", request)
        if answer is not None:
            why = f"{name} = {value!r:.40}: {answer.result.reason:.100}"
            self._outcome.expect(answer.result.successful == accepted, why)

    def ask_services(self) -> None:
        """Each of the other services."""
        self._call(GetState, "get_state", GetState.Request())
        self._call(ListParameters, "list_parameters", ListParameters.Request())
        asked = DescribeParameters.Request(names=["node.mode"])
        self._call(DescribeParameters, "describe_parameters", asked)

    def settle(self) -> None:
        """Wait for every answer, and see that each was one, and the right one."""
        for goal in self._sent:
            self._finish(goal)
        wanted = (
            len(self._commands) + self._stops + sum(goal.result is not None for goal in self._sent)
        )
        self._bench.until(lambda: len(self._results) >= wanted, _ANSWER_SEC)
        time.sleep(_QUIET_SEC)  # for a second result of any of them
        messages = list(self._results)
        del self._results[: len(messages)]
        for message in messages:
            self._check(message)
        times = Counter(message.command for message in messages)
        lost = [words for words in self._commands if times[words] != 1]
        lost += [goal.words for goal in self._sent if goal.result and times[goal.words] != 1]
        self._outcome.unanswered += len(lost) + abs(times["stop"] - self._stops)
        for words in lost[:3]:
            self._outcome.expect(False, f"{times[words]} results of {words!r}")
        self._commands, self._stops, self._sent = {}, 0, []

    def _finish(self, goal: Goal) -> None:
        if not self._answered(goal.accepted, "send_goal"):
            return
        handle = goal.accepted.result()
        if not handle.accepted:
            return
        done = handle.get_result_async()
        if not self._answered(done, "get_result"):
            return
        goal.result = done.result().result.result
        crossed = goal.result.command != goal.words
        if goal.stamp_ns and goal.result.header.frame_id:
            crossed |= stamp_to_ns(goal.result.header.stamp) != goal.stamp_ns
        self._outcome.expect(not crossed, f"the goal {goal.words!r} got another's result")

    def _check(self, message: ReferringSegmentation) -> None:
        """See that a result is whole and belongs to its command."""
        self.statuses[_status_name(message.status)] += 1
        self._outcome.crashed += is_unexpected(message.message)
        own = message.command_id not in self._ids and bool(message.command_id)
        self._outcome.expect(own, f"the id {message.command_id!r} came twice, or is none")
        self._ids.add(message.command_id)
        category = message.semantic_prompt.category
        self._outcome.expect(
            category in ("", message.command), f"{message.command!r} was answered with {category!r}"
        )
        camera, frame = self._commands.get(message.command), message.header.frame_id
        if camera is not None and frame:
            self._outcome.expect(
                frame == camera, f"a command to {camera} was answered about {frame}"
            )

    def _words(self, noun: str) -> str:
        self._number += 1
        return f"the {noun} number {self._number}"

    def _camera(self, camera: str, *, reliable: bool) -> Any:
        reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        qos = QoSProfile(depth=5, reliability=reliability)
        return self._bench.node.create_publisher(Image, f"/{camera}/image", qos)

    def _call(self, kind: Any, name: str, request: Any) -> Any:
        """What the node's service answers; None, and a missed bar, where it does not."""
        if name not in self._clients:
            self._clients[name] = self._bench.node.create_client(kind, f"/ppcr/{name}")
            self._bench.until(self._clients[name].service_is_ready)
        self.called += 1
        future = self._clients[name].call_async(request)
        return future.result() if self._answered(future, name) else None

    def _answered(self, future: Any, name: str) -> bool:
        came = self._bench.until(future.done, _ANSWER_SEC)
        if not came:
            self._outcome.unanswered += 1
            self._outcome.expect(False, f"{name} did not answer in {_ANSWER_SEC:g} s")
        return came


def _status_name(number: int) -> str:
    from ppcr_ros.core.types import Status

    return Status(number).name if number in set(Status) else str(number)
