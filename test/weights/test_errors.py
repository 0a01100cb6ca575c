"""Messages for errors that no server can be made to give."""

from __future__ import annotations

import errno

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.weights.errors import PullError, pull_errors, words_for

MODEL = "owner/name"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "denied", "/opt/m"), "/opt/m cannot be written: Permission"),
        (OSError(errno.EROFS, "ro", "/media/m"), "/media/m cannot be written: Read-only file"),
        (OSError(errno.ENOSPC, "full"), "the disk is full"),
        (OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE is set"),
        (ConnectionResetError("reset"), "there is no connection to the hub: reset"),
        (TimeoutError(), "there is no connection to the hub: TimeoutError"),
        (LocalEntryNotFoundError("not here"), "there is no connection to the hub: not here"),
        (RuntimeError("two\n  lines."), "cannot be fetched: two lines. Pull again: it resumes."),
    ],
)
def test_the_words(error: Exception, told: str) -> None:
    words = words_for(error, MODEL, "abc")
    assert told in words
    assert "\n" not in words


def test_an_error_with_words_of_its_own_keeps_them() -> None:
    with pytest.raises(PPCRError, match="as it is"), pull_errors(MODEL, ""):
        raise PPCRError("as it is")


def test_any_other_error_is_told_with_its_cause() -> None:
    with (
        pytest.raises(PullError, match="owner/name cannot be fetched") as raised,
        pull_errors(MODEL, ""),
    ):
        raise ValueError("bad")
    assert isinstance(raised.value.__cause__, ValueError)
