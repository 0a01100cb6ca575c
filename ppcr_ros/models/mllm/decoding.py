"""Keeping an answer to its form, token by token."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch

from ppcr_ros.models.mllm.answer_form import AnswerForm

_FIRST_LOOKED_AT = 64
_HALF_CHARACTER = "\ufffd"


class FormGuide:
    """Chooses the likeliest token that an `AnswerForm` allows, for one answer.

    The likeliest token of all is nearly always allowed, so that this costs one look at the text;
    the vocabulary is never gone through unless the model wants something else.
    """

    def __init__(self, form: AnswerForm, tokenizer: Any, never: Collection[int]) -> None:
        """``never`` are the tokens that have no place inside an answer: the special ones."""
        self._form, self._tokenizer, self._never = form, tokenizer, frozenset(never)

    def choose(self, logits: torch.Tensor, ids: Sequence[int]) -> int:
        """The allowed token with the highest of ``logits`` (vocabulary,) after ``ids``.

        The likeliest one of all where no token is allowed, so that the answer ends as one that
        cannot be read.
        """
        allowed = (id_ for id_ in _by_likelihood(logits) if self._allows([*ids, id_]))
        return next(allowed, int(logits.argmax()))

    def forced(self, ids: Sequence[int]) -> list[int]:
        """The tokens that must follow ``ids``; none where the model has a choice."""
        text = self._text(ids)
        following = self._form.forced(text)
        if not following:
            return []
        encoded = self._tokenizer(following, add_special_tokens=False)["input_ids"]
        forced = [int(id_) for id_ in encoded]
        # Some tokenizers cannot write a text's middle by itself; there the model writes it.
        if self._text([*ids, *forced]) != text + following or self._never.intersection(forced):
            return []
        return forced

    def complete(self, ids: Sequence[int]) -> bool:
        """Whether ``ids`` are a whole answer."""
        return self._form.complete(self._text(ids))

    def _allows(self, ids: Sequence[int]) -> bool:
        if ids[-1] in self._never:
            return False
        text = self._text(ids)
        if text == self._text(ids[:-1]) and not text.endswith(_HALF_CHARACTER):
            return False  # a token without text would bring the answer no further
        return self._form.allows(text)

    def _text(self, ids: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(
                list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
        )


def _by_likelihood(logits: torch.Tensor) -> Iterator[int]:
    yield int(logits.argmax())
    yield from logits.topk(min(_FIRST_LOOKED_AT, len(logits))).indices.tolist()
    yield from logits.argsort(descending=True).tolist()
