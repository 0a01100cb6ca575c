"""Samples commands about a tabletop scene, each with the object that is meant.

A command is drawn together with its reading, so that it is true of the scene and names exactly
one object, none, or more than one. Left and right are the image's; in front means nearer to the
camera. The phrasings of the test split are not those of the training split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.phrases import NAME_SETS, NAMES, Phrase, phrase_of
from ppcr_lab.sim.relations import HOLDERS, RELATIONS, SIDES, TableLayout
from ppcr_lab.sim.scene import CATEGORIES, COLOURS, SIZES, Scene
from ppcr_lab.sim.speech import pick
from ppcr_lab.sim.vocabulary import UNKNOWN_NOUNS
from ppcr_lab.sim.wording import ORDINALS, Wording
from ppcr_ros.core.types import Array

T = TypeVar("T")

KINDS = ("attribute", "ordinal", "relation", "negation", "comparative", "absent", "ambiguous")
TRAINING_MIX = (
    *("attribute",) * 3, *("ordinal",) * 4, *("relation",) * 4, *("negation",) * 2, "comparative",
    *("absent",) * 4, *("ambiguous",) * 2,
)  # fmt: skip
"""The kinds of the training commands, each as often as it stands here."""

_POOLS: dict[str, tuple[str, ...]] = {
    "size": SIZES,
    "colour": tuple(COLOURS),
    "category": CATEGORIES,
}
_TRIES = 16
MOST_LISTED = 6
"""So many of the several objects that fit are named, from the left on."""


class CommandSampler:
    """Draws commands about one rendered scene.

    Args:
        scene: the scene.
        instance: (H, W) int8, which object each pixel shows, -1 for none.
        rng: where the choices come from.
        phrasing: ``train``, ``val`` or ``test``, which templates are used.
    """

    def __init__(
        self, scene: Scene, instance: Array, rng: np.random.Generator, phrasing: str = "train"
    ) -> None:
        self._objects, self._rng = scene.objects, rng
        self._words = Wording(rng, phrasing)
        self._layout = TableLayout(scene, instance)
        self._seen = self._layout.seen

    def sample(self, kind: str) -> ReferringCommand | None:
        """One command of ``kind``; None where this scene gives none after some tries."""
        command = self.draw(kind)
        return None if command is None else self.speak(command)

    def speak(self, command: ReferringCommand) -> ReferringCommand:
        """``command`` as a person speaks it and a recogniser writes it."""
        return replace(command, text=self._words.speak(command.text))

    def draw(self, kind: str) -> ReferringCommand | None:
        """As `sample`, and the text is the bare noun phrase: ``the red ball``."""
        draw = {
            "attribute": self._attribute,
            "ordinal": self._ordinal,
            "relation": self._relation,
            "negation": self._negation,
            "comparative": self._comparative,
            "absent": self._absent,
            "ambiguous": self._ambiguous,
        }[kind]
        return first_drawn(draw) if self._seen else None

    # -- one object ---------------------------------------------------------------------------

    def _attribute(self) -> ReferringCommand | None:
        target = self._pick(self._seen)
        phrase = self._unique_phrase(target)
        if phrase is None:
            return None
        return self._command("attribute", self._words.describe(phrase), phrase, target=target)

    def _ordinal(self) -> ReferringCommand | None:
        phrase = self._some_phrase()
        side = self._pick(SIDES)
        order = self._layout.in_order(self._matching(phrase), side)
        if order is None or len(order) < 2:
            return None
        if not self._all_seen(phrase):
            return None
        rank = int(self._rng.integers(min(len(order), len(ORDINALS))))
        if rank and side in ("front", "back") and self._rng.random() < 0.5:
            rank = 0
        return self._command(
            "ordinal",
            self._words.count(phrase, side, rank),
            phrase,
            f"{ORDINALS[rank]} from {side}",
            target=order[rank],
            counted=tuple(order[:rank]),
        )

    def _relation(self, several: bool = False) -> ReferringCommand | None:
        """To one anchor or two; with ``several`` one that more than one object stands in."""
        relation = self._pick(RELATIONS)
        anchors = self._anchors(relation)
        if anchors is None:
            return None
        phrases = [self._unique_phrase(anchor) for anchor in anchors]
        others = [index for index in self._seen if index not in anchors]
        phrase = self._some_phrase(among=others)
        if any(p is None for p in phrases) or not others or not self._all_seen(phrase):
            return None
        found = self._layout.related(
            relation, anchors, [i for i in others if phrase.matches(self._objects[i])]
        )
        if found is None or (len(found) < 2 if several else len(found) != 1):
            return None
        return self._command(
            "ambiguous" if several else "relation",
            self._words.relate(relation, phrase, [p for p in phrases if p is not None]),
            phrase,
            relation,
            target=None if several else found[0],
            anchors=anchors,
            fitting=self._from_left(found) if several else (),
        )

    def _negation(self) -> ReferringCommand | None:
        phrase = self._unlike_phrase()
        fitting = [] if phrase is None else self._matching(phrase)
        if phrase is None or len(fitting) != 1 or not self._all_seen(phrase):
            return None
        return self._command(
            "negation", self._words.describe_negated(phrase), phrase, target=fitting[0]
        )

    def _comparative(self) -> ReferringCommand | None:
        phrase = self._some_phrase(among=None, needs=("category",), without=("size",))
        group = self._matching(phrase)
        wanted = self._pick(SIZES)
        fitting = [index for index in group if self._objects[index].size == wanted]
        if len(group) < 2 or len(fitting) != 1 or not self._all_seen(phrase):
            return None
        relation = "largest" if wanted == "large" else "smallest"
        sentence = self._words.compare(relation, phrase, len(group))
        return self._command("comparative", sentence, phrase, relation, target=fitting[0])

    # -- no object, or several ----------------------------------------------------------------

    def _absent(self) -> ReferringCommand | None:
        draw = self._pick(
            (
                self._unknown,
                *(self._near_miss,) * 3,
                self._nothing_there,
                self._no_such_anchor,
                self._counted_out,
                self._all_alike,
            )
        )
        return draw()

    def _unknown(self) -> ReferringCommand:
        noun = self._pick(UNKNOWN_NOUNS)
        sentence = f"the {self._pick(tuple(COLOURS))} {noun}" if self._rng.random() < 0.4 else noun
        text = sentence if sentence != noun else f"the {noun}"
        return ReferringCommand(text, "absent", "unknown object", "", None)

    def _near_miss(self) -> ReferringCommand | None:
        """One word of a phrase that fits some object is changed, so that it fits none."""
        phrase = self._missing_phrase()
        if phrase is None:
            return None
        return self._command("absent", self._words.describe(phrase), phrase)

    def _nothing_there(self) -> ReferringCommand | None:
        """The anchor is there, and what should stand so to it is elsewhere."""
        relation = self._pick(RELATIONS)
        anchors = self._anchors(relation, empty=True)
        if relation == "nearest to" or anchors is None:
            return None
        phrases = [self._unique_phrase(anchor) for anchor in anchors]
        others = [index for index in self._seen if index not in anchors]
        phrase = self._some_phrase(among=others)
        fitting = [index for index in others if phrase.matches(self._objects[index])]
        if any(p is None for p in phrases) or not self._all_seen(phrase):
            return None
        if self._layout.related(relation, anchors, fitting) != []:
            return None
        sentence = self._words.relate(relation, phrase, [p for p in phrases if p is not None])
        return self._command("absent", sentence, phrase, relation, anchors=anchors)

    def _no_such_anchor(self) -> ReferringCommand | None:
        relation = self._pick([name for name in RELATIONS if name != "between"])
        anchor, phrase = self._missing_phrase(), self._some_phrase()
        if anchor is None or anchor.category not in HOLDERS.get(relation, CATEGORIES):
            return None
        sentence = self._words.relate(relation, phrase, [anchor])
        return self._command("absent", sentence, phrase, relation, absent_anchor=anchor.text)

    def _counted_out(self) -> ReferringCommand | None:
        """The third of two."""
        phrase, side = self._some_phrase(parts=(1, 2, 2, 3)), self._pick(SIDES)
        order = self._layout.in_order(self._matching(phrase), side)
        if order is None or len(order) >= len(ORDINALS) or not self._all_seen(phrase):
            return None
        rank = len(order)
        sentence = self._words.count(phrase, side, rank)
        relation = f"{ORDINALS[rank]} from {side}"
        return self._command("absent", sentence, phrase, relation, counted=tuple(order))

    def _all_alike(self) -> ReferringCommand | None:
        """The mug that is not red, where every mug is red."""
        phrase = self._unlike_phrase()
        if phrase is None or any(phrase.matches(item) for item in self._objects):
            return None
        return self._command("absent", self._words.describe_negated(phrase), phrase)

    def _ambiguous(self) -> ReferringCommand | None:
        way = self._rng.random()
        if way < 0.25:
            return self._relation(several=True)
        if way < 0.4:
            phrase = self._unlike_phrase()
            fitting = [] if phrase is None else self._matching(phrase)
            if phrase is None or len(fitting) < 2:
                return None
            sentence = self._words.describe_negated(phrase)
        else:
            phrase = self._some_phrase(parts=(1, 1, 2, 2, 3))
            fitting = self._matching(phrase)
            if len(fitting) < 2:
                return None
            sentence = self._words.describe(phrase)
        return self._command("ambiguous", sentence, phrase, fitting=self._from_left(fitting))

    def _from_left(self, fitting: list[int]) -> tuple[int, ...]:
        return tuple(self._layout.from_left(fitting)[:MOST_LISTED])

    # -- phrases ------------------------------------------------------------------------------

    def _matching(self, phrase: Phrase) -> list[int]:
        return [index for index in self._seen if phrase.matches(self._objects[index])]

    def _all_seen(self, phrase: Phrase) -> bool:
        """Whether no object that fits is too hidden to be judged."""
        fitting = sum(phrase.matches(item) for item in self._objects)
        return len(self._matching(phrase)) == fitting

    def _unique_phrase(self, index: int) -> Phrase | None:
        """A phrase that fits this object alone, among all in the scene."""
        item = self._objects[index]
        trim = self._rng.random() < 0.5
        phrases = [self._clear(phrase_of(item, names, trim=trim)) for names in NAME_SETS]
        fitting = [p for p in phrases if sum(p.matches(other) for other in self._objects) == 1]
        return self._pick(fitting) if fitting else None

    def _some_phrase(
        self,
        among: Sequence[int] | None = None,
        *,
        parts: tuple[int, ...] = (0, 1, 1, 2),
        needs: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
    ) -> Phrase:
        """A phrase of one of ``parts`` names that fits a seen object and perhaps others."""
        index = self._pick(among or self._seen)
        count = max(self._pick(parts), len(needs))
        sets = [
            names
            for names in ((), *NAME_SETS)
            if len(names) == count and set(needs) <= set(names) and not set(without) & set(names)
        ]
        trim = self._rng.random() < 0.15
        return self._clear(phrase_of(self._objects[index], self._pick(sets), trim=trim))

    def _clear(self, phrase: Phrase) -> Phrase:
        """``phrase`` without a second colour by which it might mean another object as well.

        "The red and white mug" is also the white one with a red handle.
        """
        mixed = any(phrase.swaps(item) for item in self._objects)
        return replace(phrase, trim_colour=None) if mixed else phrase

    def _missing_phrase(self) -> Phrase | None:
        """A phrase of which one name is wrong for some object, and that fits none."""
        full = self._some_phrase(parts=(1, 2, 2, 3))
        name = self._pick([name for name in NAMES if getattr(full, name)])
        values = {other: getattr(full, other) for other in NAMES}
        values[name] = self._pick(_POOLS[name])
        phrase = Phrase(values["size"], values["colour"], values["category"])
        return None if any(phrase.matches(item) for item in self._objects) else phrase

    def _unlike_phrase(self) -> Phrase | None:
        """A phrase with a negation that some object of the kind has to be told apart by."""
        phrase = self._some_phrase(parts=(0, 1, 1, 1, 2))
        names = [name for name in NAMES if not getattr(phrase, name)]
        group = self._matching(phrase)
        name = self._pick(names)
        if phrase.category is None and name == "size":
            return None
        other = getattr(self._objects[self._pick(group)], name)
        if name == "colour" and any(self._objects[i].trim_colour == other for i in group):
            return None  # whether a white mug with a red handle is red is not for us to say
        return replace(phrase, unlike=(name, other), trim_colour=None)

    def _anchors(self, relation: str, *, empty: bool = False) -> tuple[int, ...] | None:
        """Objects to relate to; those that can hold something only, for ``on`` and ``inside``.

        Without ``empty`` they do hold something.
        """
        if relation == "between":
            if len(self._seen) < 3:
                return None
            one, two = (self._seen[i] for i in self._rng.permutation(len(self._seen))[:2])
            return one, two
        if relation in ("on", "inside"):
            holding = self._layout.holders(relation, empty=empty)
            return (self._pick(holding),) if holding else None
        return (self._pick(self._seen),)

    # -- the command -----------------------------------------------------------------------

    def _command(
        self,
        kind: str,
        sentence: str,
        phrase: Phrase,
        relation: str = "",
        *,
        target: int | None = None,
        **reading: Any,
    ) -> ReferringCommand:
        """``reading`` are further fields of a `ReferringCommand`."""
        return ReferringCommand(sentence, kind, phrase.text, relation, target, **reading)

    def _pick(self, items: Sequence[T]) -> T:
        return pick(items, self._rng)


def first_drawn(draw: Callable[[], ReferringCommand | None]) -> ReferringCommand | None:
    """What ``draw`` gives, which is called again some times while that is None."""
    return next((command for _ in range(_TRIES) if (command := draw()) is not None), None)


def sample_some(
    sample: Callable[[str], ReferringCommand | None],
    rng: np.random.Generator,
    n: int,
    kinds: Sequence[str],
) -> list[ReferringCommand]:
    """Up to ``n`` commands that ``sample`` gives, their kinds drawn from ``kinds``."""
    commands: list[ReferringCommand] = []
    for _ in range(4 * n):
        if len(commands) == n:
            break
        command = sample(kinds[int(rng.integers(len(kinds)))])
        if command is not None:
            commands.append(command)
    return commands


def sample_commands(
    scene: Scene,
    instance: Array,
    rng: np.random.Generator,
    n: int,
    phrasing: str = "train",
) -> list[ReferringCommand]:
    """Up to ``n`` commands about the scene, their kinds drawn from `TRAINING_MIX`.

    Fewer come back only where the scene gives no more, for example when nothing is seen.
    """
    sampler = CommandSampler(scene, instance, rng, phrasing)
    return sample_some(sampler.sample, rng, n, TRAINING_MIX)
