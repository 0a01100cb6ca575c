"""Shared by the tests of the ROS side: scripted models behind the real pipeline, ROS by itself."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

DEADLINE_SEC = 180.0
RESULT = "/ppcr/result"


@pytest.fixture
def ros_domain(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, take_domain: Callable[[], int]
) -> int:
    """A ROS domain of this test's own, on this machine only; child processes inherit it."""
    domain = take_domain()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    if os.environ.get("ROS_DISTRO") == "humble":
        monkeypatch.setenv("ROS_LOCALHOST_ONLY", "1")
    else:
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "ros_log"))
    return domain


class RosBench:
    """The node on scripted models, a camera, and a person who commands and listens, over DDS.

    Everything spins on one thread; `wait` gives the messages of a topic as they come.
    """

    def __init__(self, scripted: Any, domain: int) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.scripted = scripted
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.probe = rclpy.create_node("probe", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.probe)
        self.node: Any = None
        self._arrived = threading.Condition()
        self._messages: dict[str, list[Any]] = {}
        self.publishers: dict[str, Any] = {}
        self._stop = threading.Event()
        self.spin()

    def spin(self) -> None:
        """Serve everything on a thread."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._spin, name="bench")
        self._thread.start()

    def stop_spinning(self) -> None:
        """Serve nothing any more."""
        self._stop.set()
        self._thread.join()

    def _spin(self) -> None:
        from rclpy.exceptions import InvalidHandle

        while not self._stop.is_set():
            with suppress(InvalidHandle):  # the node took a publisher away on the test's thread
                self.executor.spin_once(timeout_sec=0.05)

    def start(self, *, activate: bool = True, arguments: Sequence[str] = (), **values: Any) -> Any:
        """The node with the parameters ``values`` (``node__use_depth`` for ``node.use_depth``)."""
        from rclpy.parameter import Parameter

        from ppcr_ros.ros.node import PpcrNode

        overrides = [
            Parameter(name.replace("__", "."), value=value) for name, value in values.items()
        ]
        self.node = PpcrNode(
            pipeline_factory=lambda config: self.scripted.build(config),
            context=self.context,
            parameter_overrides=overrides,
            cli_args=list(arguments),
        )
        self.executor.add_node(self.node)
        if activate:
            assert self.node.start()
            self.scripted.mllm.frames.clear()
            self.scripted.mllm.turns.clear()
            self.scripted.mllm.asked.clear()
        return self.node

    def begin(self, **values: Any) -> Any:
        """`start`, and keep the results."""
        from ppcr_ros.msg import ReferringSegmentation

        node = self.start(**values)
        self.listen(ReferringSegmentation, RESULT)
        return node

    def listen(self, message_type: Any, topic: str, qos: Any = 10) -> None:
        """Keep what comes on ``topic`` for `wait`; returns once the publisher is matched."""
        self._messages[topic] = []

        def keep(message: Any) -> None:
            with self._arrived:
                self._messages[topic].append(message)
                self._arrived.notify_all()

        before = 0 if self.node is None else self.node.count_subscribers(topic)
        self.probe.create_subscription(message_type, topic, keep, qos)
        if self.node is not None:
            self.until(lambda: self.probe.count_publishers(topic) > 0, f"a publisher of {topic}")
            self.until(lambda: self.node.count_subscribers(topic) > before, "discovery")

    def wait(self, topic: str, count: int = 1, deadline_sec: float = DEADLINE_SEC) -> list[Any]:
        """The first ``count`` messages of ``topic``."""
        with self._arrived:
            arrived = self._messages[topic]
            came = self._arrived.wait_for(lambda: len(arrived) >= count, deadline_sec)
            assert came, f"{len(arrived)} messages on {topic}; expected {count}"
            return list(arrived)

    def count(self, topic: str) -> int:
        with self._arrived:
            return len(self._messages[topic])

    def publish(self, message: Any, topic: str, qos: Any = 10) -> None:
        """Publish, once the node's subscription is matched."""
        if topic not in self.publishers:
            self.publishers[topic] = self.probe.create_publisher(type(message), topic, qos)
        publisher = self.publishers[topic]
        self.until(lambda: publisher.get_subscription_count() > 0, f"a subscription to {topic}")
        publisher.publish(message)

    def answer(self, command: str = "the red mug", count: int = 1) -> Any:
        """Say ``command`` and wait for its result, the node's ``count``-th."""
        self.say(command)
        return self.wait(RESULT, count)[count - 1]

    def say(self, command: str) -> None:
        from std_msgs.msg import String

        self.publish(String(data=command), "/ppcr/command")

    def show(
        self,
        message: Any,
        topic: str = "/image",
        qos: Any = 10,
        depth: Any = None,
        depth_topic: str = "/depth",
    ) -> None:
        """Publish a camera message, and its ``depth``, and wait until the node has stashed it."""
        before = self.frames()

        def send() -> None:
            if depth is not None:
                self.publish(depth, depth_topic)
            self.publish(message, topic, qos)

        self._until_heard(send, lambda: self.frames() > before, "the node to receive the image")

    def inform(self, info: Any) -> None:
        """Publish a camera_info and wait until the node has it."""
        self._until_heard(
            lambda: self.publish(info, "/camera_info"),
            lambda: self.node.cameras[""].camera_info is not None,
            "the node to receive camera_info",
        )

    def _until_heard(self, send: Callable[[], None], heard: Callable[[], bool], what: str) -> None:
        """Call ``send`` until ``heard``, every two seconds.

        What is published is lost where the node exchanges its subscription for one of the
        publisher's reliability in that moment.
        """
        sent_sec = float("-inf")

        def sent_and_heard() -> bool:
            nonlocal sent_sec
            if time.monotonic() - sent_sec > 2.0:
                send()
                sent_sec = time.monotonic()
            return heard()

        self.until(sent_and_heard, what)

    def ask(self, kind: Any, service: str, request: Any, what: str = "") -> Any:
        """Call a service and return its answer; asked again where none comes within 20 seconds.

        A service that the client sees may not see the client yet, and then answers into the void.
        """
        client = self.probe.create_client(kind, service)
        self.until(client.service_is_ready, service)
        asked: list[Any] = []
        asked_sec = float("-inf")

        def answered() -> bool:
            nonlocal asked_sec
            if time.monotonic() - asked_sec > 20.0:
                asked.append(client.call_async(request))
                asked_sec = time.monotonic()
            return any(future.done() for future in asked)

        self.until(answered, what or f"an answer of {service}")
        answer = next(future for future in asked if future.done()).result()
        self.probe.destroy_client(client)
        return answer

    def hold(self) -> threading.Event:
        """Hold the executor up until the returned event is set."""
        go, held = threading.Event(), threading.Event()

        def wait() -> None:
            held.set()
            go.wait(DEADLINE_SEC)

        self.executor.create_task(wait)
        assert held.wait(DEADLINE_SEC)
        return go

    def frames(self) -> int:
        return int(self.node.worker.report().frames_received)

    def until(
        self, condition: Callable[[], bool], what: str, deadline_sec: float = DEADLINE_SEC
    ) -> None:
        deadline, pause = time.monotonic() + deadline_sec, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            pause.wait(0.01)

    def close(self) -> None:
        self.scripted.mllm.gate.set()
        self.stop_spinning()
        if self.node is not None:
            self.node.close()
            self.node.destroy_node()
        self.probe.destroy_node()
        self.executor.shutdown()
        self.context.try_shutdown()


@pytest.fixture(scope="session")
def make_bench() -> Callable[[Any, int], RosBench]:
    """Makes what `bench` is, for fixtures that outlive a test."""
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")
    return RosBench


@pytest.fixture
def bench(scripted: Any, ros_domain: int) -> Iterator[RosBench]:
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")
    made = RosBench(scripted, ros_domain)
    yield made
    made.close()


@pytest.fixture
def others(ros_domain: int) -> Iterator[Callable[..., Any]]:
    """Makes nodes of another participant: one alone cannot have two types on one topic."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain)
    executor = SingleThreadedExecutor(context=context)
    nodes: list[Any] = []

    def make(name: str, namespace: str = "") -> Any:
        nodes.append(rclpy.create_node(name, context=context, namespace=namespace))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    executor.shutdown()
    context.try_shutdown()
