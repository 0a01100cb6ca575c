"""All measurements of ``ppcr bench``, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ppcr_lab.bench import fresh_process, message_times, ros_overhead
from ppcr_lab.bench.against import turns
from ppcr_lab.bench.bench_report import BenchReport
from ppcr_lab.bench.comparison import Comparison, Contestants, Sample, compare
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Result

_PART_REPEATS = 15
_MESSAGE_REPEATS = 15
_TRIALS = 12


@dataclass
class Settings:
    """Choices of a measurement.

    Attributes:
        config_file: the configuration's file, for the processes that are started; or None.
        device: what overrides the configuration's devices; or None.
        fresh_processes: whether processes of their own are started.
        against: another checkout, whose pipeline answers the same commands in turn; or None.
        step: told what comes next.
        look_again_below: of the pipeline with further looks, that is timed beside the one without;
            0 for none.
    """

    config_file: Path | None = None
    device: str | None = None
    fresh_processes: bool = True
    against: Path | None = None
    step: Callable[[str], None] = field(default=lambda what: None)
    look_again_below: float = 0.0


def measure(
    pipeline: PPCRPipeline,
    config: Config,
    samples: Sequence[Sample],
    settings: Settings,
) -> BenchReport:
    """Measure what can be measured here; what cannot be has its reason in the report.

    ``settings.step`` is told what comes next, once for each sample, part and other measurement.

    Raises:
        PPCRError: when no sample leads to a mask.
    """
    mllm, segmenter = pipeline.mllm, pipeline.segmenter
    report = BenchReport(models={"mllm": mllm.name, "segmenter": segmenter.name})
    for sample in samples[:2]:
        pipeline.run(sample.frame, sample.command)  # the first runs meet cold caches
    first = first_with_mask(pipeline, samples)
    with _in_pytorch(pipeline, config) as plain:
        report.comparison = _compare(pipeline, plain, config, samples, settings)
        models = plain.mllm, plain.segmenter
        measure_model_parts(report, mllm, segmenter, config, first, settings.step, counted=models)
    if settings.against is not None:
        report.against = turns(samples, settings.against, lambda: settings.step("against"))
    _measure_ros(report, pipeline, first, settings.step)
    report.tracking = _tracking(report, pipeline, settings.step)
    report.peak_rss_mb = fresh_process.peak_rss_mb()
    report.accelerator_mb = fresh_process.accelerator_peak_mb()
    if settings.fresh_processes:
        _measure_processes(report, first, settings)
    else:
        report.missing["start_to_ready_s"] = report.missing["rss_mb"] = "left out by --quick"
    return report


@contextmanager
def _in_pytorch(pipeline: Any, config: Config) -> Iterator[Any]:
    """The pipeline on PyTorch and in float32; the same one where no other engine runs it."""
    from ppcr_ros.models.cpu import engine
    from ppcr_ros.models.factory import build_pipeline

    if not pipeline.mllm.placement.startswith("cpu") or not engine.available():
        yield pipeline
        return
    before = os.environ.get(engine.ENGINE_VARIABLE)
    os.environ[engine.ENGINE_VARIABLE] = "torch"
    try:
        with build_pipeline(config) as plain:
            yield plain
    finally:
        del os.environ[engine.ENGINE_VARIABLE]
        if before is not None:
            os.environ[engine.ENGINE_VARIABLE] = before


def _compare(
    pipeline: Any,
    plain: Any,
    config: Config,
    samples: Sequence[Sample],
    settings: Settings,
) -> Comparison:
    from ppcr_lab.bench.baselines import Baselines, predictor_of
    from ppcr_lab.bench.stages import Session

    session = Session(plain.mllm, plain.segmenter, config)
    baselines = Baselines(plain.mllm, predictor_of(config, plain.segmenter), config)
    baselines.naive(samples[0].frame, samples[0].command)
    direct = baselines.direct(samples[0].frame, samples[0].command)
    contestants = Contestants(
        ppcr=pipeline.run,
        closer=_looking_closer(pipeline, config, settings.look_again_below),
        naive=baselines.naive,
        direct=None if direct is None else baselines.direct,
        direct_tokens=session.direct_tokens,
        box_masks=session.box_masks,
        tokens_of=session.tokens_of,
        read=pipeline.read,
        checked=None if plain is pipeline else plain.run,
        checked_read=None if plain is pipeline else plain.read,
    )
    return compare(contestants, samples, tick=lambda: settings.step("comparison"))


def _looking_closer(
    pipeline: PPCRPipeline, config: Config, look_again_below: float
) -> Callable[[Frame, str], Result] | None:
    """What runs ``pipeline`` with further looks where one leaves doubt; None where none are wanted.

    The baselines take one look, and what is compared with them does too.
    """
    if not look_again_below:
        return None
    options = replace(config.pipeline, look_again_below=look_again_below)
    closer = LiveConfig(replace(config, pipeline=options))

    def run(frame: Frame, command: str) -> Result:
        one_look, pipeline.configuration = pipeline.configuration, closer
        try:
            return pipeline.run(frame, command)
        finally:
            pipeline.configuration = one_look

    return run


def first_with_mask(pipeline: Any, samples: Sequence[Sample]) -> Sample:
    """The first of ``samples`` that ``pipeline`` answers with a mask.

    Raises:
        PPCRError: when there is none.
    """
    message = ""
    for sample in samples:
        result = pipeline.run(sample.frame, sample.command)
        if result.segmentation is not None:
            return sample
        message = result.message
    raise PPCRError(
        f"none of {len(samples)} commands led to a mask, so that nothing can be timed to its end. "
        f"Take more: --limit. The last one ended with: {message}"
    )


def measure_model_parts(
    report: BenchReport,
    mllm: Any,
    segmenter: Any,
    config: Config,
    sample: Sample,
    step: Callable[[str], None],
    *,
    repeats: int = _PART_REPEATS,
    counted: tuple[Any, Any] | None = None,
) -> None:
    """Put the times of each part of a run into ``report``, and what the machine allows.

    ``counted`` are the models whose operations are counted, where those of the run are no
    PyTorch's.
    """
    from ppcr_lab.bench.roofline import count_flop, machine_speed, roof, weight_bytes
    from ppcr_lab.bench.stages import measure_parts, parts_of

    parts = parts_of(mllm, segmenter, config, sample.frame, sample.command)
    report.parts = measure_parts(parts, repeats, lambda: step("parts"))
    plain = parts if counted is None else parts_of(*counted, config, sample.frame, sample.command)
    flop = {part.name: count_flop(part.run) for part in plain if part.modules}
    report.machine_speed = machine_speed(mllm.engine.device, mllm.engine.product_dtype)
    report.roofs = [
        roof(
            part.name,
            n_bytes=weight_bytes(part.modules) + part.cache_bytes,
            flop=flop[part.name],
            measured_ms=report.parts[part.name].p50_ms,
            machine=report.machine_speed,
        )
        for part in parts
        if part.modules
    ]
    token = report.parts["one token"].p50_ms
    report.tokens_per_s = 1e3 / token
    step("roofline")


def _measure_ros(
    report: BenchReport, pipeline: Any, sample: Sample, step: Callable[[str], None]
) -> None:
    missing = message_times.ros_missing()
    if missing:
        report.missing["ros_overhead_p50_ms"] = report.missing["messages"] = missing
        report.missing["start_to_ready_s"] = missing
        step("ROS")
        return
    report.messages = message_times.measure_messages(_MESSAGE_REPEATS)
    try:
        report.ros = ros_overhead.measure_ros_overhead(
            pipeline, ros_overhead.at_720p(sample.frame), sample.command, _TRIALS
        )
    except TimeoutError as error:
        report.missing["ros_overhead_p50_ms"] = str(error)
    step("ROS")


def _tracking(report: BenchReport, pipeline: Any, step: Callable[[str], None]) -> Any:
    """The tracker's own benchmark on a rendered scene in motion, where it can be rendered."""
    step("tracking")
    try:
        from ppcr_lab.evaluation.tracking import moving_sequence, run_tracking_benchmark

        rate_hz = 15.0
        sequence = moving_sequence(0, rate_hz=rate_hz, duration_sec=4.0, shadows=False)
        return run_tracking_benchmark(pipeline.segmenter, sequence, rate_hz=rate_hz)
    except Exception as error:  # noqa: BLE001 - a figure that cannot be had must not cost the rest
        report.missing["tracking_fps"] = f"{type(error).__name__}: {error}"
        return None


def _measure_processes(report: BenchReport, sample: Sample, settings: Settings) -> None:
    config_file, device = settings.config_file, settings.device
    try:
        report.fresh = fresh_process.answer_in_a_fresh_process(
            config_file, device, sample.frame, sample.command
        )
    except fresh_process.MeasurementError as error:
        report.missing["rss_mb"] = str(error)
    settings.step("fresh process")
    if "start_to_ready_s" not in report.missing:
        try:
            report.start_to_ready_s = fresh_process.start_to_ready_sec(config_file, device)
        except fresh_process.MeasurementError as error:
            report.missing["start_to_ready_s"] = str(error)
    settings.step("fresh node")


def steps(n_samples: int, *, fresh_processes: bool, against: bool = False) -> int:
    """How often `measure` tells of a step, about: for a progress bar."""
    return n_samples * (1 + against) + 7 + 3 + 2 * fresh_processes
