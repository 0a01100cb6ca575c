"""The worlds as data sets for referring segmentation: ``worlds:lamps`` and the like.

Each scene of a rendered world is spoken of in `COMMANDS_A_SCENE` commands of the tabletop's own
generator, phrased as its test split; their kinds take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ppcr_lab.evaluation.referring_files import DataSetError, LabelledSample
from ppcr_lab.sim.commands import CommandSampler
from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.geometry import box_of_mask
from ppcr_lab.sim.tabletop_dataset import EVALUATION_MIX
from ppcr_lab.worlds import bullet, effects, lamps, photos, raytraced
from ppcr_lab.worlds.views import WorldView
from ppcr_ros.core.types import Frame, Status

if TYPE_CHECKING:
    from ppcr_lab.evaluation.samples import ReferringSample

_Opened: TypeAlias = "tuple[int, Callable[[int], Iterator[ReferringSample]]]"

COMMANDS_A_SCENE = 3
_PHRASING = "test"
_SEED = 71_900


@dataclass(frozen=True)
class NumberedScenes:
    """A world of numbered scenes.

    Attributes:
        scenes: how many there are.
        view: draws or reads one of them.
    """

    scenes: int
    view: Callable[[int], WorldView]


KEPT_WORLDS = {
    "lamps": NumberedScenes(lamps.SCENES, lamps.view),
    "raytraced": NumberedScenes(raytraced.SCENES, raytraced.view),
    "bullet": NumberedScenes(bullet.SCENES, bullet.view),
}
"""The worlds that are rendered, or were once."""
DRAWN = "drawn"
"""All rendered worlds, one after the other."""
WORLDS = (*KEPT_WORLDS, DRAWN, "effects", "photos")
"""What may follow ``worlds:``."""


def open_world(
    world: str, *, limit: int | None, start: int, root: Path | None
) -> tuple[Iterator[ReferringSample], int]:
    """The samples of ``world``, each made when it is asked for, and how many there are.

    Args:
        world: one of `WORLDS`.
        limit: how many at most; None for all.
        start: the first sample.
        root: the folder of ``photos``.

    Raises:
        DataSetError: at once for an unknown world or a bad start or folder; while drawing, where
            this machine cannot render.
    """
    if world not in WORLDS:
        raise DataSetError(f"no world is named {world!r}; expected one of {', '.join(WORLDS)}.")
    total, draw = _opened(world, root)
    if start >= total or (limit is not None and limit < 1):
        raise DataSetError(
            f"worlds:{world} has {total} samples; expected --start below that and --limit of at "
            f"least 1, got {start} and {limit}."
        )
    count = total - start if limit is None else min(limit, total - start)
    return _first(count, f"worlds:{world}", draw(start)), count


def _opened(world: str, root: Path | None) -> _Opened:
    """How many samples there are, and what draws them from a given one on."""
    if world == "photos":
        listed = photos.read_list(root)
        return len(listed), partial(photos.samples, listed)
    if world == "effects":
        return effects.SAMPLES, effects.samples
    if world == DRAWN:
        worlds = [_opened(name, None) for name in KEPT_WORLDS]
        return sum(total for total, _ in worlds), partial(_chained, worlds)
    rendered = KEPT_WORLDS[world]
    return rendered.scenes * COMMANDS_A_SCENE, partial(_spoken_of, world, rendered)


def _chained(worlds: list[_Opened], first: int) -> Iterator[ReferringSample]:
    for total, draw in worlds:
        if first < total:
            yield from draw(first)
        first = max(first - total, 0)


def _first(count: int, name: str, samples: Iterator[ReferringSample]) -> Iterator[ReferringSample]:
    for _ in range(count):
        try:
            sample = next(samples)
        except RuntimeError as error:  # a renderer's way to say what is missing
            raise DataSetError(f"{name} cannot be drawn: {error}") from error
        yield sample


def _spoken_of(world: str, rendered: NumberedScenes, first: int) -> Iterator[LabelledSample]:
    for number in range(first // COMMANDS_A_SCENE, rendered.scenes):
        view = rendered.view(number)
        for turn, command in enumerate(commands_about(view, number)):
            if number * COMMANDS_A_SCENE + turn >= first:
                yield _sample(view, command, f"worlds/{world}/{number:03d}/{turn}")


def commands_about(view: WorldView, number: int) -> list[ReferringCommand]:
    """`COMMANDS_A_SCENE` different commands about scene ``number`` of a world.

    Each is of the kind whose turn it is, or of the next one that the scene gives.

    Raises:
        RuntimeError: where the scene gives fewer; no kept or counted scene does.
    """
    rng = np.random.default_rng(np.random.SeedSequence([_SEED, number]))
    sampler = CommandSampler(view.scene, view.instance, rng, _PHRASING)
    found: dict[str, ReferringCommand] = {}
    for turn in range(COMMANDS_A_SCENE):
        at = (number * COMMANDS_A_SCENE + turn) % len(EVALUATION_MIX)
        for kind in _in_turn(at):
            command = sampler.sample(kind)
            if command is not None and command.text not in found:
                found[command.text] = command
                break
    if len(found) < COMMANDS_A_SCENE:
        raise RuntimeError(f"scene {number} gives {len(found)} of {COMMANDS_A_SCENE} commands")
    return list(found.values())


def _in_turn(at: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*EVALUATION_MIX[at:], *EVALUATION_MIX[:at])))


def _sample(view: WorldView, command: ReferringCommand, sample_id: str) -> LabelledSample:
    mask = None if command.target is None else view.instance == command.target
    absent = Status.AMBIGUOUS if command.ambiguous else Status.NOT_FOUND
    return LabelledSample(
        sample_id=sample_id,
        frame=Frame(rgb=view.rgb),
        command=command.text,
        kind=command.kind,
        expected_status=absent if mask is None else Status.OK,
        mask=mask,
        box_xyxy_px=None if mask is None else box_of_mask(mask),
    )
