"""Loading the models and letting them run once, before the first command waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ppcr_ros.core.config import Config
from ppcr_ros.core.types import Frame
from ppcr_ros.ros.worker import Pipeline

PipelineFactory = Callable[[Config], Pipeline]


def build_models(config: Config) -> Pipeline:
    """The pipeline that ``config`` names; torch is imported only now.

    Raises:
        ModelLoadError: with what is missing and what to do.
    """
    from ppcr_ros.models.factory import build_pipeline

    return build_pipeline(config)


def load_pipeline(factory: PipelineFactory, config: Config, log: Callable[[str], None]) -> Pipeline:
    """A pipeline that has run once on a grey image, so that the first command meets warm models.

    Args:
        factory: makes the pipeline; what it raises is raised.
        config: for the factory.
        log: told what is being loaded, and how long it took.
    """
    mllm, segmenter = config.mllm, config.segmenter
    log(
        f"loading the MLLM {mllm.family} {mllm.model!r} (device {mllm.device}) and the segmenter "
        f"{segmenter.family} {segmenter.model!r} (device {segmenter.device}) ..."
    )
    started = time.perf_counter()
    pipeline = factory(config)
    loaded = time.perf_counter()
    grey = Frame(rgb=np.full((480, 640, 3), 128, np.uint8), frame_id="warm-up")
    result = pipeline.run(grey, "the object")
    log(
        f"models ready: {pipeline.models.mllm} and {pipeline.models.segmenter}, loaded in "
        f"{loaded - started:.1f} s; a first run on a grey image took {result.seconds.total:.1f} s "
        f"and ended as {result.status.name}."
    )
    return pipeline
