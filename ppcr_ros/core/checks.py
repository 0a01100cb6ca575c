"""Checks of what the core's dataclasses hold, and the type of their arrays."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


def describe(value: object) -> str:
    """What an array or another value is, for an error message."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return f"{type(value).__name__} {value!r:.60}"


UNKNOWN = math.nan
"""A confidence that nobody tells; see `is_known`."""


def is_known(confidence: float) -> bool:
    """Whether a confidence is a number; it is none where an engine tells no probabilities."""
    return not math.isnan(confidence)


def check_confidence(value: float) -> None:
    """Refuse what is neither a number from 0 to 1 nor `UNKNOWN`.

    Raises:
        ValueError: saying what came.
    """
    if is_known(value):
        check_share("confidence", value)


def check_share(name: str, value: float) -> None:
    """Refuse what is no number from 0 to 1.

    Raises:
        ValueError: saying what came.
    """
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is {value!r}; expected a number from 0 to 1.")
