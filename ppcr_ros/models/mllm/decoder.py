"""Writing one answer: drafts of the next tokens, verified by the model.

What must follow by the form of the answer, what is expected of it, and what is likely a copy of
something said before are all drafts of next tokens. A draft is read in one pass together with the
token before it, and kept as far as the model would have written it; a certain one needs no check.
Then follows one token of the model's own. The answer is the greedy one all the same, but for
rounding: several tokens that are read at once are multiplied in another order, which in bfloat16
decides near ties anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.models.mllm.answer_builder import AnswerBuilder
from ppcr_ros.models.mllm.constrained_decoding import NOTHING_FORCED, FormGuide
from ppcr_ros.models.mllm.prompt_lookup import PromptLookup
from ppcr_ros.models.mllm.token_engine import Engine, NextToken, SequenceState


@dataclass(frozen=True)
class AnswerRules:
    """Rules of one answer.

    Attributes:
        limit: it has at most so many tokens.
        stop_ids: the tokens that end it; none of them is a part of it.
        is_whole: whether some tokens are all of it, whatever the model would say.
        guide: keeps it to its form; None where it is free.
        expected: the tokens that it most likely begins with.
        looks_up: whether likely copies are drafted.
        fills_in: whether the fixed words of the form are drafted.
    """

    limit: int
    stop_ids: frozenset[int]
    is_whole: Callable[[Sequence[int]], bool]
    guide: FormGuide | None = None
    expected: Sequence[int] = ()
    looks_up: bool = True
    fills_in: bool = True


class _Draft(NamedTuple):
    """Tokens that may come next; the first ``n_certain`` of them do."""

    ids: Sequence[int] = ()
    n_certain: int = 0


class DraftDecoder:
    """Writes one answer behind what a sequence has read; for one answer only."""

    def __init__(
        self,
        engine: Engine,
        state: SequenceState,
        lookup: PromptLookup,
        builder: AnswerBuilder,
        rules: AnswerRules,
    ) -> None:
        self._engine, self._state, self._lookup = engine, state, lookup
        self._builder, self._rules = builder, rules

    def write(self, step: NextToken | None, cancel: CancelToken) -> bool:
        """Write the answer into the builder.

        Args:
            step: what follows the sequence, where all that was said to it has been read.
            cancel: ends the answer before it is whole, between two passes of the model.

        Returns:
            Whether the answer is whole; otherwise its limit has cut it off.

        Raises:
            Cancelled: when ``cancel`` was raised; the sequence can go on.
        """
        ids = self._builder.ids
        while not self._whole() and len(ids) < self._rules.limit:
            cancel.raise_if_cancelled()
            draft = self._draft()
            step = self._keep(draft, self._read(draft, step), cancel)
            if self._whole() or len(ids) == self._rules.limit:
                break
            token = self._choose(step, cancel)
            if token in self._rules.stop_ids:
                return True
            self._builder.add(token, step)
            self._lookup.extend([token])
            self._state.unread, step = [token], None
        return self._whole()

    def _whole(self) -> bool:
        ids, guide = self._builder.ids, self._rules.guide
        return self._rules.is_whole(ids) or (guide is not None and guide.complete(ids))

    def _choose(self, step: NextToken, cancel: CancelToken) -> int:
        """The model's own next token, of those that the form allows."""
        if self._rules.guide is None:
            return int(step.logits.argmax())
        return self._rules.guide.choose(step.logits, self._builder.ids, cancel)

    def _draft(self) -> _Draft:
        ids, rules = self._builder.ids, self._rules
        left = rules.limit - len(ids)
        guesses = self._engine.reads_several_as_one(self._state)
        forced = NOTHING_FORCED
        if rules.guide is not None and rules.fills_in:
            forced = rules.guide.forced(ids)
        if forced.certain:
            likely = forced.likely if guesses else ()
            return _Draft([*forced.certain, *likely][:left], len(forced.certain))
        if not ids:
            return _Draft(rules.expected[:left] if self._engine.can_forget(self._state) else ())
        return _Draft(self._lookup.guess(left - 1) if rules.looks_up and guesses else ())

    def _read(self, draft: _Draft, step: NextToken | None) -> list[NextToken]:
        """Read what is unread and the draft; what follows before it and behind each of its tokens.

        ``step`` is what follows the sequence, where nothing is unread.
        """
        unread, self._state.unread = self._state.unread, []
        if unread or step is None:
            ids = [*unread, *draft.ids]
            return self._engine.read_all(self._state, ids, last=len(draft.ids) + 1)
        return [step, *(self._engine.read_all(self._state, draft.ids) if draft.ids else ())]

    def _keep(self, draft: _Draft, steps: Sequence[NextToken], cancel: CancelToken) -> NextToken:
        """Write of the draft what the model would have written; what follows that."""
        kept = 0
        for token, before in zip(draft.ids, steps, strict=False):
            if kept >= draft.n_certain and (
                token in self._rules.stop_ids
                or self._whole()
                or self._choose(before, cancel) != token
            ):
                break
            self._builder.add(token, before)
            self._lookup.extend([token])
            kept += 1
        self._engine.forget(self._state, len(draft.ids) - kept)
        return steps[kept]
