"""Records the scenes of the demo, with what is said about them.

The sentences were written while looking at the pictures, in a person's words rather than in those
of the command generator. Each names exactly one object there, one that is not there, or several
that it does not tell apart. ``python -m ppcr_lab.sim.scene_recorder`` lists the recording, and with
``--write`` renders it again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ppcr_lab.sim.recording import (
    SHIPPED_RECORDING,
    RecordedObject,
    RecordedScene,
    RecordedView,
    SceneRecording,
    SpokenCommand,
    load_recording,
    save_recording,
)
from ppcr_lab.sim.renderer import Rendering, TabletopRenderer
from ppcr_lab.sim.scene import Scene, sample_scene, scene_rng
from ppcr_lab.worlds import bullet, lamps
from ppcr_ros.core.errors import PPCRError

WIDTH_PX, HEIGHT_PX = 640, 480
SPLIT = "demo"


@dataclass(frozen=True)
class Line:
    """One line of the script: the scene's index, the sentence, and the object meant by name.

    ``target`` is None where no object or, with ``ambiguous``, more than one fits. ``world`` is
    `SPLIT` of the tabletop, or a world that was not trained in, ``lamps`` or ``bullet``. A
    ``reply`` answers the question about the line before it, in the same scene.
    """

    index: int
    text: str
    target: str | None
    ambiguous: bool = False
    world: str = SPLIT
    reply: bool = False


SCRIPT = (
    Line(4, "could you grab the pink ball in the bowl please", "small pink ball"),
    Line(9, "um, hand me the blue can on the pink tray", "small blue cylinder", world="lamps"),
    Line(8, "Bring me the tray that is not purple.", "large orange tray"),
    Line(11, "Robot, please take the ball right of the pink bowl", "small purple ball"),
    Line(3, "can you pick up the red mug", None),
    Line(7, "could you get the yellow block furthest to the right?", "small yellow cube"),
    Line(10, "okay, give me the green bowl with the red rim", "large green bowl", world="bullet"),
    Line(5, "get me the mug, please", None, ambiguous=True),
    Line(5, "the pink one", "small pink mug", reply=True),
    Line(1, "I need the cylinder on the big pink plate", "small orange cylinder"),
    Line(12, "so, the second cone from the left please", "small brown cone"),
    Line(10, "uh, fetch the thing on the red tray", "small orange capsule"),
)


def record_demo() -> SceneRecording:
    """Render every scene of `SCRIPT`.

    Raises:
        RuntimeError: where MuJoCo, OpenGL or PyBullet is missing, or a line names no single object.
    """
    with TabletopRenderer(WIDTH_PX, HEIGHT_PX) as renderer:
        scenes = groupby(SCRIPT, key=lambda line: (line.world, line.index))
        return SceneRecording(tuple(_record(list(lines), renderer) for _, lines in scenes))


def view_of(rendering: Rendering) -> RecordedView:
    """The rendering as a camera delivers it, its depth rounded to millimetres.

    Raises:
        ValueError: when it was rendered without depth.
    """
    if rendering.depth_m is None:
        raise ValueError("the rendering has no depth; expected one made with depth=True")
    depth_mm = np.rint(np.minimum(rendering.depth_m * 1000.0, 65535.0)).astype(np.uint16)
    return RecordedView(rendering.rgb, depth_mm, rendering.instance, rendering.camera_matrix)


def _record(lines: list[Line], renderer: TabletopRenderer) -> RecordedScene:
    """The scene of ``lines``, with what each of them says."""
    world, index = lines[0].world, lines[0].index
    scene, view = _seen(world, index, renderer)
    objects = tuple(
        RecordedObject(item.size, item.colour, item.category, item.trim_colour)
        for item in scene.objects
    )
    commands = tuple(_spoken(line, objects) for line in lines)
    return RecordedScene(world, index, view, objects, commands)


def _spoken(line: Line, objects: tuple[RecordedObject, ...]) -> SpokenCommand:
    target = None
    if line.target is not None:
        named = [index for index, item in enumerate(objects) if item.text == line.target]
        if len(named) != 1:
            raise RuntimeError(
                f"scene {line.index} of {line.world!r} has {len(named)} objects {line.target!r} "
                f"among {', '.join(item.text for item in objects)}; expected one. Correct the "
                "script."
            )
        target = named[0]
    return SpokenCommand(line.text, target, line.ambiguous, line.reply)


def _seen(world: str, index: int, renderer: TabletopRenderer) -> tuple[Scene, RecordedView]:
    """A scene, and what is seen of it."""
    if world == SPLIT:
        scene = sample_scene(scene_rng(SPLIT, index))
        return scene, view_of(renderer.render(scene))
    shown = {"lamps": lamps, "bullet": bullet}[world].view(index, depth=True)
    matrix = shown.scene.camera.matrix(WIDTH_PX, HEIGHT_PX)
    return shown.scene, view_of(Rendering(shown.rgb, shown.instance, shown.depth_m, matrix))


def main(arguments: Sequence[str] | None = None) -> int:
    """List a recording, or make it again with ``--write``; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m ppcr_lab.sim.scene_recorder",
        description="List the recorded frames of the tabletop world, or render them again.",
    )
    parser.add_argument(
        "--write", action="store_true", help="render it again (needs MuJoCo and PyBullet)"
    )
    parser.add_argument(
        "folder", nargs="?", default=None, help="where it lies; the shipped recording by default"
    )
    options = parser.parse_args(arguments)
    try:
        if options.write:
            save_recording(record_demo(), options.folder or SHIPPED_RECORDING)
        recording = load_recording(options.folder)
    except (PPCRError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for number, scene in enumerate(recording.scenes):
        print(f"{number:2d} {scene.name}: {', '.join(item.text for item in scene.objects)}")
        for command in scene.commands:
            meant = "ambiguous" if command.ambiguous else "absent"
            if command.target is not None:
                meant = scene.objects[command.target].text
            print(f"   {command.text!r}: {meant}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
