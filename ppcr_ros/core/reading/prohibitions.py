"""Reads what a command says must be left alone, and what is left of it to be asked for.

In doubt a clause forbids: a command that is refused costs a second try, one that is misread sends
an arm to the very thing that a person wants left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ppcr_ros.core.reading.harmless import HARMLESS
from ppcr_ros.core.reading.unlike import read_unlike
from ppcr_ros.core.reading.words import (
    BRINGING,
    DETERMINER,
    FILLER,
    HANDLING,
    MANNER,
    NOUN_PHRASE,
    NOUNS,
    PLACING,
    PRONOUN,
    TO_A_PLACE,
    one_of,
    tidy,
)

_LEAVING = (
    r"keep (?:your |the )?(?:hands?|fingers?|grippers?|arms?) (?:off|away)(?: from)?"
    r"|leave|keep|avoid|ignore|skip|spare|exclude|omit|forget|disregard|refrain|beware|mind"
    r"|hands off|steer clear|back off|(?:stop|quit|cease|halt) \w+ing|stay (?:away|off|clear|back)"
    r"|hands? (?:away|down|back)|let go"
    r"|be careful|careful (?:with|of)|watch out|no touching|never ?mind|drop the idea|protect|guard"
)
_MODAL = "can may could should must will would said say kindly please then just now today"
_CAN_STAND_BEFORE = one_of(
    "you|robot|hey|ok|okay|to|and|but|so|always|better|first|i want you to|i said|i meant|"
    + _MODAL.replace(" ", "|")
)
_AT_THE_END = r"(?=$| (?:be|there|here|please|for|a)\b)"
_LET_HAPPEN = (
    r"\blet (?!(?:me|us|you|go)\b)(?=[a-z]+ [a-z])(?!.*\b(?:have|see|get|hold|use|take|borrow)\b)"
    rf"(?!.*\b{HANDLING} {DETERMINER}\b)(?!.* (?:to|{PLACING}) {DETERMINER}\b)"
)
"""``let the cat sleep``; but ``let the dog have the ball`` asks for the ball."""
_TRIGGER = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|hardly|nowhere)\b"
    r"|\bno(?: ?one|body)\b"
    rf"|(?:^|: |\b{_CAN_STAND_BEFORE} )(?:{_LEAVING})\b"
    r"|\b(?:should|must|can|could|may|might|will|would|shall) (?:only )?(?:stay|remain|rest|be left"
    r"|keep|stand still|wait)\b|\bstays\b|\bremains\b"
    rf"|\blet (?=.*\b(?:stay|remain)\b|.*\b(?:be|alone|stand|rest|lie|sit){_AT_THE_END})"
    rf"|{_LET_HAPPEN}"
    rf"|(?<!\bi )(?<!\bwe )(?<!\bthey )(?<!\bhe )(?<!\bshe )\bleave (?:it|them){_AT_THE_END}"
    r"|\b(?:alone|untouched|in peace|as (?:it|they) (?:is|are))\b"
    r"|\bwhere (?:it|they) (?:is|are|stands?|lies?|belongs?|was|were)\b"
    r"|\boff[ -]?limits\b|\b(?:forbidden|taboo|prohibited|banned|untouchable|verboten)\b"
    r"|\b(?:is|are) (?:mine|taken|reserved|private|not yours)\b"
    r"|\bunless\b|\buntil\b|\btoo (?:hot|fragile|dangerous|heavy|valuable)\b|\btabu\b"
)
_INSTEAD = re.compile(
    r"\b(?:instead of|rather than|in place of|except(?: for)?|apart from|aside from|other than"
    r"|(?:anything|everything|all|any(?: one)?) but|save for|excluding"
    r"|without \w+ing|and not|but not|,? ?not)(?= (?:the|that|this|a|an|my|your|in|on|into|onto|"
    r"\w+ing)\b) "
)
_CLAUSE_END = re.compile(r"\s*[.;!?,]+(?=\s|$)\s*|\s+[-\u2013\u2014]+\s+|\s*\u2014\s*")
_ALL_BUT = r"(?<!anything)(?<!everything)(?<!nothing)(?<!\ball)(?<!\bany)(?<!any one)"
NO_ORDER_BEHIND = "to and or you i we he she they it not who that which the robot"
_BEFORE_A_VERB = (
    r"(?:(?:please|just|now|also|only|rather|instead|then|do|i|you(?: can| may| should| must)?) )*"
)
_JOINT = re.compile(
    rf"{_ALL_BUT}\s+(?:but|and then|and|then|so|or|just)\s+(?={_BEFORE_A_VERB}(?:{HANDLING}|leave|"
    rf"keep|avoid|ignore|not|never|stay|let|spare|skip|be careful|careful|mind|watch out|hands off|"
    r"(?:make sure|try|be sure|see to it|remember|take care)\b[a-z ]*\bnot)\b)"
    rf"|{_ALL_BUT}\s+but\s+(?=(?:only |just |rather )?{DETERMINER}\b)|"
    + "".join(rf"(?<!\b{word})" for word in NO_ORDER_BEHIND.split())
    + rf"\s+(?=(?:do not|never) (?:{HANDLING})\b|i (?:do|did|would) not (?:want|need|mean)\b|"
    + "".join(rf"(?<!\b{word} )" for word in _MODAL.split())
    + r"(?:leave|ignore|avoid|skip|spare|hands off|keep (?:away from|your hands off)|beware of"
    r"|be careful (?:of|with)|(?<!\bbe )careful (?:of|with)|watch out for) "
    rf"{DETERMINER}\b)"
)
_CONTRAST = re.compile(r"\b(?:instead|rather|only|just|but)\b")
_IMPERATIVE = re.compile(
    rf"^(?:(?:please|just|now|instead|rather|only|you|can|could|would|should|may|must|robot|also|"
    rf"then|but|and|so|ok|okay|i|we)\s+)*(?:{HANDLING})\b"
)
_SECOND_VERB = re.compile(
    "".join(rf"(?<!\b{word} )" for word in NO_ORDER_BEHIND.split())
    + rf"\b(?=(?:i (?:want|need) |please )?(?:{HANDLING})(?: up| me)? (?:{DETERMINER}|counting)\b)"
    rf"|\bi (?:want|need|would like|said|meant|prefer) {DETERMINER}\b"
)
_LITTLE = re.compile(
    rf"(?:\W|\b(?:{HANDLING}|please|no|so|robot|hey|{FILLER}|well|okay|ok|now|right|up|me|but|and|"
    r"i|you|we|can|could|would|may|oh|sorry|mean)\b)*"
)
"""What names nothing."""
_AFTERWARDS = re.compile(
    r"(?<!\bthat)(?<!\bwhich) (?:alone|where (?:it|they)|as (?:it|they)|is|are|must|should|"
    r"shall|you|i|we|up|be|stays?|remains?|in peace|untouched|again|to \w+|for \w+|"
    rf"if|when|because|that (?:i|we|you)|wait|oh|oops|{FILLER}|sorry|hold on|hang on)\b"
)
"""What follows a thing in a clause and is no part of its name."""
_NOT_THIS_ONE = re.compile(
    rf"(?:no |please |hey |oh )?not {DETERMINER} (?:[a-z]+ )*ones?(?: over)?(?: there| here)?"
)
"""Before what is meant it forbids; behind it, it describes: ``the mug, not the red one``."""
_ONLY = re.compile(r"\bnothing (?:else )?(?:but|except) (?:for )?(?=the|that|this|my|an?\b)")
"""``nothing but the mug`` is the mug alone."""
_REFUSED = re.compile(
    r"(?:[,.;:!?] ?(?:no|nope|better not|stop|cancel)"
    r"|[ ,.;:!?]+(?:(?:oh|wait|no|actually|ok|okay) )*"
    r"(?:never ?mind|i (?:have )?changed my mind|"
    r"forget (?:it|that|about it)|(?:cancel|scratch) (?:it|that)|wait stop))"
    r"[ .!?]*$"
)
"""``the mug? no``, ``the mug, never mind``"""
_BARE_POINTING = re.compile(r"(?:this|that|these|those|it) (?:is|are|was|were)")
_REPORTS = re.compile(r"\b(?:says?|said|reads?|tells?|told)(?: (?:me|us|you|him|her))?$")
_OTHERS = re.compile(
    r"\b(?:anything|everything|nothing|all) else|\b(?:any|all) (?:of )?(?:the )?others?"
    r"|\bthe (?:rest|others|other (?:ones|things|objects))\b"
)
"""What is not asked for; to leave it alone forbids nothing."""
_ABSOLUTE = ("no", "none", "nothing", "nobody", "nowhere")
_BARE_NOUNS = NOUNS - {"can"}
_MASK = "\u0000"
_NOT_ALONE = re.compile(rf"^(?:no |so |robot |please |hey |oh )*not (?={DETERMINER}\b)")


@dataclass(frozen=True)
class PermittedCommand:
    """Command without what it forbids.

    Attributes:
        asked: what is asked for, in the command's own order; "" where nothing is.
        forbidden: noun phrases that must not become the target.
        unlike: noun phrases that ``asked`` tells the target apart from.
        forbids: whether the command forbids anything.
    """

    asked: str
    forbidden: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    forbids: bool = False


def is_negated(text: str) -> bool:
    """Whether `plain` ``text`` holds a word that forbids, beyond those that only describe."""
    clauses = _clauses(text)
    if len(clauses) > 1 and _NOT_THIS_ONE.fullmatch(clauses[0][0]):
        return True
    masked = [HARMLESS.sub(_MASK, clause) for clause, _ in clauses]
    return any(_TRIGGER.search(clause) or _INSTEAD.search(clause) for clause in masked)


def remove_prohibitions(text: str) -> PermittedCommand:
    """What `plain` ``text`` asks for, without what it forbids."""
    text = _ONLY.sub("", text)
    unlike = read_unlike(text)
    if unlike is not None and not is_negated(unlike.before):
        if unlike.forbids:
            return PermittedCommand(unlike.asked, (unlike.other,), forbids=True)
        return PermittedCommand(unlike.asked, unlike=(unlike.other,))
    refused = _REFUSED.search(text)
    if refused is not None and NOUN_PHRASE.search(text[: refused.start()]):
        return PermittedCommand("", (object_of(text[: refused.start()]),), forbids=True)
    if not is_negated(text):
        if HARMLESS.search(text) and _LITTLE.fullmatch(HARMLESS.sub(" ", text)):
            return PermittedCommand("", (), forbids=True)  # "not the red one", and no more
        return PermittedCommand(text)
    judged = _ClauseTally()
    for clause, joint in _clauses(text):
        judged.judge(clause, joint)
    requests = [tidy(request) for request in judged.requests]
    forbidden = [thing for thing in map(object_of, judged.forbidden) if _says_something(thing)]
    asked = ", ".join(request for request in requests if _is_request(request))
    asked, forbidden = _put_elsewhere(asked, forbidden)
    asked = _resolved(asked, forbidden)
    if judged.unclear or is_negated(asked) or _same_thing(asked, forbidden):
        asked = ""
    return PermittedCommand(asked, tuple(forbidden), forbids=True)


def _clauses(text: str) -> list[tuple[str, str]]:
    """The clauses and what joins each to the one before: a mark, or a word."""
    spans = [(m.start(), m.end()) for m in _CLAUSE_END.finditer(text)]
    spans += [(m.start(), m.end()) for m in _JOINT.finditer(text)]
    clauses, begun, joint = [], 0, ""
    for start, end in sorted(spans):
        if start < begun:  # ", but "
            begun, joint = max(begun, end), f"{joint} {text[start:end]}".strip()
            continue
        clauses.append((text[begun:start], joint))
        joint, begun = text[start:end].strip(), end
    clauses.append((text[begun:], joint))
    return [(clause.strip(), joint) for clause, joint in clauses if clause.strip()]


@dataclass
class _ClauseTally:
    """The clauses so far: what is asked for, and what is forbidden."""

    requests: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    corrected: bool = False
    """Whether the last prohibition was a bare ``not the mug``, behind which a thing is meant."""
    unclear: bool = False
    """Whether something was asked for and forbidden in one breath."""
    reaches_on: bool = False
    """Whether it may reach over an "and": ``do not touch the mug and move the plate``."""

    def judge(self, clause: str, joint: str) -> None:
        """Put one clause where it belongs; what came before may be taken back by it."""
        if not self.requests and _NOT_THIS_ONE.fullmatch(clause):
            self.forbidden.append(object_of(clause))
            self.corrected = True
            return
        masked = HARMLESS.sub(lambda found: _MASK * len(found.group()), clause)
        trigger, aside = _TRIGGER.search(masked), _INSTEAD.search(masked)
        if trigger is None and aside is None:
            self._judge_harmless(clause, joint)
        elif aside is not None and (trigger is None or aside.start() <= trigger.start()):
            self._judge_instead(clause, aside)
        elif trigger is not None:
            self._judge_prohibition(clause, trigger)

    def _judge_harmless(self, clause: str, joint: str) -> None:
        behind = self.forbidden and not self.requests
        if behind and not _CONTRAST.search(f"{joint} {clause}"):
            listed = joint in (",", "or", "and") and not _IMPERATIVE.match(clause)
            unclear = joint in ("or", "and", "so") and self.reaches_on
            if unclear or (listed and not self.corrected):
                self.forbidden.append(clause)
                return
        self.requests.append(clause)

    def _judge_instead(self, clause: str, aside: re.Match[str]) -> None:
        """``take the mug instead of the plate``, ``instead of the plate take the mug``."""
        before, after = clause[: aside.start()], clause[aside.end() :]
        if before.strip(" ,"):
            before, after = _with_place_of(before, after)
        elif self.requests:
            self.requests[-1], after = _with_place_of(self.requests[-1], after)
        later = _second_request(after)
        self.forbidden.append(object_of(after[:later] if later else after))
        self.corrected = not before.strip(" ,")
        if before.strip(" ,"):
            self.requests.append(before)
        if later:
            self.requests.append(after[later:])

    def _judge_prohibition(self, clause: str, trigger: re.Match[str]) -> None:
        before, rest = clause[: trigger.start()], clause[trigger.end() :]
        if _OTHERS.search(rest) and not NOUN_PHRASE.search(_OTHERS.sub("", rest)):
            self.requests += [before] if NOUN_PHRASE.search(before) else []
            return  # "and leave the rest"
        if re.match(rf"\W*(?:to |please |ever |you |dare )*{MANNER}\b", rest):
            thing = NOUN_PHRASE.search(rest)
            if NOUN_PHRASE.search(before):
                pass  # "the mug is not to be moved"
            elif thing is None or re.match(
                rf"\W*(?:to )?{MANNER} (?:about )?(?:the|that|this) ", rest
            ):
                return  # "do not drop it"
        if (
            trigger.group() in _ABSOLUTE
            and _IMPERATIVE.match(before)
            and NOUN_PHRASE.search(before)
        ):
            self.unclear = True
        later = _second_request(rest)
        request = rest[later:] if later else ""
        rest = rest[:later] if later else rest
        named = NOUN_PHRASE.search(rest)
        if named is None and (PRONOUN.search(rest) or not NOUN_PHRASE.search(before)):
            self.forbidden += [object_of(thing) for thing in self.requests]
            self.requests.clear()  # "the mug, do not touch it"
        self.forbidden.append(object_of(rest if named else before))
        self.corrected = _NOT_ALONE.match(clause) is not None
        self.reaches_on = trigger.group() in ("not", "never", "no")
        if request:
            self.requests.append(request)


def _with_place_of(asked: str, left_out: str) -> tuple[str, str]:
    """Both, with the place behind what is left out where it belongs: ``put the ball, not the cube,
    in the bowl``."""
    place = TO_A_PLACE.search(left_out)
    if not place or not re.search(rf"\b{BRINGING}\b", asked) or TO_A_PLACE.search(asked):
        return asked, left_out
    return asked.strip(" ,") + left_out[place.start() :], left_out[: place.start()]


def _second_request(rest: str) -> int:
    """Where in ``rest``, behind the thing that is forbidden, another order begins; 0 for nowhere.

    ``take the mug give me the plate``: behind a verb of handling alone. Behind ``make the robot``
    a verb is still forbidden.
    """
    if not re.match(rf"\W*(?:ever |you |please |to )?(?:{HANDLING}|{DETERMINER})\b", rest):
        return 0
    thing = NOUN_PHRASE.search(rest)
    if thing is None:
        return 0
    verb = _SECOND_VERB.search(rest, thing.end())
    return verb.start() if verb else 0


def object_of(text: str) -> str:
    """The thing in ``text``, from its determiner on; all of it where there is none."""
    thing = NOUN_PHRASE.search(text)
    named = tidy(_AFTERWARDS.split(text[thing.start() :] if thing else text, maxsplit=1)[0])
    return re.sub(r" (?:over )?(?:here|there)$", "", named)


def _says_something(text: str) -> bool:
    """Whether ``text`` names a thing."""
    words = re.findall(r"[a-z]+", text)
    return bool(NOUN_PHRASE.search(text)) or not _BARE_NOUNS.isdisjoint(words) or "one" in words


def _is_request(text: str) -> bool:
    """Whether ``text`` asks for a thing: by a verb of handling, or by naming it first."""
    if not _says_something(text) or _BARE_POINTING.fullmatch(text) or _REPORTS.search(text):
        return False
    return bool(
        re.match(rf"(?:{_CAN_STAND_BEFORE} )*(?!my|your|our|these|those){DETERMINER}\b", text)
        or re.search(rf"\b{HANDLING}\b|\b(?:can|could|may|might|let me) have\b", text)
        or not _BARE_NOUNS.isdisjoint(text.split())
    )


def _head_of(phrase: str) -> tuple[list[str], str]:
    """The adjectives and the noun of a noun phrase: of ``the red mug on the plate``, the mug's."""
    core = re.split(
        r"\b(?:that|which|who|with|on|in|at|to|from|of|by|near|next|left|right|behind|beside|"
        r"between|under|inside|closest|nearest|alone|where|instead)\b(?! (?:one|\w+$))",
        re.sub(rf"^{DETERMINER} ", "", phrase),
        maxsplit=1,
    )[0].split()
    return (core[:-1], core[-1]) if core else ([], "")


def _put_elsewhere(asked: str, forbidden: list[str]) -> tuple[str, list[str]]:
    """``do not put the mug in the bowl, put it on the plate``: the mug itself is not forbidden."""
    put = re.match(rf"{BRINGING} (?:it|them)\b", asked)
    if put is None or not forbidden:
        return asked, forbidden
    thing = re.split(
        r" (?:in|on|into|onto|inside|next|left|right|to|behind|under)\b", forbidden[-1]
    )
    return f"take {thing[0]} and {asked}", forbidden[:-1]


def _resolved(asked: str, forbidden: list[str]) -> str:
    """``asked`` with the noun that it stands for in place of ``one`` and ``other``."""
    looks, noun = _head_of(forbidden[-1]) if forbidden else ([], "")
    if not noun or noun == "one" or not re.match(r"(?:the|that|this|an?) ", forbidden[-1]):
        return asked
    if re.search(rf"\bthe other (?:ones?|{re.escape(noun)})\b", asked):
        if len(looks) != 1:
            return ""
        return re.sub(
            rf"\bthe other (?:ones?|{re.escape(noun)})\b",
            f"the {noun} that is not {looks[0]}",
            asked,
        )
    return re.sub(r"(?<=[a-z] )one\b(?! of\b)", noun, asked)


def _same_thing(asked: str, forbidden: list[str]) -> bool:
    """Whether what is asked for is, in so many words, what is forbidden."""
    return any(thing and thing in asked for thing in forbidden)
