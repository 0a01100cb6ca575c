"""A command carried out on one frame: its targets, its destination, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ppcr_ros.core.errors import TargetAmbiguous, TargetForbidden, TargetNotFound
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.interfaces import Conversation, Dialect
from ppcr_ros.core.located import LocatedPhrase
from ppcr_ros.core.masks import NEAR_SHARE, is_near_mask
from ppcr_ros.core.reading.deixis import Pointed, pointed, with_object
from ppcr_ros.core.reading.obeyed import (
    bare_phrase,
    raise_unless_asked,
    raise_where_forbidden,
    with_reading,
)
from ppcr_ros.core.reading.prohibitions import object_of
from ppcr_ros.core.reading.reader import CommandReading, read_command
from ppcr_ros.core.reading.words import NOUN_PHRASE
from ppcr_ros.core.run import Run
from ppcr_ros.core.search import Search
from ppcr_ros.core.types import (
    Array,
    Instance,
    Intent,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
)

POINT_OR_NAME_IT = "Which one? Please point at it, or tell me what it is."


@dataclass(frozen=True)
class _Target:
    """Outcome of one phrase."""

    instances: tuple[Instance, ...]
    located: LocatedPhrase | None

    def called_by(self, phrase: str) -> _Target:
        """The same, each object by what ``phrase`` names where it has no words of its own."""
        semantic = None if self.located is None else self.located.semantic
        name = bare_phrase(object_of(phrase))
        if semantic is not None and not NOUN_PHRASE.search(phrase):
            name = semantic.phrase
        named = (replace(item, words=item.words or name) for item in self.instances)
        return replace(self, instances=tuple(named))


class Errand:
    """Carries a command out, phrase by phrase, or as a whole where the MLLM reads intents.

    Args:
        search: takes a phrase through the stages.
        run: the frame, and where products and notes go.
        dialect: of the MLLM.
        open_conversation: begins a conversation about the frame in which nothing has been said.
        guidance: which stages there are.
        point_xy_px: what is pointed at, in the frame's own pixels; or None.
    """

    def __init__(
        self,
        search: Search,
        run: Run,
        dialect: Dialect,
        open_conversation: Callable[[], Conversation],
        guidance: Guidance,
        point_xy_px: tuple[float, float] | None = None,
    ) -> None:
        self._search, self._run, self._dialect = search, run, dialect
        self._open, self._guidance, self._point = open_conversation, guidance, point_xy_px

    def carry_out(self, command: str) -> Segmentation:
        """Everything that ``command`` (cleaned) asks for.

        A command that can be read in two ways is carried out in the second where the first fits
        nothing, or several.

        Raises:
            TargetNotFound: when nothing fits, or nothing is asked for.
            TargetAmbiguous: when more fits than is asked for.
            PPCRError: whatever else the stages raise.
        """
        if not command:
            return self._by_point_alone()
        text = command if self._point is None else with_object(command)
        reading: CommandReading | None = read_command(text)
        begun, first = self._run.result, None
        while reading is not None:
            self._run.forbids |= bool(reading.forbidden)
            self._run.asks_for_all = reading.quantity is None and not reading.also
            self._run.one_look |= reading.intent is not Intent.FIND
            self._run.result, self._run.notes, self._run.missing = begun, [], 0
            try:
                found = self._read(command, reading)
                self._raise_where_taken(found, reading)
                return found
            except (TargetNotFound, TargetAmbiguous) as outcome:
                if first is None:
                    first, ended = outcome, self._run.result
                reading = reading.otherwise
        self._run.result = ended
        assert first is not None
        try:
            raise first
        finally:
            del first  # else it and this frame would keep each other

    def _read(self, command: str, reading: CommandReading) -> Segmentation:
        raise_unless_asked(command, reading, self._run.deliver)
        if reading.left_out:
            self._run.notes.append(f"one order at a time: {reading.left_out!r} is still to be said")
        pointing = [pointed(phrase) for phrase in (reading.asked, *reading.also)]
        whole = self._dialect.reads_intents and self._guidance is not Guidance.DIRECT
        if whole and not (self._point and any(pointing)) and not _is_alone(pointing[0]):
            return self._as_a_whole(command, reading)
        return self._by_phrases(reading, pointing)

    def _raise_where_taken(self, found: Segmentation, reading: CommandReading) -> None:
        """End the run where what was found is, to the MLLM, also what must be left alone.

        Raises:
            TargetForbidden: then.
        """
        for phrase in reading.forbidden:
            try:
                left_alone = self._search.one_of(self._search.locate(self._open(), phrase))
            except (TargetNotFound, TargetAmbiguous):
                continue  # not told apart from others: the words have been compared already
            if any(_same_mask(left_alone.mask, item.mask) for item in found.instances):
                raise TargetForbidden(f"{phrase} is what the command says to leave alone.")

    def _as_a_whole(self, command: str, reading: CommandReading) -> Segmentation:
        """The MLLM is told the whole command and answers for all of it."""

        def understood(semantic: SemanticPrompt) -> SemanticPrompt:
            semantic = with_reading(semantic, reading)
            self._run.deliver(semantic)
            raise_where_forbidden(semantic, reading)
            return semantic

        located = self._search.locate(self._open(), command, understood)
        semantic, spatial = located.semantic, located.spatial
        if spatial is not None:
            self._run.deliver(spatial)
        assert semantic is not None
        instances = self._require_count(
            located, semantic.quantity if not semantic.targets else None
        )
        found = Segmentation.union(instances)
        if not semantic.destination:
            return found
        box = None if spatial is None else spatial.destination_box_xyxy_px
        return self._with_destination(found, semantic.destination, box, located)

    def _by_phrases(
        self, reading: CommandReading, pointing: Sequence[Pointed | None]
    ) -> Segmentation:
        """The MLLM is told the words for one kind of object at a time."""
        phrases = (reading.asked, *reading.also)
        targets: list[_Target] = []
        missing: list[tuple[str, TargetNotFound]] = []
        quantities = (reading.quantity, *reading.also_quantities)
        for number, phrase in enumerate(phrases):
            asked = replace(reading, quantity=quantities[number])
            try:
                target = self._target(phrase, pointing[number], asked, first=number == 0)
                targets.append(target.called_by(phrase) if reading.also else target)
            except TargetNotFound as outcome:
                if not targets and len(phrases) == 1:
                    raise
                missing.append((phrase, outcome))
        if not targets:
            raise missing[0][1]
        for phrase, _ in missing:
            self._run.note_missing(f"{object_of(phrase)} was not found")
        instances = tuple(instance for target in targets for instance in target.instances)
        found = Segmentation.union(instances)
        if reading.part:
            whole = "it is" if len(instances) == 1 else "they are"
            self._run.notes.append(
                f"{whole} marked as a whole, for the {reading.part} cannot be told apart"
            )
        if reading.destination_is_object:
            found = self._with_destination(found, reading.destination, None, targets[0].located)
        if _has_more(reading) or targets[0].located is None:
            self._deliver_spatial(targets, found)
        return found

    def _target(
        self, phrase: str, points: Pointed | None, reading: CommandReading, *, first: bool
    ) -> _Target:
        if _is_alone(points):
            return _Target((self._at_point(),), None)
        if points is not None and self._point is not None:
            return self._named_at_point(points.named, reading, first=first)
        understood = partial(self._understood, reading=reading, phrase=phrase, first=first)
        every = reading.quantity != 1
        located = self._search.locate(self._open(), phrase, understood, every=every)
        if located.spatial is not None and not _has_more(reading):
            self._run.deliver(located.spatial)
        return _Target(self._require_count(located, reading.quantity, phrase), located)

    def _understood(
        self, semantic: SemanticPrompt, *, reading: CommandReading, phrase: str, first: bool
    ) -> SemanticPrompt:
        """Stage 1's product with what was read of the command; the first one's is delivered."""
        if first:
            semantic = with_reading(semantic, reading)
            phrases = tuple(bare_phrase(words) for words in (semantic.phrase, *reading.also))
            delivered = replace(semantic, targets=phrases if reading.also else ())
            self._run.deliver(delivered)
        elif reading.quantity != 1:
            semantic = replace(semantic, quantity=reading.quantity)
        raise_where_forbidden(semantic, reading, phrase)
        return semantic

    def _require_count(
        self, located: LocatedPhrase, quantity: int | None, phrase: str = ""
    ) -> tuple[Instance, ...]:
        """The objects, as many as are asked for; ``phrase`` is looked for again where some lack.

        Raises:
            TargetAmbiguous: when there are more.
        """
        if quantity == 1:
            return (self._search.one_of(located),)
        instances = self._search.masks_of(located)
        if phrase and located.semantic is not None and len(instances) < (quantity or 0):
            more = self._search.overlooked(self._open(), phrase, located.semantic, instances)
            instances = [*instances, *more][:quantity]
        if quantity is not None and len(instances) > quantity:
            raise self._search.several_fit(located.semantic, instances)
        if quantity is not None and len(instances) < quantity:
            self._run.note_missing(f"only {len(instances)} of the {quantity} was found")
        return tuple(instances)

    def _by_point_alone(self) -> Segmentation:
        found = Segmentation.union((self._at_point(),))
        self._run.deliver(_pointed_prompt(found, self._point))
        return found

    def _at_point(self) -> Instance:
        if self._point is None:
            raise TargetAmbiguous("nothing is pointed at.", question=POINT_OR_NAME_IT)
        found = self._search.at_point(self._point)
        if found is None:
            x, y = self._point
            raise TargetNotFound(f"no object was made out at the point ({x:.0f}, {y:.0f}).")
        return found

    def _named_at_point(self, named: str, reading: CommandReading, *, first: bool) -> _Target:
        """``the mug here``: what is named, where it is pointed at."""
        try:
            target = self._target(named, None, replace(reading, quantity=1), first=first)
        except TargetAmbiguous as several:
            chosen = [c for c in several.candidates if self._is_pointed_at(c.box_xyxy_px, c.mask)]
            if len(chosen) != 1 or chosen[0].mask is None:
                raise
            return _Target((chosen[0].as_chosen(),), None)
        (instance,) = target.instances
        if self._is_pointed_at(instance.box_xyxy_px, instance.mask):
            return target
        there = self._search.at_point(self._point) if self._point is not None else None
        semantic = None if target.located is None else target.located.semantic
        if there is None:
            raise TargetNotFound(f"{named} is seen, but not where it is pointed at.")
        named_one = replace(instance, words=bare_phrase(named))
        there = replace(there, words="object that you point at")
        raise self._search.several_fit(semantic, [named_one, there])

    def _is_pointed_at(self, box_xyxy_px: Array, mask: Array | None) -> bool:
        if self._point is None:
            return False
        if mask is not None:
            return is_near_mask(mask, self._point)
        x, y = self._point
        near = NEAR_SHARE * self._run.frame.width_px
        x1, y1, x2, y2 = box_xyxy_px
        return bool(x1 - near <= x < x2 + near and y1 - near <= y < y2 + near)

    def _with_destination(
        self, found: Segmentation, phrase: str, box: Array | None, located: LocatedPhrase | None
    ) -> Segmentation:
        """``found`` with its destination, or a note that it was not found."""
        try:
            place = self._place(phrase, box, located)
        except TargetNotFound:
            self._run.note_missing(f"{phrase} was not found")
            return found
        except TargetAmbiguous:
            self._run.note_missing(f"several objects could be {phrase}")
            return found
        if any(_same_mask(place.mask, item.mask) for item in found.instances):
            self._run.note_missing(f"{phrase} was not found beside it")
            return found
        return replace(found, destination=place)

    def _place(self, phrase: str, box: Array | None, located: LocatedPhrase | None) -> Instance:
        if box is not None and located is not None:
            *attributes, category = bare_phrase(phrase).split() or ["object"]
            semantic = SemanticPrompt(phrase, category, tuple(attributes), confidence=1.0)
            spatial = located.spatial
            confidence = 0.0 if spatial is None else spatial.confidence
            there = SpatialPrompt(phrase, box, confidence=confidence)
            place = LocatedPhrase(semantic, there, located.conversation)
        elif self._dialect.reads_intents and self._guidance is not Guidance.DIRECT:
            raise TargetNotFound("the MLLM gives no place for it.")
        else:
            place = self._search.locate(self._open(), phrase)
        return replace(self._search.one_of(place), words=bare_phrase(phrase))

    def _deliver_spatial(self, targets: list[_Target], found: Segmentation) -> None:
        """Stage 2's product, of all phrases together."""
        prompts = [t.located.spatial for t in targets if t.located and t.located.spatial]
        if not prompts:
            if self._point is not None:
                self._run.deliver(_pointed_prompt(found, self._point))
            return
        boxes = np.concatenate([prompt.boxes_xyxy_px for prompt in prompts])
        place = found.destination
        self._run.deliver(
            replace(
                prompts[0],
                text="; ".join(dict.fromkeys(prompt.text for prompt in prompts)),
                boxes_xyxy_px=boxes,
                box_words=(),
                confidence=min(prompt.confidence for prompt in prompts),
                destination_box_xyxy_px=None if place is None else place.box_xyxy_px,
            )
        )


def _has_more(reading: CommandReading) -> bool:
    """Whether stage 2 is gone through for more than one phrase."""
    return bool(reading.also) or reading.destination_is_object


def _is_alone(points: Pointed | None) -> bool:
    return points is not None and points.alone


def _pointed_prompt(found: Segmentation, point_xy_px: tuple[float, float] | None) -> SpatialPrompt:
    points: Array = np.zeros((0, 2), np.float32)
    if point_xy_px is not None:
        points = np.array([point_xy_px], np.float32)
    return SpatialPrompt(
        "what is pointed at",
        found.box_xyxy_px,
        points,
        np.ones((len(points),), np.int32),
        confidence=found.score,
    )


def _same_mask(one: Array, other: Array) -> bool:
    return float((one & other).sum()) > 0.5 * float(min(one.sum(), other.sum()))
