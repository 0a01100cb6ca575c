"""The tokens of an answer while it is written, and what the model made of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ppcr_ros.models.mllm.token_engine import NextToken

_AT_ONCE = 16
"""The logits of so many tokens are kept until their probabilities are worked out together."""


class AnswerBuilder:
    """An answer in the making.

    Args:
        counted_ids: the tokens whose probabilities together are that of a token.
    """

    def __init__(self, counted_ids: Callable[[int], Sequence[int]]) -> None:
        self._counted_ids = counted_ids
        self.ids: list[int] = []
        self._hidden: list[torch.Tensor] = []
        self._logits: list[torch.Tensor] = []
        self._probabilities: list[torch.Tensor] = []
        self._offsets: list[torch.Tensor] = []

    def add(self, token: int, step: NextToken) -> None:
        """``step`` is what predicted ``token``."""
        self.ids.append(token)
        self._hidden.append(step.hidden)
        self._logits.append(step.logits)
        if len(self._logits) == _AT_ONCE:
            self._work_out()

    def probabilities(self) -> np.ndarray[Any, Any]:
        """(n,) float32, 0..1, of each token with those that are counted with it."""
        if not self.ids:
            return np.zeros((0,), np.float32)
        self._work_out()
        return torch.cat(self._probabilities).float().cpu().numpy().clip(0.0, 1.0)

    def offsets(self) -> np.ndarray[Any, Any]:
        """(n,) float32, how many places from each token the mean of those counted with it lies.

        The mean is weighted by their probabilities, and the places are those in the vocabulary.
        """
        if not self.ids:
            return np.zeros((0,), np.float32)
        self._work_out()
        return torch.cat(self._offsets).float().cpu().numpy()

    def hidden_states(self) -> np.ndarray[Any, Any] | None:
        """(n, d) float32, the last hidden state that each token was predicted from; or None."""
        return torch.stack(self._hidden).float().cpu().numpy() if self.ids else None

    def _work_out(self) -> None:
        """The probabilities of the tokens whose logits are kept, on the model's device."""
        n = len(self._logits)
        if not n:
            return
        shares = torch.softmax(torch.stack(self._logits), dim=-1)
        counted = [self._counted_ids(token) for token in self.ids[-n:]]
        rows = [row for row, ids in enumerate(counted) for _ in ids]
        places = torch.tensor([rows, [id_ for ids in counted for id_ in ids]], device=shares.device)
        weights = shares[places[0], places[1]]
        sums = shares.new_zeros(n).index_add_(0, places[0], weights)
        away = places[1] - torch.tensor(self.ids[-n:], device=shares.device)[places[0]]
        moments = shares.new_zeros(n).index_add_(0, places[0], weights * away)
        self._probabilities.append(sums)
        self._offsets.append(moments / sums.clamp(min=torch.finfo(sums.dtype).tiny))
        self._logits.clear()
