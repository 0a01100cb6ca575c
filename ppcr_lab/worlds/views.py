"""A scene of a world as its camera sees it, and one command about it."""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_lab.sim.scene import Scene
from ppcr_ros.core.types import Array, Frame, Status


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


@dataclass(frozen=True)
class WorldSample:
    """One command about one picture of a world; a `ReferringSample`.

    Of a photograph ``mask`` is None where a thing is meant as well: its box alone is known.
    """

    sample_id: str
    frame: Frame
    command: str
    kind: str
    expected_status: Status
    mask: Array | None
    box_xyxy_px: Array | None
