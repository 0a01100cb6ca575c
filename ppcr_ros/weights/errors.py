"""Errors on the way to a model's files, in words that say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError

from ppcr_ros.core.errors import PPCRError


class PullError(PPCRError):
    """A model that cannot be fetched."""


class ChecksumError(PullError):
    """A file whose content is not what its publisher says it is."""


class HttpRefusal(Exception):  # noqa: N818 - `words_for` makes an error of it
    """The hub's refusal of a request.

    Attributes:
        status: of HTTP.
        code: the hub's own name for the reason, such as ``GatedRepo``; may be empty.
    """

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(f"HTTP {status} {code}".rstrip())
        self.status, self.code = status, code


class LockError(PPCRError):
    """A record of a model's checksums that cannot be read or written."""


@contextmanager
def pull_errors(model: str, revision: str) -> Iterator[None]:
    """Turn whatever is raised while ``model`` is fetched into a `PullError`."""
    try:
        yield
    except PPCRError:
        raise
    except Exception as error:  # the hub's client and the HTTP library under it raise many kinds
        raise PullError(words_for(error, model, revision)) from error


def words_for(error: Exception, model: str, revision: str) -> str:
    """What happened and what to do, for anything that the hub's client raises."""
    from huggingface_hub import errors as hub

    what = f"{model} @ {revision}" if revision else model
    code = error.code if isinstance(error, HttpRefusal) else ""
    if isinstance(error, hub.GatedRepoError) or code == "GatedRepo":
        return (
            f"{model} is gated: accept its licence at https://huggingface.co/{model} with your "
            "account, then log in with `hf auth login` or set HF_TOKEN, and pull again."
        )
    if isinstance(error, hub.RevisionNotFoundError) or code == "RevisionNotFound":
        return (
            f"the hub has no revision {revision} of {model}. Copy the 40 digits of a commit from "
            f"https://huggingface.co/{model}/commits/main into the configuration."
        )
    if isinstance(error, hub.RepositoryNotFoundError) or code == "RepoNotFound":
        return (
            f"the hub knows no model {model}, or it is private. Check the name; for a private "
            "model log in with `hf auth login` or set HF_TOKEN."
        )
    if isinstance(error, hub.OfflineModeIsEnabled):
        return (
            f"{what} cannot be fetched: HF_HUB_OFFLINE is set. Unset it where there is a network, "
            "or copy the cache folder from a machine that has the model."
        )
    if isinstance(error, HttpRefusal):
        return _of_status(error.status, what, model)
    if isinstance(error, hub.HfHubHTTPError):
        return _of_status(error.response.status_code, what, model)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full: {what} was fetched in part, and the part is kept. Free some space "
            "or name another folder with --into, and pull again: it resumes."
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        where = error.filename or "the cache"
        return (
            f"{where} cannot be written: {os.strerror(error.errno)}. Choose a folder of your own: "
            "--into for the hub cache, the configuration for a .pth file."
        )
    if _is_connection_error(error):
        return (
            f"{what} cannot be fetched, there is no connection to the hub: {_reason(error)}. Check "
            "the network and HF_ENDPOINT, and pull again: it resumes. A robot without a network "
            "takes a copy of the cache folder of a machine that has the model (docs/models.md)."
        )
    return f"{what} cannot be fetched: {_reason(error)}. Pull again: it resumes."


def _of_status(status: int, what: str, model: str) -> str:
    if status in (401, 403):
        return (
            f"the hub refuses {what} (HTTP {status}): the token is missing or may not read it. Log "
            f"in with `hf auth login` or set HF_TOKEN; see https://huggingface.co/{model}."
        )
    if status == 404:
        return f"the hub has no such file of {what} (HTTP 404). Check the name and the revision."
    if status == 429:
        return f"the hub asks to wait before {what} is fetched (HTTP 429). Pull again later."
    return f"the hub failed while {what} was fetched (HTTP {status}). Pull again: it resumes."


def _is_connection_error(error: Exception) -> bool:
    from huggingface_hub.errors import LocalEntryNotFoundError

    # The HTTP library's own errors have no common base with Python's; their names are stable.
    names = {kind.__name__ for kind in type(error).__mro__}
    transport = {"TransportError", "ConnectError", "TimeoutException", "ProtocolError"}
    kinds = (ConnectionError, TimeoutError, URLError, LocalEntryNotFoundError)
    return isinstance(error, kinds) or bool(names & transport)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text:.200}".rstrip(".")
