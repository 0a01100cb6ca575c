"""One engine behind an OpenAI-compatible endpoint, asked for one answer at a time."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from typing import Any

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import ModelLoadError, PPCRError
from ppcr_ros.models.served.engine_access import (
    checked_address,
    engine_key,
    network_settings,
    shown_address,
    without_users,
)
from ppcr_ros.models.served.errors import (
    EngineBroke,
    EngineBusy,
    EngineTimeout,
    EngineUnreachable,
)
from ppcr_ros.models.served.faults import FaultNames, said_in
from ppcr_ros.models.served.pieces import EngineAnswer, add_piece
from ppcr_ros.models.served.refused_parameters import RefusedParameters
from ppcr_ros.models.served.streams import EngineConnections, EngineStream

_POLL_SEC = 0.02
_MAX_TOKEN_CHARS = 64
_MOST_SAID = 4000
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
        ModelLoadError: where the package ``openai`` is missing, or cannot work with the
            environment's certificates and proxies.
    """

    def __init__(self, config: MllmConfig) -> None:
        endpoint, key = checked_address(config), engine_key(config)
        try:
            self._openai: Any = importlib.import_module("openai")
        except ImportError as error:
            raise ModelLoadError(
                f"openai cannot be imported: {error}. A served MLLM needs it: pip install "
                "'ppcr_ros[served]', or pip install openai."
            ) from error
        except OSError as error:
            raise _unusable(config, error) from error
        self._config, self.url = config, shown_address(endpoint)
        self._faults = FaultNames(self._openai, config, self.url, key)
        self._connections, self._refusals = EngineConnections(), RefusedParameters(self.url)
        self._client = self._made(endpoint, key)

    def _made(self, endpoint: str, key: str) -> Any:
        openai = self._openai
        try:
            http = openai.DefaultHttpxClient(event_hooks={"request": [self._connections.watch]})
            return openai.OpenAI(
                base_url=endpoint,
                api_key=key,
                http_client=http,
                max_retries=0,
                timeout=openai.Timeout(
                    self._config.answer_timeout_sec, connect=self._config.connect_timeout_sec
                ),
            )
        except Exception as error:
            raise _unusable(self._config, error) from error

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
            raise self._faults.named(error) from error

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
            "logprobs": True,
            "extra_body": {**_UNDONE, **(extras or {})},
        }
        if as_json:
            request["response_format"] = {"type": "json_object"}
        if top_logprobs:
            request["top_logprobs"] = top_logprobs
        trial = self._refusals.begin(request)
        tries_left = self._config.retries
        while True:
            cancel.raise_if_cancelled()
            answer = EngineAnswer()
            try:
                self._read(trial.request(), answer, cancel)
            except _Refused as refusal:
                if not trial.refused(refusal.said):
                    raise refusal.fault from refusal.__cause__
            except (EngineUnreachable, EngineBusy, EngineBroke) as error:
                if answer.text or not tries_left:
                    raise
                tries_left -= 1
                _pause(error.retry_after_sec if isinstance(error, EngineBusy) else 0.2, cancel)
            else:
                trial.taken()
                return answer

    def _read(self, request: dict[str, Any], answer: EngineAnswer, cancel: CancelToken) -> None:
        started = time.monotonic()
        stream = EngineStream(self._client, request, self._connections)
        try:
            for piece in stream.pieces():
                waited_sec = time.monotonic() - started
                cancel.raise_if_cancelled()
                self._check_time(answer, waited_sec)
                if piece is None:
                    continue
                if isinstance(piece, Exception):
                    raise self._fault(piece, answer) from piece
                if not answer.first_token_sec:
                    answer.first_token_sec = waited_sec
                self._take(answer, piece, request["max_tokens"])
        finally:
            stream.close()
        if not answer.finish_reason:
            if not answer.first_token_sec:
                raise self._faults.no_stream(stream.kind, stream.beginning)
            raise self._faults.ended_early(answer.text)
        if answer.refusal.strip():
            raise self._faults.refused_in_words(answer.refusal)
        if not (answer.whole or answer.truncated):
            raise self._faults.not_whole(answer.finish_reason, answer.text)

    def _take(self, answer: EngineAnswer, piece: Any, max_tokens: int) -> None:
        """Take over a piece of the stream, which may be anything."""
        try:
            add_piece(answer, piece)
        except (AttributeError, TypeError, ValueError) as error:
            raise EngineBroke(
                f"the engine at {self.url} wrote what is no piece of an answer: "
                f"{self._faults.shortened(f'{piece!r:.80}')}. Expected a chunk of OpenAI's chat "
                "completions. Is mllm.endpoint such an engine?"
            ) from error
        longest = max_tokens * _MAX_TOKEN_CHARS
        if len(answer.text) + len(answer.refusal) > longest or len(answer.tokens) > 2 * max_tokens:
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

    def _fault(self, error: Exception, answer: EngineAnswer) -> Exception:
        """What a fault of the stream is; `_Refused` where the request may go with less in it."""
        named = self._faults.named(error)
        if getattr(error, "status_code", None) in (400, 422, 501) and not answer.text:
            return _Refused(named, self._faults.shortened(said_in(error), _MOST_SAID))
        if answer.first_token_sec and isinstance(named, EngineUnreachable):
            return self._faults.ended_early(answer.text, self._faults.shortened(said_in(error)))
        return named

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


class _Refused(Exception):  # noqa: N818 - an outcome
    """The engine refuses the request, perhaps for something that it can do without."""

    def __init__(self, fault: PPCRError, said: str) -> None:
        super().__init__(said)
        self.fault, self.said = fault, said


def _unusable(config: MllmConfig, error: Exception) -> ModelLoadError:
    """What the library raises before anything is sent: about the address or the environment."""
    what = " ".join(without_users(f"{type(error).__name__}: {error}").split())
    return ModelLoadError(
        f"the connection to the engine at {shown_address(config.endpoint)} cannot be set up: "
        f"{what[:300]}. {network_settings()}. Set right, or unset, the one that is wrong: a proxy "
        "is the URL of one (http://HOST:PORT), SSL_CERT_FILE a file of certificates in PEM. Or "
        "mend the address, mllm.endpoint."
    )


def _pause(seconds: float, cancel: CancelToken) -> None:
    end = time.monotonic() + max(0.0, seconds)
    while (left_sec := end - time.monotonic()) > 0:
        cancel.raise_if_cancelled()
        time.sleep(min(left_sec, _POLL_SEC))
