"""Outcome of a fault: how many were tried, crashed, unanswered, and the figures beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from ppcr_ros.core.outside_text import markdown_text

Figure: TypeAlias = int | float | str | dict[str, int] | dict[str, float]

_UNEXPECTED = re.compile(r"^[A-Za-z_.]*(?:Error|Exception|Interrupt|Warning)\b: ")


@dataclass(frozen=True)
class Plan:
    """Amount of a fault to run.

    Attributes:
        short: a small version of each, for a test run.
        minutes: length of the camera stream.
        seed: of everything that is drawn by chance.
    """

    short: bool = False
    minutes: float = 10.0
    seed: int = 20261124

    def of(self, full: int, short: int) -> int:
        """The number for this plan."""
        return short if self.short else full


@dataclass
class FaultOutcome:
    """The figures of one fault.

    Attributes:
        fault: its name.
        tried: commands, images, answers or restarts.
        crashed: exceptions that nobody expected, and processes that died of one.
        unanswered: commands without a result, with two, or with a failure that names no reason.
        missed: the bars of this fault that were missed, in words; empty where it passed.
        figures: what else was measured; the names carry the units.
        seconds: how long it took.
    """

    fault: str
    tried: int = 0
    crashed: int = 0
    unanswered: int = 0
    missed: list[str] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.tried > 0 and not (self.crashed or self.unanswered or self.missed)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note the bar ``otherwise`` as missed unless it ``holds``."""
        if not holds:
            self.missed.append(otherwise)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> FaultOutcome:
        return cls(**{key: value for key, value in document.items() if key != "passed"})


def is_unexpected(message: str) -> bool:
    """Whether a result's message is that of an exception that nobody raised on purpose."""
    return _UNEXPECTED.match(message) is not None


def format_table(outcomes: Sequence[FaultOutcome]) -> str:
    """The outcomes as a Markdown table, the figures under it."""
    rows = ["| fault | tried | crashed | unanswered | time | |", "|---|---:|---:|---:|---:|---|"]
    for item in outcomes:
        verdict = (
            "passed"
            if item.passed
            else f"**missed**: {markdown_text('; '.join(item.missed)) or 'see left'}"
        )
        rows.append(
            f"| {item.fault} | {item.tried} | {item.crashed} | {item.unanswered} "
            f"| {item.seconds:.0f} s | {verdict} |"
        )
    rows.append("")
    for item in outcomes:
        listed = "; ".join(f"{name} {_shown(value)}" for name, value in item.figures.items())
        if listed:
            rows.append(f"- {item.fault}: {listed}")
    return "\n".join(rows)


def _shown(value: Figure) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
