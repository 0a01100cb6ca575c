"""The check of ``ppcr doctor`` that renders a picture."""

from __future__ import annotations

import os
from importlib import metadata

from ppcr_ros.commands.doctor_checks import Check, State


def check_renderer() -> Check:
    """Whether MuJoCo and OpenGL draw; raises what they raise."""
    from ppcr_lab.sim.renderer import TabletopRenderer

    with TabletopRenderer(32, 24):
        backend = os.environ.get("MUJOCO_GL", "the display")
    return Check("mujoco", State.OK, f"{metadata.version('mujoco')}, renders with {backend}")
