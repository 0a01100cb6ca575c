"""Asking a hub over HTTP, with a bound on all that it may answer.

The hub's own client believes the hub: it waits for as long as it is told to, reads for as long as
something comes, and lets a header decide where a file is stored. Here every answer ends at what was
agreed before: a size, a number of seconds, a number of entries.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from typing import Any, BinaryIO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ppcr_ros.core.units import size_text
from ppcr_ros.weights.errors import HttpRefusal, PullError

SILENCE_SEC = 20.0
"""How long nothing may come at all."""
HEAD_SEC = 60.0
"""How long the head of an answer may take, however it trickles."""
SLOW_SEC, SLOW_BYTES = 60.0, 60_000
"""A body of which less than this comes in so long is given up: 1 kB/s."""
LONGEST_WAIT_SEC = 60.0
"""How long is waited in all for one answer, where the hub asks to."""
TRIES = 5
"""How often in a row a transfer may break without a new byte."""
PAUSE_SEC = 1.0
"""Before it is tried again."""
_MOST_REDIRECTS = 5
_BLOCK_BYTES = 1 << 16
_HEAD_BYTES = 200
_LFS_POINTER = b"version https://git-lfs"
_PAGES = (b"<!doctype html", b"<html")
_REDIRECTS = (301, 302, 303, 307, 308)
_ASK_TO_WAIT = (429, 503)
_EXPIRED = (401, 403, 410)

T = TypeVar("T")


class _NoRedirects(HTTPRedirectHandler):
    """Redirects are followed here, where it can be seen to what they lead."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def read_json(url: str, headers: Mapping[str, str], limit_bytes: int) -> tuple[Any, str]:
    """The JSON document at ``url``, and the address of the next page; empty where it is the last.

    Raises:
        PullError: when it is longer than ``limit_bytes``, no JSON, or does not come in time.
        HttpRefusal: when the hub refuses.
    """
    with _answer(url, headers) as answer:
        body = b"".join(_blocks(answer, limit_bytes, f"the listing at {_place(url)}"))
        following = _next_page(answer.headers.get("Link", ""), url)
    try:
        return json.loads(body), following
    except (ValueError, RecursionError) as error:
        raise PullError(f"the hub's answer at {_place(url)} is no JSON: {error!r:.100}.") from error


def fetch_into(
    file: BinaryIO,
    url: str,
    headers: Mapping[str, str],
    size_bytes: int,
    label: str,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> None:
    """Append to ``file`` what it lacks of the ``size_bytes`` at ``url``, and not a byte more.

    A transfer that breaks is taken up again where it broke.

    Args:
        file: opened for reading and writing; what it holds is the beginning.
        url: of the hub, which may redirect; the headers' token goes to this host alone.
        headers: of the requests.
        size_bytes: how long the file is to be.
        label: what is fetched, for messages.
        on_bytes: called with the number of bytes that came; negative where they had to be given up.

    Raises:
        PullError: when more comes, or it comes too slowly; what came within the size is kept. When
            something else comes; of that nothing is stored, and what was there is kept.
        HttpRefusal: when the hub refuses.
        OSError: when the connection breaks again and again, or the disk is full.
    """
    tries, first = TRIES, file.seek(0, os.SEEK_END)
    while (start := file.seek(0, os.SEEK_END)) < size_bytes:
        try:
            _fetch_once(file, start, url, headers, size_bytes, label, on_bytes)
        except (ConnectionError, TimeoutError, URLError, HTTPException, HttpRefusal) as error:
            # Addresses are signed for an hour or so, which a slow link outlasts.
            expired = getattr(error, "status", 0) in _EXPIRED and start > first
            if isinstance(error, HttpRefusal) and not expired:
                raise
            tries = TRIES if file.seek(0, os.SEEK_END) > start else tries - 1
            if not tries:
                raise ConnectionError(f"{label} broke off {TRIES} times: {error}") from error
            time.sleep(PAUSE_SEC)


def _fetch_once(
    file: BinaryIO,
    start: int,
    url: str,
    headers: Mapping[str, str],
    size_bytes: int,
    label: str,
    on_bytes: Callable[[int], object],
) -> None:
    asked = {**headers, "Range": f"bytes={start}-"} if start else headers
    with _answer(url, asked) as answer:
        if answer.status == 200:
            _refuse_another(answer, size_bytes, label, started=start > 0)
        if start and answer.status == 200:  # a server that knows no ranges sends all of it
            file.truncate(0)
            file.seek(0)
            on_bytes(-start)
            start = 0
        span = answer.headers.get("Content-Range", "")
        if start and not span.startswith(f"bytes {start}-"):
            raise PullError(f"the hub answers with {span!r:.60}; expected {label} from {start} on.")
        for block in _blocks(answer, size_bytes - start, label):
            file.write(block)
            on_bytes(len(block))
    if (have := file.tell()) < size_bytes:
        raise ConnectionError(f"{have} of {size_bytes} bytes came")


def _refuse_another(answer: HTTPResponse, size_bytes: int, label: str, *, started: bool) -> None:
    """See that what is about to come can be the listed file, before a byte of it is stored.

    Raises:
        PullError: when it is another one; what was fetched before is kept.
    """
    if answer.length == size_bytes or _coding(answer):
        return
    came = "of unknown length" if answer.length is None else f"{answer.length} bytes"
    head = bytes(answer.peek(_HEAD_BYTES))[:_HEAD_BYTES].lstrip().lower()
    if head.startswith(_LFS_POINTER):
        what = "a pointer file of Git LFS"
        advice = "Whoever serves it lacks the file itself: set HF_ENDPOINT to another mirror"
    elif head.startswith(_PAGES) or answer.headers.get_content_type() == "text/html":
        what = "a page of text, such as a network sends before one has logged in to it"
        advice = "Open any page in a browser and log in, or check HF_ENDPOINT"
    elif answer.length is not None and (started or answer.length < size_bytes):
        what, advice = "another file", "Check HF_ENDPOINT and what lies between"
    else:
        return
    raise PullError(
        f"in place of {label} ({size_bytes} bytes) comes {what} ({came}); nothing of it was "
        f"stored. {advice}, and pull again: what was fetched before is kept, and it resumes."
    )


def _coding(answer: HTTPResponse) -> str:
    """How the body is packed; empty where it is not."""
    coding = answer.headers.get("Content-Encoding", "")
    return "" if coding == "identity" else coding


def _blocks(answer: HTTPResponse, limit_bytes: int, label: str) -> Iterator[bytes]:
    """The body of ``answer``; an error once it is longer than ``limit_bytes``, or too slow."""
    if coding := _coding(answer):
        raise PullError(f"the hub sends {label} packed ({coding!r:.40}), which was not asked for.")
    came = 0
    with _Watch(answer) as watch:
        while block := answer.read1(min(_BLOCK_BYTES, limit_bytes - came + 1)):
            came += len(block)
            watch.came = came
            if came > limit_bytes:
                if kept := block[: len(block) - (came - limit_bytes)]:
                    yield kept
                raise PullError(
                    f"the hub sends more than the {size_text(limit_bytes)} of {label} that were "
                    "listed; it was cut off there. Check HF_ENDPOINT and what lies between."
                )
            yield block


class _Watch:
    """Ends a transfer that is too slow: a context manager.

    A timeout of the socket does not: it begins anew with each byte.
    """

    def __init__(self, answer: HTTPResponse) -> None:
        self.came, self._slow, self._done = 0, False, threading.Event()
        self._socket: socket.socket | None = None
        with suppress(OSError, ValueError, AttributeError):  # all of it has come already
            self._socket = socket.socket(fileno=os.dup(answer.fileno()))
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self._done.set()
        self._thread.join()
        if self._socket is not None:
            self._socket.close()
        if self._slow:
            raise PullError(
                f"the hub sends too slowly: less than {size_text(SLOW_BYTES)} in {SLOW_SEC:g} s. "
                "Pull again later: it resumes."
            ) from error

    def _look(self) -> None:
        before = 0
        while not self._done.wait(SLOW_SEC):
            if self.came - before < SLOW_BYTES and self._socket is not None:
                self._slow = True
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                return
            before = self.came


@contextmanager
def _answer(url: str, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
    """The answer to a GET of ``url``, behind its redirects and the waits that it asks for."""
    waited_sec, waits = 0.0, 0
    here, sent = url, dict(headers)
    hops = 0
    while True:
        try:
            answer = _within(HEAD_SEC, lambda: _open(here, sent), _place(here))  # noqa: B023
            break
        except HTTPError as error:
            with error:
                if error.code in _REDIRECTS:
                    hops += 1
                    here, sent = _redirected(here, error.headers.get("Location"), sent, hops)
                    continue
                wait_sec = _asked_wait_sec(error)
            if wait_sec is None:
                code = str(error.headers.get("X-Error-Code", ""))
                raise HttpRefusal(error.code, code) from error
            waits += 1
            if waited_sec + wait_sec > LONGEST_WAIT_SEC or waits > TRIES:
                raise PullError(
                    f"the hub asks to wait {wait_sec:.0f} s more (HTTP {error.code}); at most "
                    f"{LONGEST_WAIT_SEC:g} s are waited, {TRIES} times. Pull again later."
                ) from error
            waited_sec += wait_sec
            time.sleep(wait_sec)
    with answer:
        yield answer


def _open(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    asked = Request(url, headers={**headers, "Accept-Encoding": "identity"})
    answer: HTTPResponse = build_opener(_NoRedirects).open(asked, timeout=SILENCE_SEC)
    return answer


def _within(limit_sec: float, action: Callable[[], T], what: str) -> T:
    """What ``action`` returns or raises; an error where that takes longer than ``limit_sec``."""
    ends: list[Callable[[], T]] = []

    def act() -> None:
        try:
            value = action()
        except BaseException as error:  # noqa: BLE001 - raised below
            ends.append(lambda error=error: _raise(error))  # type: ignore[misc]
        else:
            ends.append(lambda: value)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(limit_sec)
    if not ends:
        raise PullError(f"{what} does not answer within {limit_sec:g} s. Pull again later.")
    return ends[0]()


def _raise(error: BaseException) -> Any:
    raise error


def _redirected(
    url: str, location: str | None, headers: dict[str, str], hops: int
) -> tuple[str, dict[str, str]]:
    """Where to ask next, and with which headers: a token is for the host that it was meant for."""
    target = urljoin(url, location or "")
    old, new = urlsplit(url), urlsplit(target)
    ours = new.scheme == "https" or (new.scheme == "http" and old.scheme == "http")
    if not location or hops > _MOST_REDIRECTS or not ours:
        raise PullError(
            f"{_place(url)} leads to {location!r:.100}; expected at most {_MOST_REDIRECTS} "
            "redirects over http or https, and none from https to http."
        )
    if new.netloc != old.netloc:
        headers = {k: v for k, v in headers.items() if k.lower() not in ("authorization", "cookie")}
    return target, headers


def _asked_wait_sec(error: HTTPError) -> float | None:
    """For how long the hub asks to be left alone; None where it does not ask."""
    asked = str(error.headers.get("Retry-After", ""))
    if error.code == 429 and not asked:
        return PAUSE_SEC
    if error.code not in _ASK_TO_WAIT or not asked.isdecimal():
        return None
    return float(asked[:12])


def _next_page(link: str, url: str) -> str:
    """The address in a Link header that is marked as the next; of the same host alone."""
    for part in link.split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            target = urljoin(url, address.strip().strip("<>"))
            if urlsplit(target)[:2] == urlsplit(url)[:2]:
                return target
            raise PullError(f"the listing of {_place(url)} goes on with another host; refused.")
    return ""


def _place(url: str) -> str:
    """``url`` without what may be secret in it."""
    return f"{urlsplit(url).netloc}{urlsplit(url).path}"[:120]
