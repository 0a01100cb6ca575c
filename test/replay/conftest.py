"""Frames, results and bags of the tests of recording and replaying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ppcr_ros.core.config import Config
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame
from ppcr_ros.replay.offline_recording import record_run

WEIGHTS = {"mllm/model.safetensors": "a" * 64, "segmenter/model.safetensors": "b" * 64}

Record = Callable[..., Path]


@pytest.fixture
def frame() -> Frame:
    rgb = np.random.default_rng(7).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Frame(rgb, stamp_ns=12_000_000_034, frame_id="camera")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of threads that were set; torch is left alone."""
    numbers: list[int] = []
    monkeypatch.setattr("ppcr_ros.replay.player.set_torch_threads", numbers.append)
    return numbers


@pytest.fixture
def record(
    loaded: list[Config], frame: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Record:
    """Records a command about ``frame`` on the models of a few lines, and gives the bag."""
    from ppcr_ros.models import factory

    monkeypatch.setattr("ppcr_ros.replay.player.weights_checksums", lambda config: dict(WEIGHTS))
    folder = tmp_path / "bags"
    folder.mkdir()

    def make(command: str, config: Config | None = None, stamp_ns: int = 12_000_000_034) -> Path:
        config, seen = config or Config(), replace(frame, stamp_ns=stamp_ns)
        identity = f"{len(list(folder.iterdir())) + 1:032x}"
        pipeline: PPCRPipeline = factory.build_pipeline(config)
        with pipeline:
            result = pipeline.run(seen, command, command_id=identity)
        return record_run(folder, seen, command, result, config, WEIGHTS)

    return make
