"""Holds stage 1's product to the command's words: what they add, and what it must not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ppcr_ros.core.errors import TargetForbidden, TargetNotFound
from ppcr_ros.core.prompts import Intent, SemanticPrompt
from ppcr_ros.core.reading.reader import CommandReading

_FEW_WORDS = frozenset(("the", "that", "this", "a", "an", "my", "your", "one", "ones", "it"))


def raise_unless_asked(
    command: str, reading: CommandReading, deliver: Callable[[SemanticPrompt], None]
) -> None:
    """End the run where the command asks for nothing that can be seen.

    Raises:
        TargetNotFound: then; what was read is handed to ``deliver`` before.
    """
    if reading.intent is Intent.FIND:
        return
    forbidden = " and ".join(map(bare_phrase, reading.forbidden))
    deliver(SemanticPrompt(forbidden or command, "object", present=False, intent=reading.intent))
    if reading.intent is Intent.PROHIBITION:
        raise TargetNotFound("nothing is asked for: the command only says what to leave alone.")
    raise TargetNotFound("nothing is asked for that can be looked for in an image.")


def with_reading(semantic: SemanticPrompt, reading: CommandReading) -> SemanticPrompt:
    """``semantic`` with what the command's words say of it, where the MLLM has not said it."""
    if semantic.intent is not Intent.FIND:
        semantic = replace(semantic, present=False)
    return replace(
        semantic,
        part=semantic.part or reading.part,
        quantity=reading.quantity if semantic.quantity == 1 else semantic.quantity,
        destination=semantic.destination or bare_phrase(reading.destination),
        destination_relation=semantic.destination_relation or reading.destination_relation,
    )


def raise_where_forbidden(
    semantic: SemanticPrompt, reading: CommandReading, asked: str = ""
) -> None:
    """End the run where the MLLM has taken what the command says to leave alone.

    ``the red mug`` may be asked for where ``the mug`` is forbidden: it says more.

    Args:
        semantic: stage 1's product.
        reading: of the whole command.
        asked: the words that stage 1 was asked for; those of the first target where empty.

    Raises:
        TargetForbidden: then.
        TargetNotFound: where the MLLM says that nothing is asked for.
    """
    if semantic.intent is Intent.PROHIBITION:
        raise TargetNotFound("nothing is asked for: the command only says what to leave alone.")
    if semantic.intent is Intent.NOTHING:
        raise TargetNotFound("nothing is asked for that can be looked for in an image.")
    meant = content_words(" ".join((*semantic.attributes, semantic.category)))
    for phrase in (*reading.forbidden, *reading.unlike):
        words = content_words(phrase)
        if words and words <= meant and not words < content_words(asked or reading.asked):
            raise TargetForbidden(f"{phrase} is what the command says to leave alone.")


def content_words(phrase: str) -> frozenset[str]:
    """The words of a phrase that say which object is meant."""
    return frozenset(phrase.casefold().replace("-", " ").split()) - _FEW_WORDS


def bare_phrase(phrase: str) -> str:
    """A noun phrase without its article."""
    first, _, rest = phrase.partition(" ")
    return rest if rest and first in _FEW_WORDS else phrase
