"""Chooses the ROS 2 to use: the one sourced in the calling shell, or wheels from PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import DEFAULT_DISTRIBUTION, WHEEL_DISTRIBUTIONS, Layout


def choose(requested: str) -> Layout:
    """The set-up for ``requested`` ("jazzy", "kilted": wheels; "": sourced, else Jazzy's wheels).

    Raises:
        SetupError: for a distribution that has no wheels.
    """
    sourced = os.environ.get("ROS_DISTRO", "")
    if not requested and sourced:
        return Layout(sourced, sourced=True)
    distro = requested or DEFAULT_DISTRIBUTION
    if distro not in WHEEL_DISTRIBUTIONS:
        raise SetupError(
            f"ROS={distro}, but wheels exist for {' and '.join(WHEEL_DISTRIBUTIONS)} only. To use "
            f"an installed {distro}, source its setup.bash and run make without ROS=."
        )
    return Layout(distro)


def python_with_rclpy() -> str:
    """The interpreter that the sourced distribution belongs to.

    Raises:
        SetupError: where none on this machine imports its rclpy.
    """
    candidates = dict.fromkeys(
        path
        for path in (sys.executable, shutil.which("python3"), "/usr/bin/python3")
        if path and os.access(path, os.X_OK)
    )
    for path in candidates:
        probe = subprocess.run([path, "-c", "import rclpy"], capture_output=True, check=False)
        if probe.returncode == 0:
            return path
    sourced = os.environ.get("ROS_DISTRO")
    raise SetupError(
        f"ROS_DISTRO is {sourced}, but none of {', '.join(candidates)} imports rclpy. Source its "
        f"setup.bash again (and check that ros-{sourced}-rclpy is installed), or use the wheels: "
        f"make ROS={DEFAULT_DISTRIBUTION} ..."
    )
