"""Stopping a run from another thread, or at a point in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ppcr_ros.core.errors import Cancelled


class CancelToken:
    """A flag that one thread raises and another looks at between two tokens.

    Args:
        deadline_sec: when the flag goes up by itself, on the clock of `time.monotonic`; None for
            never.
        overdue: the reason that is given then.
    """

    def __init__(
        self, deadline_sec: float | None = None, overdue: str = "it took too long"
    ) -> None:
        self._event = threading.Event()
        self._reason = ""
        self._deadline_sec, self._overdue = deadline_sec, overdue

    def cancel(self, reason: str = "cancelled") -> None:
        """Ask the run to stop; the first reason is kept."""
        if not self._event.is_set():
            self._reason = reason
            self._event.set()

    @property
    def cancelled(self) -> bool:
        if not self._event.is_set() and self.remaining_sec <= 0:
            self.cancel(self._overdue)
        return self._event.is_set()

    @property
    def reason(self) -> str:
        """Why it was raised; empty where it was not."""
        return self._reason

    @property
    def remaining_sec(self) -> float:
        """Seconds until the deadline, negative after it; infinite where there is none."""
        if self._deadline_sec is None:
            return float("inf")
        return self._deadline_sec - time.monotonic()

    def raise_if_cancelled(self) -> None:
        """Raise `Cancelled` with the reason if the flag is up."""
        if self.cancelled:
            raise Cancelled(self.reason)


class WatchedToken(CancelToken):
    """Another token for whoever runs, with something to be seen to at each look at it.

    Args:
        token: the one that it stands for.
        on_look: called before each look, on the thread that looks.
    """

    def __init__(self, token: CancelToken, on_look: Callable[[], None]) -> None:
        super().__init__()
        self._token, self._on_look = token, on_look

    def cancel(self, reason: str = "cancelled") -> None:
        """As of the token that it stands for."""
        self._token.cancel(reason)

    @property
    def cancelled(self) -> bool:
        self._on_look()
        return self._token.cancelled

    @property
    def reason(self) -> str:
        """As of the token that it stands for."""
        return self._token.reason

    @property
    def remaining_sec(self) -> float:
        """As of the token that it stands for."""
        return self._token.remaining_sec


_of_loading: ContextVar[CancelToken | None] = ContextVar("of_loading", default=None)


@contextmanager
def loading_until(cancel: CancelToken | None) -> Iterator[None]:
    """Within it `next_loading_step` ends what this thread loads once ``cancel`` was asked for."""
    token = _of_loading.set(cancel)
    try:
        yield
    finally:
        _of_loading.reset(token)


def next_loading_step() -> None:
    """To be called between two steps of loading models, each of which may take long.

    Raises:
        Cancelled: when the models are not wanted any more.
    """
    if (cancel := _of_loading.get()) is not None:
        cancel.raise_if_cancelled()
