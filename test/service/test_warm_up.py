"""Loading before the first command: once, and said in two lines."""

from __future__ import annotations

import numpy as np

from ppcr_ros.core.config import Config
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Frame, Status
from ppcr_ros.service.warm_up import build_models, load_pipeline


def test_models_are_loaded_once_for_all_commands(loaded: list[Config]) -> None:
    told: list[str] = []
    with load_pipeline(build_models, LiveConfig(), told.append) as pipeline:
        frame = Frame(np.zeros((48, 64, 3), np.uint8))
        assert all(pipeline.run(frame, "the green ball").status is Status.OK for _ in range(5))
    assert len(loaded) == 1
    assert len(told) == 2
