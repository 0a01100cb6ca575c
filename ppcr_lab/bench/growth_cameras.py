"""What more cameras cost: one node whose cameras share the models, against a node for each.

Every node is a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ppcr_lab.bench.growth import CameraPoint, Times
from ppcr_lab.bench.processes import MeasurementError
from ppcr_lab.bench.spinning import spinning
from ppcr_lab.isolation import local_environment, own_domain
from ppcr_ros.core.config import Config, flatten
from ppcr_ros.core.types import Array, Frame

CAMERAS = (1, 2, 3, 4)
ROUNDS = 15
_LIMIT_SEC = 240.0
_WAIT_SEC = 60.0
_SERVE = "import sys; from ppcr_lab.bench.growth_cameras import serve; serve(*sys.argv[1:])"


def over_cameras(
    config_file: Path | None,
    device: str | None,
    frame: Frame,
    command: str,
    *,
    counts: Sequence[int] = CAMERAS,
    rounds: int = ROUNDS,
    step: Callable[[], None] = lambda: None,
) -> list[CameraPoint]:
    """A point for each number of cameras.

    Args:
        config_file: of the models; None for the defaults.
        device: overrides the configuration's devices; or None.
        frame: what every camera shows.
        command: what is said to each of them.
        counts: the numbers of cameras, rising.
        rounds: how often all cameras are asked.
        step: called after each number.

    Raises:
        MeasurementError: when a process fails.
    """
    points = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as alone:
        picture = Path(folder) / "frame.npy"
        np.save(picture, frame.rgb)
        arguments = [str(config_file or ""), device or "", str(picture), command]
        separate: list[_Node] = []
        for count in counts:
            with _Node([*arguments, str(count), str(rounds)]) as node:
                told = node.answer()
                shared_mb = memory_mb([node.pid])
            while len(separate) < count:
                separate.append(alone.enter_context(_Node([*arguments, "1", "1"])))
                separate[-1].answer()
            separate_mb = memory_mb([item.pid for item in separate])
            points.append(CameraPoint(count, Times.of(told["seconds"]), shared_mb, separate_mb))
            step()
    return points


def memory_mb(pids: Sequence[int]) -> float | None:
    """What processes take together, MB: pages that several of them share count once in all.

    None where the machine does not tell, as without Linux's ``/proc/<pid>/smaps_rollup``.
    """
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
            (held,) = re.findall(r"^Pss:\s*(\d+) kB", text, re.M)
        except (OSError, ValueError):
            return None
        total += int(held)
    return total * 1024 / 1e6


class _Node:
    """A process with a node that has answered, and keeps its models while this is open."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments

    def __enter__(self) -> _Node:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **local_environment(own_domain())},
        )
        self._said: list[str] = []
        # Read all the while: a log that fills its pipe would hold the node up.
        self._log = threading.Thread(target=self._read_log, daemon=True)
        self._log.start()
        self._limit = threading.Timer(_LIMIT_SEC, self._process.kill)
        self._limit.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._limit.cancel()
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()  # which it waits for
        try:
            self._process.wait(20.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.join()

    @property
    def pid(self) -> int:
        return self._process.pid

    def answer(self) -> dict[str, Any]:
        """What `serve` tells.

        Raises:
            MeasurementError: when the process ends before.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(json.JSONDecodeError):
                told: dict[str, Any] = json.loads(line)
                return told
        self._process.wait()
        self._log.join()
        said = "".join(self._said)[-400:].strip()
        raise MeasurementError(f"a node with cameras failed, or took over {_LIMIT_SEC:g} s: {said}")

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        self._said.extend(self._process.stderr)


def serve(
    config_file: str, device: str, picture: str, command: str, cameras: str, rounds: str
) -> None:
    """In a process of its own: ask every camera of a node in rounds, and print the times as JSON.

    Then wait until stdin is closed, so that the node's memory can be looked at.
    """
    from ppcr_ros.commands.common import config_of

    path = Path(config_file) if config_file else None
    config = config_of(Namespace(config=path, device=device or None))
    with asked(config, int(cameras), np.load(picture)) as client:
        client.round(command)
        seconds = [client.round(command) for _ in range(int(rounds))]
        print(json.dumps({"seconds": seconds}), flush=True)
        sys.stdin.read()


class CamerasClient:
    """Speaks to every camera of a node and waits for all answers."""

    def __init__(self, probe: Any, cameras: Sequence[str]) -> None:
        from sensor_msgs.msg import Image
        from std_msgs.msg import String

        from ppcr_ros.core.cameras import below
        from ppcr_ros.msg import ReferringSegmentation
        from ppcr_ros.ros.qos import ANSWER_QOS

        self._arrived, self._results = threading.Condition(), 0
        self._failed = ""
        self._images = [probe.create_publisher(Image, below(name, "image"), 1) for name in cameras]
        self._commands = [
            probe.create_publisher(String, f"/ppcr/{below(name, 'command')}", 1) for name in cameras
        ]
        self._probe = probe
        probe.create_subscription(ReferringSegmentation, "/ppcr/result", self._hear, ANSWER_QOS)

    def show(self, rgb: Array, received: Callable[[], int]) -> None:
        """Have an image of each camera with the node, which has ``received`` so many so far.

        Raises:
            TimeoutError: when the nodes do not find each other.
        """
        from ppcr_ros.ros import conversions

        publishers = [*self._images, *self._commands]
        _until(lambda: all(item.get_subscription_count() for item in publishers))
        _until(lambda: self._probe.count_publishers("/ppcr/result") > 0)
        for number, publisher in enumerate(self._images):
            before = received()
            header = conversions.make_header(time.time_ns(), f"camera{number}")
            publisher.publish(conversions.rgb_to_image(rgb, header))
            _until(lambda seen=before: received() > seen)  # type: ignore[misc]

    def round(self, command: str) -> float:
        """Seconds from ``command`` to each camera, all at once, until the last answer is there.

        Raises:
            TimeoutError: when an answer does not come, or is an error.
        """
        from std_msgs.msg import String

        said = String(data=command)
        with self._arrived:
            wanted = self._results + len(self._commands)
        started = time.perf_counter()
        for publisher in self._commands:
            publisher.publish(said)
        with self._arrived:
            came = self._arrived.wait_for(lambda: self._results >= wanted, _WAIT_SEC)
        took_sec = time.perf_counter() - started
        if not came or self._failed:
            raise TimeoutError(self._failed or f"not all cameras answered within {_WAIT_SEC:g} s")
        return took_sec

    def _hear(self, message: Any) -> None:
        from ppcr_ros.core.types import Status

        with self._arrived:
            if message.status in (Status.ERROR, Status.CANCELLED):
                self._failed = f"{message.command!r} failed: {message.message}"
            self._results += 1
            self._arrived.notify_all()


@contextmanager
def asked(config: Config, cameras: int, rgb: Array, **options: Any) -> Iterator[CamerasClient]:
    """A client of a node with ``cameras``, each of which has sent ``rgb`` (H, W, 3) uint8.

    Args:
        config: of the models; what concerns cameras is overridden.
        cameras: how many; a single one has no name.
        rgb: what all of them show.
        options: for the node, such as ``pipeline_factory``.
    """
    import rclpy
    from rclpy.parameter import Parameter

    from ppcr_ros.ros.node import PpcrNode

    names = [f"camera{number}" for number in range(cameras)] if cameras > 1 else [""]
    node_config = replace(
        config.node,
        cameras=",".join(names),
        use_compressed=False,
        use_depth=False,
        mode="once",
        image_reliability="reliable",  # or the first image may fall between two subscriptions
        max_image_age_sec=3600.0,
    )
    values = flatten(replace(config, node=node_config))
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=own_domain())
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = PpcrNode(context=context, parameter_overrides=overrides, **options)
    probe = rclpy.create_node("bench_client", context=context)
    with spinning(context, node, probe):
        if not node.start():
            raise MeasurementError("the node could not be activated; its log says why")
        client = CamerasClient(probe, names)
        client.show(rgb, lambda: node.images_received)
        yield client


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_SEC
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the nodes did not find each other within {_WAIT_SEC:g} s")
        time.sleep(0.005)
