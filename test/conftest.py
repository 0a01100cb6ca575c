"""What several folders share: a pipeline on models of a few lines, and a picture."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ppcr_lab.scripted_models import BoxSegmenter, KeywordDialect, KeywordMllm, KeywordPipelines
from ppcr_ros.core.config import Config
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame

# Who is started in a shell's background ignores SIGINT, and so would the processes that are tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


DEADLINE_SEC = 180.0


@pytest.fixture
def scripted() -> Iterator[KeywordPipelines]:
    made = KeywordPipelines()
    yield made
    made.mllm.gate.set()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Looks until a condition holds and returns its value, or fails at the deadline."""

    def wait(condition: Callable[[], Any], deadline_sec: float = DEADLINE_SEC) -> Any:
        end = time.monotonic() + deadline_sec
        pause = threading.Event()
        while not (value := condition()):
            assert time.monotonic() < end, f"not within {deadline_sec} s"
            pause.wait(0.01)
        return value

    return wait


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The real pipeline on scripted models; the list holds the configurations that were loaded."""
    pipelines = KeywordPipelines(KeywordMllm(KeywordDialect((10, 10, 30, 30))))
    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", pipelines.build)
    return pipelines.configs


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "table.png"
    Image.new("RGB", (64, 48), (90, 90, 90)).save(path)
    return path


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pipeline with an image encoder that fails."""

    class Broken(BoxSegmenter):
        def encode(self, frame: Frame) -> Any:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(
        "ppcr_ros.models.factory.build_pipeline",
        lambda config: PPCRPipeline(KeywordMllm(), Broken(), config),
    )


@pytest.fixture(scope="session")
def take_domain() -> Callable[[], int]:
    """Gives ROS domains that no other process of tests has, nor this one's last 20 tests.

    They lie below those whose ports Linux gives away by itself.
    """
    from ppcr_lab.robustness.domains import hold, release

    domains = itertools.cycle(range(1, 101))
    for _ in range(os.getpid() % 100):
        next(domains)
    taken: deque[int] = deque()

    def take() -> int:
        taken.append(next(domain for domain in itertools.islice(domains, 100) if hold(domain)))
        if len(taken) > 20:
            release(taken.popleft())
        return taken[-1]

    return take
