"""Answers as a model would have given them."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from ppcr_ros.core.interfaces import Answer


@pytest.fixture(scope="session")
def answer_of() -> Callable[..., Answer]:
    """Makes an answer from its text: words, single digits and signs are its tokens.

    ``unsure`` maps a token to its probability; the others have 1.
    """

    def make(
        text: str,
        *,
        unsure: dict[str, float] | None = None,
        image_size_px: tuple[int, int] = (0, 0),
        truncated: bool = False,
    ) -> Answer:
        tokens = tuple(re.findall(r"<\w+>|\d|[^\W\d]+|\W", text, re.S))
        assert "".join(tokens) == text
        probabilities = np.array([(unsure or {}).get(token, 1.0) for token in tokens], np.float32)
        return Answer(
            text=text,
            tokens=tokens,
            probabilities=probabilities,
            image_size_px=image_size_px,
            hidden_states=np.zeros((len(tokens), 4), np.float32),
            truncated=truncated,
        )

    return make
