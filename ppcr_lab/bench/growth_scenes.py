"""Rendered scenes with so many objects, and a plain command about each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Frame

OBJECTS = tuple(range(1, 13))
_SPLIT = "test"
_SCENES_APART = 10_000
"""Between the numbers of the first scenes of two numbers of objects."""
_TRIES = 40
"""Scenes that are drawn for each one that is wanted; most give a plain command."""


@dataclass(frozen=True)
class PlainScene:
    """A picture of ``objects`` objects, and a command such as ``the red ball`` about one."""

    objects: int
    frame: Frame
    command: str


def plain_scenes(
    objects: Sequence[int],
    each: int,
    accept: Callable[[Frame, str], bool] = lambda frame, command: True,
    *,
    words: int | None = None,
) -> Iterator[PlainScene]:
    """``each`` scenes of every number in ``objects``, 640x480, always the same ones.

    Args:
        objects: 1 to 12.
        each: of each of them.
        accept: takes a scene or leaves it; asked in turn, as the scenes are rendered.
        words: the command has so many; None for any number.

    Raises:
        PPCRError: when this machine cannot render, or too few scenes were accepted.
    """
    from ppcr_lab.sim.commands import CommandSampler
    from ppcr_lab.sim.renderer import TabletopRenderer
    from ppcr_lab.sim.scene import sample_scene, scene_rng

    try:
        with TabletopRenderer(640, 480) as renderer:
            for count in objects:
                found = 0
                for number in range(_TRIES * each):
                    rng = scene_rng(_SPLIT, _SCENES_APART * count + number)
                    scene = sample_scene(rng, num_objects=(count, count))
                    picture = renderer.render(scene)
                    drawn = CommandSampler(scene, picture.instance, rng, _SPLIT).sample("attribute")
                    command = "" if drawn is None else f"the {drawn.phrase}"
                    if not command or (words is not None and len(command.split()) != words):
                        continue
                    frame = Frame(rgb=picture.rgb)
                    if accept(frame, command):
                        yield PlainScene(count, frame, command)
                        found += 1
                    if found == each:
                        break
                else:
                    raise PPCRError(
                        f"of {_TRIES * each} scenes with {count} objects {found} have a command "
                        f"that leads to a mask; expected {each}."
                    )
    except RuntimeError as error:  # the renderer's way to say that GL or MuJoCo is missing
        raise PPCRError(f"no scene can be rendered: {error}") from error
