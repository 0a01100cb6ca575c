"""Outcomes written down as they come, so that an evaluation that was stopped goes on.

A journal is a file of JSON lines. The first says what is evaluated and with what, its fingerprint;
every other line is one outcome. A line that was cut off, as by a crash, is dropped.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ppcr_lab.evaluation.metrics import SampleOutcome
from ppcr_lab.evaluation.request_figures import RequestOutcome
from ppcr_ros.core.closing import Closing
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Result, StageSeconds, Status

Key = tuple[str, str]
"""A sample's id, and which way it was run; "" where there is one way."""


class JournalError(PPCRError):
    """A journal that cannot be gone on with, or cannot be written."""


@dataclass(frozen=True)
class Entry:
    """One run.

    Attributes:
        kind: of the sample.
        command: of the sample.
        outcome: what it was worth.
        message: what the run said; "" for OK.
        request: what it was worth as the answer to a request; None for other samples.
    """

    kind: str
    command: str
    outcome: SampleOutcome
    message: str
    request: RequestOutcome | None = None

    @classmethod
    def of(
        cls,
        kind: str,
        result: Result,
        outcome: SampleOutcome,
        request: RequestOutcome | None = None,
    ) -> Entry:
        return cls(kind, result.command, outcome, result.message, request)

    def to_dict(self) -> dict[str, Any]:
        outcome = asdict(self.outcome)
        names = {name: outcome[name].name for name in ("expected", "status")}
        about = {"kind": self.kind, "command": self.command, "message": self.message}
        request = {} if self.request is None else {"request": asdict(self.request)}
        return {**about, "outcome": {**outcome, **names}, **request}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Entry:
        outcome = dict(fields["outcome"])
        for name in ("expected", "status"):
            outcome[name] = Status[outcome[name]]
        outcome["seconds"] = StageSeconds(**outcome["seconds"])
        request = RequestOutcome(**fields["request"]) if "request" in fields else None
        said, message = fields["command"], fields["message"]
        return cls(fields["kind"], said, SampleOutcome(**outcome), message, request)


class Journal(Closing):
    """The outcomes so far; use it as a context manager.

    Args:
        path: the file; None keeps nothing.
        fingerprint: what must be the same for outcomes to be put together: data, configuration,
            weights.
        fresh: begin anew, whatever the file holds.

    Raises:
        JournalError: when the file belongs to another evaluation, or cannot be read or written.
    """

    def __init__(
        self, path: Path | None, fingerprint: dict[str, Any], *, fresh: bool = False
    ) -> None:
        self._path, self._file = path, None
        self._entries: dict[Key, Entry] = {}
        if path is None:
            return
        try:
            if fresh:
                path.unlink(missing_ok=True)
            lines = self._taken_up(path, fingerprint)
            path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise JournalError(f"cannot use {path}: {error.strerror or error}.") from error

    def _taken_up(self, path: Path, fingerprint: dict[str, Any]) -> list[str]:
        """The file's whole lines, their outcomes taken over; or the first line of a new file."""
        first = json.dumps({"fingerprint": fingerprint}, sort_keys=True)
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = written.split("\n")[:-1]  # what follows the last line's end was cut off
        if not lines:
            return [first]
        try:
            found = json.loads(lines[0])["fingerprint"]
            for line in lines[1:]:
                fields = json.loads(line)
                self._entries[fields["sample_id"], fields["way"]] = Entry.from_dict(fields)
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(
                f"{path} is no journal of an evaluation ({error}); delete it, or give --fresh."
            ) from error
        if lines[0] != first:
            differ = [
                name
                for name in sorted({*found, *fingerprint})
                if found.get(name) != json.loads(first)["fingerprint"].get(name)
            ]
            raise JournalError(
                f"{path} was begun with other {', '.join(differ)}; expected the same to go on. "
                "Delete it or give --fresh to begin anew."
            )
        return lines

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, sample_id: str, way: str = "") -> Entry | None:
        """The outcome of a sample that was run before."""
        return self._entries.get((sample_id, way))

    def add(self, sample_id: str, entry: Entry, way: str = "") -> None:
        """Write an outcome down, at once."""
        self._entries[sample_id, way] = entry
        if self._file is not None:
            line = {"sample_id": sample_id, "way": way, **entry.to_dict()}
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self, *, delete: bool = False) -> None:
        """Close the file, and ``delete`` it where the report is written."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if delete and self._path is not None:
            self._path.unlink(missing_ok=True)
