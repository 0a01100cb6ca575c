"""Cancel tokens and their deadlines."""

from __future__ import annotations

import threading
import time

import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import Cancelled


def test_a_new_token_lets_the_run_go_on() -> None:
    token = CancelToken()
    assert not token.cancelled
    token.raise_if_cancelled()


def test_the_first_reason_is_kept_and_told() -> None:
    token = CancelToken()
    token.cancel("a newer command came")
    token.cancel("shutting down")
    assert token.cancelled
    with pytest.raises(Cancelled, match="a newer command came"):
        token.raise_if_cancelled()


def test_another_thread_sees_the_flag() -> None:
    token, raised = CancelToken(), threading.Event()
    seen: list[str] = []

    def work() -> None:
        raised.wait(timeout=180)
        try:
            token.raise_if_cancelled()
        except Cancelled as outcome:
            seen.append(str(outcome))

    worker = threading.Thread(target=work)
    worker.start()
    token.cancel("stop")
    raised.set()
    worker.join(timeout=180)
    assert seen == ["stop"]


def test_a_deadline_raises_the_flag_by_itself() -> None:
    token = CancelToken(time.monotonic() + 3600, "the command timed out")
    assert not token.cancelled
    assert 3590 < token.remaining_sec <= 3600
    token = CancelToken(time.monotonic(), "the command timed out")
    with pytest.raises(Cancelled, match="the command timed out"):
        token.raise_if_cancelled()


def test_who_cancels_before_the_deadline_gives_the_reason() -> None:
    token = CancelToken(time.monotonic(), "the command timed out")
    token.cancel("a newer command came")
    with pytest.raises(Cancelled, match="a newer command came"):
        token.raise_if_cancelled()


def test_without_a_deadline_there_is_no_end() -> None:
    assert CancelToken().remaining_sec == float("inf")
