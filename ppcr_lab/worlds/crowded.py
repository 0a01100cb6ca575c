"""Things in each other's way, as a data set: ``crowded:tabletop-test``, ``crowded:lamps``.

Each command names one thing whose box does not tell its mask. Of a *contained* one (inside, on or
behind another) at least `LEAST_FOREIGN` of its tight box shows other objects; of an *occluded* one
at least `LEAST_HIDDEN` is hidden. Both kinds come equally often, and of the contained ones at
least a third shows `MUCH_FOREIGN` of other objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ppcr_lab.evaluation.referring_files import DataSetError, LabelledSample
from ppcr_lab.sim.commands import CommandSampler
from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.drawn_worlds import WORLDS, draw_scene, open_renderer
from ppcr_lab.sim.geometry import box_of_mask, foreign_share
from ppcr_lab.sim.occlusion import Visibility
from ppcr_lab.sim.scene import SPLITS, Scene
from ppcr_lab.worlds.views import WorldView
from ppcr_lab.worlds.world_samples import KEPT_WORLDS
from ppcr_ros.core.types import Frame, Status

CONTAINED, OCCLUDED = "contained", "occluded"
LEAST_FOREIGN, MUCH_FOREIGN = 0.15, 0.33
LEAST_HIDDEN = 0.25
COMMANDS_A_SCENE = 2
_MOST_AHEAD = 2
_TARGETED_KINDS = ("attribute", "ordinal", "relation", "negation", "comparative")
_TRIES = 40
_SIZE_PX = (640, 480)
_SEED = 71_901


def crowded_samples(split: str, limit: int, start: int = 0) -> Iterator[LabelledSample]:
    """``limit`` samples of ``split``, from scene ``start`` on; fewer where the scenes end.

    Args:
        split: a drawn world and its split (``tabletop-test``, ``everyday-val``) or a kept world.
        limit: how many at most.
        start: the first scene.

    Raises:
        DataSetError: for an unknown split, a limit below 1 or a start below 0.
        RuntimeError: while drawing, where this machine cannot render.
    """
    drawn = [f"{world}-{part}" for world in WORLDS for part in SPLITS]
    if split not in (*drawn, *KEPT_WORLDS):
        raise DataSetError(
            f"the split of crowded is {split!r}; expected one of "
            f"{', '.join((*drawn, *KEPT_WORLDS))}."
        )
    if limit < 1 or start < 0:
        raise DataSetError(f"limit is {limit} and start {start}; expected at least 1 and 0.")
    return _samples(split, limit, start)


def hidden_shares(scene: Scene) -> list[float]:
    """How much of each object is hidden by others, 0..1, estimated as `Visibility` does."""
    visibility = Visibility(scene.camera)
    for spec in scene.objects:
        visibility.add(spec, visibility.box(spec), 0.0)
    with np.errstate(invalid="ignore"):
        return [float(share) for share in 1.0 - np.nan_to_num(visibility.shares(), nan=1.0)]


@dataclass
class Quota:
    """Counts of the samples of each kind, and so which kind is looked for next."""

    found: Counter[str] = field(default_factory=Counter)

    def kinds(self) -> tuple[str, ...]:
        """The kinds to look for, the rarer first; the other waits where it is too far ahead."""
        rare, other = sorted((CONTAINED, OCCLUDED), key=lambda kind: self.found[kind])
        return (rare, other) if self.found[other] - self.found[rare] < _MOST_AHEAD else (rare,)

    def least_foreign(self) -> float:
        """How much of the next contained one's box must show other objects."""
        enough = 3 * self.found["much"] > self.found[CONTAINED]
        return LEAST_FOREIGN if enough else MUCH_FOREIGN

    def add(self, kind: str, foreign: float) -> None:
        self.found[kind] += 1
        if kind == CONTAINED and foreign >= MUCH_FOREIGN:
            self.found["much"] += 1


def _samples(split: str, limit: int, start: int) -> Iterator[LabelledSample]:
    quota, found = Quota(), 0
    for number, view in _views(split, start):
        for turn, (kind, command) in enumerate(_commands(view, number, quota)):
            yield _sample(view, kind, command, f"crowded/{split}/{number:05d}/{turn}")
            found += 1
            if found == limit:
                return


def _views(split: str, start: int) -> Iterator[tuple[int, WorldView]]:
    if split in KEPT_WORLDS:
        world = KEPT_WORLDS[split]
        for number in range(start, world.scenes):
            yield number, world.view(number)
        return
    name, _, part = split.partition("-")
    with open_renderer(name, *_SIZE_PX) as renderer:
        number = start
        while True:
            scene = draw_scene(name, part, number).scene
            picture = renderer.render(scene)
            yield number, WorldView(scene, picture.rgb, picture.instance)
            number += 1


def _commands(view: WorldView, number: int, quota: Quota) -> Iterator[tuple[str, ReferringCommand]]:
    """At most `COMMANDS_A_SCENE` commands about one scene, each of another target."""
    rng = np.random.default_rng([_SEED, number])
    sampler = CommandSampler(view.scene, view.instance, rng, "test")
    seen = [int(index) for index in np.unique(view.instance) if index >= 0]
    foreign = {index: foreign_share(view.instance, index) for index in seen}
    hidden = hidden_shares(view.scene)
    for _ in range(COMMANDS_A_SCENE):
        for kind in quota.kinds():
            if kind == CONTAINED:
                wanted = {index for index in foreign if foreign[index] >= quota.least_foreign()}
            else:
                wanted = {index for index in foreign if hidden[index] >= LEAST_HIDDEN}
            command = _command_naming(wanted, sampler, rng) if wanted else None
            if command is not None and command.target is not None:
                quota.add(kind, foreign.pop(command.target))
                yield kind, command
                break


def _command_naming(
    wanted: set[int], sampler: CommandSampler, rng: np.random.Generator
) -> ReferringCommand | None:
    """A command that means one of ``wanted``; None where some tries gave none."""
    for _ in range(_TRIES):
        command = sampler.sample(_TARGETED_KINDS[int(rng.integers(len(_TARGETED_KINDS)))])
        if command is not None and command.target in wanted:
            return command
    return None


def _sample(
    view: WorldView, kind: str, command: ReferringCommand, sample_id: str
) -> LabelledSample:
    mask = view.instance == command.target
    return LabelledSample(
        sample_id=sample_id,
        frame=Frame(rgb=view.rgb),
        command=command.text,
        kind=kind,
        expected_status=Status.OK,
        mask=mask,
        box_xyxy_px=box_of_mask(mask),
    )
