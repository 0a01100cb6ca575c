"""What is said where MuJoCo or OpenGL is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ppcr_ros.sim import opengl


def test_without_mujoco_the_module_imports_and_the_renderer_names_the_fix() -> None:
    code = (
        "import importlib.util\n"
        "import ppcr_ros.sim.renderer as renderer\n"
        "importlib.util.find_spec = lambda name: None\n"
        "try:\n"
        "    renderer.TabletopRenderer(8, 8)\n"
        "except RuntimeError as error:\n"
        "    assert 'pip install mujoco' in str(error), error\n"
        "else:\n"
        "    raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_opengl_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opengl, "_PROBE", "raise SystemExit('no library')")
    with pytest.raises(RuntimeError, match=r"osmesa: no library.*apt-get install libosmesa6"):
        opengl._working_gl()
