"""Fixtures that several folders share: a pipeline on models of a few lines, and a picture."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


DEADLINE_SEC = 180.0


@pytest.fixture
def scripted() -> Iterator[KeywordPipelines]:
    made = KeywordPipelines()
    yield made
    made.mllm.gate.set()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Looks until a condition holds and returns its value, or fails at the deadline."""

    def wait(
        condition: Callable[[], Any], deadline_sec: float = DEADLINE_SEC, pause_sec: float = 0.01
    ) -> Any:
        end = time.monotonic() + deadline_sec
        pause = threading.Event()
        while not (value := condition()):
            assert time.monotonic() < end, f"not within {deadline_sec} s"
            pause.wait(pause_sec)
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


@pytest.fixture(scope="module")
def serve_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts ``ppcr web`` with further arguments and variables; gives its address."""
    from ppcr_lab.demo.processes import ChildProcess

    pytest.importorskip("nicegui", reason="needs NiceGUI (pip install -r requirements/web.txt)")
    folder = tmp_path_factory.mktemp("pages")
    with ExitStack() as stack:

        def start(*arguments: str, **variables: str) -> str:
            page = ChildProcess(
                "ppcr web",
                [sys.executable, "-m", "ppcr_ros.cli", "web", "--port", "0", *arguments],
                log_file=folder / f"{len(list(folder.iterdir()))}.log",
                environment={**os.environ, "OMP_NUM_THREADS": "1", **variables},
                folder=folder,
            )
            stack.enter_context(page)
            deadline, pause = time.monotonic() + DEADLINE_SEC, threading.Event()
            while not (found := re.findall(r"http://[^/]+/", page.log_tail())):
                page.check()
                assert time.monotonic() < deadline, page.log_tail()
                pause.wait(0.05)
            return str(found[0])

        yield start


@pytest.fixture(scope="module")
def open_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Any]]:
    """Opens a Chromium of its own, with a profile of its own."""
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium (make test)")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("needs a browser (sudo apt install chromium chromium-driver)")
    with ExitStack() as stack:

        def start() -> Any:
            options = selenium.ChromeOptions()
            options.binary_location = programs[0]
            for flag in _BROWSER_FLAGS:
                options.add_argument(flag)
            options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
            driver = selenium.Chrome(options=options, service=selenium.ChromeService(programs[1]))
            stack.callback(driver.quit)
            driver.set_page_load_timeout(DEADLINE_SEC)
            return driver

        yield start


_BROWSER_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1360,900",
)
