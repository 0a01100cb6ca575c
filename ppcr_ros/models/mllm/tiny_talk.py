"""Talk beside a command in which words of ppcr-tiny's stand for something else.

"Second attempt, the red mug": the model has words for orders, sides and looks, and few others, and
may take them for what they are not. A clause that holds such a word and yet can tell no object, for
it names none and places none, is left out before the model is asked.
"""

from __future__ import annotations

import re

_COLOUR = "red|green|blue|yellow|orange|purple|violet|pink|brown|black|white|gr[ea]y"
_SIZE = "small|little|tiny|large|big"
_COMPARED = "bigger|larger|smaller|tinier|biggest|largest|smallest|tiniest"
_KIND = (
    r"(?:cube|block|box|ball|sphere|cylinder|capsule|pill|cone|mug|cup|bowl|bottle|flask|plate|"
    rf"dish|tray)(?:s|es)?|(?:the|that|this|an?|{_COLOUR}|{_SIZE}) cans?"
)
_ANY = (
    r"(?:the|that|this|these|those|an?|any|all|every|each|both) (?:[a-z-]+ ){0,3}"
    r"(?:one|thing|object|item)s?"
)
_BESIDE = (
    r"(?:next to|left of|right of|in front of|on top of|behind|between|inside|beside|under|near|on"
    r"|in) (?:the|an?|my|your|our|this|that) [a-z]"
)
"""Beside a thing that the model has no name for, it may be: that is no talk."""
_SIDE = r"(?:left|right|front|back|rear|middle|cent(?:re|er))"
_ENDS = r"(?=\W*$| (?:please|side|hand side|corner|row|end|and|or|but|is|are|there|here|to me)\b)"
_PLACE = (
    rf"(?:from|on|at|to|in|by) (?:the |your |my )?(?:(?:far|very|extreme) )?{_SIDE}{_ENDS}"
    rf"|(?:left|right|front|back|rear)(?:-)?most|(?:far|further|furthest|farthest) {_SIDE}{_ENDS}"
    r"|(?:closest|nearest|farthest|furthest|closer|nearer)(?: (?:to|from|away|of|by)\b|\W*$)"
    r"|(?:the|that) (?:first|second|third|fourth|last|[1-4](?:st|nd|rd|th))\W*$"
)
_LOOKS = (
    rf"(?:(?:the|that|this|an?|is|and|not|it|light|dark|please) )*"
    rf"(?:(?:{_COLOUR}|{_SIZE}|{_COMPARED})(?:-| and | |$))+(?:please\W*)?$"
)
_TELLS = re.compile(
    rf"\b(?:{_KIND})\b|\b{_ANY}\b|\b(?:{_PLACE})|^\W*{_LOOKS}|^\W*{_BESIDE}", re.IGNORECASE
)
_TAKEN_FOR_MORE = re.compile(
    rf"\b(?:{_COLOUR}|{_SIZE}|{_COMPARED}|{_SIDE}|first|second|third|fourth|last|next|top|over|"
    r"behind|between|inside|near|nearest|nearly|close|far|on|in|[1-4](?:st|nd|rd|th))\b",
    re.IGNORECASE,
)
_CLAUSES = re.compile(r"(?<=[,;.!?]) +")


def telling_clauses(command: str) -> str:
    """``command`` without the clauses that hold a word of the model's and can tell no object.

    All of it where no clause tells one.
    """
    clauses = _CLAUSES.split(command)
    told = [clause for clause in clauses if _TELLS.search(clause.strip(" ,;.!?"))]
    if not told or len(told) == len(clauses):
        return command
    kept = [clause for clause in clauses if clause in told or not _TAKEN_FOR_MORE.search(clause)]
    return " ".join(kept).rstrip(" ,;")
