"""View of a world's scene: what its camera sees, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_lab.sim.scene import Scene
from ppcr_ros.core.types import Array


@dataclass(frozen=True)
class WorldView:
    """One picture with its truth.

    Attributes:
        scene: what is true of it: its objects and its camera.
        rgb: (H, W, 3) uint8 RGB.
        instance: (H, W) int8, the object that each pixel shows, -1 for none.
        depth_m: (H, W) float32, metres along the optical axis; None where not asked for.
    """

    scene: Scene
    rgb: Array
    instance: Array
    depth_m: Array | None = None
