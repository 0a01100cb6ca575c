"""Talk behind a name, which tells nothing of the thing: ``please, love``, ``and hurry up``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import DETERMINER, NOUNS, one_of

GO_ON = one_of(
    "hurry|wait|stop|be|make it|make sure|do|that is|this is|that should|that will|nothing|"
    "no more|no other|quick|quickly|thanks|thank|please|come|go|let|step on|get on|careful|"
    "i am|you|we|they|tell|see|think|listen|try|smile|dance|sing|jump|run|enjoy|repeat|report|leave"
)
"""What may follow ``and`` where no further thing does."""
_POLITE = (
    one_of(
        "please|thanks|cheers|too|as well|right now|right away|now|at once|immediately|okay|ok|"
        "straight away|quickly|slowly|gently|carefully|for me|for us|to me|to us|if possible|asap|"
        "thanks a lot|thank you|thank you very much|thank you so much|will you|would you|could you|"
        "can you|i mean|instead"
    ),
    r"(?:if|when|once|whenever) (?:you|it|that)(?: [a-z]+){1,4}",
    r"as (?:fast|quick|quickly|soon|well|carefully) as (?:you can|possible)",
)
ADDRESSED = one_of(
    "love|mate|darling|dear|buddy|pal|sweetheart|dude|robot|friend|man|sir|honey|sweetie|boy|girl"
)
_MAY_BE_NAMED = ("robot", "friend", "man", "sir", "honey", "sweetie", "boy", "girl")
_ENDS_TALK = ("please", "thanks", "you", "now", "okay")
_BEHIND = re.compile(
    rf"^(?P<before>.*?)(?:[\s,]+(?:{'|'.join(_POLITE)})"
    rf"|[\s,]+(?:(?:my|good) )?(?P<name>{ADDRESSED})"
    rf"|,? and {GO_ON}\b(?! {DETERMINER}\b).*)[\s.,;:!?]*$"
)
_OPEN = re.compile(
    rf"(?:^|.* )(?:{DETERMINER}|of|in|on|to|at|by|and|or|with|for|from|behind|under|near|beside|"
    rf"between|over|than|says|said|i|is|are)$"
)
"""What a name must follow."""


def without_talk(text: str) -> str:
    """``text`` without the talk at its end: ``the bowl robot`` is the bowl."""
    found = _BEHIND.match(text)
    while found is not None and found["before"] and not _OPEN.fullmatch(found["before"]):
        word = found["before"].split()[-1].rstrip(",")
        known = not {word, word.removesuffix("s")}.isdisjoint({*NOUNS, *_ENDS_TALK})
        known = known or found["before"].endswith(",")
        if found["name"] in _MAY_BE_NAMED and not known:
            break
        text = found["before"]
        found = _BEHIND.match(text)
    return text
