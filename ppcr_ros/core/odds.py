"""Probabilities as logits, and back."""

from __future__ import annotations

import math

_LEAST = 1e-4
"""A probability nearer to 0 or 1 counts as this near: one zero must not outweigh all the rest."""


def log_odds(probability: float) -> float:
    """The logit of a probability 0..1, of at most 9.2 either way."""
    share = min(max(probability, _LEAST), 1.0 - _LEAST)
    return math.log(share / (1.0 - share))


def probability_of(logit: float) -> float:
    """The probability 0..1 whose logit is given; it overflows for none."""
    return 0.5 + 0.5 * math.tanh(0.5 * logit)
