"""Numbers and plurals: how many are counted, and the name of one of them."""

from __future__ import annotations

import re

_NUMBERS = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = "one two three four five six seven eight nine"
_ABOVE_TWENTY = {
    f"{tens}{joint}{ones}": 10 * ten + one
    for ten, tens in enumerate(_TENS.split(), 2)
    for one, ones in enumerate(_ONES.split(), 1)
    for joint in (" ", "-")
}
COUNTS = (
    {word: n for n, word in enumerate(_NUMBERS.split(), 2)}
    | {word: 10 * n for n, word in enumerate(_TENS.split(), 2)}
    | _ABOVE_TWENTY
    | {str(n): n for n in range(2, 100)}
    | {"half a dozen": 6, "a dozen": 12, "one dozen": 12, "a pair": 2, "a couple": 2}
)
"""Numbers by the words for them."""

_ENDINGS = (
    (r"(kni|\bwi|\bli)ves", r"\1fe"),
    (r"(lea|loa|shel|scar|hal|wol|cal|thie|hoo|\bel|whar)ves", r"\1f"),
    (r"\b(cook|brown|mov|smooth|self|hood|bean|[plt])ies", r"\1ie"),
    (r"ies", "y"),
    (r"(tomat|potat|mang|her|ech)oes", r"\1o"),
    (r"(ss|x|zz|ch|sh|[bctpr]us|lens|canvas)es", r"\1"),
    (r"s", ""),
)


def singular(noun: str) -> str:
    """One of what ``noun`` names; ``noun`` itself where it does not tell."""
    for ending, instead in _ENDINGS:
        one, count = re.subn(rf"{ending}$", instead, noun)
        if count:
            return one
    return noun
