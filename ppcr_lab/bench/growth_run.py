"""All curves of ``ppcr bench --growth``, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ppcr_lab.bench import growth, growth_scenes, messages
from ppcr_lab.bench.growth import Growth, Place
from ppcr_lab.bench.growth_scenes import PlainScene
from ppcr_lab.bench.processes import MeasurementError
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Frame

ROUNDS = 4
_SCENES = 6
_USUAL_OBJECTS = 5
_USUAL_WORDS = 3

Step = Callable[[str], None]


def measure_growth(
    pipeline: Any,
    config: Config,
    *,
    config_file: Path | None = None,
    device: str | None = None,
    fresh_processes: bool = True,
    step: Step = lambda what: None,
) -> Growth:
    """The curves; one that cannot be measured has its reason in ``left_out``.

    Args:
        pipeline: the three stages, loaded.
        config: theirs.
        config_file: the configuration's file, for the processes that are started; or None.
        device: what overrides the configuration's devices; or None.
        fresh_processes: whether processes are started; without them there are no cameras.
        step: told of each round, and of each number of cameras.

    Raises:
        PPCRError: when this machine cannot render a scene.
    """
    found = Growth()

    def leads_to_a_mask(frame: Frame, command: str) -> bool:
        return pipeline.run(frame, command).segmentation is not None

    def drawn(objects: tuple[int, ...], words: int | None = None) -> list[PlainScene]:
        return list(growth_scenes.plain_scenes(objects, _SCENES, leads_to_a_mask, words=words))

    def measured(name: str, places: list[Place]) -> list[growth.Point]:
        points, missing = growth.curve(places, ROUNDS, step=lambda: step(name))
        found.left_out.update({f"{name} {label}": why for label, why in missing.items()})
        return points

    usual = drawn((_USUAL_OBJECTS,), _USUAL_WORDS)
    found.image.extend(measured("image", growth.image_places(pipeline.run, usual)))
    limit = config.pipeline.max_command_chars
    places = growth.command_places(pipeline.run, usual, limit_chars=limit)
    found.command.extend(measured("command", places))
    try:
        scenes = drawn(growth_scenes.OBJECTS)
    except PPCRError as error:
        found.left_out["objects"] = str(error)
    else:
        found.objects.extend(measured("objects", growth.object_places(pipeline.run, scenes)))
    missing = "left out by --quick" if not fresh_processes else messages.ros_missing()
    if missing:
        found.left_out["cameras"] = missing
        return found
    from ppcr_lab.bench.growth_cameras import over_cameras

    try:
        found.cameras.extend(
            over_cameras(
                config_file,
                device,
                usual[0].frame,
                usual[0].command,
                step=lambda: step("cameras"),
            )
        )
    except MeasurementError as error:
        found.left_out["cameras"] = str(error)
    return found


def steps(*, fresh_processes: bool) -> int:
    """How often `measure_growth` tells of a step: for a progress bar."""
    from ppcr_lab.bench.growth_cameras import CAMERAS

    return 3 * ROUNDS + len(CAMERAS) * fresh_processes
