"""Measures what the page costs the node: ``python -m ppcr_lab.bench.page_cost``.

A camera (640x480, 15 images a second, recorded frames), the node with the embedded models and the
page run in processes of their own, and a browser opens and leaves the page by turns. Counted is the
CPU time of node and page, and for each command the time until its result; commands with and without
somebody at the page stand beside each other, and the median of their differences is told.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ppcr_lab.demo.app import CAMERA_COMMAND, NODE_COMMAND
from ppcr_lab.demo.client import DemoClient
from ppcr_lab.demo.processes import ChildProcess, DemoError
from ppcr_lab.isolation import local_environment, own_domain
from ppcr_lab.sim.recording import load_recording

RATE_HZ = 15.0
_TIMEOUT_SEC = 300.0
_SETTLE_SEC = 11.0
"""After a browser has come or gone: longer than the page takes to notice."""
_PICTURE_NUMBER = """const shown = document.querySelector('[data-part=picture] img');
return shown && shown.src ? shown.src.split('?')[1] : 0"""
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class PageCost:
    """Figures of one measurement.

    Attributes:
        idle_node_share: CPU time of the node, seconds a second, while nobody looks at the page.
        watched_node_share: likewise, while a browser shows it.
        idle_page_share: of the page's process, while nobody looks.
        watched_page_share: of the page's process, while a browser shows it.
        pictures_hz: how many pictures a second came to the browser: fewer than the camera sends
            where the machine is busy, and then all shares are those of so many.
        alone_sec: command to result while nobody looks, median.
        watched_sec: likewise, while a browser shows it.
        difference_sec: median of the differences of neighbouring commands.
        pairs: how many there were.
    """

    idle_node_share: float
    watched_node_share: float
    idle_page_share: float
    watched_page_share: float
    pictures_hz: float
    alone_sec: float
    watched_sec: float
    difference_sec: float
    pairs: int


class Measurement:
    """The processes, and a browser that comes and goes."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        domain = own_domain()
        self._environment = {**os.environ, **local_environment(domain), "PYTHONUNBUFFERED": "1"}
        self._folder, self._stack = folder, stack
        camera = ["-p", f"rate_hz:={RATE_HZ}", "-p", "reliability:=reliable"]
        self._start("camera", [*CAMERA_COMMAND, "--ros-args", *camera])
        remap = ["-r", "image:=/camera/image_raw", "-r", "camera_info:=/camera/camera_info"]
        self.node = self._start("node", [*NODE_COMMAND, "--ros-args", *remap])
        page = [sys.executable, "-m", "ppcr_ros.cli", "web", "--node", "/ppcr", "--port", "0"]
        topics = [
            "--image-topic",
            "/camera/image_raw",
            "--camera-info-topic",
            "/camera/camera_info",
        ]
        self.page = self._start("page", [*page, *topics])
        os.environ.update(local_environment(domain))
        self.client = stack.enter_context(DemoClient(domain, self._check))
        self.client.wait_until_ready(_TIMEOUT_SEC)
        self.driver = self._browser()

    def _start(self, name: str, command: Sequence[str]) -> ChildProcess:
        child = ChildProcess(
            name,
            command,
            log_file=self._folder / f"{name}.log",
            environment=self._environment,
            folder=self._folder,
        )
        return self._stack.enter_context(child)

    def _check(self) -> None:
        for child in (self.node, self.page):
            child.check()

    def _browser(self) -> Any:
        from selenium import webdriver

        programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
        if None in programs:
            raise DemoError("there is no browser: sudo apt install chromium chromium-driver")
        options = webdriver.ChromeOptions()
        options.binary_location = str(programs[0])
        for flag in (*_FLAGS, f"--user-data-dir={self._folder / 'profile'}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, webdriver.ChromeService(str(programs[1])))
        self._stack.callback(driver.quit)
        return driver

    def picture_number(self) -> int:
        """Of the picture that the browser shows; 0 while it shows none."""
        return int(self.driver.execute_script(_PICTURE_NUMBER))

    @contextmanager
    def looked_at(self, looked: bool) -> Iterator[None]:
        """With a browser on the page, or with none."""
        (address,) = re.findall(r"http://[^/]+/", self.page.log_tail())[:1]
        self.driver.get(address if looked else "about:blank")
        time.sleep(_SETTLE_SEC)
        yield


def cpu_seconds(process: int) -> float:
    """User and system time of a process so far."""
    text = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shares(processes: Sequence[int], seconds: float) -> list[float]:
    """CPU seconds a second of each of ``processes`` within the next ``seconds``."""
    before, began = [cpu_seconds(item) for item in processes], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return [
        (cpu_seconds(item) - first) / took for item, first in zip(processes, before, strict=True)
    ]


def measure(pairs: int, seconds: float, say: Callable[[str], None] = print) -> PageCost:
    """The cost, of ``pairs`` pairs of commands and twice ``seconds`` without any.

    Raises:
        DemoError: where a process ends or there is no browser.
    """
    command = load_recording().scenes[0].commands[0].text
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured = Measurement(stack, folder)
        processes = [measured.node.pid, measured.page.pid]

        def ask() -> float:
            began = time.perf_counter()
            measured.client.say(command, _TIMEOUT_SEC)
            return time.perf_counter() - began

        ask()
        found: dict[bool, list[float]] = {}
        pictures_hz = 0.0
        for looked in (False, True):
            with measured.looked_at(looked):
                first, began = measured.picture_number(), time.monotonic()
                found[looked] = shares(processes, seconds)
                came = measured.picture_number() - first
                pictures_hz = came / (time.monotonic() - began)
            say(f"looked at {looked}: node, page {found[looked]}")
        took: dict[bool, list[float]] = {False: [], True: []}
        for number in range(pairs):
            for looked in ((False, True), (True, False))[number % 2]:
                with measured.looked_at(looked):
                    took[looked].append(ask())
            say(f"pair {number + 1}: {took[False][-1]:.3f} s alone, {took[True][-1]:.3f} s")
    apart = [with_page - alone for alone, with_page in zip(took[False], took[True], strict=True)]
    return PageCost(
        idle_node_share=found[False][0],
        watched_node_share=found[True][0],
        idle_page_share=found[False][1],
        watched_page_share=found[True][1],
        pictures_hz=pictures_hz,
        alone_sec=statistics.median(took[False]),
        watched_sec=statistics.median(took[True]),
        difference_sec=statistics.median(apart),
        pairs=pairs,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="of commands; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=30.0, help="default: %(default)s")
    args = parser.parse_args()
    print(json.dumps(asdict(measure(args.pairs, args.seconds)), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
