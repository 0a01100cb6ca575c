"""Keeping an answer to its form, token by token."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from ppcr_ros.core.answer_form import AnswerForm, Rests
from ppcr_ros.core.cancellation import CancelToken

_FIRST_LOOKED_AT = 64
_LOOKED_AT_AT_ONCE = 256
"""So many tokens are tried before it is asked whether the answer is still wanted."""
_HALF_CHARACTER = "\ufffd"
_WINDOW = 4
"""So many tokens before the new ones are decoded with them, for what one token does to the next."""


class _Read(NamedTuple):
    """Tokens as text.

    Attributes:
        ids: the tokens.
        text: all of it.
        begin: where the window begins, the tokens at the end that are decoded with a new one.
        window: the text of the window.
    """

    ids: list[int]
    text: str
    begin: int
    window: str


class Forced(NamedTuple):
    """The tokens of fixed words.

    Attributes:
        certain: they are written so, whatever follows.
        likely: the rest of the words, which the model may write as one token with what follows.
    """

    certain: Sequence[int] = ()
    likely: Sequence[int] = ()


NOTHING_FORCED = Forced()


class FixedWords:
    """The tokens of a model's vocabulary for fixed words in the middle of an answer.

    A byte-pair vocabulary joins the end of fixed words with what the model writes behind them:
    ``": `` and ``null`` are written ``":`` and `` null``. A model that is shown a space by itself
    has hardly seen that in its training, and its probabilities say so. Certain is what has the same
    tokens before each sort of text that may follow.
    """

    def __init__(self, tokenizer: Any, never: Collection[int]) -> None:
        """Of ``tokenizer``, without the tokens of ``never``, which have no place in an answer."""
        self.tokenizer, self.never = tokenizer, frozenset(never)
        self._known: dict[tuple[str, tuple[str, ...]], Forced] = {}

    def tokens(self, words: str, followed_by: tuple[str, ...]) -> Forced:
        """The tokens of ``words``; ``followed_by`` are samples of what comes next, "" for an end.

        None where one of them has no place in an answer.
        """
        key = (words, followed_by)
        if key not in self._known:
            self._known[key] = self._tokens(words, followed_by)
        return self._known[key]

    def _tokens(self, words: str, followed_by: tuple[str, ...]) -> Forced:
        ids = self._ids(words)
        if not self.never.isdisjoint(ids):
            return NOTHING_FORCED
        n = len(ids)
        if "" not in followed_by:  # at its end the answer is over, and nothing is joined
            for sample in followed_by:
                n = min(n, _n_shared(ids, self._ids(words + sample)))
        return Forced(ids[:n], ids[n:])

    def _ids(self, text: str) -> list[int]:
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [int(id_) for id_ in ids]


class FormGuide:
    """Chooses the likeliest token that an `AnswerForm` allows, for one answer.

    The likeliest token of all is nearly always allowed, so that this costs one look at the text;
    the vocabulary is never gone through unless the model wants something else. Only the end of the
    answer is decoded for a new token, and what its form asks for next is worked out once.
    """

    def __init__(self, form: AnswerForm, fixed: FixedWords) -> None:
        """Guide one answer.

        Args:
            form: of the answer.
            fixed: the model's tokens for fixed words.
        """
        self._form, self._fixed = form, fixed
        self._tokenizer, self._never = fixed.tokenizer, fixed.never
        self._last = _Read([], "", 0, "")
        self._judged: tuple[str, Rests] = ("", form.rests(""))

    def choose(self, logits: torch.Tensor, ids: Sequence[int], cancel: CancelToken) -> int:
        """The allowed token with the highest of ``logits`` (vocabulary,) after ``ids``.

        Fixed words are written with the tokens of the whole words and not in other pieces. The
        likeliest one of all where no token is allowed, so that the answer ends as one that
        cannot be read.

        Raises:
            Cancelled: when ``cancel`` was raised; a whole vocabulary takes seconds.
        """
        if forced := self.forced(ids).certain:
            return forced[0]
        likeliest = int(logits.argmax())
        if self.allows([*ids, likeliest]):
            return likeliest
        for place, id_ in enumerate(_by_likelihood(logits)):
            if place % _LOOKED_AT_AT_ONCE == 0:
                cancel.raise_if_cancelled()
            if self.allows([*ids, id_]):
                return id_
        return likeliest

    def forced(self, ids: Sequence[int]) -> Forced:
        """The tokens that must follow ``ids``; none where the model has a choice."""
        text = self._text(ids)
        following = self._rests(text).forced
        if not following:
            return NOTHING_FORCED
        forced = self._fixed.tokens(following, self._form.samples(text + following))
        # Some tokenizers cannot write a text's middle by itself; there the model writes it.
        written = self._text([*ids, *forced.certain, *forced.likely])
        return forced if written == text + following else NOTHING_FORCED

    def complete(self, ids: Sequence[int]) -> bool:
        """Whether ``ids`` are a whole answer."""
        return self._rests(self._text(ids)).complete

    def allows(self, ids: Sequence[int]) -> bool:
        """Whether an answer may begin with ``ids``."""
        if ids[-1] in self._never:
            return False
        before = self._text(ids[:-1])
        read = self._reading(ids)
        if read.text == before and not before.endswith(_HALF_CHARACTER):
            return False  # a token without text would bring the answer no further
        rests = self._form.rests(read.text)
        if rests.allowed:  # it is likely the one that will be written
            self._last, self._judged = read, (read.text, rests)
        return rests.allowed

    def _rests(self, text: str) -> Rests:
        if self._judged[0] != text:
            self._judged = text, self._form.rests(text)
        return self._judged[1]

    def _text(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, kept for what follows them."""
        self._last = self._reading(ids)
        return self._last.text

    def _reading(self, ids: Sequence[int]) -> _Read:
        """``ids`` as text, of which those behind what is kept are decoded."""
        known, head, begin, window = self._last
        n = len(known)
        if ids[:n] != known or head.endswith(_HALF_CHARACTER):
            text = self._decoded(ids)
            return _Read(list(ids), text, 0, text)
        if n == len(ids):
            return self._last
        if n - begin > 2 * _WINDOW:
            begin = n - _WINDOW
            window = self._decoded(ids[begin:n])
        text = self._decoded(ids[begin:])
        if window.startswith(_HALF_CHARACTER) or not text.startswith(window):
            text = self._decoded(ids)
            return _Read(list(ids), text, 0, text)
        return _Read(list(ids), head + text[len(window) :], begin, text)

    def _decoded(self, ids: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(
                list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
        )


def _n_shared(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((place for place, (x, y) in pairs if x != y), min(len(a), len(b)))


def _by_likelihood(logits: torch.Tensor) -> Iterator[int]:
    yield from logits.topk(min(_FIRST_LOOKED_AT, len(logits))).indices.tolist()
    yield from logits.argsort(descending=True).tolist()
