"""Random dialogs: nearly all replies are read as they were meant, and none does harm.

The truth comes from where and how large the objects were placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ppcr_ros.core.candidates import numbered
from ppcr_ros.core.reading.replies import Chosen, Declined, Narrowed, Reply, Reworded, read_reply
from ppcr_ros.core.types import Array, Candidate, Instance

WIDTH_PX, HEIGHT_PX = 640, 480
_COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "white", "grey")
_KINDS = ("mug", "ball", "cube", "bottle", "bowl", "can", "plate", "box")
_FILLERS = ("", "", "", "um, ", "uh ", "well, ", "I mean ", "hm, ", "no, ", "yes, ", "oh sorry, ")
_ENDS = ("", "", "", " please", ", please", " thanks", ".", " I think", " robot")
_VERBS = ("", "", "", "take ", "give me ", "hand me ", "pick up ", "grab ", "bring me ", "I want ")
_ORDINALS = ("first", "second", "third", "fourth")
_NUMBERS = ("one", "two", "three", "four")


@dataclass(frozen=True)
class Talk:
    """One reply to one question.

    Attributes:
        kind: how it says what it means: ``left``, ``colour``, ``number`` and so on.
        candidates: what was offered.
        category: what all of them are.
        said: the reply.
        meant: the numbers of those that are meant; None where the reply is a command of its own,
            () where none of them is.
        reworded: what a model must be asked, where the candidates' words do not decide it.
        point_xy_px: what is pointed at; or None.
        before: what was chosen before.
    """

    kind: str
    candidates: tuple[Candidate, ...]
    category: str
    said: str
    meant: tuple[int, ...] | None
    reworded: str = ""
    point_xy_px: tuple[float, float] | None = None
    before: tuple[int, ...] = ()

    def is_right(self, reply: Reply | None) -> bool:
        """Whether ``reply`` is as it was meant."""
        if self.reworded:
            return isinstance(reply, Reworded) and all(
                word in reply.command for word in self.reworded.split()
            )
        if self.meant is None:
            return reply is None
        if not self.meant:
            return isinstance(reply, Declined)
        return isinstance(reply, Chosen) and sorted(self.meant) == sorted(
            candidate.number for candidate in reply.candidates
        )

    def chooses_another(self, reply: Reply | None) -> bool:
        """Whether ``reply`` takes an object that was not meant: the one fault that does harm."""
        meant = set(self.meant or ())
        return isinstance(reply, Chosen) and any(c.number not in meant for c in reply.candidates)


@dataclass
class DialogReport:
    """Counts of dialogs that were read as meant.

    Attributes:
        right: by kind.
        all: by kind.
        harmful: how many took an object that was not meant.
        wrong: what was read otherwise, for a person.
    """

    right: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    harmful: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of all dialogs, 0..1."""
        return sum(self.right.values()) / max(1, sum(self.all.values()))


def sample_dialogs(count: int, seed: int = 0) -> list[Talk]:
    """``count`` dialogs, of all kinds in turn."""
    rng = np.random.default_rng(seed)
    talks: list[Talk] = []
    while len(talks) < count:
        make = _MAKERS[len(talks) % len(_MAKERS)]
        talk = make(_set_table(rng))
        if talk is not None:
            talks.append(talk)
    return talks


def judge_dialogs(talks: Sequence[Talk]) -> DialogReport:
    """Read every reply, and count."""
    report = DialogReport()
    for talk in talks:
        reply = read_reply(
            talk.said,
            talk.candidates,
            talk.category,
            chosen_before=talk.before,
            point_xy_px=talk.point_xy_px,
        )
        report.all[talk.kind] += 1
        report.harmful += talk.chooses_another(reply)
        if talk.is_right(reply):
            report.right[talk.kind] += 1
        else:
            offered = "; ".join(candidate.words for candidate in talk.candidates)
            report.wrong.append(f"{talk.kind}: {talk.said!r} to [{offered}]: {_describe(reply)}")
    return report


def _describe(reply: Reply | None) -> str:
    if isinstance(reply, (Chosen, Narrowed)):
        numbers = [candidate.number for candidate in reply.candidates]
        return f"{type(reply).__name__} {numbers}"
    return str(reply)


@dataclass(frozen=True)
class _Table:
    """Candidates of one kind well apart.

    Attributes:
        rng: chooses what is said.
        offered: the candidates.
        noun: their kind.
        colours: of each candidate; empty where their words do not say them.
    """

    rng: np.random.Generator
    offered: tuple[Candidate, ...]
    noun: str
    colours: list[str]

    def phrase(self, *ways: str) -> str:
        """One of ``ways``, as people say it."""
        way = str(self.rng.choice(ways))
        verb = str(self.rng.choice(_VERBS)) if way.startswith("the ") else ""
        return f"{self.rng.choice(_FILLERS)}{verb}{way}{self.rng.choice(_ENDS)}"

    def index(self) -> int:
        """Of one of the candidates."""
        return int(self.rng.integers(len(self.offered)))

    def talk(self, kind: str, said: str, *meant: Candidate) -> Talk:
        """What was said of this table."""
        return Talk(kind, self.offered, self.noun, said, tuple(item.number for item in meant))

    def renamed(self, names: Sequence[str]) -> _Table:
        """The same candidates, of other names."""
        pairs = zip(self.offered, names, strict=True)
        return replace(self, offered=tuple(replace(item, words=name) for item, name in pairs))


def _set_table(rng: np.random.Generator) -> _Table:
    count = int(rng.choice([2, 2, 3, 4]))
    kind = str(rng.choice(_KINDS))
    colours = [str(colour) for colour in rng.choice(_COLOURS, count, replace=False)]
    alike = rng.random() < 0.25
    columns = rng.permutation(np.linspace(0.1, 0.85, count)) * WIDTH_PX
    rows = rng.permutation(np.linspace(0.2, 0.75, count)) * HEIGHT_PX
    sides = rng.permutation(np.linspace(30, 30 + 22 * count, count))
    instances = []
    for x, y, side, colour in zip(columns, rows, sides, colours, strict=True):
        box = np.array([x, y, x + side, y + 1.1 * side], np.float32)
        words = kind if alike else f"{colour} {kind}"
        instances.append(Instance(_filled(box), box, float(rng.uniform(0.4, 0.95)), words))
    candidates = numbered(instances, WIDTH_PX, HEIGHT_PX)
    by_box = {tuple(i.box_xyxy_px.tolist()): c for i, c in zip(instances, colours, strict=True)}
    by_number = [by_box[tuple(c.box_xyxy_px.tolist())] for c in candidates]
    return _Table(rng, candidates, kind, by_number if not alike else [])


def _filled(box: Array) -> Array:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    x1, y1, x2, y2 = (int(value) for value in box)
    mask[y1:y2, x1:x2] = True
    return mask


Maker = Callable[[_Table], "Talk | None"]


def _by(key: Callable[[Candidate], float], ways: Sequence[str], kind: str) -> Maker:
    def make(table: _Table) -> Talk | None:
        said = table.phrase(*(way.format(noun=table.noun) for way in ways))
        return table.talk(kind, said, min(table.offered, key=key))

    return make


def _x(candidate: Candidate) -> float:
    return float(candidate.box_xyxy_px[0] + candidate.box_xyxy_px[2])


def _foot(candidate: Candidate) -> float:
    return float(candidate.box_xyxy_px[3])


def _area(candidate: Candidate) -> float:
    width, height = candidate.box_xyxy_px[2:] - candidate.box_xyxy_px[:2]
    return float(width * height)


def _colour(table: _Table) -> Talk | None:
    if not table.colours:
        return None
    index = table.index()
    colour = table.colours[index]
    said = table.phrase(
        f"the {colour} one", f"the {colour} {table.noun}", f"{colour}", f"that {colour} one",
        f"the one that is {colour}", f"it's the {colour} one", f"the {colour}",
    )  # fmt: skip
    return table.talk("colour", said, table.offered[index])


def _kind(table: _Table) -> Talk | None:
    kinds = [str(kind) for kind in table.rng.choice(_KINDS, len(table.offered), replace=False)]
    index = table.index()
    kind = kinds[index]
    said = table.phrase(f"the {kind}", f"I mean the {kind}", kind, f"that {kind}")
    named = replace(table.renamed(kinds), noun="object")
    return named.talk("kind", said, named.offered[index])


def _size(table: _Table) -> Talk | None:
    if len(table.offered) != 2:
        return None
    index, sizes = table.index(), ["small", "large"]
    size = sizes[index]
    said = table.phrase(f"the {size} one", f"the {size} {table.noun}", size)
    named = table.renamed([f"{name} {table.noun}" for name in sizes])
    return named.talk("size", said, named.offered[index])


def _number(table: _Table) -> Talk | None:
    index = table.index()
    number = table.offered[index].number
    said = table.phrase(
        f"number {_NUMBERS[index]}", f"number {number}", f"the {_ORDINALS[index]} one",
        f"the {_ORDINALS[index]}", f"{number}", f"option {number}", f"no. {number}",
    )  # fmt: skip
    return table.talk("number", said, table.offered[index])


def _side(table: _Table) -> tuple[str, Callable[[Candidate], float]]:
    """Left or right, and the key by which candidates are counted from there."""
    side, sign = [("left", 1), ("right", -1)][int(table.rng.integers(2))]
    return side, lambda candidate: sign * _x(candidate)


def _counted(table: _Table) -> Talk | None:
    side, key = _side(table)
    index = table.index()
    ordinal = _ORDINALS[index]
    said = table.phrase(
        f"the {ordinal} from the {side}", f"{ordinal} one from {side}",
        f"the {ordinal} one from your {side}",
    )  # fmt: skip
    return table.talk("counted", said, sorted(table.offered, key=key)[index])


def _other(table: _Table) -> Talk | None:
    first, second = table.offered[:2]
    said = table.phrase(
        "no, the other one", "the other one", f"the other {table.noun}", "not that one, the other"
    )
    talk = replace(table, offered=(first, second)).talk("other", said, second)
    return replace(talk, before=(first.number,))


def _not(table: _Table) -> Talk | None:
    if len(table.offered) != 2 or not table.colours:
        return None
    index = table.index()
    no, yes = table.colours[index], table.colours[1 - index]
    said = table.phrase(
        f"not the {no} one", f"not the {no} one, the {yes} one", f"no, not the {no} {table.noun}",
        f"the {yes} one, not the {no} one",
    )  # fmt: skip
    return table.talk("not", said, table.offered[1 - index])


def _pointed(table: _Table) -> Talk | None:
    meant, rng = table.offered[table.index()], table.rng
    x1, y1, x2, y2 = (float(v) for v in meant.box_xyxy_px)
    point = float(rng.uniform(x1 + 1, x2 - 1)), float(rng.uniform(y1 + 1, y2 - 1))
    said = str(rng.choice(["that one", "this one", "", "what I point at", "this", "take that one"]))
    return replace(table.talk("point", said, meant), point_xy_px=point)


def _all(table: _Table) -> Talk | None:
    ways = ["all of them", "all", f"all the {table.noun}s"]
    if len(table.offered) == 2:
        ways += ["both", "both of them", f"both {table.noun}s"]
    return table.talk("all", table.phrase(*ways), *table.offered)


def _any(table: _Table) -> Talk | None:
    said = table.phrase("any", "any of them", "either one", "whichever", "any one", "I don't care")
    return table.talk("any", said, max(table.offered, key=lambda item: item.score))


def _declined(table: _Table) -> Talk | None:
    ways = ["none of them", "neither", "never mind", "forget it", "no, none of these"]
    return table.talk("declined", str(table.rng.choice(ways)))


def _unseen(table: _Table) -> Talk | None:
    colour = str(table.rng.choice([c for c in _COLOURS if c not in table.colours]))
    said = table.phrase(
        f"the {colour} one", f"the one that is {colour}", "the one next to the lamp"
    )
    wanted = f"lamp {table.noun}" if "lamp" in said else f"{colour} {table.noun}"
    return replace(table.talk("reworded", said), meant=None, reworded=wanted)


def _anew(table: _Table) -> Talk | None:
    noun = table.noun
    other = str(table.rng.choice([kind for kind in _KINDS if kind != noun]))
    colour = str(table.rng.choice(_COLOURS))
    said = table.phrase(
        f"the {colour} {other}", f"the {other} left of the {noun}", f"the {other} on the left",
        f"the {noun} next to the {other}",
    )  # fmt: skip
    return replace(table.talk("new command", said), meant=None)


def _two_cues(table: _Table) -> Talk | None:
    if not table.colours:
        return None
    side, key = _side(table)
    meant = min(table.offered, key=key)
    colour = table.colours[table.offered.index(meant)]
    said = table.phrase(
        f"the {colour} one on the {side}", f"the {side} one, the {colour} {table.noun}",
        f"the {colour} {table.noun} to the {side}",
    )  # fmt: skip
    return table.talk("two cues", said, meant)


_MAKERS: tuple[Maker, ...] = (
    _by(_x, ("the left one", "the one on the left", "left", "the leftmost one", "on the left",
             "the left {noun}", "the one to your left", "the one furthest left"), "left"),
    _by(lambda c: -_x(c), ("the right one", "the one on the right", "right", "rightmost",
                           "the {noun} on the right", "the right-hand one"), "right"),
    _by(_foot, ("the one at the back", "the back one", "the far one", "the one behind",
                "the farthest one", "the {noun} at the back"), "back"),
    _by(lambda c: -_foot(c), ("the one in front", "the front one", "the nearest one",
                              "the closest one", "the one at the front", "the near one"), "front"),
    _by(lambda c: -_area(c), ("the bigger one", "the bigger", "the biggest one", "the big one",
                              "the larger {noun}", "the largest", "the large one"), "bigger"),
    _by(_area, ("the smaller one", "the smallest", "the small one", "the little one",
                "the smaller {noun}"), "smaller"),
    _colour, _kind, _size, _number, _counted, _other, _not, _pointed, _all, _any, _declined,
    _unseen, _anew, _two_cues,
)  # fmt: skip


@pytest.mark.parametrize("seed", [0, 7])
def test_dialogs_are_read_as_they_were_meant(seed: int) -> None:
    report = judge_dialogs(sample_dialogs(450, seed))
    assert report.share >= 0.97, report.wrong
    assert report.harmful == 0, report.wrong
    assert len(report.all) >= 20
    assert all(report.right[kind] >= 0.8 * count for kind, count in report.all.items())
