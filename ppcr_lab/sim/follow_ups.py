"""Short dialogs: several objects fit a command, it is asked back, and the reply tells which.

What is asked about are the true objects of a scene, named as an MLLM would name them, so that the
reading of replies is measured by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ppcr_lab.sim.commands import CommandSampler
from ppcr_lab.sim.geometry import box_of_mask
from ppcr_lab.sim.phrases import full_name
from ppcr_lab.sim.scene import ObjectSpec, Scene
from ppcr_lab.sim.speech import pick
from ppcr_lab.sim.vocabulary import CATEGORY_WORDS, COLOUR_WORDS, SIZE_WORDS
from ppcr_ros.core.candidates import numbered
from ppcr_ros.core.types import Array, Candidate, Instance

FOLLOW_UP_KINDS = ("colour", "size", "compared", "number", "order", "side", "depth", "kind", "not",
                   "other")  # fmt: skip
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_NUMBERS = ("one", "two", "three", "four", "five", "six")
_MIN_GAP_SHARE = 0.05
"""Of the image; what is not so far apart no one would tell apart by its place."""
_MIN_AREA_RATIO = 1.4
_FORMS = (
    "the {} one", "the {} one please", "the {} one, please", "I mean the {} one", "{}",
    "take the {} one", "um, the {} one", "the {} one of them", "no, the {} one", "That {} one.",
)  # fmt: skip
_LEFT = ("left", "leftmost")
_RIGHT = ("right", "rightmost")
_FRONT = ("closest", "front", "nearest")
_BACK = ("farthest", "back", "furthest")
_SIDE_FORMS = ("the one on the {}", "the {} one", "{}", "on the {}", "the one to the {}")


@dataclass(frozen=True)
class FollowUp:
    """One dialog.

    Attributes:
        kind: one of `FOLLOW_UP_KINDS`.
        command: the first command, which several objects fit.
        category: what all of the candidates are called: ``mug``, or ``object``.
        candidates: what it is asked back about.
        replies: what is said then, one after the other; the last one counts.
        meant: the number of the candidate that is meant.
    """

    kind: str
    command: str
    category: str
    candidates: tuple[Candidate, ...]
    replies: tuple[str, ...]
    meant: int


def iter_follow_ups(
    scene: Scene, instance: Array, rng: np.random.Generator, kinds: Sequence[str] = FOLLOW_UP_KINDS
) -> Iterator[FollowUp]:
    """A dialog of each of ``kinds`` that the scene gives, all about one ambiguous command.

    Args:
        scene: the scene.
        instance: (H, W) int8, which object each pixel shows, -1 for none.
        rng: where the choices come from.
        kinds: which kinds, in their order.
    """
    command = CommandSampler(scene, instance, rng, "test").sample("ambiguous")
    if command is None or command.relation or len(command.fitting) < 2:
        return
    items = [scene.objects[index] for index in command.fitting]
    masks = [instance == index for index in command.fitting]
    height, width = instance.shape
    found = [
        Instance(mask, box, 0.9, full_name(item))
        for mask, item in zip(masks, items, strict=True)
        if (box := box_of_mask(mask)) is not None
    ]
    candidates = numbered(found, width, height)
    if len(candidates) != len(found):  # two overlap so far that they count as one
        return
    order = [_index_of(candidate, found) for candidate in candidates]
    category = command.phrase.partition(" not ")[0].split()[-1]
    said = _Said([items[index] for index in order], candidates, (width, height), rng)
    for kind in kinds:
        reply = said.of(kind)
        if reply is not None:
            yield FollowUp(kind, command.text, category, candidates, *reply)


def _index_of(candidate: Candidate, found: Sequence[Instance]) -> int:
    boxes = [np.array_equal(candidate.box_xyxy_px, item.box_xyxy_px) for item in found]
    return boxes.index(True)


class _Said:
    """What a person may say of the candidates, in their order, and which is meant by it."""

    def __init__(
        self,
        items: Sequence[ObjectSpec],
        candidates: Sequence[Candidate],
        size_px: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        self._items, self._candidates, self._rng = items, candidates, rng
        boxes = np.stack([c.box_xyxy_px for c in candidates]) / np.array([*size_px, *size_px])
        self._x, self._foot = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]
        self._area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])

    def of(self, kind: str) -> tuple[tuple[str, ...], int] | None:
        """The replies and the number that is meant; None where nothing of this kind can be said."""
        say: Callable[[], tuple[str, int] | None] = {
            "colour": self._colour,
            "size": self._size,
            "compared": self._compared,
            "number": self._number,
            "order": self._order,
            "side": self._side,
            "depth": self._depth,
            "kind": self._kind,
            "not": self._not,
            "other": self._side,
        }[kind]
        said = say()
        if said is None:
            return None
        text, meant = said
        if kind != "other":
            return (text,), meant + 1
        if len(self._items) != 2:
            return None
        other = pick(("no, the other one", "the other one", "no the other one please"), self._rng)
        return (text, other), 2 - meant

    def _alone(self, values: Sequence[object]) -> int | None:
        """One of the candidates whose value no other has."""
        alone = [i for i, value in enumerate(values) if list(values).count(value) == 1]
        return pick(alone, self._rng) if alone else None

    def _form(self, word: str) -> str:
        return pick(_FORMS, self._rng).format(word)

    def _colour(self) -> tuple[str, int] | None:
        if any(item.trim_colour for item in self._items):
            return None
        colours = [item.colour for item in self._items]
        meant = self._alone(colours)
        if meant is None:
            return None
        return self._form(
            pick(COLOUR_WORDS.get(colours[meant], (colours[meant],)), self._rng)
        ), meant

    def _size(self) -> tuple[str, int] | None:
        sizes = [item.size for item in self._items]
        meant = self._alone(sizes)
        return (
            None
            if meant is None
            else (self._form(pick(SIZE_WORDS[sizes[meant]], self._rng)), meant)
        )

    def _compared(self) -> tuple[str, int] | None:
        sizes, kinds = [item.size for item in self._items], {item.category for item in self._items}
        meant = self._alone(sizes)
        if meant is None or len(kinds) > 1 or not self._clear(self._area, meant):
            return None
        large = sizes[meant] == "large"
        if (int(self._area.argmax() if large else self._area.argmin())) != meant:
            return None  # the large one is farther away, and looks smaller
        words = ("bigger", "larger", "biggest", "largest") if large else ("smaller", "smallest")
        return self._form(pick(words, self._rng)), meant

    def _clear(self, values: Array, meant: int) -> bool:
        others = np.delete(values, meant)
        return bool(np.all(np.maximum(others, values[meant]) / np.minimum(others, values[meant])
                           >= _MIN_AREA_RATIO))  # fmt: skip

    def _number(self) -> tuple[str, int]:
        meant = int(self._rng.integers(len(self._items)))
        forms = (
            "number {0}",
            "number {1}",
            "{1}",
            "the number {0}",
            "Number {0}, please",
            "it is {1}",
        )
        return pick(forms, self._rng).format(_NUMBERS[meant], meant + 1), meant

    def _order(self) -> tuple[str, int] | None:
        meant = int(self._rng.integers(min(len(self._items), 4)))
        if len(self._x) > 1 and np.diff(np.sort(self._x)).min() < _MIN_GAP_SHARE:
            return None
        side = pick(("left", "right"), self._rng)
        text = pick(("the {} one from the {}", "the {} from the {}"), self._rng)
        rank = meant if side == "left" else len(self._items) - 1 - meant
        return text.format(_ORDINALS[rank], side), meant

    def _outermost(
        self, values: Array, low: tuple[str, ...], high: tuple[str, ...]
    ) -> tuple[str, int] | None:
        order = np.argsort(values)
        ends = [(low, order[0], order[1]), (high, order[-1], order[-2])]
        clear = [e for e in ends if abs(values[e[1]] - values[e[2]]) >= _MIN_GAP_SHARE]
        if not clear:
            return None
        words, meant, _ = pick(clear, self._rng)
        return pick(words, self._rng), int(meant)

    def _side(self) -> tuple[str, int] | None:
        found = self._outermost(self._x, _LEFT, _RIGHT)
        if found is None:
            return None
        word, meant = found
        forms = _SIDE_FORMS if word in ("left", "right") else ("the {} one", "{}")
        return pick(forms, self._rng).format(word), meant

    def _depth(self) -> tuple[str, int] | None:
        found = self._outermost(self._foot, _BACK, _FRONT)
        if found is None:
            return None
        word, meant = found
        forms: tuple[str, ...] = ("the {} one",)
        forms += ("the one at the {}",) if word in ("front", "back") else ("the {}",)
        return pick(forms, self._rng).format(word), meant

    def _kind(self) -> tuple[str, int] | None:
        kinds = [item.category for item in self._items]
        meant = self._alone(kinds)
        if meant is None:
            return None
        forms = ("the {}", "the {} please", "I mean the {}", "{}", "the {}, please")
        return pick(forms, self._rng).format(pick(CATEGORY_WORDS[kinds[meant]], self._rng)), meant

    def _not(self) -> tuple[str, int] | None:
        found = self._colour() if len(self._items) == 2 else None
        if found is None:
            return None
        colour = self._items[found[1]].colour
        forms = ("not the {} one", "no, not the {} one", "not the {} one, the other one")
        return pick(forms, self._rng).format(colour), 1 - found[1]
