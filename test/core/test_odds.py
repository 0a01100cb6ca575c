"""Probabilities as logits."""

from __future__ import annotations

import pytest

from ppcr_ros.core.odds import log_odds, probability_of


@pytest.mark.parametrize("probability", [1e-4, 0.2, 0.5, 0.97, 1.0 - 1e-4])
def test_a_logit_is_that_of_its_probability(probability: float) -> None:
    assert probability_of(log_odds(probability)) == pytest.approx(probability)


def test_what_is_certain_stays_finite() -> None:
    assert log_odds(0.0) == pytest.approx(-9.21, abs=0.01)
    assert log_odds(1.0) == pytest.approx(9.21, abs=0.01)
    assert log_odds(0.5) == 0.0
    assert (probability_of(-1e9), probability_of(1e9)) == (0.0, 1.0)
