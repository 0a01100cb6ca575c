"""Messages where MuJoCo or OpenGL is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from ppcr_lab.sim import opengl


def test_without_mujoco_the_module_imports_and_the_renderer_names_the_fix() -> None:
    code = (
        "import importlib.util\n"
        "import ppcr_lab.sim.renderer as renderer\n"
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
    monkeypatch.setattr(opengl, "PROBE", "raise SystemExit('no library')")
    with pytest.raises(RuntimeError, match=r"osmesa: no library.*apt-get install libosmesa6"):
        opengl.working_gl()


def test_mujoco_may_have_been_imported_before() -> None:
    """It chooses its GL as it is imported: without a display, one that cannot work."""
    code = (
        "import os\n"
        "for name in ('DISPLAY', 'MUJOCO_GL'): os.environ.pop(name, None)\n"
        "from ppcr_lab.sim import opengl\n"
        "try:\n"
        "    opengl.working_gl()\n"
        "except RuntimeError as error:\n"
        "    raise SystemExit(f'cannot render: {error}')\n"
        "import mujoco\n"
        "from ppcr_lab.sim.renderer import TabletopRenderer\n"
        "for _ in range(2):\n"
        "    TabletopRenderer(8, 8).close()\n"
    )
    if importlib.util.find_spec("mujoco") is None:
        pytest.skip("needs MuJoCo (pip install mujoco)")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if ended.stderr.startswith("cannot render"):
        pytest.skip(ended.stderr)
    assert ended.returncode == 0, ended.stderr
