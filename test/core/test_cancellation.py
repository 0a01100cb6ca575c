from __future__ import annotations

import threading

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
        raised.wait(timeout=30)
        try:
            token.raise_if_cancelled()
        except Cancelled as outcome:
            seen.append(str(outcome))

    worker = threading.Thread(target=work)
    worker.start()
    token.cancel("stop")
    raised.set()
    worker.join(timeout=30)
    assert seen == ["stop"]
