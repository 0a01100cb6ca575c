"""Stopping a run from another thread."""

from __future__ import annotations

import threading

from ppcr_ros.core.errors import Cancelled


class CancelToken:
    """A flag that one thread raises and another looks at between two tokens."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._reason = ""

    def cancel(self, reason: str = "cancelled") -> None:
        """Ask the run to stop; the first reason is kept."""
        if not self._event.is_set():
            self._reason = reason
            self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise `Cancelled` with the reason if the flag is up."""
        if self._event.is_set():
            raise Cancelled(self._reason)
