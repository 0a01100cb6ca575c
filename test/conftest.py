"""What several folders share: a pipeline on models of a few lines, and a picture."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable
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
