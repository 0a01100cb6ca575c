"""Tells a replay that begins anew from a message that comes late, by the stamps alone."""

from __future__ import annotations

from collections import deque

JUMP_NS = 1_000_000_000
"""A stamp this much older than the newest is of another run, whether it has come before or not."""
STAMPS_KEPT = 300
"""Of how many messages of a topic the stamps are remembered."""


class StampHistory:
    """Stamps of one topic so far, nanoseconds."""

    def __init__(self) -> None:
        self.newest_ns: int | None = None
        self._past: deque[int] = deque(maxlen=STAMPS_KEPT)

    def add(self, stamp_ns: int) -> None:
        """A message of this stamp has come."""
        self._past.append(stamp_ns)
        self.newest_ns = max(stamp_ns, self.newest_ns or stamp_ns)

    def back_ns(self, stamp_ns: int) -> int:
        """How far ``stamp_ns`` lies before the newest, where it is of another run; else 0.

        A loop may be shorter than `JUMP_NS`; then the stamp has come before.
        """
        back_ns = (self.newest_ns or stamp_ns) - stamp_ns
        return back_ns if back_ns > JUMP_NS or (back_ns > 0 and stamp_ns in self._past) else 0
