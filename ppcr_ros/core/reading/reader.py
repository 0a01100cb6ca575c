"""A command, read from its words: what is asked for, what must be left alone, where it goes.

What is said by language alone is read by rules and not by a model, whatever the model: that
something must not be touched, above all. What names an object is left to the model, in words that
name one kind of object and no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ppcr_ros.core.prompts import Intent
from ppcr_ros.core.reading.corrections import as_meant, with_last_look
from ppcr_ros.core.reading.hesitation import without_hesitation
from ppcr_ros.core.reading.inscriptions import with_joined_inscriptions, without_joints
from ppcr_ros.core.reading.places import Delivery, ways_to_bring
from ppcr_ros.core.reading.prohibitions import remove_prohibitions
from ppcr_ros.core.reading.statements import (
    depends_on_absence,
    split_otherwise,
    without_statements,
)
from ppcr_ros.core.reading.synonyms import in_known_words
from ppcr_ros.core.reading.things import group_of, part_of, targets_of
from ppcr_ros.core.reading.words import (
    NOUN_PHRASE,
    plain,
    tidy,
    with_articles,
)

_QUESTION = (
    r"(?!where (?:(?:is|are) (?:my|our)|did (?:i|we|you) (?:put|leave) (?:the|my|our|an?)"
    r"|can i find) )"
    r"(?:who|what|where|how|why|when) (?:am|are|is|was|were|do|does|did|can|could|will|should"
    r"|would) (?:i|you|we|they|it|he|she|there|your|my)\b(?! (?:see|want|have|need)\b).*"
    r"|what (?:do|can) you (?:see|do|know)(?: .*)?"
    r"|what time is it|what is (?:the )?(?:time|weather|date|up|new|going on|happening)(?: .*)?"
    r"|(?:are|can|do|will|did) (?:you|we|i) (?:ok|okay|ready|there|hear me|listening|done|hungry|"
    r"understand|tired|sure|sleep|dream|speak|talk)(?: .*)?|how (?:old|many|much|far|long) .*"
)
_ASKS_NOTHING = re.compile(
    r"(?:(?:please|robot|hey|ok|okay|oh|well|now|so|just|no|yes|and) )*"
    r"(?:(?:cancel|abort)(?: (?:it|that|this|everything|all))?|never ?mind"
    r"|forget (?:it|that|about it)"
    r"|(?:that|this) is (?:all|enough|it|fine|good)(?: for now| thanks)?"
    r"|enough|nothing|i changed my mind|hang on(?: a \w+)?"
    r"|thanks|thank you(?: (?:very|so) much)?|(?:hello|hi|hey)(?: robot| there)?|yes|no|ok|okay"
    r"|robot|please|help(?: me)?"
    r"|good (?:morning|evening|night|day|job|boy|work)|well done|(?:good)?bye"
    r"|sorry|(?:wait|hold on)(?: a \w+)?"
    rf"|tell me (?:a joke|a story|about .*|more|something.*)|{_QUESTION})"
)


_EITHER = re.compile(r",? n?or ")


@dataclass(frozen=True)
class CommandReading:
    """Reading of a command: what it asks for.

    Attributes:
        intent: where it is not `Intent.FIND` nothing may be pointed at.
        asked: the words to ask a model for the target; the command as it is where there was
            nothing to read. Empty where nothing is asked for.
        also: the words for each further target: ``the mug and the green ball``.
        quantity: how many objects ``asked`` means; None for all that fit.
        also_quantities: likewise, of each of ``also``.
        part: the part of the target that is meant, ``handle``; or "".
        destination: the words for the place that the target is to be brought to; or "".
        destination_relation: how it is to lie there: ``in``, ``left of``; or "".
        destination_is_object: whether that place can be looked for: the bowl can, the side cannot.
        forbidden: the words for what must not be the target, be it asked for or not.
        unlike: the words for what ``asked`` tells the target apart from.
        left_out: further orders, in their own words, of which nothing is done: one at a time.
        otherwise: another way to read it, for when ``asked`` fits no object or several; or None.
    """

    intent: Intent
    asked: str
    also: tuple[str, ...] = ()
    quantity: int | None = 1
    part: str = ""
    destination: str = ""
    destination_relation: str = ""
    destination_is_object: bool = False
    forbidden: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    left_out: str = ""
    otherwise: CommandReading | None = None
    also_quantities: tuple[int | None, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether there was nothing to read but one object."""
        return self == CommandReading(Intent.FIND, self.asked)


def read_command(command: str) -> CommandReading:
    """What ``command`` (cleaned) asks for.

    A command that forbids something and of which the rest is not clear is a prohibition.
    """
    said = plain(command)
    text = with_joined_inscriptions(said)
    if text != said:
        return _with_inscriptions(read_command(text))
    text, wish_else = split_otherwise(without_statements(without_hesitation(with_last_look(said))))
    if wish_else:
        reading = read_command(text)
        left_out = " and ".join(filter(None, (reading.left_out, wish_else)))
        return replace(reading, left_out=left_out) if reading.intent is Intent.FIND else reading
    if depends_on_absence(text):
        return CommandReading(Intent.PROHIBITION, "")
    command = command if text == said else text
    text = in_known_words(with_articles(text))
    meant = as_meant(text)
    if meant is not None:
        return _corrected(meant)
    if _ASKS_NOTHING.fullmatch(text.rstrip(" .!?,")):
        return CommandReading(Intent.NOTHING, "")
    rest = remove_prohibitions(text)
    if rest.forbids and not rest.asked:
        return CommandReading(Intent.PROHIBITION, "", forbidden=rest.forbidden)
    ways = ways_to_bring(rest.asked) or [Delivery(rest.asked)]
    forbidden = tuple(
        group_of(thing)[0]
        for phrase in rest.forbidden
        for one in _EITHER.split(phrase)
        for thing in targets_of(one)
    )
    readings = [replace(_of_way(way, forbidden), unlike=rest.unlike) for way in ways]
    reading = readings[-1]
    for before in reversed(readings[:-1]):
        reading = replace(before, otherwise=reading)
    return _as_spoken(reading, command) if not rest.forbids and len(ways) == 1 else reading


def _with_inscriptions(reading: CommandReading) -> CommandReading:
    """``reading`` with each inscription in its own words."""
    otherwise = reading.otherwise
    return replace(
        reading,
        asked=without_joints(reading.asked),
        also=tuple(map(without_joints, reading.also)),
        destination=without_joints(reading.destination),
        forbidden=tuple(map(without_joints, reading.forbidden)),
        left_out=without_joints(reading.left_out),
        otherwise=None if otherwise is None else _with_inscriptions(otherwise),
    )


def _corrected(meant: str) -> CommandReading:
    """The reading of what is `as_meant`; ``the mug, i mean the blue one`` forbids no blue mug."""
    reading = read_command(meant)
    if reading.intent is not Intent.FIND:
        return reading
    asked = set(reading.asked.split())
    others = tuple(thing for thing in reading.forbidden if not set(thing.split()) <= asked)
    return replace(reading, forbidden=others, otherwise=None)


def _of_way(way: Delivery, forbidden: tuple[str, ...]) -> CommandReading:
    target, part = part_of(way.target)
    first, *others = (thing for text in (target, *way.further) for thing in targets_of(text))
    asked, quantity = group_of(first)
    also = [group_of(other) for other in others]
    return CommandReading(
        Intent.FIND,
        asked,
        also=tuple(words for words, _ in also),
        also_quantities=tuple(count for _, count in also),
        quantity=quantity,
        part=part,
        destination=way.destination,
        destination_relation=way.relation,
        destination_is_object=way.is_object,
        forbidden=forbidden,
        left_out=way.left_out,
    )


def _as_spoken(reading: CommandReading, command: str) -> CommandReading:
    """``reading`` with the command's own words where all of them are asked."""
    if reading.asked in (plain(command), with_articles(plain(command))):
        return replace(reading, asked=command)
    if not NOUN_PHRASE.search(reading.asked):
        return replace(reading, asked=tidy(reading.asked) or command)
    return reading
