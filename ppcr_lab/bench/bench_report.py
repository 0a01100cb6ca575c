"""Report of ``ppcr bench``: JSON for programs, and a section of a Markdown page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, is_dataclass
from statistics import median
from typing import Any

from ppcr_lab.bench.against import Turns
from ppcr_lab.bench.comparison import WAYS, AnswerDifference, Comparison
from ppcr_lab.bench.timing import Quantiles
from ppcr_lab.evaluation.evaluation_report import models_text, provenance_markdown, table
from ppcr_lab.evaluation.pages import Marks
from ppcr_lab.evaluation.tracking import TrackingReport
from ppcr_ros.core.outside_text import markdown_code, markdown_text
from ppcr_ros.weights.provenance import Provenance

MARKS = Marks.named("bench", "the benchmark")
RANDOM_MARKS = Marks.named("bench-random", "the benchmark of random weights")
WAY_NAMES = {
    "ppcr": "PPCR, this pipeline",
    "closer": "PPCR, with further looks where one leaves doubt (`pipeline.look_again_below`)",
    "ahead": "PPCR, the image read before the command (`node.read_ahead_max_rate_hz`)",
    "naive": "naive: two generate() calls from scratch, then the SAM predictor",
    "direct": "direct: one generate() call for the box, then the SAM predictor",
}
_DIFFERENCES_SHOWN = 8


@dataclass
class BenchReport:
    """The figures; None for what could not be measured, with the reason in ``missing``.

    Attributes:
        models: names of the MLLM and the segmenter.
        comparison: the pipeline and the baselines on the same frames.
        parts: each part of a run by itself.
        machine_speed: a `roofline.MachineSpeed`.
        roofs: a `roofline.Roof` for each part that has weights.
        tokens_per_s: of the MLLM, one token after the other.
        messages: conversions of ROS messages at 1080p.
        ros: a `ros_overhead.RosOverhead`.
        tracking: what the tracker's benchmark returns.
        fresh: what a fresh process that answered once told.
        start_to_ready_s: a fresh node's seconds from its start until it is active.
        peak_rss_mb: of the process that measured, with the baselines' models.
        accelerator_mb: the most memory of an accelerator.
        load: the machine's load average over a minute before the run, where it has one.
        forced_tokens: how many tokens both stages were made to write, with random weights; None
            where the models wrote their own.
        formats: a `random_run.FormatTimes` for each number format of the MLLM's weights.
        against: an `against.Turns` with another checkout.
        missing: why a figure could not be had.
        provenance: what it was measured with.
    """

    models: dict[str, str] = field(default_factory=dict)
    comparison: Comparison = field(default_factory=Comparison)
    parts: dict[str, Quantiles] = field(default_factory=dict)
    machine_speed: Any = None
    roofs: list[Any] = field(default_factory=list)
    tokens_per_s: float | None = None
    messages: dict[str, Quantiles] = field(default_factory=dict)
    ros: Any = None
    tracking: TrackingReport | None = None
    fresh: dict[str, Any] | None = None
    start_to_ready_s: float | None = None
    peak_rss_mb: float | None = None
    accelerator_mb: float | None = None
    load: float | None = None
    forced_tokens: tuple[int, int] | None = None
    formats: list[Any] = field(default_factory=list)
    against: Turns | None = None
    missing: dict[str, str] = field(default_factory=dict)
    provenance: Provenance | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain types; the figures that are asked for most stand first."""
        compared = self.comparison
        ours, ahead = compared.quantiles("ppcr"), compared.quantiles("ahead")
        return {
            "command_to_mask_p50_ms": None if ours is None else ours.p50_ms,
            "command_to_mask_p95_ms": None if ours is None else ours.p95_ms,
            "speedup_vs_naive": compared.speedup("naive"),
            "speedup_vs_direct": compared.speedup("direct"),
            "read_ahead_p50_ms": None if ahead is None else ahead.p50_ms,
            "read_ahead_speedup_vs_naive": compared.speedup("naive", of="ahead"),
            "ros_overhead_p50_ms": None if self.ros is None else self.ros.overhead.p50_ms,
            "tracking_fps": None if self.tracking is None else self.tracking.frames_per_sec,
            "start_to_ready_s": self.start_to_ready_s,
            "rss_mb": None if self.fresh is None else self.fresh.get("rss_mb"),
            "tokens_per_s": self.tokens_per_s,
            "accelerator_mb": self.accelerator_mb,
            "equal": not compared.differences,
            "missing": self.missing,
            "models": self.models,
            "samples": {"run": compared.n, "with_mask": len(compared.rows)},
            "ways": {way: plain(compared.quantiles(way)) for way in WAYS},
            "rows_ms": [{way: 1e3 * x for way, x in row.items()} for row in compared.rows],
            "stages": {name: plain(Quantiles.of(x)) for name, x in compared.stages.items()},
            "checked": compared.checked,
            "differences": [asdict(item) for item in compared.differences],
            "parts": plain(self.parts),
            "machine_speed": plain(self.machine_speed),
            "roofline": plain(self.roofs),
            "messages_1080p": plain(self.messages),
            "ros": plain(self.ros),
            "tracking": plain(self.tracking),
            "forced_tokens": plain(self.forced_tokens),
            "weight_formats": plain(self.formats),
            "same_as_float32": compared.float32,
            "against": plain(self.against),
            "fresh_process": self.fresh,
            "bench_process_rss_mb": self.peak_rss_mb,
            "load_before": self.load,
            **({} if self.provenance is None else asdict(self.provenance)),
        }

    def to_markdown(self) -> str:
        """The tables of a section."""
        parts = [self._head(), self._ways(), self._against(), self._equality(), self._stages()]
        parts.append(self._parts())
        if self.formats:
            parts.append(_formats_markdown(self.formats))
        if self.messages:
            parts.append(
                "Messages at 1080p, each in milliseconds; nothing is drawn or converted for a "
                "topic without a subscriber:\n\n" + _quantile_table(self.messages)
            )
        if self.missing:
            lines = [
                markdown_text(f"{name}: {' '.join(why.split())}")
                for name, why in self.missing.items()
            ]
            parts.append("\n- ".join(["Not measured:", *lines]))
        if self.provenance is not None:
            parts.append(provenance_markdown(self.provenance))
        return "\n\n".join(part for part in parts if part) + "\n"

    def _head(self) -> str:
        found = self.to_dict()
        rows = [
            ["command to mask, median", _number(found["command_to_mask_p50_ms"], "ms")],
            ["command to mask, 95th percentile", _number(found["command_to_mask_p95_ms"], "ms")],
            ["times faster than naive", _number(found["speedup_vs_naive"], digits=2)],
            ["times faster than direct", _number(found["speedup_vs_direct"], digits=2)],
            ["command to mask where the image was read ahead, median",
             _number(found["read_ahead_p50_ms"], "ms")],
            ["times faster than naive where the image was read ahead",
             _number(found["read_ahead_speedup_vs_naive"], digits=2)],
            ["tokens a second", _number(self.tokens_per_s)],
            ["node: image and command in to result out, less the pipeline (720p)",
             _number(found["ros_overhead_p50_ms"], "ms", digits=1)],
            ["tracking, frames a second", _number(found["tracking_fps"])],
            ["start of the node's process until it is active",
             _number(self.start_to_ready_s, "s", digits=1)],
            ["peak memory of a fresh process that loads and answers",
             _number(found["rss_mb"], "MB")],
        ]  # fmt: skip
        if self.accelerator_mb is not None:
            rows.append(["peak memory of the accelerator", _number(self.accelerator_mb, "MB")])
        load = "" if self.load is None else f" Load average before the run: {self.load:.1f}."
        models = models_text(self.models)
        if self.forced_tokens is None:
            return f"{models}.{load}\n\n" + table(["", "measured"], rows)
        rows = [row for row in rows if row[1] != "-"]
        note = _FORCED_NOTE.format(*self.forced_tokens)
        return f"### {models}\n\n{note}{load}\n\n" + table(["", "measured"], rows)

    def _ways(self) -> str:
        compared = self.comparison
        rows = []
        for way in WAYS:
            found = compared.quantiles(way)
            if found is None and self.forced_tokens is not None:
                continue  # a way that was not asked for
            speedup = None if way == "naive" else compared.speedup("naive", of=way)
            rows.append([WAY_NAMES[way], *_cells(found), _number(speedup, digits=2)])
        words = (
            f"Command to mask, {compared.n} commands of which {len(compared.rows)} lead to a mask, "
            "every way on the same frame one right after the other, in an order that changes; how "
            "many times faster is the median of the ratios on each frame:"
        )
        return (
            words + "\n\n" + table(["", "n", "p50 ms", "p95 ms", "times faster than naive"], rows)
        )

    def _against(self) -> str:
        found = self.against
        if found is None:
            return ""
        rows = []
        for name, ahead in (("command to mask", False), ("the image read ahead", True)):
            pairs = found.ahead_seconds if ahead else found.seconds
            times = [f"{1e3 * median(x):.1f} ms" for x in zip(*pairs, strict=True)] or ["-", "-"]
            shorter = _number(found.ratio(ahead=ahead), digits=2)
            rows.append([name, str(len(pairs)), *times, shorter])
        for name, unit, pair in (
            ("imports and models loaded", "s", found.load_sec),
            ("peak memory", "MB", found.rss_mb),
        ):
            ratio = pair[0] / pair[1] if pair[0] and pair[1] else None
            both = [_number(value, unit, digits=1) for value in pair]
            rows.append([name, "1", *both, _number(ratio, digits=2)])
        words = (
            "Another checkout of this package on the same commands, in a process of its own, one "
            "right after the other; the ratio is the median of the ratios of the pairs:"
        )
        return words + "\n\n" + table(["", "n", "this one", "the other one", "ratio"], rows)

    def _float32(self) -> str:
        same, n = self.comparison.float32
        if not n:
            return ""
        return (
            f" What is checked is the pipeline on PyTorch in float32; of its answers {same} of {n} "
            "are those of the pipeline that was timed (status, box within a pixel, 99 % of the "
            "mask)."
        )

    def _equality(self) -> str:
        compared = self.comparison
        counts = ", ".join(f"{name} {n}" for name, n in compared.checked.items())
        if not compared.differences:
            return (
                f"Checked against the baselines and equal, token by token and pixel by pixel: "
                f"{counts}. (Masks: the candidates for the same box without the prompt adapter, "
                "which the baselines do not have.)" + self._float32()
            )
        lines = [_difference_line(item) for item in compared.differences[:_DIFFERENCES_SHOWN]]
        more = len(compared.differences) - len(lines)
        lines += [f"- and {more} more, all in the JSON"] * (more > 0)
        return "\n".join(
            [
                f"Checked: {counts}. Not equal: {len(compared.differences)}.{self._float32()}",
                *lines,
                _WHY_UNEQUAL,
            ]
        )

    def _stages(self) -> str:
        found = {name: Quantiles.of(x) for name, x in self.comparison.stages.items()}
        known = {name: value for name, value in found.items() if value is not None}
        if not known:
            return ""
        words = (
            "The pipeline's stages in those runs; the image encoder runs beside the first two on a "
            "GPU, and after them on a CPU (`pipeline.overlap_encoding: auto`):"
        )
        return words + "\n\n" + _quantile_table(known)

    def _parts(self) -> str:
        if not self.parts:
            return ""
        roofs = {item.part: item for item in self.roofs}
        rows = []
        for name, value in self.parts.items():
            bound = roofs.get(name)
            cells = ["-", "-", "-", "-"]
            if bound is not None:
                cells = [
                    f"{bound.bytes / 1e6:.1f}", f"{bound.flop / 1e9:.2f}",
                    f"{bound.bound_ms:.2f} ({bound.bound_by})", f"{100 * bound.share:.0f} %",
                ]  # fmt: skip
            rows.append([name, *_cells(value)[1:], *cells])
        speed = self.machine_speed
        measured = (
            ""
            if speed is None
            else f" This machine reads {speed.bytes_per_sec / 1e9:.1f} GB/s and does "
            f"{speed.flop_per_sec / 1e9:.0f} GFLOP/s in {speed.dtype} on {speed.device}."
        )
        header = ["", "p50 ms", "p95 ms", "MB read", "GFLOP", "bound ms", "of the bound"]
        return (
            "Each part of a run by itself, against what this machine could do at best: its weights "
            f"read once, its products at the rate of large ones.{measured}\n\n"
            + table(header, rows)
        )


_FORCED_NOTE = (
    "**Random weights, forced token counts.** The weights of both models are random, so that their "
    "masks mean nothing; every answer is given: {} tokens in stage 1 and {} in stage 2, the same "
    "ones for this pipeline and for the baseline, each computed by the model in full before the "
    "token is put in its place."
)
_WHY_UNEQUAL = (
    "What can part them: sums in another order, where two tokens are as likely as each other or a "
    "pixel lies on the mask's edge; or a re-rendered conversation whose text the tokenizer cuts "
    "otherwise than the model wrote it."
)


def plain(value: Any) -> Any:
    """``value`` as what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(item) for name, item in asdict(value).items()}
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def _formats_markdown(found: list[Any]) -> str:
    """The table of `random_run.FormatTimes`."""
    rows = [
        [
            item.quantization, f"{item.prefill_ms:.1f}", f"{item.token_ms:.2f}",
            f"{1e3 / item.token_ms:.0f}", f"{item.bytes / 1e6:.1f}",
            f"{100 * item.bound_ms / item.token_ms:.0f} %",
        ]
        for item in found
    ]  # fmt: skip
    header = ["weights", "prefill ms", "one token ms", "tokens a second", "MB read", "of the limit"]
    return (
        "The MLLM's weights in other number formats (`mllm.quantization`); the limit is the time "
        "to read a token's weights and cache once:\n\n" + table(header, rows)
    )


def _difference_line(item: AnswerDifference) -> str:
    here, there = markdown_code(str(item.ppcr)), markdown_code(str(item.baseline))
    return f"- {markdown_text(item.sample)}, {item.what}: PPCR {here}, baseline {there}"


def _cells(found: Quantiles | None) -> list[str]:
    if found is None:
        return ["0", "-", "-"]
    digits = 1 if found.p50_ms >= 10 else 2
    return [str(found.n), f"{found.p50_ms:.{digits}f}", f"{found.p95_ms:.{digits}f}"]


def _quantile_table(found: dict[str, Quantiles]) -> str:
    return table(["", "n", "p50 ms", "p95 ms"], [[name, *_cells(x)] for name, x in found.items()])


def _number(value: float | None, unit: str = "", *, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f} {unit}".rstrip()
