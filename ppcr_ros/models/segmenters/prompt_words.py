"""Prompt tokens of the semantic prompt: what the target is called, and where it was seen.

A segmenter that was taught some words takes the semantic prompt beside the box of the spatial one:
a box may hold two objects, or miss a part of one, and the words and the point of stage 1 say which
is meant. Text as a prompt is foreseen by Segment Anything (Kirillov et al., ICCV 2023, section 3);
here a phrase is the sum of its words' embeddings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ppcr_ros.models.segmenters.object_hint import ObjectHint

_WORD = re.compile(r"[a-z]+")


class PromptWords(nn.Module):
    """Embeds what stage 1 says of an object as two prompt tokens of a mask decoder.

    Args:
        words: the words that are known.
        width: of a prompt token.
    """

    def __init__(self, words: Sequence[str], width: int) -> None:
        super().__init__()
        self._rows = {word: row for row, word in enumerate(words)}
        self.called = nn.Parameter(torch.zeros(len(self._rows), width))
        self.nameless = nn.Parameter(torch.zeros(width))
        self.seen = nn.Parameter(torch.zeros(width))
        self.unseen = nn.Parameter(torch.zeros(width))

    def counts(self, words: str) -> Tensor:
        """How often each known word stands in ``words``: (n_words,) float32."""
        counts = torch.zeros(len(self._rows))
        for word in _WORD.findall(words.lower()):
            if word in self._rows:
                counts[self._rows[word]] += 1.0
        return counts

    def forward(self, counts: Tensor, positions: Tensor, placed: Tensor) -> Tensor:
        """The prompt tokens (n, 2, width) of n objects.

        Args:
            counts: (n, n_words) float32, as of `counts`; a row of zeros where no word is known.
            positions: (n, width) float32, the positional encoding of each one's point.
            placed: (n,) bool, whether there is a point; else its position means nothing.
        """
        called = torch.where(counts.any(1, keepdim=True), counts @ self.called, self.nameless)
        seen = torch.where(placed[:, None], positions + self.seen, self.unseen)
        return torch.stack([called, seen], dim=1)


def hint_tokens(sam: Any, hints: Sequence[ObjectHint]) -> Tensor:
    """The tokens (n, 2, width) of n objects for ``sam``, which has ``prompt_words``.

    The points are in the pixels of the encoder's square.
    """
    network: PromptWords = sam.prompt_words
    device = network.seen.device
    counts = torch.stack([network.counts(one.words) for one in hints]).to(device)
    points = np.zeros((len(hints), 1, 2), np.float32)
    told = np.zeros(len(hints), bool)
    for row, one in enumerate(hints):
        if one.point_xy_px is not None:
            points[row, 0], told[row] = one.point_xy_px, True
    encoder = sam.prompt_encoder
    coordinates = torch.from_numpy(points).to(device) + 0.5
    positions = encoder.pe_layer.forward_with_coords(coordinates, encoder.input_image_size)[:, 0]
    tokens: Tensor = network(counts, positions, torch.from_numpy(told).to(device))
    return tokens
