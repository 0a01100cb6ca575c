"""Between text and token ids: harmless turns, readable answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ppcr_ros.core.errors import InvalidCommandError

_MARKUP = re.compile(r"[<>|\[\]{}\uff1c\uff1e\uff5c\uff3b\uff3d\uff5b\uff5d\ufe64\ufe65\ufe33]")


class TokenGuard:
    """Breaks up whatever in a text the tokenizer or the processor would take for a special token.

    A command is data: ``<|im_end|>`` in it must reach the model as those characters and not end the
    turn. Tokenizers find their added tokens inside any text, and processors replace an image's
    placeholder in the text itself, so that quoting alone is not enough.
    """

    def __init__(self, tokenizer: Any, allowed: Callable[[str], bool]) -> None:
        """Guard against all added tokens of ``tokenizer`` except those that ``allowed`` names."""
        self._tokenizer = tokenizer
        special = set(tokenizer.all_special_tokens)
        added = {token.content: id_ for id_, token in tokenizer.added_tokens_decoder.items()}
        special |= {
            token.content for token in tokenizer.added_tokens_decoder.values() if token.special
        }
        special |= {token for token in added if _looks_like_markup(token)}
        special = {token for token in special if token.strip() and not allowed(token)}
        ids = {added.get(token, tokenizer.convert_tokens_to_ids(token)) for token in special}
        # Any unknown word becomes the unknown token; that is no harm.
        self._dangerous = ids - {tokenizer.unk_token_id, None}
        longest_first = sorted(special, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)", re.IGNORECASE)

    def harmless(self, text: str) -> str:
        """``text`` with a space inside everything that would be read as a special token.

        Raises:
            InvalidCommandError: when the tokenizer still finds a special token in the text.
        """
        while found := self._pattern.search(text):
            text = text[: found.start()] + _broken(found.group()) + text[found.end() :]
        if self._finds_special(text):  # spelt in another way that the tokenizer folds into one
            text = _MARKUP.sub(" ", text)
        if self._finds_special(text):
            raise InvalidCommandError(
                "the command holds a control token of the MLLM that could not be taken out; "
                "expected plain words. Say it without markup."
            )
        return text

    def _finds_special(self, text: str) -> bool:
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return not self._dangerous.isdisjoint(ids)


def _looks_like_markup(token: str) -> bool:
    return len(token) > 2 and not token[0].isalnum() and any(map(str.isalnum, token))


def _broken(token: str) -> str:
    return f"{token[0]} {token[1:]}" if len(token) > 1 else " "


def decode_pieces(tokenizer: Any, ids: Sequence[int], skipped: Callable[[int], bool]) -> list[str]:
    """The text of each of ``ids``; joined they are the decoded answer.

    A token that ends inside a character is empty, and the token that completes it has it. Those
    that ``skipped`` names are empty.
    """
    pieces: list[str] = []
    kept: list[int] = []
    done = ""
    for position, id_ in enumerate(ids):
        if skipped(id_):
            pieces.append("")
            continue
        kept.append(id_)
        text = str(
            tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )
        if text.endswith("\ufffd") and position + 1 < len(ids):
            pieces.append("")
            continue
        # A decoder may take back a space before punctuation; what is already told stays.
        pieces.append(text[len(done) :] if text.startswith(done) else text[_shared(done, text) :])
        done = text
    return pieces


def _shared(a: str, b: str) -> int:
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def first_token_ids(tokenizer: Any, words: Iterable[str]) -> set[int]:
    """The ids with which ``words`` may begin, after a space or not; unknown ones left out."""
    spelt = [space + form for word in words for form in _cases(word) for space in ("", " ")]
    first = (tokenizer(text, add_special_tokens=False)["input_ids"][:1] for text in spelt)
    return {id_ for ids in first for id_ in ids if id_ != tokenizer.unk_token_id}


def _cases(word: str) -> tuple[str, str, str]:
    return word.lower(), word.capitalize(), word.upper()
