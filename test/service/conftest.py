"""Worker on scripted models, shared by the tests that drive it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import ResultLog
from ppcr_ros.core.config import Config
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Frame, Result, Status
from ppcr_ros.service.requests import Snapshot
from ppcr_ros.service.worker import CommandWorker

PICTURE = np.random.default_rng(3).integers(0, 255, (80, 120, 3)).astype(np.uint8)


class WorkerBench:
    """A worker with its scripted models, its outlet and the exceptions that it told of."""

    def __init__(self, scripted: Any, eventually: Any, config: Config, outlet: ResultLog) -> None:
        self.scripted, self.mllm, self.eventually = scripted, scripted.mllm, eventually
        self.outlet, self.config, self.live = outlet, config, LiveConfig(config)
        self.exceptions: list[str] = []
        self.shown, self.later_sec = 0, 0.0
        self.pipeline = scripted.build(config)
        self.after_result: Callable[[Result], None] = lambda result: None
        self.worker = CommandWorker(
            self.pipeline,
            self.live,
            outlet,
            explain_no_frame=lambda camera: f"{camera or 'the camera'} is unplugged.",
            on_exception=lambda what, error: self.exceptions.append(f"{what}: {error}"),
            after_result=lambda result: self.after_result(result),
            clock_sec=lambda: time.monotonic() + self.later_sec,
        )
        self.worker.start()

    def close(self) -> None:
        self.mllm.gate.set()
        self.worker.close()
        self.pipeline.close()

    def show(self, camera: str = "", rgb: Any = PICTURE, **about: Any) -> int:
        """Offer an image 0.1 s after the last one; gives its number."""
        self.shown += 1
        frame_id = f"{camera}_optical" if camera else "camera"
        frame = Frame(rgb, stamp_ns=self.shown * 100_000_000, frame_id=frame_id, **about)
        self.worker.offer(Snapshot(lambda: frame, frame.stamp_ns, frame_id, camera=camera))
        return self.shown

    def say(self, command: str, camera: str = "", **options: Any) -> str:
        return self.worker.submit(command, camera=camera, **options)

    def running(self, command: str, camera: str = "") -> str:
        """A command that does not end before the gate is opened."""
        self.mllm.gate.clear()
        self.mllm.asked.clear()
        command_id = self.say(command, camera)
        assert self.mllm.asked.wait(20)
        return command_id

    def results(self, count: int) -> list[Result]:
        self.eventually(lambda: len(self.outlet.results) >= count)
        return list(self.outlet.results)

    def ended(self, count: int) -> dict[str, Status]:
        """How each of ``count`` commands ended."""
        self.results(count)
        return self.outlet.endings

    def read(self) -> list[int]:
        """The stamps of the images that were read ahead."""
        return [frame.stamp_ns for frame in self.mllm.read]

    def until_state(self, state: str) -> None:
        self.eventually(lambda: self.worker.report().state == state)

    def limits(self, **limits: float) -> None:
        self.config = replace(self.config, node=replace(self.config.node, **limits))  # type: ignore[arg-type]
        self.live.replace(self.config)
        self.worker.wake()

    @property
    def gate(self) -> threading.Event:
        event: threading.Event = self.mllm.gate
        return event

    @property
    def asked(self) -> int:
        """How many conversations the MLLM has begun."""
        return len(self.mllm.frames)


@pytest.fixture
def closed_at_end() -> Iterator[Callable[[Any], Any]]:
    """Gives back what has a ``worker``, which is closed when the test has ended."""
    with ExitStack() as stack:

        def keep(bench: Any) -> Any:
            stack.callback(bench.worker.close)
            return bench

        yield keep


@pytest.fixture
def make_bench(scripted: Any, eventually: Any) -> Iterator[Callable[..., WorkerBench]]:
    """Makes benches of a configuration, all on the same models."""
    with ExitStack() as stack:

        def make(config: Config, outlet: ResultLog | None = None) -> WorkerBench:
            bench = WorkerBench(scripted, eventually, config, outlet or ResultLog())
            stack.callback(bench.close)
            return bench

        yield make
