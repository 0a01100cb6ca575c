"""What a person says about a tabletop scene, and which object is meant.

A command is drawn together with its reading, so that it is true of the scene and names exactly
one object, or one that is not there. Left and right are the image's; in front means nearer to the
camera. The phrasings of the test split are not those of the training split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np

from ppcr_ros.core.types import Array
from ppcr_ros.sim.geometry import visible_boxes_px
from ppcr_ros.sim.scene import COLOURS, SHAPES, SIZES, ObjectSpec, Scene
from ppcr_ros.sim.vocabulary import (
    ANYTHING,
    COLOUR_WORDS,
    ORDINAL_WORDS,
    RELATION_WORDS,
    SHAPE_WORDS,
    SIDE_WORDS,
    SIZE_WORDS,
    UNKNOWN_NOUNS,
    wrap,
)

T = TypeVar("T")

KINDS = ("attribute", "ordinal", "relation", "absent")
RELATIONS = ("left of", "right of", "in front of", "behind", "nearest to")
SIDES = ("left", "right", "front", "back")
ORDINALS = ("first", "second", "third")

_MIN_SHARE_OF_IMAGE = 0.0008
"""Objects of which less is seen are neither targets nor anchors."""
_MIN_GAP_OF_WIDTH = 0.03
_MIN_GAP_M = 0.03


@dataclass(frozen=True)
class Phrase:
    """A noun phrase: what is said of an object, None where nothing is."""

    size: str | None = None
    colour: str | None = None
    shape: str | None = None

    def matches(self, item: ObjectSpec) -> bool:
        return (
            self.size in (None, item.size)
            and self.colour in (None, item.colour)
            and self.shape in (None, item.shape)
        )

    @property
    def text(self) -> str:
        """The phrase in canonical words: ``small green ball``, ``red object``."""
        words = (self.size, self.colour, self.shape or "object")
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class ReferringCommand:
    """A command and its reading.

    Attributes:
        text: as spoken, wrapped in an imperative.
        kind: one of `KINDS`.
        phrase: the target's noun phrase in canonical words.
        relation: the canonical relation, ``second from left`` or ``left of large red cube``; or "".
        target: index into the scene's objects; None where there is no such object.
    """

    text: str
    kind: str
    phrase: str
    relation: str
    target: int | None


class CommandSampler:
    """Draws commands about one rendered scene.

    Args:
        scene: the scene.
        instance: (H, W) int8, which object each pixel shows, -1 for none.
        rng: where the choices come from.
        phrasing: ``train`` or ``test``, which wrappings are used.
    """

    def __init__(
        self, scene: Scene, instance: Array, rng: np.random.Generator, phrasing: str = "train"
    ) -> None:
        self._objects, self._rng, self._phrasing = scene.objects, rng, phrasing
        boxes = visible_boxes_px(instance, len(scene.objects))
        counts = [int((instance == index).sum()) for index in range(len(scene.objects))]
        self._seen = [
            index
            for index in range(len(scene.objects))
            if counts[index] >= _MIN_SHARE_OF_IMAGE * instance.size
        ]
        width = instance.shape[1]
        centres = [(b[0] + b[2]) / 2 / width if b is not None else np.nan for b in boxes]
        forward = np.subtract(scene.camera.look_at_m, scene.camera.position_m)[:2]
        forward = forward / np.linalg.norm(forward)
        positions = np.array([item.position_m[:2] for item in scene.objects])
        self._x = np.array(centres, np.float64)
        self._away_m = positions @ forward
        self._position_m = positions

    def sample(self, kind: str) -> ReferringCommand | None:
        """One command of ``kind``; None where this scene gives none after some tries."""
        draw = {
            "attribute": self._attribute,
            "ordinal": self._ordinal,
            "relation": self._relation,
            "absent": self._absent,
        }[kind]
        for _ in range(12):
            command = draw() if self._seen else None
            if command is not None:
                return command
        return None

    # -- the four kinds -----------------------------------------------------------------------

    def _attribute(self) -> ReferringCommand | None:
        target = self._choice(self._seen)
        phrase = self._unique_phrase(target)
        if phrase is None:
            return None
        return self._command("attribute", f"the {self._say(phrase)}", phrase, "", target)

    def _ordinal(self) -> ReferringCommand | None:
        phrase = self._some_phrase(self._choice(self._seen), parts=(0, 1, 1, 2))
        group = self._matching(phrase)
        side = self._choice(SIDES)
        key, gap = (
            (self._x, _MIN_GAP_OF_WIDTH)
            if side in ("left", "right")
            else (self._away_m, _MIN_GAP_M)
        )
        order = sorted(group, key=lambda index: key[index], reverse=side in ("right", "back"))
        if len(order) < 2 or np.abs(np.diff(key[order])).min() < gap:
            return None
        rank = int(self._rng.integers(min(len(order), len(ORDINALS))))
        if rank and side in ("front", "back") and self._rng.random() < 0.5:
            rank = 0
        ordinal = ORDINALS[rank]
        said = self._choice(ORDINAL_WORDS[side] if rank == 0 else SIDE_WORDS[side]).format(
            ordinal=ordinal, noun=self._say(phrase)
        )
        return self._command("ordinal", said, phrase, f"{ordinal} from {side}", order[rank])

    def _relation(self) -> ReferringCommand | None:
        anchor, relation = self._choice(self._seen), self._choice(RELATIONS)
        anchor_phrase = self._unique_phrase(anchor)
        others = [index for index in self._seen if index != anchor]
        if anchor_phrase is None or not others:
            return None
        phrase = self._some_phrase(self._choice(others), parts=(0, 1, 1, 2))
        target = self._related(
            relation, anchor, [i for i in others if phrase.matches(self._objects[i])]
        )
        if target is None:
            return None
        said = self._choice(RELATION_WORDS[relation]).format(
            noun=self._say(phrase), anchor=self._say(anchor_phrase)
        )
        item = self._objects[anchor]
        reading = f"{relation} {item.size} {item.colour} {item.shape}"
        return self._command("relation", said, phrase, reading, target)

    def _absent(self) -> ReferringCommand | None:
        if self._rng.random() < 0.2:
            noun = self._choice(UNKNOWN_NOUNS)
            said = f"{self._choice(list(COLOURS))} {noun}" if self._rng.random() < 0.4 else noun
            return ReferringCommand(
                wrap(f"the {said}", self._rng, self._phrasing), "absent", "unknown object", "", None
            )
        # Near misses: one word of a phrase that fits some object is changed.
        full = self._some_phrase(self._choice(self._seen), parts=(1, 2, 2, 3))
        part = self._choice([name for name in ("size", "colour", "shape") if getattr(full, name)])
        pool: tuple[str, ...] = {"size": SIZES, "colour": tuple(COLOURS), "shape": SHAPES}[part]
        words = {"size": full.size, "colour": full.colour, "shape": full.shape}
        words[part] = self._choice(pool)
        phrase = Phrase(**words)
        if any(phrase.matches(item) for item in self._objects):
            return None
        return self._command("absent", f"the {self._say(phrase)}", phrase, "", None)

    # -- pieces -------------------------------------------------------------------------------

    def _related(self, relation: str, anchor: int, candidates: list[int]) -> int | None:
        """The only candidate that stands so to the anchor; None where none or no clear one does."""
        if relation == "nearest to":
            if len(candidates) < 2:
                return None
            distance = np.linalg.norm(self._position_m - self._position_m[anchor], axis=1)
            first, second = sorted(candidates, key=lambda index: distance[index])[:2]
            return first if distance[second] - distance[first] >= _MIN_GAP_M else None
        key, gap, sign = {
            "left of": (self._x, _MIN_GAP_OF_WIDTH, -1.0),
            "right of": (self._x, _MIN_GAP_OF_WIDTH, 1.0),
            "in front of": (self._away_m, _MIN_GAP_M, -1.0),
            "behind": (self._away_m, _MIN_GAP_M, 1.0),
        }[relation]
        offset = sign * (key[candidates] - key[anchor])
        if np.any(np.abs(offset) < gap) or int((offset > 0).sum()) != 1:
            return None
        return candidates[int(np.argmax(offset))]

    def _matching(self, phrase: Phrase) -> list[int]:
        return [index for index in self._seen if phrase.matches(self._objects[index])]

    def _unique_phrase(self, index: int) -> Phrase | None:
        """A phrase that fits this object alone, among all in the scene."""
        item = self._objects[index]
        phrases = [self._phrase(item, names) for names in _NAME_SETS]
        fitting = [p for p in phrases if sum(p.matches(other) for other in self._objects) == 1]
        return self._choice(fitting) if fitting else None

    def _some_phrase(self, index: int, parts: tuple[int, ...]) -> Phrase:
        """A phrase of one of ``parts`` words that fits this object and perhaps others."""
        count = self._choice(parts)
        sets = [names for names in ((), *_NAME_SETS) if len(names) == count]
        return self._phrase(self._objects[index], self._choice(sets))

    @staticmethod
    def _phrase(item: ObjectSpec, names: tuple[str, ...]) -> Phrase:
        return Phrase(**{name: getattr(item, name) for name in names})

    def _say(self, phrase: Phrase) -> str:
        """The phrase in everyday words."""
        words = []
        if phrase.size:
            words.append(self._choice(SIZE_WORDS[phrase.size]))
        if phrase.colour:
            words.append(self._choice(COLOUR_WORDS[phrase.colour]))
        words.append(self._choice(SHAPE_WORDS[phrase.shape] if phrase.shape else ANYTHING))
        return " ".join(words)

    def _command(
        self, kind: str, said: str, phrase: Phrase, relation: str, target: int | None
    ) -> ReferringCommand:
        text = wrap(said, self._rng, self._phrasing)
        return ReferringCommand(text, kind, phrase.text, relation, target)

    def _choice(self, items: Sequence[T]) -> T:
        return items[int(self._rng.integers(len(items)))]


_NAME_SETS: tuple[tuple[str, ...], ...] = tuple(
    names for count in (1, 2, 3) for names in combinations(("size", "colour", "shape"), count)
)


def sample_commands(
    scene: Scene,
    instance: Array,
    rng: np.random.Generator,
    n: int,
    phrasing: str = "train",
    kinds: tuple[str, ...] = ("attribute", "ordinal", "relation", "relation", "absent"),
) -> list[ReferringCommand]:
    """Up to ``n`` commands about the scene, their kinds drawn from ``kinds``.

    Fewer come back only where the scene gives no more, for example when nothing is seen.
    """
    sampler = CommandSampler(scene, instance, rng, phrasing)
    commands: list[ReferringCommand] = []
    for _ in range(4 * n):
        if len(commands) == n:
            break
        command = sampler.sample(kinds[int(rng.integers(len(kinds)))])
        if command is not None:
            commands.append(command)
    return commands
