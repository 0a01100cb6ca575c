"""An engine that lists its models and does not answer is gone back to less and less often."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import Config, MllmConfig
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Frame, ModelNames, Result, SemanticPrompt, Status
from ppcr_ros.service import fallback

FRAME = Frame(rgb=np.zeros((6, 9, 3), np.uint8))
DOWN = Result(Status.ERROR, "x", message="it is down.", mllm_unavailable=True)
ANSWERED = Result(Status.OK, "x", semantic=SemanticPrompt("mug", "mug"))


@dataclass
class Scene:
    """A clock, an engine, and the pipelines that were loaded one after the other."""

    now_sec: float = 100.0
    works: bool = False
    loads: bool = True
    loaded: list[str] = field(default_factory=list)

    def make(self, family: Any) -> Any:
        scene = self

        class Scripted:
            models = ModelNames(family, "scripted")

            def run(self, *arguments: Any) -> Result:
                return ANSWERED if family != "served" or scene.works else DOWN

            def close(self) -> None: ...

        if family == "served" and self.loaded and not self.loads:
            raise RuntimeError("no room")
        self.loaded.append(family)
        return Scripted()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene()
    monkeypatch.setattr(time, "monotonic", lambda: made.now_sec)
    monkeypatch.setattr(fallback, "engine_answers", lambda config: True)
    monkeypatch.setattr(
        fallback, "load_pipeline", lambda make, config, *rest: make(config.current.mllm.family)
    )
    return made


@pytest.fixture
def pipeline(scene: Scene) -> fallback.FallbackPipeline:
    mllm = MllmConfig(family="served", endpoint="http://robot:secret@h/v1", model="m")
    config = replace(Config(), mllm=mllm, node=replace(Config().node, fallback_config="embedded"))
    return fallback.FallbackPipeline(scene.make, LiveConfig(config), logging.getLogger("test"))


def say(scene: Scene, pipeline: fallback.FallbackPipeline, seconds: float) -> int:
    """A command every 5 s for so long; how often the engine was gone back to."""
    before = scene.loaded.count("served")
    for _ in range(int(seconds / 5.0)):
        pipeline.after_result(pipeline.run(FRAME, "x"))
        scene.now_sec += 5.0
    return scene.loaded.count("served") - before


def test_an_engine_that_fails_each_time_is_gone_back_to_less_and_less(
    scene: Scene, pipeline: fallback.FallbackPipeline
) -> None:
    assert say(scene, pipeline, 600.0) <= 7
    assert 1 <= say(scene, pipeline, 900.0) <= 3
    scene.works = True
    assert say(scene, pipeline, 400.0) == 1
    assert pipeline.notice == ""


def test_an_engine_that_has_answered_is_trusted_again(
    scene: Scene, pipeline: fallback.FallbackPipeline
) -> None:
    say(scene, pipeline, 600.0)
    scene.works = True
    say(scene, pipeline, 400.0)
    scene.works = False
    pipeline.after_result(pipeline.run(FRAME, "x"))
    scene.works = True
    assert pipeline.notice
    scene.now_sec += 5.0
    assert say(scene, pipeline, 10.0) == 1
    assert pipeline.notice == ""


def test_models_that_cannot_be_loaded_again_are_tried_less_and_less(
    scene: Scene, pipeline: fallback.FallbackPipeline
) -> None:
    scene.loads = False
    say(scene, pipeline, 600.0)
    assert scene.loaded.count("ppcr_tiny") <= 8


def test_no_password_is_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fallback, "engine_answers", lambda config: False)
    mllm = MllmConfig(family="served", endpoint="http://robot:secret@h/v1", model="m")
    config = replace(Config(), mllm=mllm, node=replace(Config().node, fallback_config="embedded"))
    fallback.FallbackPipeline(scene.make, LiveConfig(config), logging.getLogger("test"))
    assert "the engine at http://h/v1 does not answer" in caplog.text
    assert "secret" not in caplog.text
