"""The core stands alone: no torch, no ROS, and not even the rest of this package."""

from __future__ import annotations

import subprocess
import sys
import textwrap

IMPORT_ALL = """
    import importlib, pkgutil, sys
    for name in ("torch", "transformers", "rclpy", "cv2", "PIL", "mujoco"):
        sys.modules[name] = None
    import ppcr_ros.core
    for module in pkgutil.walk_packages(ppcr_ros.core.__path__, "ppcr_ros.core."):
        importlib.import_module(module.name)
    own = {name for name in sys.modules if name.startswith("ppcr_ros.")}
    print(*sorted(name for name in own if not name.startswith("ppcr_ros.core")))
"""


def _python(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_core_imports_neither_torch_nor_ros_nor_its_siblings() -> None:
    assert _python(IMPORT_ALL) == ""


def test_stages_do_not_know_each_other() -> None:
    script = """
        import sys
        import ppcr_ros.core.stages.{stage}
        others = ["semantic", "spatial", "segmentation"]
        print(*[name for name in others if "ppcr_ros.core.stages." + name in sys.modules])
    """
    for stage in ("semantic", "spatial", "segmentation"):
        assert _python(textwrap.dedent(script).format(stage=stage)) == stage
