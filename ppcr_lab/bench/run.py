"""All measurements of ``ppcr bench``, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ppcr_lab.bench import messages, processes, ros_overhead
from ppcr_lab.bench.bench_report import BenchReport
from ppcr_lab.bench.comparison import Comparison, Contestants, Sample, compare
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.pipeline import PPCRPipeline

_PART_REPEATS = 15
_MESSAGE_REPEATS = 15
_TRIALS = 12


@dataclass
class Settings:
    """What is measured.

    Attributes:
        config_file: the configuration's file, for the processes that are started; or None.
        device: what overrides the configuration's devices; or None.
        fresh_processes: whether processes of their own are started.
    """

    config_file: Path | None = None
    device: str | None = None
    fresh_processes: bool = True
    step: Callable[[str], None] = field(default=lambda what: None)


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
    report.comparison = _compare(pipeline, mllm, segmenter, config, samples, settings.step)
    first = first_with_mask(pipeline, samples)
    measure_model_parts(report, mllm, segmenter, config, first, settings.step)
    _measure_ros(report, pipeline, first, settings.step)
    report.tracking = _tracking(report, pipeline, settings.step)
    report.peak_rss_mb = processes.peak_rss_mb()
    report.accelerator_mb = processes.accelerator_peak_mb()
    if settings.fresh_processes:
        _measure_processes(report, first, settings)
    else:
        report.missing["start_to_ready_s"] = report.missing["rss_mb"] = "left out by --quick"
    return report


def _compare(
    pipeline: Any,
    mllm: Any,
    segmenter: Any,
    config: Config,
    samples: Sequence[Sample],
    step: Callable[[str], None],
) -> Comparison:
    from ppcr_lab.bench.baselines import Baselines, predictor_of
    from ppcr_lab.bench.stages import Session

    session = Session(mllm, segmenter, config)
    baselines = Baselines(mllm, predictor_of(config, segmenter), config)
    baselines.naive(samples[0].frame, samples[0].command)
    direct = baselines.direct(samples[0].frame, samples[0].command)
    contestants = Contestants(
        ppcr=pipeline.run,
        naive=baselines.naive,
        direct=None if direct is None else baselines.direct,
        direct_tokens=session.direct_tokens,
        box_masks=session.box_masks,
        tokens_of=session.tokens_of,
        read=pipeline.read,
    )
    return compare(contestants, samples, tick=lambda: step("comparison"))


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
) -> None:
    """Put the times of each part of a run into ``report``, and what the machine allows."""
    from ppcr_lab.bench.roofline import count_flop, machine_speed, roof, weight_bytes
    from ppcr_lab.bench.stages import measure_parts, parts_of

    parts = parts_of(mllm, segmenter, config, sample.frame, sample.command)
    report.parts = measure_parts(parts, repeats, lambda: step("parts"))
    report.machine_speed = machine_speed(mllm.engine.device, mllm.engine.dtype)
    report.roofs = [
        roof(
            part.name,
            n_bytes=weight_bytes(part.modules) + part.cache_bytes,
            flop=count_flop(part.run),
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
    missing = messages.ros_missing()
    if missing:
        report.missing["ros_overhead_p50_ms"] = report.missing["messages"] = missing
        report.missing["start_to_ready_s"] = missing
        step("ROS")
        return
    report.messages = messages.measure_messages(_MESSAGE_REPEATS)
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
        report.fresh = processes.answer_in_a_fresh_process(
            config_file, device, sample.frame, sample.command
        )
    except processes.MeasurementError as error:
        report.missing["rss_mb"] = str(error)
    settings.step("fresh process")
    if "start_to_ready_s" not in report.missing:
        try:
            report.start_to_ready_s = processes.start_to_ready_sec(config_file, device)
        except processes.MeasurementError as error:
            report.missing["start_to_ready_s"] = str(error)
    settings.step("fresh node")


def steps(n_samples: int, *, fresh_processes: bool) -> int:
    """How often `measure` tells of a step, about: for a progress bar."""
    return n_samples + 7 + 3 + 2 * fresh_processes
