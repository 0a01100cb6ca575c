"""What several folders share: a pipeline on models of a few lines, and a picture."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PromptParseError, SegmentationError, TargetNotFound
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Array, Frame, MaskCandidates, SemanticPrompt, SpatialPrompt

# Who is started in a shell's background ignores SIGINT, and so would the processes that are tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class ColourDialect:
    """Understands green, refuses to answer about nonsense, never finds red, sees any two twins."""

    def semantic_turn(self, command: str) -> Turn:
        return Turn(command)

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        if "nonsense" in answer.text:
            raise PromptParseError("no object in the answer.", answer.text)
        if "red" in answer.text:
            raise TargetNotFound("the MLLM sees no red object", answer.text)
        several = "twins" in answer.text
        return SemanticPrompt(answer.text, "ball", ("green",), confidence=0.9, ambiguous=several)

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        return Turn("where")

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        return SpatialPrompt("there", np.array([10, 10, 30, 30], np.float32), confidence=0.9)

    reads_intents = False

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn | None:
        return None

    def direct_turn(self, command: str) -> Turn | None:
        return Turn(f"where is {command}")

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        return Turn("nonsense again")

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> Turn | None:
        return None


class EchoMllm:
    """An MLLM, and its conversation, that says back what it is asked."""

    name = "echo"
    dialect = ColourDialect()

    def open(self, frame: Frame) -> EchoMllm:
        return self

    def read_image(self) -> None: ...

    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        return Answer(turn.text)

    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float:
        return 1.0


class BoxSegmenter:
    """A segmenter that fills the box."""

    name = "box-filler"

    def encode(self, frame: Frame) -> Any:
        return frame.rgb.shape[:2]

    def segment(
        self, encoded: Any, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> MaskCandidates:
        if spatial is None:
            raise SegmentationError(f"{self.name} needs a box.")
        masks = np.zeros((1, *encoded), np.bool_)
        x1, y1, x2, y2 = spatial.box_xyxy_px.astype(int)
        masks[0, y1:y2, x1:x2] = True
        return MaskCandidates(masks, np.array([0.9], np.float32))


DEADLINE_SEC = 180.0


@dataclass
class ScriptedDialect:
    """Finds a "red" region; "unicorn" is never there, and of "twins" there are two."""

    name: str = "scripted"

    def semantic_turn(self, command: str) -> Turn:
        return Turn(command)

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        return SemanticPrompt(
            text=answer.text,
            category=answer.text.split()[-1],
            attributes=("red",),
            confidence=0.9,
            present="unicorn" not in answer.text,
            ambiguous="twins" in answer.text,
        )

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        return Turn(f"where {semantic.category}")

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        if "ghost" in answer.text:
            raise TargetNotFound("nothing there", answer.text)
        box = np.array([width_px / 4, height_px / 4, width_px / 2, height_px / 2], np.float32)
        centre = box.reshape(2, 2).mean(0, keepdims=True)
        return SpatialPrompt(answer.text, box, centre, np.ones(1, np.int32), 0.9)

    reads_intents = False

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn | None:
        return None

    def direct_turn(self, command: str) -> Turn | None:
        return Turn(f"where at once {command}")

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        return Turn(error)

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> Turn | None:
        return None


@dataclass
class ScriptedMllm:
    """Echoes each turn. While ``gate`` is shut an answer waits for it, or for a cancellation."""

    name: str = "scripted-mllm"
    dialect: ScriptedDialect = field(default_factory=ScriptedDialect)
    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    frames: list[Frame] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)
    read: list[Frame] = field(default_factory=list)
    """The frames that were read before a turn."""

    def open(self, frame: Frame) -> ScriptedMllm:
        self.frames.append(frame)
        return self

    def read_image(self) -> None:
        self.read.append(self.frames[-1])

    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        self.turns.append(turn.text)
        self.asked.set()
        deadline = time.monotonic() + DEADLINE_SEC
        while not self.gate.wait(0.01):
            cancel.raise_if_cancelled()
            if time.monotonic() > deadline:
                raise TimeoutError("the test never opened the gate")
        cancel.raise_if_cancelled()
        if "explode" in turn.text:
            raise RuntimeError("CUDA out of memory")
        return Answer(text=turn.text)

    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float:
        return 1.0


@dataclass
class ScriptedSegmenter:
    """Fills the spatial prompt's box."""

    name: str = "scripted-segmenter"

    def encode(self, frame: Frame) -> Frame:
        return frame

    def segment(
        self, encoded: Frame, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> MaskCandidates:
        if spatial is None:
            raise SegmentationError(f"{self.name} needs a box.")
        mask = np.zeros((1, encoded.height_px, encoded.width_px), bool)
        x1, y1, x2, y2 = spatial.box_xyxy_px.astype(int)
        mask[0, y1:y2, x1:x2] = True
        return MaskCandidates(mask, np.array([0.9], np.float32))


@dataclass
class Scripted:
    """The real pipeline on scripted models, and a handle on both."""

    mllm: ScriptedMllm = field(default_factory=ScriptedMllm)
    segmenter: ScriptedSegmenter = field(default_factory=ScriptedSegmenter)
    configs: list[Config] = field(default_factory=list)

    def build(self, config: Config) -> PPCRPipeline:
        self.configs.append(config)
        return PPCRPipeline(self.mllm, self.segmenter, config)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    made = Scripted()
    made.mllm.gate.set()
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
    """The real pipeline on the models above; the list holds the configurations that were loaded."""
    configs: list[Config] = []

    def build(config: Config) -> PPCRPipeline:
        configs.append(config)
        return PPCRPipeline(EchoMllm(), BoxSegmenter(), config)

    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)
    return configs


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
        lambda config: PPCRPipeline(EchoMllm(), Broken(), config),
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
