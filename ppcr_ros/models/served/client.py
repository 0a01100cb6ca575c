"""One engine behind an OpenAI-compatible endpoint, asked for one answer at a time."""

from __future__ import annotations

import importlib
import math
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import ConfigError, ModelLoadError, PPCRError
from ppcr_ros.models.served.errors import (
    EngineBroke,
    EngineBusy,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)
from ppcr_ros.models.served.pieces import EngineAnswer, add_piece

_POLL_SEC = 0.02
_BUSY = (429, 502, 503, 504)
_LONGEST_PAUSE_SEC = 2.0
_MAX_TOKEN_CHARS = 64
_MAX_WAITING_PIECES = 256
_UNDONE = {
    "repetition_penalty": 1.0,
    "repeat_penalty": 1.0,
    "min_p": 0.0,
}
"""What a checkpoint's generation settings may hold, and what bends coordinates, set to nothing; by
the names of vLLM, SGLang and llama.cpp."""


class EngineClient:
    """Talks to the engine of ``mllm.endpoint``; for one thread at a time.

    Raises:
        ConfigError: where the endpoint is no URL, or the key's file cannot be read.
        ModelLoadError: where the package ``openai`` is missing.
    """

    def __init__(self, config: MllmConfig) -> None:
        if not config.endpoint.startswith(("http://", "https://")):
            raise ConfigError(
                f"mllm.endpoint is {config.endpoint!r}; expected the URL of an OpenAI-compatible "
                "engine, such as http://workstation:8000/v1."
            )
        try:
            self._openai: Any = importlib.import_module("openai")
        except ImportError as error:
            raise ModelLoadError(
                f"openai cannot be imported: {error}. A served MLLM needs it: pip install "
                "'ppcr_ros[served]', or pip install openai."
            ) from error
        self._config, self.url = config, config.endpoint.rstrip("/")
        self._client = self._openai.OpenAI(
            base_url=self.url,
            api_key=_key(config),
            max_retries=0,
            timeout=self._openai.Timeout(
                config.answer_timeout_sec, connect=config.connect_timeout_sec
            ),
        )
        self._knows_extras = True
        self._asks_logprobs = True

    def model_names(self) -> list[str]:
        """What the engine says that it serves.

        Raises:
            EngineRefused, EngineUnreachable, EngineTimeout, EngineBusy, EngineBroke.
        """
        limit = self._openai.Timeout(
            self._config.first_token_timeout_sec, connect=self._config.connect_timeout_sec
        )
        try:
            return [str(model.id) for model in self._client.models.list(timeout=limit).data]
        except Exception as error:
            raise self._named(error) from error

    def ask(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        max_tokens: int,
        cancel: CancelToken,
        extras: dict[str, Any] | None = None,
        top_logprobs: int = 0,
        as_json: bool = False,
    ) -> EngineAnswer:
        """The greedy answer to ``messages``, read as it is written.

        A request that fails before its first token is sent again, ``mllm.retries`` times.

        Raises:
            Cancelled: when ``cancel`` was raised; the stream is closed, which ends the engine's
                work.
            EngineRefused, EngineUnreachable, EngineTimeout, EngineBusy, EngineBroke.
        """
        request: dict[str, Any] = {
            "model": self._config.model,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": 0.0,
            "stream": True,
        }
        if as_json:
            request["response_format"] = {"type": "json_object"}
        tries_left = self._config.retries
        while True:
            cancel.raise_if_cancelled()
            answer = EngineAnswer()
            try:
                self._read(self._with_extras(request, extras or {}, top_logprobs), answer, cancel)
                return answer
            except _Unsupported:
                continue
            except (EngineUnreachable, EngineBusy, EngineBroke) as error:
                if answer.text or not tries_left:
                    raise
                tries_left -= 1
                _pause(error.retry_after_sec if isinstance(error, EngineBusy) else 0.2, cancel)

    def _with_extras(
        self, request: dict[str, Any], extras: dict[str, Any], top_logprobs: int
    ) -> dict[str, Any]:
        """``request`` with what the engine has not refused yet."""
        more: dict[str, Any] = {}
        if self._knows_extras:
            more["extra_body"] = {**_UNDONE, **extras}
        if self._asks_logprobs:
            more["logprobs"] = True
            if top_logprobs:
                more["top_logprobs"] = top_logprobs
        return {**request, **more}

    def _read(self, request: dict[str, Any], answer: EngineAnswer, cancel: CancelToken) -> None:
        started = time.monotonic()
        stream = _Stream(self._client, request)
        try:
            for piece in stream.pieces():
                waited_sec = time.monotonic() - started
                cancel.raise_if_cancelled()
                self._check_time(answer, waited_sec)
                if piece is None:
                    continue
                if isinstance(piece, Exception):
                    raise self._fault(piece, request, answer) from piece
                if not answer.first_token_sec:
                    answer.first_token_sec = waited_sec
                self._take(answer, piece, request["max_tokens"])
        finally:
            stream.close()
        if not answer.finish_reason:
            raise self._ended_early(answer)

    def _take(self, answer: EngineAnswer, piece: Any, max_tokens: int) -> None:
        """Take over a piece of the stream, which may be anything."""
        try:
            add_piece(answer, piece)
        except (AttributeError, TypeError, ValueError) as error:
            raise EngineBroke(
                f"the engine at {self.url} wrote what is no piece of an answer: {piece!r:.80}. "
                "Expected a chunk of OpenAI's chat completions. Is mllm.endpoint such an engine?"
            ) from error
        longest = max_tokens * _MAX_TOKEN_CHARS
        if len(answer.text) > longest or len(answer.tokens) > 2 * max_tokens:
            raise EngineBroke(
                f"the engine at {self.url} wrote more than {longest} characters where it was asked "
                f"for at most {max_tokens} tokens. Look at its log."
            )

    def _check_time(self, answer: EngineAnswer, waited_sec: float) -> None:
        if not answer.first_token_sec and waited_sec > self._config.first_token_timeout_sec:
            raise EngineTimeout(
                f"the engine at {self.url} has not begun to answer after {waited_sec:.1f} s; "
                f"expected its first token within mllm.first_token_timeout_sec, "
                f"{self._config.first_token_timeout_sec:g} s. Is it loading or overloaded?"
            )
        if waited_sec > self._config.answer_timeout_sec:
            raise EngineTimeout(
                f"the engine at {self.url} has not ended its answer after {waited_sec:.1f} s; "
                "expected it within mllm.answer_timeout_sec, "
                f"{self._config.answer_timeout_sec:g} s."
            )

    def _fault(self, error: Exception, request: dict[str, Any], answer: EngineAnswer) -> Exception:
        """What a fault of the stream is; `_Unsupported` where the request goes without extras."""
        status = getattr(error, "status_code", None)
        if status in (400, 422, 501) and not answer.text:
            if request.get("extra_body"):
                self._knows_extras = False
                return _Unsupported()
            if request.get("logprobs"):
                self._asks_logprobs = False
                return _Unsupported()
            self._knows_extras = self._asks_logprobs = True  # it was not for them
        if answer.first_token_sec and isinstance(self._named(error), EngineUnreachable):
            return self._ended_early(answer, _short(error))
        return self._named(error)

    def _ended_early(self, answer: EngineAnswer, why: str = "") -> EngineBroke:
        return EngineBroke(
            f"the engine at {self.url} ended its answer in the middle, after "
            f"{len(answer.text)} characters{why and f' ({why})'}. Was it stopped? Look at its log."
        )

    def _named(self, error: Exception) -> PPCRError:
        """A fault of the library by its name here."""
        openai, status = self._openai, getattr(error, "status_code", None)
        text = _short(error)
        if isinstance(error, openai.APITimeoutError):
            return EngineTimeout(
                f"the engine at {self.url} does not answer: no connection within "
                f"mllm.connect_timeout_sec, {self._config.connect_timeout_sec:g} s, or no word "
                f"within mllm.answer_timeout_sec, {self._config.answer_timeout_sec:g} s."
            )
        if isinstance(error, openai.APIConnectionError):
            return EngineUnreachable(
                f"cannot connect to the engine at {self.url}: {text}. Is it running, is "
                "mllm.endpoint its address, and its certificate one that this computer trusts?"
            )
        if status in (401, 403):
            return EngineRefused(
                f"the engine at {self.url} refuses the key ({status}): {text}. Give it in the "
                f"environment variable {self._config.api_key_variable} or in mllm.api_key_file."
            )
        if status == 404:
            return EngineRefused(
                f"the engine at {self.url} does not know {self._config.model!r} (404): {text}. Set "
                "mllm.model to a name that it serves (ppcr doctor lists them), and mllm.endpoint "
                "to the address that ends in /v1."
            )
        if status in _BUSY:
            return EngineBusy(
                f"the engine at {self.url} is full or not ready ({status}): {text}.",
                _retry_after_sec(error),
            )
        if status is not None and status < 500:
            return EngineRefused(
                f"the engine at {self.url} refuses the request ({status}): {text}. Is "
                f"{self._config.model!r} a model that it serves, and one that sees images?"
            )
        return EngineBroke(f"the engine at {self.url} failed: {text}. Look at its log.")

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


class _Unsupported(Exception):  # noqa: N818 - an outcome
    """The engine refuses something that the request can do without."""


class _Stream:
    """A request that runs on a thread of its own, so that whoever waits can stop waiting."""

    def __init__(self, client: Any, request: dict[str, Any]) -> None:
        self._client, self._request = client, request
        self._pieces: queue.Queue[Any] = queue.Queue(_MAX_WAITING_PIECES)
        self._response: Any = None
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="ppcr-engine", daemon=True).start()

    def pieces(self) -> Iterator[Any]:
        """The stream's pieces; None now and then while there is none, an exception at a fault."""
        while True:
            try:
                piece = self._pieces.get(timeout=_POLL_SEC)
            except queue.Empty:
                yield None
                continue
            if piece is self:
                return
            yield piece

    def close(self) -> None:
        """Stop reading: the connection is closed, which cancels the engine's work."""
        self._closed.set()
        response = self._response
        if response is not None:
            response.close()

    def _run(self) -> None:
        try:
            if self._closed.is_set():
                return
            self._response = self._client.chat.completions.create(**self._request)
            if self._closed.is_set():
                self._response.close()
                return
            for piece in self._response:
                self._put(piece)
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            self._put(error)
        finally:
            self._put(self)

    def _put(self, piece: Any) -> None:
        """Hand a piece over, unless nobody reads any more."""
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._pieces.put(piece, timeout=_POLL_SEC)
                return


def _key(config: MllmConfig) -> str:
    """The key from the file or the environment; engines without one are given any word."""
    if config.api_key_file:
        try:
            return Path(config.api_key_file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"mllm.api_key_file {config.api_key_file!r} cannot be read: {error}. Expected a "
                "file that holds the engine's key and that the node may read."
            ) from error
    return os.environ.get(config.api_key_variable, "").strip() or "none"


def _short(error: Exception) -> str:
    """What an exception says, and what it came from, on one line."""
    cause = error.__cause__
    text = f"{error}" if cause is None else f"{error} {cause}"
    return " ".join(text.split())[:300].rstrip(".")


def _retry_after_sec(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        seconds = float(headers.get("retry-after", 0.5))
    except ValueError:
        return 0.5
    return min(seconds, _LONGEST_PAUSE_SEC) if math.isfinite(seconds) else 0.5


def _pause(seconds: float, cancel: CancelToken) -> None:
    end = time.monotonic() + max(0.0, seconds)
    while (left_sec := end - time.monotonic()) > 0:
        cancel.raise_if_cancelled()
        time.sleep(min(left_sec, _POLL_SEC))
