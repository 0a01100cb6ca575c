"""Confidence counts the tokens that matter."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.checks import is_known
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.confidence import geometric_mean, span_confidence, token_confidence

ANSWER = Answer(
    text="a red cup",
    tokens=("a", " red", " cup"),
    probabilities=np.array([0.1, 0.5, 0.98], np.float32),
)


def test_geometric_mean_of_two_is_the_root_of_their_product() -> None:
    assert geometric_mean([0.25, 1.0]) == pytest.approx(0.5)


def test_geometric_mean_of_nothing_is_no_confidence() -> None:
    assert geometric_mean([]) == 0.0


def test_geometric_mean_survives_a_zero() -> None:
    assert 0.0 < geometric_mean([0.0, 1.0, 1.0]) < 0.1


def test_only_tokens_in_a_span_count() -> None:
    assert span_confidence(ANSWER, [(2, 5)]) == pytest.approx(0.5)


def test_a_span_inside_one_token_counts_that_token() -> None:
    assert span_confidence(ANSWER, [(7, 8)]) == pytest.approx(0.98)


def test_without_a_span_all_tokens_count() -> None:
    assert span_confidence(ANSWER, []) == pytest.approx(geometric_mean([0.1, 0.5, 0.98]))


def test_chosen_tokens_count() -> None:
    assert token_confidence(ANSWER, lambda token: "cup" in token) == pytest.approx(0.98)


def test_an_answer_without_probabilities_has_no_confidence() -> None:
    assert not is_known(span_confidence(Answer(text="x"), [(0, 1)]))
