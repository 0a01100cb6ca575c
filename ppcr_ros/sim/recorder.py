"""Which scenes the demo shows, what is said about them, and how they are recorded.

The sentences were written while looking at the pictures, in a person's words rather than in those
of the command generator. Each names exactly one object there, or one that is not there. ``python -m
ppcr_ros.sim.recorder`` lists the recording, and with ``--write`` renders it again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.sim.recording import (
    SHIPPED_RECORDING,
    RecordedObject,
    RecordedScene,
    Recording,
    SpokenCommand,
    View,
    load_recording,
    save_recording,
)
from ppcr_ros.sim.renderer import Rendering, TabletopRenderer
from ppcr_ros.sim.scene import sample_scene, scene_rng

WIDTH_PX, HEIGHT_PX = 640, 480
SPLIT = "demo"


@dataclass(frozen=True)
class Line:
    """One line of the script: the scene's index, the sentence, and the object meant by name.

    ``target`` is None where no object or, with ``ambiguous``, more than one fits.
    """

    index: int
    text: str
    target: str | None
    ambiguous: bool = False


SCRIPT = (
    Line(22, "could you grab the small green ball please", "small green ball"),
    Line(8, "um, hand me the cube right of the small green capsule, please", "large green cube"),
    Line(4, "Give me the ball left of the blue capsule.", "small black ball"),
    Line(15, "could you pass me the cube behind the big white cylinder?", "large white cube"),
    Line(19, "please get me the large orange cube", "large orange cube"),
    Line(0, "okay, take the cube in front of the little green ball", "small orange cube"),
    Line(16, "can you pick up the green ball", None),
    Line(23, "I want the leftmost ball, please", "large blue ball"),
    Line(5, "uh, bring me the block on the far right", "small black cube"),
    Line(17, "Robot, fetch the black pill", "large black capsule"),
    Line(7, "I need the purple cylinder left of the large yellow can", "small purple cylinder"),
    Line(13, "so, the second cylinder from the left please", "small yellow cylinder"),
)


def record_demo() -> Recording:
    """Render every scene of `SCRIPT`.

    Raises:
        RuntimeError: where MuJoCo or OpenGL is missing, or a line names no single object.
    """
    with TabletopRenderer(WIDTH_PX, HEIGHT_PX) as renderer:
        return Recording(tuple(_record(line, renderer) for line in SCRIPT))


def view_of(rendering: Rendering) -> View:
    """The rendering as a camera delivers it, its depth rounded to millimetres.

    Raises:
        ValueError: when it was rendered without depth.
    """
    if rendering.depth_m is None:
        raise ValueError("the rendering has no depth; expected one made with depth=True")
    depth_mm = np.rint(np.minimum(rendering.depth_m * 1000.0, 65535.0)).astype(np.uint16)
    return View(rendering.rgb, depth_mm, rendering.instance, rendering.camera_matrix)


def _record(line: Line, renderer: TabletopRenderer) -> RecordedScene:
    scene = sample_scene(scene_rng(SPLIT, line.index))
    objects = tuple(
        RecordedObject(item.size, item.colour, item.category, item.trim_colour)
        for item in scene.objects
    )
    target = None
    if line.target is not None:
        named = [index for index, item in enumerate(objects) if item.text == line.target]
        if len(named) != 1:
            raise RuntimeError(
                f"scene {line.index} of {SPLIT!r} has {len(named)} objects {line.target!r} among "
                f"{', '.join(item.text for item in objects)}; expected one. Correct the script."
            )
        target = named[0]
    view = view_of(renderer.render(scene))
    command = SpokenCommand(line.text, target, line.ambiguous)
    return RecordedScene(SPLIT, line.index, view, objects, (command,))


def main(arguments: Sequence[str] | None = None) -> int:
    """List a recording, or make it again with ``--write``; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m ppcr_ros.sim.recorder",
        description="List the recorded frames of the tabletop world, or render them again.",
    )
    parser.add_argument("--write", action="store_true", help="render it again (needs MuJoCo)")
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
