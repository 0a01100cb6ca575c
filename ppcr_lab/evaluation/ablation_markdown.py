"""An ablation as a section of a Markdown page."""

from __future__ import annotations

from collections.abc import Callable

from ppcr_lab.evaluation.ablation import ALL, AblationReport, MiouDifference, WayReport
from ppcr_lab.evaluation.evaluation_report import models_text, provenance_markdown, table
from ppcr_lab.evaluation.metrics import Figures
from ppcr_lab.evaluation.pages import Marks
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.outside_text import markdown_text

MARKS = Marks.named("ablation", "the ablation")
NAMES = {
    Guidance.DIRECT: "direct grounding (no semantic stage)",
    Guidance.SEMANTIC_ONLY: "semantic prompt only",
    Guidance.SPATIAL_ONLY: "spatial prompt only",
    Guidance.NO_ADAPTER: "both, without an adapter",
    Guidance.PROGRESSIVE: "both",
}
_WITHOUT_TARGET = ("absent", "ambiguous", "no_target")


def to_markdown(report: AblationReport) -> str:
    """The tables: mask mIoU, P@0.5 and differences by kind, and the answers without a mask."""
    kinds = [ALL, *(kind for kind in _kinds(report) if kind not in _WITHOUT_TARGET)]
    counts = _counts(report)
    header = ["", *(f"{markdown_text(kind)} ({counts[kind]})" for kind in kinds)]
    parts = [
        f"{report.n} commands of {markdown_text(report.data)}, each run in every way; "
        f"{models_text(report.models)}.",
        "Mask mIoU over the commands whose target is there (number of them in brackets):",
        _rows(report, header, lambda way: [_share(way.by_kind.get(k), "miou") for k in kinds]),
        "P@0.5:",
        _rows(report, header, lambda way: [_share(way.by_kind.get(k), "p_at_50") for k in kinds]),
        "Points of mIoU more than direct grounding, on the same commands, with the 95 % interval "
        "of a paired bootstrap:",
        _rows(
            report,
            header,
            lambda way: [_points(way.against_baseline.get(k)) for k in kinds],
            leave_out=Guidance.DIRECT,
        ),
        "Where no mask is the right answer, how well the score says what it is worth (a calibrated "
        "score, where there is one, is that of both alone), and time:",
        _rows(
            report,
            ["", "NOT_FOUND accuracy", "AMBIGUOUS accuracy", "ECE", "seconds (median)"],
            lambda way: [
                _share(way.by_kind.get(ALL), name)
                for name in ("no_target_accuracy", "ambiguous_accuracy", "ece", "seconds_p50")
            ],
        ),
    ]
    impossible = [
        f"- {NAMES[way]}: {markdown_text(one.impossible)}"
        for way, one in report.ways.items()
        if one.impossible
    ]
    if impossible:
        parts.append("\n".join(["Not possible with these models:", *impossible]))
    if report.provenance is not None:
        parts.append(provenance_markdown(report.provenance))
    return "\n\n".join(parts) + "\n"


def _rows(
    report: AblationReport,
    header: list[str],
    cells: Callable[[WayReport], list[str]],
    leave_out: Guidance | None = None,
) -> str:
    rows = []
    for way, one in report.ways.items():
        if way is not leave_out:
            rows.append(
                [NAMES[way], *(["-"] * (len(header) - 1) if one.impossible else cells(one))]
            )
    return table(header, rows)


def _kinds(report: AblationReport) -> list[str]:
    kinds: dict[str, None] = {}
    for one in report.ways.values():
        kinds.update(dict.fromkeys(kind for kind in one.by_kind if kind != ALL))
    return list(kinds)


def _counts(report: AblationReport) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in report.ways.values():
        for kind, item in one.by_kind.items():
            counts[kind] = max(counts.get(kind, 0), item.n_present)
    return {ALL: 0, **counts}


def _share(item: Figures | None, name: str) -> str:
    value = None if item is None else getattr(item, name)
    return "-" if value is None else f"{value:.3f}"


def _points(gap: MiouDifference | None) -> str:
    if gap is None:
        return "-"
    return f"{100 * gap.miou:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
