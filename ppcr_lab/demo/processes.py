"""Child processes that write a log and never outlive their parent's `with` block."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ppcr_ros.core.closing import Closing
from ppcr_ros.core.errors import PPCRError

GRACE_SEC = 5.0


class DemoError(PPCRError):
    """The demonstration cannot go on; the message holds the end of the log that tells why."""


class ChildProcess(Closing):
    """One process of the demonstration.

    It runs in a session of its own, so that Ctrl-C reaches the parent alone and the parent ends
    its children in order. Use it as a context manager.

    Args:
        name: what it is called in messages.
        command: program and arguments.
        log_file: where its output goes.
        environment: its whole environment.
        folder: its working directory.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_file: Path,
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        self.name = name
        self.log_file = log_file
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def log_tail(self, lines: int = 30) -> str:
        """The last lines that it wrote."""
        try:
            text = self.log_file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            return f"(cannot read {self.log_file}: {error})"
        return "\n".join(text.splitlines()[-lines:]) or "(it wrote nothing)"

    def check(self) -> None:
        """Raise `DemoError` with the end of its log if it has ended."""
        if self.exit_status is not None:
            raise DemoError(
                f"{self.name} ended with status {self.exit_status}. The end of its log, "
                f"{self.log_file}:\n{self.log_tail()}"
            )

    def stop(self) -> None:
        """Interrupt it, then terminate it, then kill it; its own children as well."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            try:
                self._process.wait(timeout=GRACE_SEC)
                break
            except subprocess.TimeoutExpired:
                continue
        self._signal(signal.SIGKILL)  # whatever it may have left behind in its group

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        """Stop the process."""
        self.stop()
