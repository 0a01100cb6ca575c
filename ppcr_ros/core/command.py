"""The spoken command, made safe to quote."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ppcr_ros.core.errors import InvalidCommandError

_BEFORE_STOP = (
    r"please|robot|no|okay|ok|oh|hey|wait|just|now|quick|quickly|emergency|e|all|everything|"
    r"everyone|(?:can|could|will|would) you|you (?:must|should|have to)"
)
_STOP = r"e?stop|cancel|abort|halt|freeze"
_AFTER_STOP = (
    r"it|that|this|there|here|at once|(?:right )?(?:now|away|there)|immediately|instantly|already|"
    r"and|what you (?:are|re) doing|doing (?:it|that|this)|"
    r"moving|working|running|searching|looking|tracking|following|"
    r"(?:the|that|this|my|your) (?:robot|arm|gripper|hand|machine|movement|motion|task|job|"
    r"(?:last )?command|order|action|search)"
)
_STOPS = re.compile(
    rf"(?:(?:{_BEFORE_STOP}) )*(?:{_STOP})(?: (?:{_STOP}|{_AFTER_STOP}|{_BEFORE_STOP}))*"
)
"""Ways to say it, without punctuation: a word that stops, and none that names an object."""


@dataclass(frozen=True)
class Command:
    """A command that was cleaned at the door: whoever has one cleans it no more.

    Attributes:
        text: readable, with at least one letter or digit.
    """

    text: str

    @classmethod
    def of(cls, spoken: str, *, max_chars: int = 400) -> Command:
        """``spoken``, cleaned.

        Raises:
            InvalidCommandError: when no letter or digit is left.
        """
        return cls(clean_command(spoken, max_chars=max_chars))


def clean_command(command: str, *, max_chars: int = 400) -> str:
    """The `readable` part of a command that names something.

    Raises:
        InvalidCommandError: when no letter or digit is left.
    """
    text = readable(command, max_chars=max_chars)
    if not any(char.isalnum() for char in text):
        raise InvalidCommandError(
            f"the command {command[:40]!r} ({len(command)} characters) has no letter or digit; "
            "expected words that name an object, such as 'the small green ball'."
        )
    return text


def readable(command: str, *, max_chars: int = 400) -> str:
    """The command in NFC, without control characters, its whitespace folded, cut to ``max_chars``.

    Only the first ``16 * max_chars`` characters are looked at, so that a command of many megabytes
    costs no more than a short one. What comes back can always be encoded as UTF-8; it may be empty.
    """
    head = unicodedata.normalize("NFC", command[: 16 * max_chars])
    # Cc control, Cf format (zero-width, bidi overrides), Cs lone surrogates, Co and Cn unassigned.
    kept = "".join(
        " " if char.isspace() else char
        for char in head
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    return " ".join(kept.split())[:max_chars].rstrip()


def cut_notice(command: str, *, max_chars: int) -> str:
    """That only the beginning of a command was read, in a sentence; empty where all of it was."""
    whole = readable(command, max_chars=16 * max_chars)
    if len(whole) <= max_chars and len(command) <= 16 * max_chars:
        return ""
    end = whole[:max_chars].rstrip()[-20:]
    return (
        f"The command is longer than pipeline.max_command_chars ({max_chars}): it was read up to "
        f"'...{end}'."
    )


def is_stop(command: str) -> bool:
    """Whether a cleaned command asks to clear the target rather than naming one.

    It may be said in anger: several times, with "now" and "please", in whatever quotes.
    """
    words = " ".join(re.findall(r"\w+", command.casefold()))
    return _STOPS.fullmatch(words) is not None
