"""The page without ROS: how it ends while its models load."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.cancellation import next_loading_step
from ppcr_ros.core.config import Config
from ppcr_ros.core.types import Frame
from ppcr_ros.web import embedded_source
from ppcr_ros.web.board import PageBoard
from ppcr_ros.web.embedded_source import EmbeddedSource, StillPicture

PICTURE = StillPicture(Frame(rgb=np.zeros((48, 64, 3), np.uint8)))
SOON_SEC = 2.0
PROCESS = """
import time
import numpy as np
from ppcr_ros.core.config import Config
from ppcr_ros.core.types import Frame
from ppcr_ros.web import embedded_source
from ppcr_ros.web.board import PageBoard

embedded_source.build_models = lambda config: time.sleep(600)
picture = embedded_source.StillPicture(Frame(rgb=np.zeros((48, 64, 3), np.uint8)))
with PageBoard() as board:
    source = embedded_source.EmbeddedSource([picture], Config())
    source.start(board)
    source.close()
print("closed")
"""


@pytest.fixture
def board() -> Iterator[PageBoard]:
    with PageBoard() as made:
        yield made


class Loading:
    """A factory of models that is slow, and can be let go on."""

    def __init__(self, *, in_steps: bool) -> None:
        self.begun, self.go_on, self._in_steps = threading.Event(), threading.Event(), in_steps
        self.closed = False

    def __call__(self, config: Config) -> Any:
        self.begun.set()
        while not self.go_on.wait(0.01):
            if self._in_steps:
                next_loading_step()
        return self

    def run(self, *_: Any, **__: Any) -> Any:
        return self

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("in_steps", [True, False])
def test_closing_does_not_wait_until_the_models_are_loaded(
    board: PageBoard,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., Any],
    in_steps: bool,
) -> None:
    loading = Loading(in_steps=in_steps)
    monkeypatch.setattr(embedded_source, "build_models", loading)
    said: list[str] = []
    left: list[Any] = []
    monkeypatch.setattr(embedded_source.atexit, "register", lambda *given: left.append(given))
    source = EmbeddedSource([PICTURE], Config(), log=said.append)
    source.start(board)
    assert loading.begun.wait(10.0)
    started = time.monotonic()
    source.close()
    assert time.monotonic() - started < SOON_SEC
    assert ("interrupted while the models load." in said) is (not in_steps)
    assert len(left) == (not in_steps), "the process is not left to the library"
    loading.go_on.set()
    if not in_steps:
        eventually(lambda: loading.closed)  # what was loaded too late is given back
    assert not any("cannot be loaded" in line for line in said)


def test_the_process_ends_while_the_models_load() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROCESS], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-2:] == ["interrupted while the models load.", "closed"]
