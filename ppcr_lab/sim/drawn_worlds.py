"""The worlds that scenes can be drawn of: the tabletop, and the everyday world to train in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ppcr_lab.sim.everyday.scene import everyday_rng, sample_everyday_scene
from ppcr_lab.sim.scene import Scene, sample_scene, scene_rng

if TYPE_CHECKING:
    from ppcr_lab.sim.renderer import Rendering

WORLDS = ("tabletop", "everyday")


class SceneRenderer(Protocol):
    """Renders the scenes of one world; used as a context manager, in one thread."""

    def __enter__(self) -> SceneRenderer: ...
    def __exit__(self, *error: Any) -> None: ...
    def render(self, scene: Any, depth: bool = True) -> Rendering: ...


@dataclass(frozen=True)
class DrawnScene:
    """A scene, and the generator that went on from it, from which its commands are drawn."""

    scene: Scene
    rng: np.random.Generator


def draw_scene(world: str, split: str, index: int) -> DrawnScene:
    """Return scene ``index`` of ``split`` of one of `WORLDS`.

    Raises:
        ValueError: for an unknown world or split, or an index below 0.
    """
    if world == "everyday":
        rng = everyday_rng(split, index)
        return DrawnScene(sample_everyday_scene(split, index, rng), rng)
    if world == "tabletop":
        rng = scene_rng(split, index)
        return DrawnScene(sample_scene(rng), rng)
    raise ValueError(f"the world is {world!r}; expected one of {', '.join(WORLDS)}.")


def open_renderer(world: str, width_px: int, height_px: int) -> SceneRenderer:
    """Return a renderer for the scenes of a world.

    Raises:
        RuntimeError: where MuJoCo or OpenGL is missing, with what to install.
        ValueError: for an unknown world.
    """
    if world == "everyday":
        from ppcr_lab.sim.everyday.renderer import EverydayRenderer

        return EverydayRenderer(width_px, height_px)
    if world == "tabletop":
        from ppcr_lab.sim.renderer import TabletopRenderer

        return TabletopRenderer(width_px, height_px)
    raise ValueError(f"the world is {world!r}; expected one of {', '.join(WORLDS)}.")
