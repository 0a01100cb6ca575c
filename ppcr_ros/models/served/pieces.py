"""An engine's answer, put together from the pieces of its stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class EngineAnswer:
    """Answer of an engine.

    Attributes:
        text: of the answer.
        tokens: as text; empty where the engine does not tell them.
        logprobs: of ``tokens``.
        first: the likeliest first tokens and their logarithms of probability; may be empty.
        finish_reason: ``stop``, ``length``, or what else the engine says.
        first_token_sec: from the request to the first piece of the answer.
    """

    text: str = ""
    tokens: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)
    finish_reason: str = ""
    first_token_sec: float = 0.0


def add_piece(answer: EngineAnswer, piece: Any) -> None:
    """Take over a piece of a stream.

    Raises:
        AttributeError, TypeError, ValueError: where it is none.
    """
    for choice in piece.choices or ():
        if (delta := choice.delta) is not None:
            answer.text += _text(getattr(delta, "content", None))
        answer.finish_reason = _text(choice.finish_reason) or answer.finish_reason
        for token in getattr(getattr(choice, "logprobs", None), "content", None) or ():
            text, logprob = _text(token.token), float(token.logprob)
            if not answer.tokens:
                answer.first = {_text(top.token): float(top.logprob) for top in _top_of(token)}
                answer.first.setdefault(text, logprob)
            answer.tokens.append(text)
            answer.logprobs.append(min(0.0, logprob))


def _top_of(token: Any) -> Any:
    return getattr(token, "top_logprobs", None) or ()


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value or ""
