"""Report of an evaluation: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ppcr_lab.evaluation.metrics import Figures, SampleOutcome
from ppcr_lab.evaluation.request_figures import RequestFigures, request_rows
from ppcr_ros.core.config import Config, flatten
from ppcr_ros.core.outside_text import markdown_code, markdown_text
from ppcr_ros.core.types import Status
from ppcr_ros.weights.provenance import Provenance

_SHARES = (
    ("miou", "mIoU"),
    ("oiou", "oIoU"),
    ("p_at_50", "P@0.5"),
    ("p_at_70", "P@0.7"),
    ("p_at_90", "P@0.9"),
    ("box_p_at_50", "box P@0.5"),
    ("giou", "gIoU"),
    ("ciou", "cIoU"),
    ("no_target_accuracy", "N-acc"),
    ("ambiguous_accuracy", "A-acc"),
    ("ece", "ECE"),
)

_FAILURES_SHOWN = 20
_LINE_CHARS = 160


@dataclass(frozen=True)
class Failure:
    """A run that ended as ERROR, PARSE_FAILED or CANCELLED, none of which is an answer."""

    sample_id: str
    command: str
    status: str
    message: str


@dataclass(frozen=True)
class Report:
    """The figures of one evaluation.

    Attributes:
        data: name of the data set, ``tabletop:test``.
        overall: over all samples.
        by_kind: over the samples of one kind.
        statuses: how many runs ended with each status; all are named.
        confusion: for each status that is expected, how many runs ended with which.
        failures: every run that failed, in the order of the samples.
        models: names of the MLLM and the segmenter.
        provenance: what it was measured with; None where nobody asked.
        requests: for a data set of requests, by kind, their own figures; else empty.
    """

    data: str
    overall: Figures
    by_kind: dict[str, Figures]
    statuses: dict[str, int]
    confusion: dict[str, dict[str, int]]
    failures: tuple[Failure, ...]
    models: dict[str, str]
    provenance: Provenance | None = None
    requests: dict[str, RequestFigures] = field(default_factory=dict)

    @property
    def all_failed(self) -> bool:
        """Whether not one run gave an answer."""
        return self.overall.n > 0 and len(self.failures) == self.overall.n

    def to_dict(self) -> dict[str, Any]:
        """The report as plain types; the overall figures stand at the top level."""
        return {
            "data": self.data,
            **asdict(self.overall),
            "by_kind": {kind: asdict(item) for kind, item in self.by_kind.items()},
            "statuses": self.statuses,
            "confusion": self.confusion,
            "failures": [asdict(failure) for failure in self.failures],
            "models": self.models,
            **({"requests": _plain(self.requests)} if self.requests else {}),
            **({} if self.provenance is None else asdict(self.provenance)),
        }

    def to_json(self) -> str:
        """The report as JSON; a figure over no sample is null."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """The report as Markdown: the figures by kind, how runs ended, what it was run with.

        Of the failures the first are listed, and of the configuration what is not a default.
        """
        header = ["", "n", *(title for _, title in _SHARES), "s (p50)"]
        rows = [self._row("**all**", self.overall)]
        rows += [self._row(markdown_text(kind), item) for kind, item in self.by_kind.items()]
        parts = [
            f"# {markdown_text(self.data)}: {models_text(self.models)}",
            table(header, rows),
            self._times(),
            self._endings(),
        ]
        if self.requests:
            parts.insert(1, table(*request_rows(self.requests)))
        if self.provenance is not None:
            parts.append(provenance_markdown(self.provenance))
        return "\n\n".join(parts) + "\n"

    @staticmethod
    def _row(name: str, item: Figures) -> list[str]:
        shares = [_number(getattr(item, key)) for key, _ in _SHARES]
        return [name, str(item.n), *shares, _number(item.seconds_p50)]

    def _times(self) -> str:
        stages = ", ".join(
            f"{stage} {_number(seconds)}"
            for stage, seconds in self.overall.stage_seconds_p50.items()
        )
        return (
            f"Seconds a command: median {_number(self.overall.seconds_p50)}, "
            f"90th percentile {_number(self.overall.seconds_p90)}; median by stage: {stages}."
        )

    def _endings(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.statuses.items() if count)
        lines = [f"Endings: {counts or 'none'}."]
        for failure in self.failures[:_FAILURES_SHOWN]:
            command, message = _one_line(failure.command), _one_line(failure.message)
            sample = markdown_text(failure.sample_id)
            lines.append(f'- {sample} {failure.status}: "{command}": {message}')
        if len(self.failures) > _FAILURES_SHOWN:
            lines.append(f"- and {len(self.failures) - _FAILURES_SHOWN} more, all in the JSON.")
        return "\n".join(lines)


def _plain(figures: dict[str, RequestFigures]) -> dict[str, dict[str, int]]:
    return {kind: asdict(item) for kind, item in figures.items()}


def count_statuses(statuses: list[Status]) -> dict[str, int]:
    """How often each status came, all of them named."""
    return {status.name: statuses.count(status) for status in Status}


def confusion(outcomes: Sequence[SampleOutcome]) -> dict[str, dict[str, int]]:
    """How runs ended by how they should have ended; what never came is left out."""
    counts: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        row = counts.setdefault(outcome.expected.name, {})
        row[outcome.status.name] = row.get(outcome.status.name, 0) + 1
    return counts


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    cut = line if len(line) <= _LINE_CHARS else line[:_LINE_CHARS].rstrip() + " ..."
    return markdown_text(cut)


def models_text(models: dict[str, str]) -> str:
    """The names of the MLLM and the segmenter, for Markdown."""
    return markdown_text(f"{models.get('mllm', '')} + {models.get('segmenter', '')}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def provenance_markdown(origin: Provenance) -> str:
    """What a report was made with, as a list."""
    default = flatten(Config())
    changed = [
        markdown_code(f"{name}={value}")
        for name, value in origin.config.items()
        if default.get(name) != value
    ]
    lines = [
        f"- command: {markdown_code(origin.command_line)}",
        f"- date: {origin.date}",
        f"- machine: {_listed(origin.machine)}",
        f"- packages: {_listed(origin.packages)}",
        *(
            f"- {markdown_text(name)}: sha256 {markdown_code(digest)}"
            for name, digest in origin.weights_sha256.items()
        ),
        f"- config: {', '.join(changed) or 'defaults'}",
    ]
    return "\n".join(lines)


def _listed(facts: dict[str, Any]) -> str:
    return markdown_text(", ".join(f"{key} {value}" for key, value in facts.items()))
