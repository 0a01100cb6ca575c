"""Cancel tokens and their deadlines."""

from __future__ import annotations

import threading
import time

import pytest

from ppcr_ros.core.cancellation import CancelToken, WatchedToken
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


def test_a_watched_token_is_the_one_that_it_stands_for() -> None:
    token, looks = CancelToken(), list[str]()
    watched = WatchedToken(token, lambda: looks.append("look"))
    watched.raise_if_cancelled()
    assert (watched.remaining_sec, len(looks)) == (float("inf"), 1)
    token.cancel("a newer command came")
    assert watched.cancelled
    assert (watched.reason, len(looks)) == ("a newer command came", 2)
    with pytest.raises(Cancelled, match="a newer command came"):
        watched.raise_if_cancelled()
    late = CancelToken(time.monotonic() - 1.0, "it took too long")
    assert WatchedToken(late, lambda: None).cancelled
    watched = WatchedToken(CancelToken(), lambda: None)
    watched.cancel("it is not wanted")
    assert watched.reason == "it is not wanted"
