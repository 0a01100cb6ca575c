"""Clauses of a reply: what is said only in passing, what is declined, corrected or refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ppcr_ros.core.reading.reply_words import (
    ATTACHING,
    BEFORE_A_LOOK,
    COLOURS,
    DETERMINERS,
    DOING,
    LOOKS,
    MIDDLE,
    NUMBERS,
    ORDINALS,
    PRONOUNS,
    RELATIVE,
    SAYS_LITTLE,
    SIDES,
    SIZES,
)
from ppcr_ros.core.reading.words import one_of

_PLURAL = r"(?:them|these|those|us|it|that|(?:the|these|those) \w+)"
_POLITE = one_of(
    "no|nope|nah|please|ok|okay|yes|oh|well|sorry|robot|thanks|ta|cheers|thank you|"
    "thank you very much|um|uh|hm|hmm|then|but|just|actually|wait|now|so|i think|"
    "it is fine|that is fine|really"
)
_VERB = one_of(
    "take|get|grab|pick|pick up|give|give me|hand|hand me|bring|bring me|pass|pass me|"
    "fetch|find|show|point|choose|select|use|move|lift|touch|want|need|like|mean|say|"
    "ask for|think of|look|go|have"
)
_NONE = (
    rf"(?:none|neither|nothing|no one|not (?:any|either|one|a single)(?: ?(?:one|thing))?"
    rf"|not anything)(?: (?:one|ones|at all))?(?: of {_PLURAL})?(?: at all| any ?more)?"
)
_DO_NOT = (
    r"\b(?:(?:i|we|you) )?(?:really )?(?:do|did|does|would|will|can|could|should|must|am|was) not"
    rf"(?: (?:really|even|ever|to|for|at|{_VERB}))*\b"
)
_DECLINING = one_of(
    [
        rf"(?:(?:i|we) )?(?:(?:want|need|mean|meant|take|choose|would like) )?{_NONE}",
        r"never ?mind(?: (?:it|that|them))?",
        r"forget(?: about)? (?:it|that|them|those|this|everything|(?:all )?of (?:it|them))",
        r"cancel(?: (?:that|it|this|them|everything|all)(?: all)?)?",
        r"stop(?: (?:it|that|this|now|there))?",
        r"abort",
        r"leave (?:it|them|that|this|these|those|everything|all of (?:it|them))(?: (?:all|both))?"
        r"(?: (?:alone|be|there|here|out|where (?:it|they) (?:is|are)))?",
        r"(?:i|we) (?:(?:have|had|just) )*changed (?:my|our) minds?",
        r"not(?: bother)?(?: with (?:it|them|that))?(?: now)?",
        r"no (?:thanks|ta|thank you|thank you very much)(?: though)?",
        r"do nothing",
        r"(?:thanks|thank you) but no(?: thanks)?",
    ]
)
_DECLINES = re.compile(rf"(?:{_POLITE}[, ]+)*{_DECLINING}(?:[, ]+{_POLITE})*")
_CONFIRMS = (
    r"(?:yes|yeah|yep|ok|okay|so|oh|well|ah|sure|great|good|fine|alright|no problem|of course)"
)
_RIGHT_FIRST = re.compile(
    rf"(?P<lead>(?:{_CONFIRMS}[, ]+)*)right"
    r"(?P<rest>,? (?!one\b|hand|side|most\b|of\b|please$|thanks$).+|$)"
)
_SURELY_FILLER = re.compile(r",? (?:then|so|ok|okay|yes|yeah|yep|um|uh|well|i|can|could|let|now)\b")
_ASIDES = (
    (r"(?<!\bno)(?<!\bnr)[.!?;:]+(?= |$)|(?<=\bno)[.!?;:]+(?= (?!\d)|$)", ","),
    (r"\bi've\b", "i have"),
    (r"(?<!one )(?<!ones )\b(?:(?:that|this|it|you|which) (?:is|are)|you're) (?:right|correct)\b"
     r"(?! (?:of|one|hand|side|at|in|next|behind|beside|by|on|front|back))", "yes"),
    (r"\b(?:that|this|it) is not (?:right|correct)\b(?! (?:one|of|hand|side)\b)", "not that one,"),
    (r"\bleft ?over\b", "remaining"),
    (r"\byou (?:got|have) (?:it|that) right\b", "yes"),
    (r"\b(?:all ?|al)right\b(?! (?:ones|of))|\bcorrect\b", "ok"),
    (r"\bright (?=(?:now|away|here|there|over there)\b)", ""),
    (r"(?:^|(?<=[, ]))(?P<noun>one|it is|that is|is) right "
     r"(?=(?:next|in the|in front|behind|beside|by|at|near)\b)", r"\g<noun> "),
    (r"\b(?:just )?(?:one|a) (?:second|sec|moment|minute)(?! (?:from|on|to))\b(?=[, ].)", ""),
    (r"\b(?:give|allow) (?:me|us) (?:just )?(?:one|a) (?:second|sec|moment|minute)"
     r"(?=,| please|$)", ""),
    (r"\bwhatever (?:you (?:do|want)|happens)\b", ""),
    (r"\b(?:if (?:you (?:can|could|please|would|like|do not mind)|possible)|of course|right away"
     r"|away|i am (?:not )?(?:sure|certain)|not (?:sure|certain))\b", ""),
    (r"\b(is|are|was|want|need|see|take|there) no "
     r"(?!(?:the|that|this|not|wait|i|sorry|it|number|thanks|thank|one|longer|no)\b)(?=\w)",
     r"\1 not "),
    (r"(?:^|\b(?P<ask>why|no|but|oh|well|,) )(?:do|does|did|can|could|would|will|should|is|are|was)"
     r" not (?=(?:you|i|we|it|they|that the)\b)", lambda found: f"{found['ask'] or ''} "),
    (r"\b(?:i )?do not think so\b|"
     r"\bnot (?:really|quite|exactly|at all)(?=,|$)|\bnot now (?=the|that)",
     "no,"),
    (r"\bno (?:longer|more) (?=the|that|this)|\b(?:the )?wrong (?:one|\w+) (?:is|was) ", "not "),
    (r"\bwith no (?=\w)", "without "),
    (r"\bclose (?=to (?:me|you|us)\b|by$)", "near "),
    (r"\b(?:near|nearer|nearest|close|closer|closest|over)(?: to| by| at)? the "
     r"(?=(?:left|right|front|back|middle)(?:,| please|$))", "at the "),
    (r"\b(?:it |that |i |we )?(?:really )?(?:does|do) not (?:really )?(?:matter|care|mind)"
     r"(?: (?:which|what)(?: one| it is)?)?(?! about| for| if| the| that)", " any "),
)  # fmt: skip
_NO_ONE = re.compile(rf"(?:no one|(?:no {one_of({*COLOURS, *SIZES})} ?)+)(?:,? please)?")
"""Nobody, or ``no, number one``; ``no red`` without a comma may refuse it, too."""
_CORRECTS = (
    r"(?:(?<!with )(?<!has )no(?! ?\d|\.)|(?<=[a-z0-9,] )no(?= \d)|nope|nah|sorry|oops|whoops"
    r"|wait|actually|rather(?! than)|correction|pardon(?: me)?|excuse me|my (?:mistake|bad)"
    r"|i (?:mean|meant)(?: to say)?|i (?:take (?:that|it) back|(?:have )?changed my mind)"
    r"|(?:scratch|strike|forget|cancel) that|(?:hold|hang) on|(?:on )?second thoughts?"
    r"|make (?:that|it)(?= the| number))"
)
_LINK = r"(?:[, ]+(?:or|oh|um|uh|ah|er|well|but|and|hm|then))*"
_CORRECTION = re.compile(
    rf"{_LINK}(?:^|[, ]+)(?P<mark>{_CORRECTS}(?:{_LINK}[, ]+{_CORRECTS})*)(?=[, ]|$)"
)
_TAKES_BACK = re.compile(
    r"\b(?:no|nope|nah|wait|hold|hang|scratch|strike|forget|cancel|back|changed|oops)\b"
)
_EMPTY = SAYS_LITTLE - {*NUMBERS, "one", "ones", "that", "this", "it", "these", "those", "them"}

_AS_REFUSAL = tuple((re.compile(pattern), instead) for pattern, instead in (
    (r"\b(?:none|nothing)(?: of them)? (?:but|except)\b", "only"),
    (r"\b(?:rather than|instead of|other than|apart from|except(?: for)?|but not|and not|or not|"
     r"nor|non)\b", "not"),
    (r"\b(anything|everything|all(?: of (?:them|these|those))?|any(?: one)?|every ?one|both|"
     r"all the \w+|every \w+) but(?! not)\b", r"\1 not"),
    (r"\bneither (?=\w)", "not "),
    (r"\blet (?=(?!me\b|us\b).* (?:be|alone|stay|rest|go|stand|lie)$)", "not "),
    (r"\bdo not (?:think|believe|suppose|guess)(?: that)? (?:it|that)"
     r" (?:is|was|should be|would be)\b", "not"),
    (_DO_NOT, "not"),
    (rf"\b(?:never|not)(?: (?:to|{_VERB}))+\b", "not"),
    (r"\b(?:the )?wrong(?: one)?\b", "not that one,"),
    (r"\bwhy not\b", ""),
    (r"\b(?:anything|something)\b(?= not)", ""),
))  # fmt: skip
_TELLING = frozenset({*LOOKS, *SIDES, *SIZES, *MIDDLE, *NUMBERS, *ORDINALS}) - {"one"}


@dataclass(frozen=True)
class RefusedThings:
    """A clause that refuses something.

    Attributes:
        wanted: what it says besides; "" as a rule.
        refused: each thing that it refuses, in words.
        unclear: whether more may be refused than ``refused`` says.
    """

    wanted: str
    refused: tuple[str, ...]
    unclear: bool = False


def without_asides(text: str) -> str:
    """`plain` ``text`` without what is said in passing: ``that's right``, ``one second``."""
    for pattern, instead in _ASIDES:
        text = re.sub(pattern, instead, text)
    return _tidy(text)


def declines(text: str) -> bool:
    """Whether ``text`` wants none of what was offered, or nothing any more."""
    if _NO_ONE.fullmatch(text):
        return False
    meant = re.sub(_DO_NOT, "not", text)
    return any(
        _DECLINES.fullmatch(re.sub(r"\bnot never\b", "never", words)) is not None
        for words in (text, meant)
    )


def begins_with_right(text: str) -> tuple[str, bool] | None:
    """What follows a ``right`` that may be said in passing, and whether it surely is.

    None where the side must be meant: ``right``, ``the right one``.
    """
    found = _RIGHT_FIRST.fullmatch(text)
    if found is None:
        return None
    rest, surely = found["rest"], _SURELY_FILLER.match(found["rest"]) is not None
    if not found["lead"] and not surely and not re.match(r",|,? (?:the|that|this|number)\b", rest):
        return None
    return _tidy(rest), surely or not rest


def corrected(text: str) -> tuple[list[str], bool]:
    """The parts of ``text`` each of which corrects the one before, and whether the last is undone.

    ``the left one, no, the right one`` has two; ``the left one, no`` has one, which is undone.
    """
    if _NO_ONE.fullmatch(text):
        return [text], True
    parts, marks, start = list[str](), list[str](), 0
    for found in _CORRECTION.finditer(text):
        parts.append(text[start : found.start()])
        marks.append(found["mark"])
        start = found.end()
    parts.append(text[start:])
    full = [index for index, part in enumerate(parts) if not _is_empty(part)]
    if not full:
        return [_tidy(text)], False
    undone = any(_TAKES_BACK.search(mark) for mark in marks[full[-1] :])
    return [_tidy(parts[index]) for index in full], undone


def refusals(text: str, category: str) -> RefusedThings | None:
    """What ``text`` refuses and what it wants; None where it refuses nothing."""
    for pattern, instead in _AS_REFUSAL:
        text = pattern.sub(instead, text)
    words = re.findall(r"[^\s,]+|,", text)
    if "not" not in words:
        return None
    if re.search(r"\bnot (?:only|just)\b", text):  # more than that is meant
        return RefusedThings("", (), unclear=True)
    chunks, unclear = [(False, list[str]())], False
    for at, word in enumerate(words):
        negated, chunk = chunks[-1]
        behind = words[at + 1] if at + 1 < len(words) else ""
        if word in (",", "but"):
            chunks.append((False, []))
        elif word == "not":
            if negated and chunk and chunk[-1] == "or":
                chunk.pop()
            chunks.append((True, []))
        elif negated and _begins_anew(word, behind, chunk, category):
            chunks.append((False, [word]))
        else:
            unclear = unclear or (negated and word == "and")
            chunk.append(word)
    refused = tuple(" ".join(chunk) for negated, chunk in chunks if negated)
    wanted = ", ".join(" ".join(chunk) for negated, chunk in chunks if not negated and chunk)
    return RefusedThings(_tidy(wanted), refused, unclear)


def telling(words: list[str]) -> list[str]:
    """Those of ``words`` that may tell one object from another."""
    return [
        word for before, word in zip(["", *words], words, strict=False)
        if word not in SAYS_LITTLE or _is_look(before, word)
    ]  # fmt: skip


def _is_look(before: str, word: str) -> bool:
    """Whether what else is a verb says how a thing looks: ``the open one``, ``with the handle``."""
    if word == "like":
        return before in ("one", "ones", "is", "looks", "just", "exactly", "more")
    if word == "hand":
        return before in ("my", "your", "the", "our")  # but "the left hand side"
    if before in BEFORE_A_LOOK or before in LOOKS - {*SIDES}:
        return word in DOING  # "the handle", "with the white handle"
    return word in DOING and word in LOOKS and before == "is"


def _begins_anew(word: str, behind: str, chunk: list[str], category: str) -> bool:
    """Whether ``word`` begins another thing than the one that ``chunk`` has named."""
    named = any(w not in SAYS_LITTLE or w in PRONOUNS or w == category for w in chunk)
    if not named or chunk[-1] in ATTACHING:
        return False
    if chunk[-1] in ("one", "ones", category) and chunk != ["one"] and word in _TELLING:
        return behind not in ("of", "the", "that", "this", "to", "it")
    if word in ("that", "this") and behind in RELATIVE:
        return False
    return word in DETERMINERS or word in DOING or word in ("other", "just", "only", "please", "i")


def _is_empty(part: str) -> bool:
    words = re.findall(r"[a-z0-9#']+", part)
    return all(word in _EMPTY for word in words) and len(telling(words)) == 0


def _tidy(text: str) -> str:
    text = re.sub(r"\s+,", ",", " ".join(text.split()))
    return re.sub(r",(?:[ ,]*,)+", ",", text).strip(" .!?,")
