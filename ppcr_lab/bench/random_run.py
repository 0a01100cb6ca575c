"""Measurements of ``ppcr bench --random``: real architectures, random weights, forced answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ppcr_lab.bench.bench_report import BenchReport
from ppcr_lab.bench.comparison import Contestants, Sample, compare
from ppcr_lab.bench.measurements import first_with_mask, measure_model_parts
from ppcr_lab.bench.random_models import RANDOM_MLLMS, SAM2, random_mllm, random_segmenter
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import ModelLoadError, OutOfMemoryError
from ppcr_ros.core.pipeline import PPCRPipeline

_PARTS_WANTED = ("prefill", "one token")
_LEFT_OUT = "left out: it depends on what the weights have learnt, or is no matter of the models"


@dataclass
class RandomSettings:
    """Models to make with random weights, and the measurement of them.

    Attributes:
        mllm: a name in `RANDOM_MLLMS`.
        segmenter: a name in `RANDOM_SEGMENTERS`.
        tokens: how many stage 1 and stage 2 write.
        formats: of the MLLM's weights: ``none``, ``int8``, ``int4``; the first is that of all
            measurements, of the others one token and the prefill are measured.
        repeats: of each part of a run.
        step: is told what comes next.
    """

    mllm: str
    segmenter: str
    tokens: tuple[int, int] = (60, 40)
    formats: tuple[str, ...] = ("none",)
    repeats: int = 15
    step: Callable[[str], None] = field(default=lambda what: None)


@dataclass(frozen=True)
class FormatTimes:
    """One number format of the MLLM's weights.

    Attributes:
        quantization: as in the configuration.
        prefill_ms: median.
        token_ms: median of one token.
        bytes: that a token must read.
        bound_ms: the time to read them at the machine's bandwidth.
    """

    quantization: str
    prefill_ms: float
    token_ms: float
    bytes: int
    bound_ms: float


def config_for(settings: RandomSettings, config: Config) -> Config:
    """``config`` as it is with random models: their names, the token limits, no adapter."""
    first, second = settings.tokens
    return replace(
        config,
        mllm=replace(
            config.mllm,
            family=RANDOM_MLLMS[settings.mllm].family,
            model="random",
            quantization=settings.formats[0],
            max_new_tokens_semantic=max(config.mllm.max_new_tokens_semantic, first + 1),
            max_new_tokens_spatial=max(config.mllm.max_new_tokens_spatial, second + 1),
        ),
        segmenter=replace(
            config.segmenter,
            family="sam2" if settings.segmenter == SAM2 else "segment_anything",
            model="random",
            prompt_adapter="none",
        ),
        pipeline=replace(config.pipeline, min_confidence=0.0, score_calibration="none"),
    )


def measure_random(
    settings: RandomSettings, config: Config, samples: Sequence[Sample]
) -> BenchReport:
    """Measure one pair of random models; ``config`` is that of `config_for`.

    Raises:
        UnknownRandomModel: for a name that cannot be made.
        TokenCountError: for numbers of tokens that no answer has.
        PPCRError: when no sample leads to a mask, or a model does not fit.
    """
    from ppcr_lab.bench import fresh_process

    segmenter, predictor = random_segmenter(settings.segmenter, config.segmenter)
    report, first, answers = _measure(settings, config, segmenter, predictor, samples)
    for kind in settings.formats if len(settings.formats) > 1 else ():
        if kind == settings.formats[0]:
            report.formats.append(_measured_format(report, kind))
            continue
        try:
            report.formats.append(
                _other_format(report, kind, settings, config, segmenter, first, answers)
            )
        except (ModelLoadError, OutOfMemoryError) as error:
            report.missing[f"weights in {kind}"] = str(error)
        settings.step(f"weights in {kind}")
    for what in ("ros_overhead_p50_ms", "tracking_fps", "start_to_ready_s", "rss_mb"):
        report.missing[what] = _LEFT_OUT
    report.peak_rss_mb = fresh_process.peak_rss_mb()
    report.accelerator_mb = fresh_process.accelerator_peak_mb()
    return report


def _measure(
    settings: RandomSettings,
    config: Config,
    segmenter: Any,
    predictor: Any,
    samples: Sequence[Sample],
) -> tuple[BenchReport, Sample, list[list[int]]]:
    """All but the other formats, the sample that was taken and the answers; drops the MLLM."""
    mllm = random_mllm(settings.mllm, config.mllm)
    from ppcr_lab.bench.baselines import Baselines
    from ppcr_lab.bench.forced import forced, semantic_answer, spatial_answer
    from ppcr_lab.bench.stages import Session

    answers = [
        semantic_answer(mllm, settings.tokens[0]),
        spatial_answer(mllm, settings.tokens[1]),
    ]
    report = BenchReport(models={"mllm": mllm.name, "segmenter": segmenter.name})
    report.forced_tokens = settings.tokens
    session = Session(mllm, segmenter, config)
    baselines = Baselines(mllm, predictor, config)
    with PPCRPipeline(mllm, segmenter, config) as pipeline, forced(mllm, answers):
        first = first_with_mask(pipeline, samples)
        baselines.naive(first.frame, first.command)
        contestants = Contestants(
            ppcr=pipeline.run,
            naive=baselines.naive,
            direct=None,
            direct_tokens=session.direct_tokens,
            box_masks=session.box_masks,
            tokens_of=session.tokens_of,
            read=pipeline.read,
        )
        report.comparison = compare(contestants, samples, tick=lambda: settings.step("comparison"))
        measure_model_parts(
            report, mllm, segmenter, config, first, settings.step, repeats=settings.repeats
        )
    return report, first, answers


def _measured_format(report: BenchReport, kind: str) -> FormatTimes:
    """The format in which all was measured."""
    token = next(roof for roof in report.roofs if roof.part == "one token")
    return FormatTimes(
        kind,
        prefill_ms=report.parts["prefill"].p50_ms,
        token_ms=token.measured_ms,
        bytes=token.bytes,
        bound_ms=1e3 * token.bytes / report.machine_speed.bytes_per_sec,
    )


def _other_format(
    report: BenchReport,
    kind: str,
    settings: RandomSettings,
    config: Config,
    segmenter: Any,
    sample: Sample,
    answers: list[list[int]],
) -> FormatTimes:
    """Prefill and token with the weights in another format."""
    mllm = random_mllm(settings.mllm, replace(config.mllm, quantization=kind))
    from ppcr_lab.bench.forced import forced
    from ppcr_lab.bench.roofline import weight_bytes
    from ppcr_lab.bench.stages import measure_parts, parts_of

    with forced(mllm, answers):
        parts = parts_of(mllm, segmenter, config, sample.frame, sample.command)
        wanted = [part for part in parts if part.name in _PARTS_WANTED]
        times = measure_parts(wanted, settings.repeats, lambda: None)
    token = next(part for part in wanted if part.name == "one token")
    n_bytes = weight_bytes(token.modules) + token.cache_bytes
    return FormatTimes(
        kind,
        prefill_ms=times["prefill"].p50_ms,
        token_ms=times["one token"].p50_ms,
        bytes=n_bytes,
        bound_ms=1e3 * n_bytes / report.machine_speed.bytes_per_sec,
    )
