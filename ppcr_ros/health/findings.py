"""Findings of the checks: what is wrong, why it matters, what to do; and saying it once.

The node and ``ppcr doctor`` show the same findings. Their texts stand in
`ppcr_ros.health.finding_catalog`, from which ``docs/troubleshooting.md`` is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

FINE_SEC = 10.0
"""A finding that comes back is said again only if it was away for longer than this."""


class Level(IntEnum):
    """Severity of a finding. The numbers are those of ``diagnostic_msgs/DiagnosticStatus``."""

    NOTE = 0
    """Worth knowing; nothing is wrong."""
    WARN = 1
    """Something is missing or misleading; commands may still be answered."""
    ERROR = 2
    """Commands cannot be answered until a person acts."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        code: names the kind of finding: ``no_publisher``.
        about: what it is found of, such as a topic; with ``code`` it makes the finding's identity.
            Numbers that change from second to second belong into the texts, never here.
        what: what was found.
        expected: what was expected, or why it matters.
        remedy: what to do.
        level: how bad it is.
    """

    code: str
    about: str
    what: str
    expected: str
    remedy: str
    level: Level

    @property
    def text(self) -> str:
        """All of it in one line."""
        return f"{self.what}; {self.expected}. {self.remedy}"

    def as_dict(self) -> dict[str, str]:
        """For JSON; the level by its name."""
        return {
            "code": self.code,
            "level": self.level.name,
            "about": self.about,
            "what": self.what,
            "expected": self.expected,
            "remedy": self.remedy,
        }


@dataclass(frozen=True)
class FindingKind:
    """One kind of finding: its level, and its texts with ``{names}`` where the particulars go."""

    code: str
    level: Level
    what: str
    expected: str
    remedy: str

    def found(self, about: str, *, level: Level | None = None, **particulars: object) -> Finding:
        """The finding of this kind about ``about``; ``level`` overrides the kind's own."""
        values: dict[str, object] = {"node": "/ppcr", "about": about, **particulars}
        if "problem" in values:  # what comes from an error has a full stop of its own
            values["problem"] = str(values["problem"]).rstrip(". ")
        return Finding(
            code=self.code,
            about=about,
            what=self.what.format(**values),
            expected=self.expected.format(**values),
            remedy=self.remedy.format(**values),
            level=self.level if level is None else level,
        )


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """``findings`` by level, the worst ones first; otherwise in the order given."""
    return sorted(findings, key=lambda finding: -finding.level)


@dataclass(frozen=True)
class News:
    """Findings to be said after a look.

    Attributes:
        begun: findings that are new, worse than before, or back after having been fine.
        ended: findings that were said and have been away for `FINE_SEC`.
    """

    begun: tuple[Finding, ...] = ()
    ended: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _LoggedFinding:
    finding: Finding
    seen_sec: float


class FindingLog:
    """Remembers what was said, so that each finding is said once and not at every look."""

    def __init__(self) -> None:
        self._logged: dict[tuple[str, str], _LoggedFinding] = {}

    def look(self, findings: Sequence[Finding], now_sec: float) -> News:
        """What is new among ``findings``, all that hold at ``now_sec`` of a steady clock."""
        begun = []
        for finding in findings:
            key = (finding.code, finding.about)
            before = self._logged.get(key)
            if before is None or finding.level > before.finding.level:
                begun.append(finding)
            self._logged[key] = _LoggedFinding(finding, now_sec)
        ended = [
            key for key, logged in self._logged.items() if now_sec - logged.seen_sec > FINE_SEC
        ]
        return News(tuple(begun), tuple(self._logged.pop(key).finding for key in ended))
