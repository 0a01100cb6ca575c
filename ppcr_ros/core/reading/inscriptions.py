"""Inscriptions on things, which ask for nothing: ``the box that says do not open``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import PLACING

_READS = (
    r"(?:(?:that|which) (?:says|reads|said)|labell?ed|marked|titled"
    r"|with the (?:words?|label|text|inscription|writing))"
)
_FORBIDS = r"(?:do not|never|no|not|keep (?:off|out|away)|hands off)"
_WORDS = rf"{_FORBIDS} (?!(?:the|that|this|it|them|an?)\b)[a-z]+(?: {_FORBIDS} [a-z]+)*"
_INSCRIBED = re.compile(
    rf"(?<= )(?:{_READS} (?P<bare>{_WORDS})"
    rf"(?=[ .!?]*$|,? (?:please|{PLACING}|and (?:the|an?|put|place|give|bring|hand))\b)"
    rf"|{_READS}:? [\"“](?P<quoted>[^\"“”]+)[\"”]"
    rf"|with (?P<worn>{_WORDS})(?= (?:(?:written|printed) )?on it\b))"
)
"""Without quotation marks, only what could be taken for a prohibition, up to a clear end."""
_JOINED = "_"


def with_joined_inscriptions(text: str) -> str:
    """`plain` ``text`` with each inscription as one word, which is no word of any rule."""

    def joined(found: re.Match[str]) -> str:
        said = found["bare"] or found["quoted"] or found["worn"]
        return found.group().replace(said, said.replace(" ", _JOINED))

    return _INSCRIBED.sub(joined, text)


def without_joints(text: str) -> str:
    """``text`` with each inscription in its own words again."""
    return text.replace(_JOINED, " ")
