"""The recorded frames as pictures for ``ppcr web``."""

from __future__ import annotations

import numpy as np

from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.types import Frame
from ppcr_ros.web.embedded_source import StillPicture

_MM_PER_M = 1000.0


def recorded_pictures() -> list[StillPicture]:
    """Each recorded scene, with depth, and what is said about it in the demonstration."""
    return [
        StillPicture(
            Frame(
                rgb=scene.view.rgb,
                frame_id="camera_color_optical_frame",
                depth_m=(scene.view.depth_mm / _MM_PER_M).astype(np.float32),
                camera_matrix=scene.view.camera_matrix,
            ),
            tuple(command.text for command in scene.commands),
        )
        for scene in load_recording().scenes
    ]
