"""Output for a terminal or a pipe: text alone, whatever names, answers and bags have in them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from ppcr_ros.core.outside_text import printable_lines


class _Printable:
    """A stream that escapes what is no visible character, and is otherwise the one behind it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(printable_lines(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def printable_output() -> Iterator[None]:
    """Within it everything that is printed goes through `printable_lines`.

    Standard error is left alone, for progress bars; what is written there is made printable by
    those who write it.
    """
    before = sys.stdout
    if before is None:  # closed by who started this process; print says nothing then
        yield
        return
    sys.stdout = _Printable(before)
    try:
        yield
    finally:
        sys.stdout = before
