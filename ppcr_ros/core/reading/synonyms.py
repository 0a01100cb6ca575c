"""Puts other words for what the rules of reading know into theirs."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import ADJECTIVES, COLOURS, DETERMINER, HANDLING, one_of

_HANDS = r"(?:(?:your|the) )?(?:hands?|fingers?|paws?|grippers?|arms?)"
_EXCEPT = one_of(
    "except(?: for)?|excepting|apart from|aside from|other than|excluding|barring|bar|"
    "with the exception of|save(?: for)?|minus|omitting|but(?: for)?|only not|"
    "just not|not counting"
)
_OF_ALL = r"(?:all|every|any|each|everything|anything)\b[^,.;!?]*"
_YOU = "(?:forbid|do not allow|will not allow|will not have|do not want) (?:you|anybody|anyone|it)"
_MINE = "(?:mine|yours|ours|his|hers|theirs)"
_LOOK = one_of(COLOURS)
_INSTEAD = (
    (
        rf"(?P<of>\b{_OF_ALL}|\b(?:the|these|those|my) \w+s),? besides "
        rf"(?={DETERMINER} (?:{one_of(ADJECTIVES)} )*ones?\b|{_MINE}\b)",
        r"\g<of> except ",
    ),
    (
        rf"(?P<of>\b{_OF_ALL}|\b(?:the|these|those|my|an?) \w+),? "
        r"(?:except(?: for)?|other than|but|without|(?:in|of) any colou?r (?:but|except)) "
        r"(?:the |any )?"
        rf"(?P<look>{_LOOK})(?: ones?)?(?: (?:and|or) (?:the )?(?P<other>{_LOOK})(?: ones?)?)?"
        r"(?=$|[,.;!?]| please)",
        lambda found: (
            f"{found['of']} except the {found['look']} one"
            + (f" and the {found['other']} one" if found["other"] else "")
        ),
    ),
    (
        rf"\bi (?:would )?(?:prefer (?P<this>{DETERMINER} .+?) over"
        rf"|(?:like|need|want) (?P<that>{DETERMINER} .+?) (?:better|more|rather) than) "
        rf"(?={DETERMINER}\b)",
        lambda found: f"take {found['this'] or found['that']} rather than ",
    ),
    (
        rf"^better (?P<order>{HANDLING} .+?) than (?={DETERMINER}\b)",
        r"\g<order> rather than ",
    ),
    (
        rf"(?P<of>\b{_OF_ALL}|\b(?:the|these|those|my) \w+s),? {_EXCEPT} "
        rf"(?=(?:{DETERMINER}|{_MINE})\b)",
        r"\g<of> except ",
    ),
    (rf"\b(?:except|other than|apart from) (?={_MINE}\b)", "except the "),
    (r"\bas opposed to\b|\banywhere (?:but|except)\b", "instead of"),
    (r", (?:the )?(?P<it>\w+) excluded\b", r" except the \g<it>"),
    (
        rf"\bi (?:would )?prefer (?P<this>{DETERMINER} .+?) to (?={DETERMINER}\b)",
        r"take \g<this> rather than ",
    ),
    (
        rf"\bi would rather (?:{HANDLING}|have) (?P<this>.+?) than (?={DETERMINER}\b)",
        r"take \g<this> rather than ",
    ),
)
_THAT_ONE = r"(?=(?:the|that|this|my|your|our) )"
_LEAVE_ALONE = (
    (
        r",? (?:while |whilst )?(?:avoiding|ignoring|sparing|leaving(?: out)?|steering clear of"
        rf"|(?:staying|keeping) away from) {_THAT_ONE}",
        " without touching ",
    ),
    (
        rf"\bwithout \w+ing (?:over |near |into |against |close to )?{_THAT_ONE}",
        "without touching ",
    ),
    (r"^(?:if (?:you|anybody|anyone)|whoever|anyone who) (?:ever )?touch(?:es)? ", "do not touch "),
    (r"^touch (?P<it>.+?) and (?:you|i)\b.*$", r"do not touch \g<it>"),
    (r"\bout of bounds\b", "off limits"),
    (r"^without (?P<it>the [a-z ]+), ", r"not \g<it>, "),
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
