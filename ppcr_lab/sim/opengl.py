"""MuJoCo, with a GL backend that works on this machine."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from typing import Any

PROBE = "import mujoco; context = mujoco.GLContext(8, 8); context.make_current(); context.free()"
PROBE_TIMEOUT_SEC = 60.0


def import_mujoco() -> Any:
    """Return the mujoco module, with a GL backend chosen where the machine has no display.

    Raises:
        RuntimeError: where MuJoCo or OpenGL is missing, with what to install.
    """
    if "mujoco" not in sys.modules and importlib.util.find_spec("mujoco") is None:
        raise RuntimeError(
            "the simulated camera needs MuJoCo, which is not installed: pip install mujoco"
        )
    backend = ""
    headless = sys.platform == "linux" and not os.environ.get("DISPLAY")
    if headless and not os.environ.get("MUJOCO_GL"):
        backend = os.environ["MUJOCO_GL"] = working_gl()
    try:
        mujoco: Any = importlib.import_module("mujoco")
        if backend:  # MuJoCo goes by the variable as it is imported, which may have been before
            mujoco.GLContext = importlib.import_module(f"mujoco.{backend}").GLContext
    except Exception as error:
        raise RuntimeError(no_gl_message(str(error))) from error
    return mujoco


def working_gl() -> str:
    """Return "egl" or "osmesa", whichever makes a context.

    Each is tried in its own process: PyOpenGL binds to one platform when first imported.
    """
    failures = []
    for backend in ("egl", "osmesa"):
        environment = {**os.environ, "MUJOCO_GL": backend}
        environment.pop("PYOPENGL_PLATFORM", None)
        try:
            probe = subprocess.run(
                [sys.executable, "-c", PROBE],
                env=environment,
                capture_output=True,
                text=True,
                timeout=PROBE_TIMEOUT_SEC,
                check=False,
            )
        except subprocess.TimeoutExpired:
            failures.append(f"{backend}: no answer")
            continue
        if probe.returncode == 0:
            return backend
        failures.append(f"{backend}: {(probe.stderr.strip().splitlines() or ['crashed'])[-1]}")
    raise RuntimeError(no_gl_message("; ".join(failures)))


def no_gl_message(reason: str) -> str:
    """Return what to tell where OpenGL is missing for ``reason``."""
    reason = " ".join(reason.split())
    return (
        f"no OpenGL to render with ({reason}); expected EGL or OSMesa: "
        "apt-get install libosmesa6 (or libegl1), then set "
        "MUJOCO_GL to osmesa (or egl) before mujoco is imported"
    )
