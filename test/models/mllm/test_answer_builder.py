"""An answer in the making: its probabilities are the model's, however many tokens it has."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from ppcr_ros.models.mllm.answer_builder import AnswerBuilder  # noqa: E402
from ppcr_ros.models.mllm.token_engine import NextToken  # noqa: E402

WORDS, WIDTH = 50, 8


def neighbours(token: int) -> list[int]:
    """A location token counts with those beside it; the others for themselves."""
    return [token - 1, token, token + 1] if 40 <= token < 49 else [token]


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 40])
def test_each_token_has_its_probability_and_the_state_that_it_came_from(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    logits = torch.randn(n, WORDS, generator=generator)
    hidden = torch.randn(n, WIDTH, generator=generator)
    tokens = torch.randint(0, 48, (n,), generator=generator).tolist()
    written = AnswerBuilder(neighbours)
    for token, row, state in zip(tokens, logits, hidden, strict=True):
        written.add(token, NextToken(row, state))
    shares = torch.softmax(logits, dim=-1).numpy()
    expected = [shares[i, neighbours(token)].sum() for i, token in enumerate(tokens)]
    found = written.probabilities()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(written.probabilities(), found)  # asking changes nothing
    assert written.ids == tokens
    states = written.hidden_states()
    assert states is None if n == 0 else np.array_equal(states, hidden.numpy())


def test_no_probability_is_above_1() -> None:
    written = AnswerBuilder(lambda token: [0, 1, 2])
    written.add(1, NextToken(torch.tensor([30.0, 30.0, 30.0]), torch.zeros(WIDTH)))
    assert written.probabilities()[0] <= 1.0
