"""Random dialogs: objects that fit a command, a reply, and which of them it means.

No image is drawn and no model is asked: it is the reading of replies that is measured. The truth
comes from where and how large the objects were placed, never from what the reader makes of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

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
        slowest_sec: the longest that one reading took.
        wrong: what was read otherwise, for a person.
    """

    right: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    harmful: int = 0
    slowest_sec: float = 0.0
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
        talk = make(rng, *_table(rng))
        if talk is not None:
            talks.append(talk)
    return talks


def judge_dialogs(talks: Sequence[Talk]) -> DialogReport:
    """Read every reply, and count."""
    report = DialogReport()
    for talk in talks:
        started_sec = time.perf_counter()
        reply = read_reply(
            talk.said,
            talk.candidates,
            talk.category,
            chosen_before=talk.before,
            point_xy_px=talk.point_xy_px,
        )
        report.slowest_sec = max(report.slowest_sec, time.perf_counter() - started_sec)
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


def _table(rng: np.random.Generator) -> tuple[tuple[Candidate, ...], str, list[str]]:
    """Candidates of one kind well apart, their kind, and the colour of each."""
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
    return candidates, kind, by_number if not alike else []


def _filled(box: Array) -> Array:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    x1, y1, x2, y2 = (int(value) for value in box)
    mask[y1:y2, x1:x2] = True
    return mask


Maker = Callable[[np.random.Generator, tuple[Candidate, ...], str, list[str]], "Talk | None"]


def _phrase(rng: np.random.Generator, *ways: str) -> str:
    """One of ``ways``, as people say it."""
    way = str(rng.choice(ways))
    verb = str(rng.choice(_VERBS)) if way.startswith("the ") else ""
    return f"{rng.choice(_FILLERS)}{verb}{way}{rng.choice(_ENDS)}"


def _by(key: Callable[[Candidate], float], ways: Sequence[str], kind: str) -> Maker:
    def make(
        rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
    ) -> Talk | None:
        meant = min(offered, key=key)
        said = _phrase(rng, *(way.format(noun=noun) for way in ways))
        return Talk(kind, offered, noun, said, (meant.number,))

    return make


def _x(candidate: Candidate) -> float:
    return float(candidate.box_xyxy_px[0] + candidate.box_xyxy_px[2])


def _foot(candidate: Candidate) -> float:
    return float(candidate.box_xyxy_px[3])


def _area(candidate: Candidate) -> float:
    width, height = candidate.box_xyxy_px[2:] - candidate.box_xyxy_px[:2]
    return float(width * height)


def _colour(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    if not colours:
        return None
    index = int(rng.integers(len(offered)))
    colour = colours[index]
    said = _phrase(
        rng, f"the {colour} one", f"the {colour} {noun}", f"{colour}", f"that {colour} one",
        f"the one that is {colour}", f"it's the {colour} one", f"the {colour}",
    )  # fmt: skip
    return Talk("colour", offered, noun, said, (offered[index].number,))


def _kind(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    kinds = [str(kind) for kind in rng.choice(_KINDS, len(offered), replace=False)]
    index = int(rng.integers(len(offered)))
    said = _phrase(
        rng,
        f"the {kinds[index]}",
        f"I mean the {kinds[index]}",
        kinds[index],
        f"that {kinds[index]}",
    )
    return Talk("kind", _renamed(offered, kinds), "object", said, (offered[index].number,))


def _size(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    if len(offered) != 2:
        return None
    index = int(rng.integers(2))
    sizes = ["small", "large"]
    said = _phrase(rng, f"the {sizes[index]} one", f"the {sizes[index]} {noun}", sizes[index])
    names = [f"{size} {noun}" for size in sizes]
    return Talk("size", _renamed(offered, names), noun, said, (offered[index].number,))


def _renamed(offered: tuple[Candidate, ...], names: Sequence[str]) -> tuple[Candidate, ...]:
    """The same candidates, of other names."""
    return tuple(replace(item, words=name) for item, name in zip(offered, names, strict=True))


def _number(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    index = int(rng.integers(len(offered)))
    number = offered[index].number
    said = _phrase(
        rng, f"number {_NUMBERS[index]}", f"number {number}", f"the {_ORDINALS[index]} one",
        f"the {_ORDINALS[index]}", f"{number}", f"option {number}", f"no. {number}",
    )  # fmt: skip
    return Talk("number", offered, noun, said, (number,))


def _counted(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    side, sign = [("left", 1), ("right", -1)][int(rng.integers(2))]
    order = sorted(offered, key=lambda c: sign * _x(c))
    index = int(rng.integers(len(order)))
    said = _phrase(
        rng, f"the {_ORDINALS[index]} from the {side}", f"{_ORDINALS[index]} one from {side}",
        f"the {_ORDINALS[index]} one from your {side}",
    )  # fmt: skip
    return Talk("counted", offered, noun, said, (order[index].number,))


def _other(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    first, second = offered[:2]
    said = _phrase(
        rng, "no, the other one", "the other one", f"the other {noun}", "not that one, the other"
    )
    return Talk("other", (first, second), noun, said, (second.number,), before=(first.number,))


def _not(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    if len(offered) != 2 or not colours:
        return None
    index = int(rng.integers(2))
    no, yes = colours[index], colours[1 - index]
    said = _phrase(
        rng, f"not the {no} one", f"not the {no} one, the {yes} one", f"no, not the {no} {noun}",
        f"the {yes} one, not the {no} one",
    )  # fmt: skip
    return Talk("not", offered, noun, said, (offered[1 - index].number,))


def _pointed(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    meant = offered[int(rng.integers(len(offered)))]
    x1, y1, x2, y2 = (float(v) for v in meant.box_xyxy_px)
    point = float(rng.uniform(x1 + 1, x2 - 1)), float(rng.uniform(y1 + 1, y2 - 1))
    said = str(rng.choice(["that one", "this one", "", "what I point at", "this", "take that one"]))
    return Talk("point", offered, noun, said, (meant.number,), point_xy_px=point)


def _all(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    ways = ["all of them", "all", f"all the {noun}s"]
    if len(offered) == 2:
        ways += ["both", "both of them", f"both {noun}s"]
    said = _phrase(rng, *ways)
    return Talk("all", offered, noun, said, tuple(c.number for c in offered))


def _any(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    best = max(offered, key=lambda c: c.score)
    said = _phrase(rng, "any", "any of them", "either one", "whichever", "any one", "I don't care")
    return Talk("any", offered, noun, said, (best.number,))


def _declined(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    said = str(
        rng.choice(["none of them", "neither", "never mind", "forget it", "no, none of these"])
    )
    return Talk("declined", offered, noun, said, ())


def _unseen(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    colour = str(rng.choice([c for c in _COLOURS if c not in colours]))
    said = _phrase(
        rng, f"the {colour} one", f"the one that is {colour}", "the one next to the lamp"
    )
    wanted = f"lamp {noun}" if "lamp" in said else f"{colour} {noun}"
    return Talk("reworded", offered, noun, said, None, reworded=wanted)


def _anew(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    other = str(rng.choice([kind for kind in _KINDS if kind != noun]))
    colour = str(rng.choice(_COLOURS))
    said = _phrase(
        rng, f"the {colour} {other}", f"the {other} left of the {noun}", f"the {other} on the left",
        f"the {noun} next to the {other}",
    )  # fmt: skip
    return Talk("new command", offered, noun, said, None)


def _two_cues(
    rng: np.random.Generator, offered: tuple[Candidate, ...], noun: str, colours: list[str]
) -> Talk | None:
    if not colours:
        return None
    side, sign = [("left", 1), ("right", -1)][int(rng.integers(2))]
    meant = min(offered, key=lambda c: sign * _x(c))
    colour = colours[offered.index(meant)]
    said = _phrase(
        rng, f"the {colour} one on the {side}", f"the {side} one, the {colour} {noun}",
        f"the {colour} {noun} to the {side}",
    )  # fmt: skip
    return Talk("two cues", offered, noun, said, (meant.number,))


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
