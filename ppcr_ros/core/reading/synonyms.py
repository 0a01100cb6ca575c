"""Puts other words for what the rules of reading know into theirs."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import DETERMINER, HANDLING, one_of

_HANDS = r"(?:(?:your|the) )?(?:hands?|fingers?|paws?|grippers?|arms?)"
_EXCEPT = one_of(
    "except(?: for)?|apart from|aside from|other than|excluding|with the exception of|barring|bar|"
    "save(?: for)?|minus|omitting|leaving(?: out)?|but(?: for)?|only not|just not|not counting"
)
_OF_ALL = r"(?:all|every|any|each|everything|anything)\b[^,.;!?]*"

_MINE = "(?:mine|yours|ours|his|hers|theirs)"
_YOU = "(?:forbid|do not allow|will not allow|will not have|do not want) (?:you|anybody|anyone|it)"
_INSTEAD = (
    (
        rf"(?P<of>\b{_OF_ALL}|\b(?:the|these|those|my) \w+s) {_EXCEPT} "
        rf"(?=(?:{DETERMINER}|{_MINE})\b)",
        r"\g<of> except ",
    ),
    (rf"\b(?:except|other than|apart from) (?={_MINE}\b)", "except the "),
    (r"\bas opposed to\b", "instead of"),
    (
        rf"\bi would rather (?:{HANDLING}|have) (?P<this>.+?) than (?={DETERMINER}\b)",
        r"take \g<this> rather than ",
    ),
)
_LEAVE_ALONE = (
    (rf"\bdon (?={HANDLING}\b)", "do not "),
    (rf"\b(?:get|take) {_HANDS} (?:off|away)(?: from)?\b", "keep your hands off"),
    (
        r"\b(?:get|back|move|go|step|come) (?:away from|off)(?: of)? "
        r"(?=(?:the|that|this|my|our)\b)",
        "keep away from ",
    ),
    (rf"\bi {_YOU} (?:to )?(?={HANDLING}\b)", "do not "),
    (
        r"(?<!\bthat )(?<!\bwhich )\b(?:has|have|had|ought|needs?) to "
        r"(?=(?:stay|remain|stand|be left)\b)",
        "must ",
    ),
    (r"\b(?:is|are) staying\b", "must stay"),
    (r"\bi (?:am|will be) keeping\b", "leave"),
    (r"\bno more (?=\w+ing\b)", "no "),
)
_SAID = tuple((re.compile(pattern), instead) for pattern, instead in (*_INSTEAD, *_LEAVE_ALONE))


def in_known_words(text: str) -> str:
    """`plain` ``text`` with ``except``, ``instead of``, ``keep away from`` and the like in place of
    other words for them: ``get your hands off the mug``."""
    for pattern, instead in _SAID:
        text = pattern.sub(instead, text)
    return " ".join(text.split())
