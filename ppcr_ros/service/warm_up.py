"""Loading the models and letting them run once, before the first command waits for them."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

import numpy as np

from ppcr_ros.core.cancellation import CancelToken, loading_until, next_loading_step
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import OutOfMemoryError
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.types import Frame
from ppcr_ros.service.worker import Pipeline

WARM_UP_COMMAND = "the black ball"

PipelineFactory = Callable[[Config], Pipeline]


def build_models(config: Config) -> Pipeline:
    """The pipeline that ``config`` names; torch is imported only now.

    Raises:
        ModelLoadError: with what is missing and what to do.
    """
    from ppcr_ros.models.factory import build_pipeline

    return build_pipeline(config)


def load_pipeline(
    factory: PipelineFactory,
    configuration: ConfigSource,
    log: Callable[[str], None],
    cancel: CancelToken | None = None,
) -> Pipeline:
    """A pipeline that has run once on a drawn ball, so that the first command meets warm models.

    Args:
        factory: makes the pipeline; what it raises is raised.
        configuration: for the factory; the pipeline reads its options there from then on.
        log: told what is being loaded, how long it took, and how much memory it takes.
        cancel: ends it at the next step.

    Raises:
        Cancelled: when ``cancel`` was asked for; nothing stays loaded.
        OutOfMemoryError: when memory does not suffice to load the models, or for the first run.
    """
    config = configuration.current
    mllm, segmenter = config.mllm, config.segmenter
    log(
        f"loading the MLLM {mllm.family} {mllm.model!r} (device {mllm.device}) and the segmenter "
        f"{segmenter.family} {segmenter.model!r} (device {segmenter.device}) ..."
    )
    started = time.perf_counter()
    with loading_until(cancel):
        next_loading_step()
        pipeline = factory(config)
    pipeline.configuration = configuration  # what was set while the models loaded holds as well
    loaded = time.perf_counter()
    result = pipeline.run(drawn_ball(), WARM_UP_COMMAND, cancel=cancel)
    if cancel is not None and cancel.cancelled:
        pipeline.close()
        cancel.raise_if_cancelled()
    if result.out_of_memory:
        pipeline.close()
        raise OutOfMemoryError(f"memory does not suffice for a first run: {result.message}")
    log(
        f"models ready: {pipeline.models.mllm} and {pipeline.models.segmenter}, loaded in "
        f"{loaded - started:.1f} s; a first run took {result.seconds.total:.1f} s "
        f"and ended as {result.status.name}{': ' * bool(result.message)}{result.message}"
    )
    memory = pipeline.memory_report()
    if memory is not None:
        log(f"memory: {memory}")
    return pipeline


def release_memory() -> None:
    """Give back what a failed attempt to load models has left; imports no torch by itself."""
    gc.collect()
    if "torch" in sys.modules:
        from ppcr_ros.models.memory import release

        release()


def drawn_ball() -> Frame:
    """A black disc on a grey ground, 640x480: something that all three stages have work with."""
    rows, columns = np.ogrid[:480, :640]
    rgb = np.full((480, 640, 3), 128, np.uint8)
    rgb[(rows - 260) ** 2 + (columns - 320) ** 2 < 45**2] = 20
    return Frame(rgb=rgb, frame_id="warm-up")
