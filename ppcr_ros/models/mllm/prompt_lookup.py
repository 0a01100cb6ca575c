"""Guessing what an MLLM writes next from what stands in its conversation already.

Much of an answer is a copy: the keys of its JSON stand in the question, words of the command and of
the semantic prompt are said again. A guess is read together with the token before it, in one pass
that takes hardly longer than one for a single token, and what the model would not have written is
forgotten; the answer is the greedy one all the same. This is prompt lookup decoding (Saxena 2023).
"""

from __future__ import annotations

from collections.abc import Iterable

N_GRAM = 3
"""So many tokens in a row must have stood there before; fewer are often followed by another."""
LONGEST_GUESS = 8


class PromptLookup:
    """Draft of the tokens that followed the last ones where these stood before."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._behind: dict[tuple[int, ...], int] = {}
        """Where the token behind some in a row stands, the last time that they stood there."""

    def extend(self, ids: Iterable[int]) -> None:
        """``ids`` were read or written."""
        for id_ in ids:
            if len(self._ids) >= N_GRAM:
                self._behind[tuple(self._ids[-N_GRAM:])] = len(self._ids)
            self._ids.append(id_)

    def guess(self, limit: int) -> list[int]:
        """The tokens that may come next, at most ``limit`` and `LONGEST_GUESS`; often none."""
        place = self._behind.get(tuple(self._ids[-N_GRAM:]))
        if place is None:
            return []
        return self._ids[place : place + max(0, min(limit, LONGEST_GUESS))]
