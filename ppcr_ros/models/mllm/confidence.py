"""Confidence of a model in what it wrote, from the probabilities of its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ppcr_ros.core.checks import UNKNOWN
from ppcr_ros.core.interfaces import Answer

Span = tuple[int, int]
"""A half-open range of characters in an answer's text."""

_FLOOR = 1e-6  # one impossible token must not wipe out all the others


def geometric_mean(probabilities: Iterable[float]) -> float:
    """The geometric mean, 0..1, of probabilities 0..1; 0 where there are none."""
    values = np.array(list(probabilities), np.float64)
    if not len(values):
        return 0.0
    return float(np.clip(np.exp(np.log(np.clip(values, _FLOOR, 1.0)).mean()), 0.0, 1.0))


def token_confidence(answer: Answer, counts: Callable[[str], bool]) -> float:
    """The geometric mean over the tokens for which ``counts`` is true; over all where none is.

    `UNKNOWN` where an engine told no probabilities.
    """
    if not len(answer.probabilities) and answer.text:
        return UNKNOWN
    pairs = list(zip(answer.tokens, answer.probabilities.tolist(), strict=False))
    return geometric_mean(p for token, p in pairs if counts(token)) or geometric_mean(
        p for _, p in pairs
    )


def span_confidence(answer: Answer, spans: Iterable[Span]) -> float:
    """The geometric mean over the tokens that share a character with one of ``spans``.

    ``spans`` count characters of ``answer.text``, which is ``"".join(answer.tokens)``. Over all
    tokens where no token is met, so that an answer without offsets still has a confidence.
    `UNKNOWN` where an engine told no probabilities.
    """
    if not len(answer.probabilities) and answer.text:
        return UNKNOWN
    wanted = list(spans)
    met: list[float] = []
    begin = 0
    for token, probability in zip(answer.tokens, answer.probabilities.tolist(), strict=False):
        end = begin + len(token)
        if any(begin < high and low < end for low, high in wanted):
            met.append(probability)
        begin = end
    return geometric_mean(met or answer.probabilities.tolist())
