"""``node.fallback_config`` and a real engine: taken over in the middle of an answer, given back."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.config import Config, MllmConfig
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Frame, Result, Status
from ppcr_ros.models import factory
from ppcr_ros.service.fallback import FallbackPipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DEADLINE_SEC = 300.0


@dataclass
class Tapped:
    """Passes bytes on between the robot and an engine, and tells when an answer has begun."""

    to: tuple[str, int]
    on_answer: Callable[[], None] | None = None
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                robot, _ = self.listener.accept()
                threading.Thread(target=self._connect, args=(robot,), daemon=True).start()

    def _connect(self, robot: socket.socket) -> None:
        with robot, suppress(OSError), socket.create_connection(self.to) as engine:
            there = threading.Thread(target=self._pass, args=(robot, engine), daemon=True)
            there.start()
            self._pass(engine, robot)
            with suppress(OSError):
                robot.shutdown(socket.SHUT_RDWR)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                on_answer = self.on_answer
                if on_answer is not None and b"data: {" in data:
                    self.on_answer = None
                    on_answer()


@pytest.fixture
def tapped(transformers_server: Any) -> Iterator[Tapped]:
    address = urlsplit(transformers_server.endpoint)
    tap = Tapped((address.hostname or "", address.port or 0))
    threading.Thread(target=tap.run, daemon=True).start()
    yield tap
    tap.listener.close()


@pytest.fixture
def fallback(transformers_server: Any, tapped: Tapped) -> Iterator[FallbackPipeline]:
    mllm = MllmConfig(
        family="served",
        served_family="ppcr_tiny",
        endpoint=tapped.endpoint,
        model=transformers_server.model,
        first_token_timeout_sec=DEADLINE_SEC,
        answer_timeout_sec=DEADLINE_SEC,
        retries=0,
    )
    config = replace(Config(), mllm=mllm, node=replace(Config().node, fallback_config="embedded"))
    pipeline = FallbackPipeline(
        factory.build_pipeline, LiveConfig(config), logging.getLogger("test")
    )
    yield pipeline
    pipeline.close()


def test_a_server_that_is_killed_in_its_answer_is_stood_in_for_until_it_is_back(
    transformers_server: Any, tapped: Tapped, fallback: FallbackPipeline
) -> None:
    scene = load_recording(None).scenes[0]
    frame, command = Frame(rgb=scene.view.rgb), scene.commands[0].text

    def say() -> Result:
        result = fallback.run(frame, command, command_id="7")
        fallback.after_result(result)
        assert result.command_id == "7"
        return result

    served = say()
    assert served.status is Status.OK, served.message
    assert fallback.notice == ""
    served_model = fallback.models.mllm

    tapped.on_answer = transformers_server.kill
    broken = say()
    assert (broken.status, broken.mllm_unavailable) == (Status.ERROR, True)
    assert "in the middle" in broken.message
    assert broken.message.endswith("now: say it again.")
    assert broken.segmentation is None

    stood_in = say()
    assert stood_in.status is Status.OK, stood_in.message
    assert fallback.models.mllm != served_model
    assert "the MLLM's engine does not answer: going on with" in fallback.notice
    assert stood_in.semantic is not None
    assert served.semantic is not None
    assert stood_in.semantic.category == served.semantic.category

    transformers_server.start()
    pause = threading.Event()
    for _ in range(int(DEADLINE_SEC)):
        assert say().status is Status.OK
        if not fallback.notice:
            break
        pause.wait(1.0)
    assert fallback.models.mllm == served_model
    again = say()
    assert again.status is Status.OK, again.message
    assert again.semantic is not None
    assert again.semantic.text == served.semantic.text
