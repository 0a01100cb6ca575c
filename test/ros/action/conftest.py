"""Shared by the tests of the action: clients, on scripted models behind the real pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

_SERVICES = tuple(
    f"/ppcr/segment/_action/{name}" for name in ("send_goal", "get_result", "cancel_goal")
)


class Goal:
    """One goal as its client sees it."""

    def __init__(self, bench: Any, client: Any, request: Any) -> None:
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

    def ended(self) -> tuple[int, Any]:
        """The goal's state and its `ReferringSegmentation`."""
        answer = self.ask_for_result()
        self._bench.until(answer.done, "the result")
        return answer.result().status, answer.result().result.result


class Client:
    """An action client beside the bench's probe, and a hand on the scripted MLLM."""

    def __init__(self, bench: Any) -> None:
        from rclpy.action import ActionClient
        from rclpy.qos import QoSProfile

        from ppcr_ros.action import SegmentReferring

        self._bench, self._action = bench, SegmentReferring
        known = {name: bench.node.count_clients(name) for name in _SERVICES}
        deep = QoSProfile(depth=1000)
        self._client: Any = ActionClient(
            bench.probe,
            SegmentReferring,
            "/ppcr/segment",
            goal_service_qos_profile=deep,
            result_service_qos_profile=deep,
            cancel_service_qos_profile=deep,
            feedback_sub_qos_profile=deep,
        )
        bench.until(self._client.server_is_ready, "the action server")
        for (
            name,
            before,
        ) in known.items():  # a server that does not see a client answers into the void
            bench.until(lambda name=name, n=before: bench.node.count_clients(name) > n, name)

    def send(self, command: str, **fields: Any) -> Goal:
        return Goal(self._bench, self._client, self._action.Goal(command=command, **fields))

    @staticmethod
    def picture(seconds: float = 1.5, width: int = 64, height: int = 48) -> Any:
        """An image, as the camera's or as a goal's own."""
        from ppcr_lab import scripted_camera
        from ppcr_ros.ros import conversions

        header = conversions.make_header(round(seconds * 1e9), "camera")
        return scripted_camera.colour_image(header, width, height)

    def hold(self) -> None:
        """Let the next command wait in the middle of stage 1."""
        self._bench.scripted.mllm.gate.clear()
        self._bench.scripted.mllm.asked.clear()

    def running(self) -> None:
        """Wait until a command is there."""
        assert self._bench.scripted.mllm.asked.wait(180)

    def let_go(self) -> None:
        """Let it go on."""
        self._bench.scripted.mllm.gate.set()

    def destroy(self) -> None:
        """Take the client away on the executor's thread, which would trip over it elsewhere."""
        client, self._client = self._client, None
        if client is not None:
            task = self._bench.executor.create_task(client.destroy)
            self._bench.until(task.done, "the client to go")


@pytest.fixture
def connect(bench: Any) -> Iterator[Callable[[], Client]]:
    """Makes clients of the node that the bench has started."""
    made: list[Client] = []

    def connected() -> Client:
        made.append(Client(bench))
        return made[-1]

    yield connected
    bench.scripted.mllm.gate.set()
    for client in made:
        client.destroy()


@pytest.fixture
def client(bench: Any, connect: Callable[[], Client]) -> Client:
    """The client of a node that is active and has an image, which a slow machine may still use."""
    bench.start(node__max_image_age_sec=120.0)
    bench.show(Client.picture())
    return connect()
