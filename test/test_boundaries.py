"""The arrows between the parts run one way: each side imports with the other one blocked."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import ppcr_ros

PACKAGE = Path(ppcr_ros.__file__).resolve().parent
SCRIPT = """
import importlib, sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Wall())
sys.path[:] = {path!r}
{before}
for name in {modules!r}:
    importlib.import_module(name)
leaked = sorted(set(sys.modules) & set({blocked!r}))
print("imported", len({modules!r}), "leaked", leaked)
"""
ROS = ("rclpy", "cv_bridge", "sensor_msgs", "std_msgs", "message_filters", "launch")
TORCH = ("torch", "torchvision", "transformers", "segment_anything")
PICTURES = ("cv2", "PIL", "mujoco")


OPTIONAL = {
    "ppcr_ros.ros.detections": "vision_msgs",
    "ppcr_ros.ros.moveit_messages": "moveit_msgs",
}
"""Modules that are imported only where a package is installed, and that package."""


def modules_under(part: str) -> list[str]:
    """The dotted names of all modules of a subpackage, or of the one module ``part``.

    Without those that need a package which is not installed.
    """
    base = PACKAGE / part
    files = [base.with_suffix(".py")] if base.with_suffix(".py").exists() else base.rglob("*.py")
    names = []
    for file in sorted(files):
        relative = file.relative_to(PACKAGE).with_suffix("")
        parts = [piece for piece in relative.parts if piece != "__init__"]
        names.append(".".join(("ppcr_ros", *parts)))
    return [name for name in names if name not in OPTIONAL or find_spec(OPTIONAL[name])]


def import_behind_a_wall(
    part: str, blocked: tuple[str, ...], before: str = ""
) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(
        blocked=blocked, modules=modules_under(part), path=sys.path, before=before
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.parametrize(("part", "more"), [("core", PICTURES), ("drawing", ())])
def test_the_core_needs_neither_ros_nor_torch(part: str, more: tuple[str, ...]) -> None:
    ran = import_behind_a_wall(part, ROS + TORCH + more)
    assert ran.returncode == 0, ran.stderr
    assert "leaked []" in ran.stdout
    assert f"imported {len(modules_under(part))}" in ran.stdout


def test_the_ros_side_needs_no_torch() -> None:
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")
    ran = import_behind_a_wall("ros", TORCH)
    assert ran.returncode == 0, ran.stderr
    assert "leaked []" in ran.stdout


def test_replaying_needs_no_ros_and_is_imported_without_torch() -> None:
    pytest.importorskip("cv2", reason="needs OpenCV")
    ran = import_behind_a_wall("replay", ROS + TORCH)
    assert ran.returncode == 0, ran.stderr
    assert "leaked []" in ran.stdout


def test_the_models_factory_needs_no_torch_to_be_imported() -> None:
    ran = import_behind_a_wall("models/factory", ROS + TORCH)
    assert ran.returncode == 0, ran.stderr


def test_the_models_need_no_ros() -> None:
    pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("transformers", reason="needs transformers")
    # As the factory does: transformers imports torchvision wherever it is installed.
    schemas = "from ppcr_ros.models.torchvision_schemas import make_torchvision_importable as make"
    ran = import_behind_a_wall("models", ROS, before=f"{schemas}; make()")
    assert ran.returncode == 0, ran.stderr


def test_the_wall_holds() -> None:
    script = SCRIPT.format(blocked=("json",), modules=["json"], path=sys.path, before="")
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "json is blocked" in ran.stderr


def test_each_part_has_modules_to_try() -> None:
    assert len(modules_under("core")) > 8
    assert len(modules_under("ros")) > 8
    assert "ppcr_ros.core.stages.semantic" in modules_under("core")
