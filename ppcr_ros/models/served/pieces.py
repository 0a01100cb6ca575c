"""An engine's answer, put together from the pieces of its stream."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ppcr_ros.core.checks import UNKNOWN

_ROUNDING = 1e-3
"""So far above 0 the logarithm of a probability may come out of an engine's arithmetic."""
_IMPOSSIBLE = -1e4
"""Of a probability that is 0 in every float; a number with hundreds of digits is no float."""

_WHOLE = frozenset(("stop", "eos", "eos_token", "end_turn", "stop_sequence", "null"))
"""Reasons to end that make an answer whole; after any other one, but the limit, it is none."""
_CUT = frozenset(("length", "max_tokens"))


@dataclass
class EngineAnswer:
    """Answer of an engine.

    Attributes:
        text: of the answer.
        tokens: as text; empty where the engine does not tell them.
        logprobs: of ``tokens``, each at most 0, or `UNKNOWN`.
        first: the likeliest first tokens and their logarithms of probability, likewise; may be
            empty.
        refusal: what it says in place of an answer, where it would not give one.
        finish_reason: ``stop``, ``length``, or what else the engine says.
        first_token_sec: from the request to the first piece of the answer.
    """

    text: str = ""
    tokens: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)
    refusal: str = ""
    finish_reason: str = ""
    first_token_sec: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether the model itself ended it."""
        return self.finish_reason.casefold() in _WHOLE

    @property
    def truncated(self) -> bool:
        """Whether the limit of tokens ended it."""
        return self.finish_reason.casefold() in _CUT


def add_piece(answer: EngineAnswer, piece: Any) -> None:
    """Take over a piece of a stream.

    Raises:
        AttributeError, TypeError, ValueError: where it is none.
    """
    for choice in piece.choices or ():
        if (delta := choice.delta) is not None:
            answer.text += _text(getattr(delta, "content", None))
            refusal = getattr(delta, "refusal", None)
            answer.refusal += refusal if isinstance(refusal, str) else ""
        answer.finish_reason = _text(choice.finish_reason) or answer.finish_reason
        for token in getattr(getattr(choice, "logprobs", None), "content", None) or ():
            text, logprob = _text(_part(token, "token")), _logprob_of(token)
            if not answer.tokens:
                answer.first = {
                    _text(_part(top, "token")): _logprob_of(top)
                    for top in _part(token, "top_logprobs") or ()
                }
                answer.first.setdefault(text, logprob)
            answer.tokens.append(text)
            answer.logprobs.append(logprob)


def _logprob_of(token: Any) -> float:
    """What an engine tells of a token; `UNKNOWN` where that is no logarithm of a probability.

    Engines write null, NaN or an infinity where their own arithmetic has failed. Nothing is known
    then; it must neither end the answer nor pass for certainty.
    """
    told = _part(token, "logprob")
    if isinstance(told, bool) or not isinstance(told, (int, float)):
        return UNKNOWN
    if not -math.inf < told <= _ROUNDING:
        return UNKNOWN
    return float(min(0.0, max(told, _IMPOSSIBLE)))


def _part(entry: Any, name: str) -> Any:
    """A field of an entry; the client hands one on as a dictionary where a value has no place."""
    return entry.get(name) if isinstance(entry, dict) else getattr(entry, name, None)


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value or ""
