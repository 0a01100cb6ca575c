"""Runs the steps of a set-up: each once, with one line on the terminal; the rest goes to a log."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.bootstrap.errors import SetupError

TAIL_LINES = 25


def fingerprint(parts: Sequence[object]) -> str:
    """A hash of ``parts``; a `Path` counts with its content, a missing one as missing."""
    digest = hashlib.sha256()
    for part in parts:
        content = (
            (part.read_bytes() if part.is_file() else b"missing")
            if isinstance(part, Path)
            else str(part).encode()
        )
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


class Steps:
    """Steps with a memory.

    Args:
        log: file that takes the output of every command, begun anew for each set-up.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._begun = False

    def once(
        self, title: str, stamp: Path, inputs: Sequence[object], do: Callable[[], None]
    ) -> bool:
        """Run ``do`` unless ``stamp`` says that it was run with the same ``inputs``.

        Returns:
            True where it ran.
        """
        if self.is_fresh(stamp, inputs):
            return False
        with self.shown(title):
            do()
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(fingerprint(inputs), encoding="utf-8")
        return True

    @staticmethod
    def is_fresh(stamp: Path, inputs: Sequence[object]) -> bool:
        """Whether the step of ``stamp`` was run with these ``inputs``."""
        return stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint(inputs)

    @contextmanager
    def shown(self, title: str) -> Iterator[None]:
        """One line on the terminal: what is done, then how long it took."""
        print(f"  {title} ...", end="", flush=True)
        begin = time.monotonic()
        try:
            yield
        except BaseException:
            print(" failed", flush=True)
            raise
        print(f" {time.monotonic() - begin:.0f} s", flush=True)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        advice: str,
    ) -> None:
        """Run ``command`` with its output in the log.

        Raises:
            SetupError: where it fails, with the end of its output and ``advice``.
        """
        words = [str(word) for word in command]
        log = self._open_log()
        with log.open("a", encoding="utf-8") as sink:
            sink.write(f"\n$ {' '.join(words)}\n")
            sink.flush()
            start = log.stat().st_size
            code = subprocess.call(
                words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )
        if code != 0:
            with log.open("rb") as source:
                source.seek(start)
                lines = source.read().decode("utf-8", "replace").splitlines()
            tail = "\n".join("    " + line for line in lines[-TAIL_LINES:])
            raise SetupError(
                f"`{' '.join(words[:4])} ...` ended with code {code}:\n{tail}\n"
                f"  {advice}\n  The full log: {log}"
            )

    def _open_log(self) -> Path:
        if not self._begun:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._log.write_text(f"{time.ctime()}  {sys.version}\n", encoding="utf-8")
            self._begun = True
        return self._log
