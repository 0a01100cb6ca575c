"""Removes what is said only in hesitating: ``pick up the uh the red mug``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import DETERMINER, FILLER, HANDLING, PLACING

_WITHIN = re.compile(rf"(?<=[a-z0-9])(?P<mark>,)?(?: {FILLER}\b,?)+(?= [a-z0-9])")
"""At the beginning it tells nothing and is left: ``um, the mug``."""
_BEGUN_ANEW = re.compile(
    rf"\b(?P<said>(?:{DETERMINER}|{HANDLING}|{PLACING}|i|you|me|can|could|would|to|of|and|with|my)"
    rf"(?: [a-z']+){{0,3}})(?: (?P=said)\b)+"
)
"""``the red the red mug``; but a name may be two times one word: ``the yo yo``."""


def without_hesitation(text: str) -> str:
    """`plain` ``text`` without fillers and without what was said again at once."""
    text = _WITHIN.sub(lambda found: found["mark"] or "", text)
    return _BEGUN_ANEW.sub(r"\g<said>", text)
