"""The words by which a command is read, and the one form that they are read in."""

from __future__ import annotations

import re
from collections.abc import Iterable


def one_of(words: str | Iterable[str]) -> str:
    """A pattern for any of ``words``, the longest first; in a string, ``|`` stands between two."""
    each = words.split("|") if isinstance(words, str) else words
    return "(?:" + "|".join(sorted(each, key=len, reverse=True)) + ")"


FILLER = r"(?:u+[hm]+|er+m?|hm+)"
"""What is said in hesitating."""

HANDLING = one_of(
    "take|get|grab|pick|give|hand|bring|pass|fetch|find|show|point|move|lift|put|place|set|drop|"
    "lay|push|pull|slide|carry|drag|use|choose|select|locate|segment|mark|touch|hold|reach|"
    "collect|catch|seize|clutch|grasp|grip|tackle|handle|approach|approach|clean|wash|steal|"
    "knock|hit|poke|kick|shift|raise|remove|return|throw|toss|stack|insert|want|need|like|"
    "bother|disturb|open|close|turn|nudge|pinch|snatch|rotate|look|go|come|deliver"
)
"""What a robot may be told to do with an object."""

BRINGING = one_of(
    "put|place|set|drop|lay|move|push|slide|carry|drag|shift|insert|throw|toss|stack|return|"
    "stand|position|transfer|deposit|stick|bring|pop|shove|load|chuck|hang|hide|balance|lean|roll|"
    "rest|tuck|dump|fling|plonk|store|serve|dip|add|pile|attach|screw|bung|pour|squeeze|arrange|sort|"
    "fix|fit|fasten|mount|lower|whack|sling|slot|slip|plop|wedge|prop|lob|slap"
)
"""Verbs that take a place: ``put the ball in the bowl``."""
MOVING = re.compile(r"(?:drop|move|push|slide|carry|drag|shift|throw|toss|return|transfer)\b")
"""Those that need none: in ``move the ball left of the mug`` the rest may tell which ball."""

PLACING = one_of(
    "in|into|inside|on|onto|on top of|under|underneath|behind|beside|next to|in front of|left of|"
    "right of|to the left of|to the right of|near|over|above|below"
)
"""What stands between a thing and where it is to be put."""

DETERMINER = r"(?:the|that|this|these|those|a|an|my|your|our|any|every|each|all|both|another)"
TO_A_PLACE = re.compile(rf" {PLACING} {DETERMINER}\b")
NOUN_PHRASE = re.compile(rf"\b{DETERMINER} [a-z0-9]")
PRONOUN = re.compile(r"\b(?:it|them|that|this|those|these)\b(?! [a-z])|\b(?:it|them)\b")

_COLOURS = """
red green blue yellow orange purple violet pink brown black white grey gray cyan teal beige silver
gold golden turquoise magenta dark light
"""
_SIZES = "small large big little tiny huge tall short long wide"
_OTHER_LOOKS = "bigger smaller larger biggest smallest largest round square left right front back"
COLOURS, SIZES = frozenset(_COLOURS.split()), frozenset(_SIZES.split())
ADJECTIVES = COLOURS | SIZES | frozenset(_OTHER_LOOKS.split())
_NOUNS = """
mug cup ball cube block box bowl bottle plate dish tray cylinder can capsule pill cone flask sphere
glass spoon fork knife book pen phone apple banana orange lemon pot pan jar lid vase object thing
item hammer sponge towel
"""
NOUNS = frozenset(_NOUNS.split())
"""Some common names of things, for where no determiner tells that one is named."""
PARTS = one_of(
    "handle|cap|lid|rim|edge|neck|spout|base|bottom|stem|tip|top|side|stripe|cover|stopper|grip|"
    "body|inside|outside|foot|corner|surface|cork|brim|mouth"
)
OWN_PARTS = one_of("handle|cap|lid|rim|neck|spout|stem|stopper|cork|brim")
"""Parts that are no place beside an object; they may follow its name: ``the mug handle``."""

MANNER = one_of(
    "worry|hurry|rush|panic|mind|spill|break|shake|squeeze|crush|tip|tilt|scratch|damage|hurt|"
    "wait|forget|hesitate|delay|fall|slip|stumble|be|care|know|think|remember|fear|dawdle|drop|"
    "throw|bang|smash|lose"
)
"""What must not happen on the way: ``don't drop it``."""


def _misspelt(word: str) -> set[str]:
    """``word`` with a letter behind the first dropped, doubled or swapped with the next."""
    places = range(1, len(word))
    dropped = {word[:at] + word[at + 1 :] for at in places}
    doubled = {word[:at] + word[at] + word[at:] for at in range(len(word))}
    swapped = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in places[:-1]}
    return (dropped | doubled | swapped) - {word}


_FORBIDDING = ("don't", "dont", "do not", "never", "leave", "avoid", "without", "instead", "except")
_TELLING_APART = (
    *("also", "every", "single", "each", "both", "these", "those"),
    *("the", "that", "this", "which", "where"),
)
_PARTS_TOLD = ("handle", "edge", "rim", "cap", "lid")
_SEVERAL = ("ones", "things", "objects", "items")
_WEIGHTY = (*_FORBIDDING, *_TELLING_APART, *_PARTS_TOLD, *_SEVERAL)
"""A command of which one of these words is not understood asks for something else."""
_NO_MISSPELLING = {
    *("dot", "don", "leaves", "do no", "do ot", "do nt", "do n't"),
    *("one", "thing", "object", "item", "nes"),
    *("ever", "eery", "bot", "booth", "thee", "eah", "were", "tis"),
}
_MEANT = {
    wrong: word
    for word in _WEIGHTY
    for wrong in _misspelt(word)
    if wrong not in {*_WEIGHTY, *_NO_MISSPELLING} and len(wrong) > 2
}
_MISSPELT = re.compile(rf"(?<![\w'])(?:{'|'.join(map(re.escape, _MEANT))})(?![\w'])")
"""What a recogniser or a hasty hand makes of the words that matter most."""

_CONTRACTED = (
    (re.compile(r"[\u2018\u2019\u02bc\u0060\u00b4]"), "'"),
    (re.compile(r"\bcan'?t\b|\bcannot\b"), "can not"),
    (re.compile(r"\b(?:won'?t|wo n't)\b(?!s)"), "will not"),
    (
        re.compile(
            r"\b(do|does|did|is|are|was|were|must|should|could|would|need|has|have|had|might)"
            r"(?:n't|nt|n t| n't)\b"
        ),
        r"\1 not",
    ),
    (re.compile(r"\bdon (?:t|not)\b|\bdo nt\b"), "do not"),
    (re.compile(r"\b(that|it|what|where|who|here|there)'s\b"), r"\1 is"),
    (re.compile(r"\blet'?s\b"), "let us"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\bgimme\b"), "give me"),
    (re.compile(r"\blemme\b"), "let me"),
    (re.compile(r"\bi wanna(?= [a-z]+ (?:the|that|this|a|an|my|your|me)\b)"), "i want to"),
    (re.compile(r"\bwanna\b"), "want"),
    (re.compile(r"\bya\b"), "you"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"\b(you|we|they)'re\b"), r"\1 are"),
)


_BEFORE_A_NAME = one_of(
    f"up|down|me|us|not|but|and|or|only|just|also|on|in|into|onto|of|to|near|beside|behind|under|"
    f"with|without|from|inside|touching|taking|moving|leave|avoid|ignore|skip|keep|never|mean|meant|"
    f"sorry|oops|wait|actually|rather|{HANDLING}"
)
_BARE_NAME = re.compile(
    rf"(?:^|(?<=[,.;:!?] )|(?P<before>\b{_BEFORE_A_NAME}) )"
    rf"(?=(?:{one_of(ADJECTIVES)} )+(?!can (?:you|i|we|they)\b)(?:{one_of(NOUNS)})\b"
    rf"|(?:{one_of(NOUNS - {'can'})})\b)"
)
_ONE_OF_TWO_LOOKS = re.compile(
    rf"\b(?:{one_of(ADJECTIVES)}|(?:looks?|is|are) [a-z]+) (?:and|or|but)$"
)
_ASKED_TO = re.compile(
    r"(?:\b(?:would|do) you |^)mind (?:(?!not\b)(?:[a-z]+ly|just|maybe) )?(?P<stem>[a-z]+)ing\b"
)


def with_articles(text: str) -> str:
    """`plain` ``text`` with a "the" before names that stand bare: ``put red ball in bowl``."""

    def named(found: re.Match[str]) -> str:
        before = text[: found.end()].rstrip()
        bare = _ONE_OF_TWO_LOOKS.search(before)  # "the red and white mug" is one
        return found.group() if bare else f"{found.group()}the "

    return _BARE_NAME.sub(named, text)


def _as_order(asked: re.Match[str]) -> str:
    """``would you mind putting`` as ``put``."""
    stem = asked["stem"]
    verbs = (verb for verb in (stem, f"{stem}e", stem[:-1]) if re.fullmatch(HANDLING, verb))
    return next(verbs, asked.group())


def plain(command: str) -> str:
    """``command`` in small letters, contractions written out, blanks folded."""
    text = _MISSPELT.sub(lambda found: _MEANT[found.group()], command.casefold())
    for pattern, instead in _CONTRACTED:
        text = pattern.sub(instead, text)
    return " ".join(_ASKED_TO.sub(_as_order, text).split())


def tidy(text: str) -> str:
    """``text`` without the marks and the politeness at its ends."""
    before = None
    while before != text:
        before = text
        text = re.sub(r"^(?:please|and|then|but|so|also|just|now|down)\b|^[\s,.;:!?-]+", "", text)
        text = re.sub(
            r"[\s,.;:!?-]+$|[\s,]+(?:please|thanks|thank you|for me|to me|now|instead|rather|too|"
            r"as well|carefully|gently|slowly|quickly)$",
            "",
            text,
        ).strip()
    return text
