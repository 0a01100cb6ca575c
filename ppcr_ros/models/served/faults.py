"""Names for what goes wrong between the robot and an engine, and the words that it says to it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.models.served.engine_access import shown_text
from ppcr_ros.models.served.errors import (
    EngineBroke,
    EngineBusy,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)

_BUSY = (429, 502, 503, 504)
_LONGEST_PAUSE_SEC = 2.0
_LONGEST_TEXT = 300
_MOST_READ = 20_000
_DEEPEST = 6
_WORDS_IN = ("error", "detail", "message", "msg", "title")
_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_REFUSALS = ("content_filter", "tool_calls", "function_call", "refusal", "safety")
"""Reasons to end an answer that say that the model would not; another one would not either."""


class FaultNames:
    """Errors by their names here, for the engine of a configuration."""

    def __init__(self, openai: Any, config: MllmConfig, url: str, key: str) -> None:
        """Take the library, the configuration, the address for people and the key to hide."""
        self._openai, self._config, self._url = openai, config, url
        self._key = key

    def named(self, error: Exception) -> PPCRError:
        """A fault of the library by its name here."""
        openai, status = self._openai, getattr(error, "status_code", None)
        url, text = self._url, self.shortened(said_in(error))
        if isinstance(error, openai.APITimeoutError):
            return EngineTimeout(
                f"the engine at {url} does not answer: no connection within "
                f"mllm.connect_timeout_sec, {self._config.connect_timeout_sec:g} s, or no word "
                f"within mllm.answer_timeout_sec, {self._config.answer_timeout_sec:g} s."
            )
        if isinstance(error, openai.APIConnectionError):
            if type(error.__cause__).__name__ == "TooManyRedirects":
                return EngineUnreachable(
                    f"the engine at {url} sends from one address to the next without end. Expected "
                    "an answer there: set mllm.endpoint to the address that ends in /v1."
                )
            return EngineUnreachable(
                f"cannot connect to the engine at {url}: {text}. Is it running, is "
                "mllm.endpoint its address, and its certificate one that this computer trusts?"
            )
        if status in (401, 403):
            return EngineRefused(
                f"the engine at {url} refuses the key ({status}): {text}. Give it in the "
                f"environment variable {self._config.api_key_variable} or in mllm.api_key_file."
            )
        if status == 404:
            return EngineRefused(
                f"the engine at {url} does not know {self._config.model!r} (404): {text}. Set "
                "mllm.model to a name that it serves (ppcr doctor lists them), and mllm.endpoint "
                "to the address that ends in /v1."
            )
        if status in _BUSY:
            return EngineBusy(
                f"the engine at {url} is full or not ready ({status}): {text}.",
                _retry_after_sec(error),
            )
        if status is not None and status < 500:
            return EngineRefused(
                f"the engine at {url} refuses the request ({status}): {text}. Is "
                f"{self._config.model!r} a model that it serves, and one that sees images?"
            )
        about = "" if status is None else f" ({status})"
        return EngineBroke(f"the engine at {url} failed{about}: {text}. Look at its log.")

    def ended_early(self, text: str, why: str = "") -> EngineBroke:
        """An answer of which ``text`` came and no end."""
        return EngineBroke(
            f"the engine at {self._url} ended its answer in the middle, after "
            f"{len(text)} characters{why and f' ({why})'}. Was it stopped? Look at its log."
        )

    def no_stream(self, kind: str, beginning: str) -> EngineBroke:
        """Something else in place of a stream: its content type, and how it begins."""
        came = self.shortened(plain(beginning)) or "nothing"
        return EngineBroke(
            f"the engine at {self._url} sent no answer but {kind or 'something'}: {came}. Expected "
            "a stream (text/event-stream) of OpenAI's chat completions. Is mllm.endpoint the "
            "address of such an engine, and does it end in /v1?"
        )

    def not_whole(self, reason: str, text: str) -> PPCRError:
        """An answer that the engine ended for a ``reason`` that makes it none."""
        what = (
            f"the engine at {self._url} ended its answer with the reason "
            f"{self.shortened(reason)!r} after {len(text)} characters; expected 'stop', or "
            "'length' at the limit of tokens. What it wrote is not used."
        )
        if reason.casefold() in _REFUSALS:
            return EngineRefused(f"{what} Say the command in other words, or serve another model.")
        return EngineBroke(f"{what} Say the command again, and look at the engine's log.")

    def refused_in_words(self, said: str) -> EngineRefused:
        """An answer in whose place the model ``said`` that it would not give one."""
        return EngineRefused(
            f"the model behind the engine at {self._url} would not answer: {self.shortened(said)}. "
            "Say the command in other words, or serve another model."
        )

    def shortened(self, text: str, longest: int = _LONGEST_TEXT) -> str:
        """As `shown_text`."""
        return shown_text(text, self._key, longest)


def said_in(error: Exception) -> str:
    """What the engine said in an error of the library; else what the library says."""
    said = plain(getattr(error, "body", None))
    if said.strip():
        return said
    cause = error.__cause__
    return f"{error}" if cause is None else f"{error} {cause}"


def plain(body: Any) -> str:
    """The words of a body: a text, a page, or JSON such as ``{"error": {"message": ...}}``."""
    return "; ".join(_words(body, 0))[:_MOST_READ]


def _words(body: Any, depth: int) -> Iterator[str]:
    if isinstance(body, str):
        text = body[:_MOST_READ]
        yield _TAG.sub(" ", text) if text.lstrip().startswith("<") else text
    elif isinstance(body, (list, tuple)) and depth < _DEEPEST:
        for item in body[:8]:
            yield from _words(item, depth + 1)
    elif isinstance(body, Mapping) and depth < _DEEPEST:
        place = body.get("loc")
        where = ".".join(map(str, place)) + ": " if isinstance(place, (list, tuple)) else ""
        parameter = body.get("param")
        for name in _WORDS_IN:
            if body.get(name):
                said = "; ".join(_words(body[name], depth + 1))
                if isinstance(parameter, str) and parameter not in said:
                    said += f" ({parameter})"
                yield where + said
                return
        with suppress(RecursionError):
            yield f"{dict(body)!r}"


def _retry_after_sec(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        seconds = float(headers.get("retry-after", 0.5))
    except ValueError:
        return 0.5
    return min(seconds, _LONGEST_PAUSE_SEC) if math.isfinite(seconds) else 0.5
