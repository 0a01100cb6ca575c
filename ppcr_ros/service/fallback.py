"""Going over to other models where memory runs out, or the engine of a served MLLM is down."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.command import Command, readable
from ppcr_ros.core.config import EMBEDDED, SERVED, Config, load_config
from ppcr_ros.core.errors import Cancelled, ConfigError, OutOfMemoryError, PPCRError
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.live_config import ConfigSource, DerivedConfig
from ppcr_ros.core.memory import MemoryReport
from ppcr_ros.core.run import OnStage
from ppcr_ros.core.tracking import MaskTracker, TrackerOptions
from ppcr_ros.core.types import Frame, ModelNames, Result, Status
from ppcr_ros.health.engine_probe import engine_answers
from ppcr_ros.models.served.engine_access import shown_address
from ppcr_ros.service.warm_up import PipelineFactory, load_pipeline, release_memory
from ppcr_ros.service.worker import Pipeline

_LOOK_EVERY_SEC = 5.0
"""So often it is looked at most whether an engine that was down answers again."""
_LONGEST_PAUSE_SEC = 300.0
"""An engine that fails each time it is gone back to is looked at less and less often, to this."""

_GOING_OVER = " The node goes over to the models of node.fallback_config now: say it again."


class FallbackPipeline:
    """The configured models, and those of ``node.fallback_config`` once they cannot be used.

    Where memory ran out that is for good. Where the engine of a served MLLM did not answer, the
    configured models are taken again once it does.

    While they load, and where they cannot be loaded, `run` gives results that say so. Used like the
    pipeline itself: `run` and `after_result` on the worker's thread, the rest on any.

    Args:
        factory: makes the pipeline of a configuration.
        configuration: the node's.
        logger: of the node.
        cancel: ends loading at the next step.

    Raises:
        Cancelled: when ``cancel`` was asked for before the models were loaded.
        ConfigError: when the fallback's file cannot be read.
        OutOfMemoryError: when neither set of models fits into memory, or there is one set only.
        PPCRError: whatever else keeps the models from loading.
    """

    def __init__(
        self,
        factory: PipelineFactory,
        configuration: ConfigSource,
        logger: Any,
        cancel: CancelToken | None = None,
    ) -> None:
        self._factory, self.configuration, self._log = factory, configuration, logger
        self._cancel = cancel
        self._spare = fallback_of(configuration.current)
        self.loaded: Pipeline | None = None
        """The models in use; None where there are none."""
        self._reason = ""
        """Why the fallback is used; empty while it is not."""
        self.problem = ""
        """Why there are no models; empty where there are."""
        self._engine_down, self._looked_sec = False, 0.0
        self._pause_sec = _LOOK_EVERY_SEC
        self._on_trial = False
        """Whether the configured models were gone back to and have not answered since."""
        mllm = configuration.current.mllm
        if mllm.family == SERVED and self._spare is not None and not engine_answers(mllm):
            self._engine_down, self._looked_sec = True, time.monotonic()
            self._go_over(f"the engine at {shown_address(mllm.endpoint)} does not answer.")
            return
        try:
            self.loaded = load_pipeline(factory, configuration, logger.info, cancel)
        except (OutOfMemoryError, MemoryError) as error:
            if self._spare is None:
                raise
            reason = str(error) or "memory ran out."
        # Out of the handler: the exception would keep what was loaded of the models.
        if self.loaded is None:
            self._go_over(reason)
            if self.loaded is None:
                raise OutOfMemoryError(f"{reason} {self.problem}")

    @property
    def notice(self) -> str:
        """What diagnostics warn of; empty while the configured models run."""
        if not self._reason:
            return ""
        pipeline = self.loaded
        if pipeline is None:
            return "going over to the models of node.fallback_config"
        models = pipeline.models
        why = "the MLLM's engine does not answer" if self._engine_down else "memory ran out"
        return f"{why}: going on with {models.mllm} and {models.segmenter} of node.fallback_config"

    @property
    def models(self) -> ModelNames:
        """Those that are loaded now."""
        pipeline = self.loaded
        return ModelNames() if pipeline is None else pipeline.models

    @property
    def placements(self) -> ModelNames:
        """Where the loaded models lie, such as ``cuda:0 bfloat16``."""
        pipeline = self.loaded
        return ModelNames() if pipeline is None else pipeline.placements

    def memory_report(self) -> MemoryReport | None:
        """What the models and the process take now; None where it is not known."""
        pipeline = self.loaded
        return None if pipeline is None else pipeline.memory_report()

    def read(self, frame: Frame) -> ReadFrame:
        """As the pipeline's.

        Raises:
            PPCRError: while no models are loaded.
        """
        if self.loaded is None:
            raise PPCRError(self.problem)
        return self.loaded.read(frame)

    def run(
        self,
        frame: Frame | ReadFrame,
        command: str | Command,
        on_stage: OnStage | None = None,
        cancel: CancelToken | None = None,
        command_id: str = "",
        point_xy_px: tuple[float, float] | None = None,
    ) -> Result:
        """As the pipeline's; where memory runs out the result says what comes of it."""
        if self.loaded is None:
            image = frame.frame if isinstance(frame, ReadFrame) else frame
            return Result(
                Status.ERROR,
                command.text if isinstance(command, Command) else readable(command),
                message=self.problem,
                command_id=command_id,
                stamp_ns=image.stamp_ns,
                frame_id=image.frame_id,
            )
        result = self.loaded.run(frame, command, on_stage, cancel, command_id, point_xy_px)
        if _cannot_go_on(result) and self._may_go_over():
            return replace(result, message=f"{result.message}{_GOING_OVER}")
        return result

    def tracker(self, options: TrackerOptions | None = None) -> MaskTracker:
        """A tracker on the segmenter that is loaded now.

        Raises:
            PPCRError: while no models are loaded.
        """
        if self.loaded is None:
            raise PPCRError(self.problem)
        return self.loaded.tracker(options)

    def after_result(self, result: Result) -> None:
        """Go over to the other models, where ``result`` says so; or back from them."""
        if _cannot_go_on(result) and self._may_go_over():
            self._engine_down = result.mllm_unavailable
            if self._engine_down and self._on_trial:
                self._wait_longer()
            self._on_trial = False
            self._looked_sec = time.monotonic()
            self._go_over(result.message.removesuffix(_GOING_OVER))
        elif self._on_trial and result.semantic is not None:
            self._on_trial, self._pause_sec = False, _LOOK_EVERY_SEC
        elif self._engine_down and time.monotonic() - self._looked_sec >= self._pause_sec:
            self._looked_sec = time.monotonic()
            if engine_answers(self.configuration.current.mllm):
                self._go_back()

    def close(self) -> None:
        """Drop the models and give their memory back."""
        pipeline, self.loaded = self.loaded, None
        if pipeline is not None:
            pipeline.close()

    def _may_go_over(self) -> bool:
        return self._spare is not None and not self._reason

    def _wait_longer(self) -> None:
        """After a return that failed: an engine may list its models and yet not answer."""
        self._pause_sec = min(2.0 * self._pause_sec, _LONGEST_PAUSE_SEC)
        self._log.warning(
            "the MLLM's engine was gone back to and does not answer: it is looked at again after "
            f"{self._pause_sec:g} s at the earliest."
        )

    def _go_back(self) -> None:
        """Take the configured models again."""
        self._log.info("the MLLM's engine answers again: loading the configured models.")
        reason, self._reason, self._engine_down = self._reason, "", False
        self.close()
        release_memory()
        try:
            self.loaded = load_pipeline(
                self._factory, self.configuration, self._log.info, self._cancel
            )
            self._on_trial = True
        except Exception as error:  # noqa: BLE001 - a model's library may raise anything
            self._engine_down = True
            self._wait_longer()
            self._go_over(f"{reason} The configured models cannot be loaded again: {error}.")

    def _go_over(self, reason: str) -> None:
        spare = self._spare
        if spare is None:
            return
        self._log.warning(f"{reason} Loading the models of node.fallback_config instead.")
        self._reason = reason
        self.close()
        release_memory()
        try:
            changed = DerivedConfig(
                self.configuration, lambda config: _with_models_of(spare, config)
            )
            self.loaded = load_pipeline(self._factory, changed, self._log.info, self._cancel)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - a model's library may raise anything
            what = str(error) if isinstance(error, PPCRError) else repr(error)
            self.problem = (
                f"there are no models: {reason} And those of node.fallback_config cannot be "
                f"loaded: {what} Clean the node up and configure it with smaller models."
            )
            self._log.error(self.problem)
            return
        self._log.warning(self.notice)


def _cannot_go_on(result: Result) -> bool:
    """Whether other models may do what the ones that were asked could not."""
    return result.out_of_memory or result.mllm_unavailable


def fallback_of(config: Config) -> Config | None:
    """The configuration that ``node.fallback_config`` names; None where it is empty.

    Raises:
        ConfigError: when it names no readable parameter file.
    """
    name = config.node.fallback_config
    if not name:
        return None
    if name == EMBEDDED:
        return Config()
    try:
        return load_config(name)
    except ConfigError as error:
        raise ConfigError(f"node.fallback_config: {error} Or {EMBEDDED!r}.") from error


def _with_models_of(models: Config, config: Config) -> Config:
    """``config`` with the models of another one, and with the calibration that belongs to them."""
    pipeline = replace(config.pipeline, score_calibration=models.pipeline.score_calibration)
    return replace(config, mllm=models.mllm, segmenter=models.segmenter, pipeline=pipeline)
